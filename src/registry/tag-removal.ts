import { randomUUID } from 'node:crypto'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { digestOf } from '../image/digest.ts'
import { MANIFEST_LIMIT } from '../image/manifest.ts'
import { ACCEPTED_MANIFESTS, MEDIA_TYPE } from '../image/media-type.ts'
import { discard, readBytes } from '../net/read.ts'
import type { Response } from '../net/send.ts'
import { putManifest, resolveManifest } from './manifests.ts'
import { isSuccess, manifestUrl, refused, type Site } from './site.ts'

/**
 * Takes a tag away and nothing else. Registries may delete a tag by its name (distribution spec 1.1, "Deleting tags").
 * Where one does not (distribution before 3.0), the tag is pointed at a manifest that is made for it alone, and that one is
 * deleted by its digest, which takes the tag along (regclient, `scheme/reg/tag.go`). The digest that the tag showed is
 * never deleted: other tags may show it too.
 */
export async function deleteTag(site: Site, tag: string): Promise<'deleted' | 'absent'> {
  const { habits } = site.connection
  if (habits.tagRemoval !== 'by manifest') {
    const response = await requestDeletion(site, tag)
    if (isSuccess(response)) return deletedDirectly(site, response)
    if (response.status === 404) return absent(response)
    if (response.status !== 400 && response.status !== 405) throw await refused(site, deleting(site, tag), response)
    await discard(response)
  }
  const live = await resolveManifest(site, tag)
  if (live === undefined) return 'absent'
  if (habits.tagRemoval === undefined) await tryOut(site, tag)
  await deleteWithManifest(site, tag, live)
  return 'deleted'
}

async function deletedDirectly({ connection }: Site, response: Response): Promise<'deleted'> {
  await discard(response)
  connection.habits.tagRemoval = 'direct'
  return 'deleted'
}

async function absent(response: Response): Promise<'absent'> {
  await discard(response)
  return 'absent'
}

/** Before any tag is touched: a registry that lets nothing be deleted would leave the tag at an empty index. */
async function tryOut(site: Site, tag: string): Promise<void> {
  const { descriptor, bytes } = emptyIndex()
  await putManifest(site, descriptor, bytes, descriptor.digest)
  const response = await requestDeletion(site, descriptor.digest)
  if (!isSuccess(response)) throw await undeletable(site, tag, response)
  await discard(response)
  site.connection.habits.tagRemoval = 'by manifest'
}

async function deleteWithManifest(site: Site, tag: string, live: Descriptor): Promise<void> {
  const { descriptor, bytes } = emptyIndex()
  await putManifest(site, descriptor, bytes, tag)
  try {
    const response = await requestDeletion(site, descriptor.digest)
    if (!isSuccess(response)) throw await undeletable(site, tag, response)
    await discard(response)
  } catch (error) {
    await putBack(site, tag, live)
    throw error
  }
}

/** Whoever pulls the tag meanwhile should find an image. That it could not be put back is not worth more words. */
async function putBack(site: Site, tag: string, live: Descriptor): Promise<void> {
  const url = manifestUrl(site, live.digest)
  try {
    const response = await site.send({ method: 'GET', url, headers: { accept: ACCEPTED_MANIFESTS } })
    if (response.status === 200) await putManifest(site, live, await readBytes(response, MANIFEST_LIMIT), tag)
    else await discard(response)
  } catch (error) {
    site.connection.policy.warn(`${site.name}:${tag} could neither be deleted nor be put back: ${String(error)}`)
  }
}

/**
 * Asks for a deletion with the rights of a push first, which is what most registries want; a registry whose tokens must name
 * `delete` (distribution, `registry/handlers/app.go`) refuses that, and is asked with such a token from then on.
 */
async function requestDeletion(site: Site, reference: string): Promise<Response> {
  const { habits } = site.connection
  const request = { method: 'DELETE', url: manifestUrl(site, reference) } as const
  if (!habits.namesDelete) {
    const response = await site.connection.open([site.scope], site.meter, 'once')(request)
    if (response.status !== 401) return response
    await discard(response)
  }
  const scope = { path: site.path, actions: 'pull,push,delete' } as const
  const response = await site.connection.open([scope], site.meter)(request)
  if (response.status !== 401) habits.namesDelete = true
  return response
}

/** An index without images, unlike any other one: what is deleted with it nobody else can have pushed. */
function emptyIndex(): { readonly descriptor: Descriptor; readonly bytes: Uint8Array } {
  const annotations = { 'org.opencontainers.image.description': `made to delete a tag, ${randomUUID()}` }
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [], annotations }
  const bytes = Buffer.from(JSON.stringify(index))
  return { descriptor: { mediaType: MEDIA_TYPE.ociIndex, digest: digestOf(bytes), size: bytes.length }, bytes }
}

function deleting({ name }: Site, tag: string) {
  return { what: `deleting the tag ${name}:${tag}`, writing: true }
}

async function undeletable(site: Site, tag: string, response: Response): Promise<LadingError> {
  const error = await refused(site, deleting(site, tag), response)
  if (error.code !== 'CONTENT_REFUSED') return error
  const hint = `Delete the tag by the means of ${site.connection.registry}: it takes no deletions by its API, or they are switched off.`
  return new LadingError('CONTENT_REFUSED', error.message, { hint, cause: error.cause })
}

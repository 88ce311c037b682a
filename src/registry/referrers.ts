import type { Referrers } from '../content/store.ts'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { type Digest, digestOf, tryParseDigest } from '../image/digest.ts'
import { MANIFEST_LIMIT, type Manifest, parseManifest } from '../image/manifest.ts'
import { isIndex, MEDIA_TYPE } from '../image/media-type.ts'
import { fallbackTag } from '../image/referrer.ts'
import { discard, readBytes } from '../net/read.ts'
import type { Response } from '../net/send.ts'
import { diagnose } from './diagnosis.ts'
import { type Next, nextPage, wayOn } from './pages.ts'
import { manifestUrl, referrersUrl, refused, type Site } from './site.ts'

/** Referrers of one manifest. A list that is longer is refused: what is left out of it nobody would notice. */
const MOST_REFERRERS = 10_000

const INDEX = { accept: MEDIA_TYPE.ociIndex }

/**
 * What refers to a manifest: the registry's own list (distribution spec 1.1, "Listing Referrers"), else the index under
 * the fallback tag ("Unavailable Referrers API"). Which of them it is, is asked once for each repository.
 */
export async function listReferrers(site: Site, subject: Digest, artifactType?: string): Promise<Referrers> {
  const listed = site.learnt.referrersApi === false ? undefined : await listedByApi(site, subject, artifactType)
  if (listed !== undefined) return { descriptors: meant(listed, artifactType), from: 'api' }
  const tagged = await listedByTag(site, subject)
  if (tagged === undefined) return { descriptors: [], from: 'none' }
  return { descriptors: meant(tagged, artifactType), from: 'tag' }
}

/** A registry may leave the filter out (`OCI-Filters-Applied` says whether it did), and a tag knows of none. */
function meant(all: readonly Descriptor[], artifactType: string | undefined): readonly Descriptor[] {
  const distinct = [...new Map(all.map((descriptor) => [descriptor.digest, descriptor])).values()]
  return artifactType === undefined ? distinct : distinct.filter((one) => one.artifactType === artifactType)
}

/** `undefined`: the registry has no such list. */
async function listedByApi(
  site: Site,
  subject: Digest,
  artifactType: string | undefined,
): Promise<readonly Descriptor[] | undefined> {
  const url = referrersUrl(site, subject)
  if (artifactType !== undefined) url.searchParams.set('artifactType', artifactType)
  const response = await askFor(site, url)
  if (await isNoList(site, response)) return undefined
  const what = `listing what refers to ${subject} in ${site.name}`
  let page = await readPage(site, what, response)
  site.learnt.referrersApi = true
  const descriptors = new Map<Digest, Descriptor>()
  const asked = new Set([url.href])
  for (;;) {
    const known = descriptors.size
    for (const descriptor of page.descriptors) descriptors.set(descriptor.digest, descriptor)
    const isFull = descriptors.size > MOST_REFERRERS
    if (page.next === undefined && !isFull) return [...descriptors.values()]
    const next = wayOn(page.next, { asked, isRepeated: descriptors.size === known, isFull })
    if (typeof next === 'string') {
      throw new LadingError('CONTENT_INVALID', `${what}: the list does not come to its end: ${next}`)
    }
    page = await readPage(site, what, await askFor(site, next))
    asked.add(next.href)
  }
}

type Page = { readonly descriptors: readonly Descriptor[]; readonly next: Next }

async function readPage(site: Site, what: string, response: Response): Promise<Page> {
  if (response.status !== 200) throw await refused(site, { what, writing: false }, response)
  const next = nextPage(site.connection, response)
  return { descriptors: indexIn(await readBytes(response, MANIFEST_LIMIT)), next }
}

function askFor(site: Site, url: URL): Promise<Response> {
  const { limits, policy } = site.connection
  return limits.lookUps(() => site.send({ method: 'GET', url, headers: INDEX, signal: policy.signal }))
}

/**
 * A registry with the list does not answer 404 (distribution spec, "Listing Referrers"); one without it may also say that
 * the request or its `Accept` is wrong, or answer with something else (ggcr, `pkg/v1/remote/referrers.go`). A repository
 * that is not there says nothing about the registry.
 */
async function isNoList({ learnt }: Site, response: Response): Promise<boolean> {
  const isIndexItself = mediaTypeOf(response) === MEDIA_TYPE.ociIndex
  if (response.status === 200 && isIndexItself) return false
  if (![200, 400, 404, 405, 406].includes(response.status)) return false
  const { codes } = await diagnose(response)
  if (!codes.includes('NAME_UNKNOWN')) learnt.referrersApi ??= false
  return true
}

/** The index under the fallback tag. Whatever else that tag shows is no list: then nothing refers to it. */
async function listedByTag(site: Site, subject: Digest): Promise<readonly Descriptor[] | undefined> {
  const tag = fallbackTag(subject)
  const response = await askFor(site, manifestUrl(site, tag))
  if (response.status === 404 || (response.status === 200 && !isIndex(mediaTypeOf(response)))) {
    await discard(response)
    return undefined
  }
  const what = `reading ${site.name}:${tag}`
  if (response.status !== 200) throw await refused(site, { what, writing: false }, response)
  const bytes = await readBytes(response, MANIFEST_LIMIT)
  const said = tryParseDigest(response.header('docker-content-digest') ?? '')
  if (said?.startsWith('sha256:') === true && said !== digestOf(bytes)) {
    throw new LadingError('CONTENT_INVALID', `${what}: its bytes are not those of ${said}`)
  }
  const index = parsed(bytes, mediaTypeOf(response))
  if (index.kind !== 'index') return undefined
  if (index.manifests.length > MOST_REFERRERS) {
    throw new LadingError('CONTENT_INVALID', `${what}: it lists more than ${MOST_REFERRERS} referrers`)
  }
  return index.manifests
}

function indexIn(bytes: Uint8Array): readonly Descriptor[] {
  const index = parsed(withList(bytes), MEDIA_TYPE.ociIndex)
  return index.kind === 'index' ? index.manifests : []
}

/** Go writes a list without entries as `null` where nobody made it a list. */
function withList(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(bytes)
  return /"manifests"\s*:\s*null/.test(text)
    ? Buffer.from(text.replace(/"manifests"\s*:\s*null/, '"manifests":[]'))
    : bytes
}

function parsed(bytes: Uint8Array, mediaType: string): Manifest {
  return parseManifest({ mediaType, digest: digestOf(bytes), size: bytes.length }, bytes)
}

function mediaTypeOf(response: Response): string {
  return (response.header('content-type') ?? '').split(';')[0]?.trim() ?? ''
}

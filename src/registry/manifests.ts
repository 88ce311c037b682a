import { MissingContent } from '../content/store.ts'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { digestOf, tryParseDigest } from '../image/digest.ts'
import { MANIFEST_LIMIT } from '../image/manifest.ts'
import { ACCEPTED_MANIFESTS, isManifest } from '../image/media-type.ts'
import { discard, readBytes } from '../net/read.ts'
import type { Response } from '../net/send.ts'
import { diagnose, isAbuseLimit } from './diagnosis.ts'
import { explain, isSuccess, manifestUrl, refused, type Site } from './site.ts'
import { noticeClassic } from './tags-at-once.ts'

const ASKED = { accept: ACCEPTED_MANIFESTS }

/** What a tag or digest names, by a HEAD, which is no pull anywhere; `undefined` when it is not there. */
export function resolveManifest(site: Site, tagOrDigest: string): Promise<Descriptor | undefined> {
  return site.connection.limits.lookUps(async () => {
    const url = manifestUrl(site, tagOrDigest)
    const response = await site.send({ method: 'HEAD', url, headers: ASKED })
    noticeClassic(site, response)
    learn(site, tagOrDigest, response.status === 200)
    if (response.status === 200) return descriptorOf(response) ?? readDescriptor(site, tagOrDigest)
    // Old registries and proxies know no HEAD.
    if (response.status === 405) return readDescriptor(site, tagOrDigest)
    if (response.status === 404) return undefined
    const told = await inWords(site, response, url)
    const what = `looking up ${site.name}:${tagOrDigest}`
    if (response.status !== 403 || site.scope.actions !== 'pull,push') {
      throw await refused(site, { what, writing: false }, told)
    }
    // Some hide with 403 what is not there (Artifactory, ggcr#1691); a missing right shows when it is needed. But who has
    // had enough of us hides nothing, and a tag that seems to be free would be overwritten.
    const diagnosis = await diagnose(told)
    if (isAbuseLimit(diagnosis)) throw await explain(site, { what, writing: false }, diagnosis)
    return undefined
  })
}

function learn({ learnt }: Site, tagOrDigest: string, found: boolean): void {
  if (tryParseDigest(tagOrDigest) !== undefined) return
  learnt.tagsLookedFor += 1
  if (found) learnt.tagsFound += 1
}

/** Writes a manifest under its digest or under a tag. */
export async function putManifest(
  site: Site,
  descriptor: Descriptor,
  bytes: Uint8Array,
  reference: string,
): Promise<void> {
  const isTag = reference !== descriptor.digest
  const response = await site.send({
    method: 'PUT',
    url: manifestUrl(site, reference),
    headers: { 'content-type': descriptor.mediaType },
    body: { kind: 'bytes', bytes },
    repeatable: true,
    // A tag that is being written is written to the end; content is not worth the wait.
    ...(isTag ? {} : { signal: site.connection.policy.signal }),
  })
  noticeClassic(site, response)
  const what = isTag
    ? `writing the tag ${site.name}:${reference}`
    : `pushing manifest ${descriptor.digest} to ${site.name}`
  if (!isSuccess(response)) throw await unwritten(site, what, response)
  await discard(response)
  const stored = response.header('docker-content-digest')
  // A proxy's own page with a good status: believed, it would let the tags of other registries move.
  if (stored === undefined && mediaTypeOf(response) === 'text/html') {
    throw new LadingError(
      'REGISTRY_UNREACHABLE',
      `${what}: a web page came back, so it was not the registry that answered`,
    )
  }
  // A registry with a list of referrers says with it that the manifest is in it now (distribution spec, "Pushing Manifests
  // with Subject").
  if (response.header('oci-subject') !== undefined) site.learnt.listedReferrers.add(descriptor.digest)
  if (stored !== undefined && stored !== descriptor.digest) {
    throw new LadingError('DIGEST_MISMATCH', `${what}: the registry stored it as ${stored.slice(0, 100)}`)
  }
}

/** A manifest that came too early for the registry is another matter than one that it does not want. */
async function unwritten(site: Site, what: string, response: Response): Promise<LadingError> {
  const diagnosis = await diagnose(response)
  const error = await explain(site, { what, writing: true }, diagnosis)
  // The second one is GHCR's word for it (konk#626).
  const isMissing = diagnosis.codes.some((code) => code === 'MANIFEST_BLOB_UNKNOWN' || code === 'BLOB_UNKNOWN')
  return isMissing ? new MissingContent(error.code, error.message, { hint: error.hint }) : error
}

/** Registries and proxies that answer a HEAD without a digest are asked for the bytes themselves. */
async function readDescriptor(site: Site, tagOrDigest: string): Promise<Descriptor | undefined> {
  const response = await site.send({ method: 'GET', url: manifestUrl(site, tagOrDigest), headers: ASKED })
  if (response.status === 404) return undefined
  if (response.status !== 200)
    throw await refused(site, { what: `reading ${site.name}:${tagOrDigest}`, writing: false }, response)
  const bytes = await readBytes(response, MANIFEST_LIMIT)
  const mediaType = mediaTypeOf(response)
  if (!isManifest(mediaType)) {
    throw new LadingError(
      'REGISTRY_UNREACHABLE',
      `${site.name} answers with ${mediaType || 'no media type'}, which is no manifest`,
    )
  }
  return { mediaType, digest: digestOf(bytes), size: bytes.length }
}

/** A HEAD has no words; the same request as GET has them. Not after a 429: where GET is a pull, it would only add one. */
async function inWords(site: Site, head: Response, url: URL): Promise<Response> {
  if (head.status === 429 || head.status === 401) return head
  const told = await site.send({ method: 'GET', url, headers: ASKED, repeatable: false })
  if (told.status === head.status) return told
  // Another answer is about another moment, and would explain the wrong thing.
  await discard(told)
  return head
}

/** What a HEAD of a manifest tells, if it tells all of it. */
function descriptorOf(response: Response): Descriptor | undefined {
  const digest = tryParseDigest(response.header('docker-content-digest') ?? '')
  const size = Number(response.header('content-length'))
  const mediaType = mediaTypeOf(response)
  if (digest === undefined || !Number.isSafeInteger(size) || !isManifest(mediaType)) return undefined
  return { mediaType, digest, size }
}

function mediaTypeOf(response: Response): string {
  return (response.header('content-type') ?? '').split(';')[0]?.trim() ?? ''
}

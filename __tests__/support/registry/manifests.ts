import { type Answer, type AnswerHeaders, answer, refuse } from './answer.ts'
import { algorithmOf, digestOf } from './blob.ts'
import type { Call } from './call.ts'
import { type ParsedManifest, parseManifest } from './manifest.ts'
import { isDigestLike, isTag } from './route.ts'
import { acceptsPush, type Repository, repositoryIn, type Store } from './store.ts'

export type ManifestRoute = { readonly repository: string; readonly reference: string }

export function readManifest(store: Store, call: Call, { repository, reference }: ManifestRoute): Answer {
  const found = store.repositories.get(repository)
  if (!found) return refuse('NAME_UNKNOWN', { detail: { name: repository } })
  const digest = isDigestLike(reference) ? reference : found.tags.get(reference)
  const manifest = digest === undefined ? undefined : found.manifests.get(digest)
  if (digest === undefined || !manifest) return refuse('MANIFEST_UNKNOWN', { detail: { name: repository, reference } })
  if (!isAccepted(call, manifest.mediaType)) {
    return refuse('MANIFEST_UNKNOWN', { message: `${manifest.mediaType} found, but accept header does not support it` })
  }
  return answer(200, { 'content-type': manifest.mediaType, 'docker-content-digest': digest }, [manifest.bytes])
}

export async function putManifest(store: Store, call: Call, route: ManifestRoute): Promise<Answer> {
  if (!acceptsPush(store, route.repository)) return refuse('NAME_UNKNOWN', { detail: { name: route.repository } })
  const bytes = await readAtMost(call, store.rules.manifestLimit ?? 4 * 1024 * 1024)
  if (!bytes) return refuse('MANIFEST_INVALID', { status: 413, message: 'manifest too large' })
  const manifest = parseManifest(bytes)
  const digest = digestOf([bytes], algorithmOf(route.reference) ?? 'sha256')
  const tags = tagsOf(store, call, route.reference)
  const put = { ...route, manifest, digest, tags, mediaType: contentType(call) }
  const problem = formProblem(put) ?? missingContent(store, put) ?? immutableTag(store, put)
  if (problem) return problem
  await call.commit.before()
  if (call.commit.keep) keep(repositoryIn(store, route.repository), put, bytes)
  return answer(201, createdHeaders(store, call, put))
}

export function deleteManifest(store: Store, call: Call, { repository, reference }: ManifestRoute): Answer {
  if (store.rules.deletes === false) return refuse('UNSUPPORTED')
  if (store.rules.deletes === 'digests' && !isDigestLike(reference)) return refuse('DIGEST_INVALID')
  const found = store.repositories.get(repository)
  if (!found) return refuse('NAME_UNKNOWN', { detail: { name: repository } })
  const known = isDigestLike(reference) ? found.manifests.has(reference) : found.tags.has(reference)
  if (!known) return refuse('MANIFEST_UNKNOWN', { detail: { name: repository, reference } })
  if (call.commit.keep) remove(found, reference)
  return answer(202)
}

// Content negotiation as `distribution` does it: a client that forgets to accept indexes does not get one.
function isAccepted({ headers }: Call, mediaType: string): boolean {
  const accepted = (headers.accept ?? '*/*').split(',').map((entry) => entry.split(';')[0]?.trim())
  return accepted.includes('*/*') || accepted.includes('application/*') || accepted.includes(mediaType)
}

async function readAtMost({ body }: Call, limit: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > limit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tagsOf({ rules }: Store, { url }: Call, reference: string): string[] {
  if (!isDigestLike(reference)) return [reference]
  const { multiTag = false } = rules
  const isTaken = (tag: string) => (typeof multiTag === 'boolean' ? multiTag : multiTag.test(tag))
  return url.searchParams.getAll('tag').filter(isTaken)
}

function contentType({ headers }: Call): string {
  return (headers['content-type'] ?? '').split(';')[0]?.trim() ?? ''
}

type Put = ManifestRoute & {
  readonly manifest: ParsedManifest | undefined
  readonly digest: string
  readonly tags: readonly string[]
  readonly mediaType: string
}

function formProblem({ reference, manifest, digest, tags, mediaType }: Put): Answer | undefined {
  if (isDigestLike(reference) && digest !== reference) return refuse('DIGEST_INVALID')
  if (!tags.every(isTag)) return refuse('TAG_INVALID')
  if (!manifest) return refuse('MANIFEST_INVALID', { detail: 'not a JSON object' })
  if (mediaType === '') return refuse('MANIFEST_INVALID', { detail: 'no Content-Type' })
  if ((manifest.mediaType ?? mediaType) === mediaType) return undefined
  return refuse('MANIFEST_INVALID', { detail: `mediaType ${manifest.mediaType} was sent as ${mediaType}` })
}

// The subject is not looked for: it may come after its referrers.
function missingContent({ rules, repositories }: Store, { repository, manifest }: Put): Answer | undefined {
  if (rules.validate === false || !manifest) return undefined
  const found = repositories.get(repository)
  const missing =
    manifest.blobs.find(({ digest }) => !found?.blobs.has(digest)) ??
    manifest.children.find(({ digest }) => !found?.manifests.has(digest))
  return missing && refuse('MANIFEST_BLOB_UNKNOWN', { detail: { digest: missing.digest } })
}

function immutableTag({ rules, repositories }: Store, { repository, tags, digest }: Put): Answer | undefined {
  const current = repositories.get(repository)?.tags
  const held = tags.find((tag) => rules.immutableTags?.test(tag) && (current?.get(tag) ?? digest) !== digest)
  if (held === undefined) return undefined
  return refuse('TAG_INVALID', {
    message: `The image tag '${held}' already exists in the '${repository}' repository and cannot be overwritten because the tag is immutable.`,
  })
}

function keep({ tags, manifests }: Repository, put: Put, bytes: Uint8Array): void {
  manifests.set(put.digest, { mediaType: put.mediaType, bytes })
  for (const tag of put.tags) tags.set(tag, put.digest)
}

function createdHeaders(
  { rules }: Store,
  { url }: Call,
  { repository, reference, digest, manifest, tags }: Put,
): AnswerHeaders {
  const subject = rules.referrers === false ? undefined : manifest?.subject?.digest
  return {
    location: `${url.origin}/v2/${repository}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(subject === undefined ? {} : { 'oci-subject': subject }),
    // A field for each, as zot does it.
    ...(isDigestLike(reference) && tags.length > 0 ? { 'oci-tag': tags } : {}),
  }
}

// A digest takes its tags along; a tag leaves its manifest.
function remove({ tags, manifests }: Repository, reference: string): void {
  if (!isDigestLike(reference)) tags.delete(reference)
  manifests.delete(reference)
  for (const [tag, digest] of tags) if (digest === reference) tags.delete(tag)
}

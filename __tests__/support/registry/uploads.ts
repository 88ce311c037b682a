import { createHash, randomUUID } from 'node:crypto'
import { type Answer, type AnswerHeaders, answer, refuse } from './answer.ts'
import { type Algorithm, algorithmOf, digestOf, type StoredBlob } from './blob.ts'
import type { Call } from './call.ts'
import { acceptsPush, repositoryIn, type Store, sign, type Upload } from './store.ts'

type Opening = { readonly repository: string }
type Mounting = { readonly repository: string; readonly digest: string; readonly from: string | undefined }
type Session = { readonly repository: string; readonly session: string }
type Addressed = { readonly repository: string; readonly digest: string }

export function openUpload(store: Store, call: Call, { repository }: Opening): Answer {
  if (!acceptsPush(store, repository)) return refuse('NAME_UNKNOWN', { detail: { name: repository } })
  const algorithm = algorithmNamed(call.url.searchParams.get('digest-algorithm'))
  if (!algorithm) return refuse('DIGEST_INVALID', { message: 'unsupported digest algorithm' })
  const upload = newUpload(repository, algorithm)
  store.uploads.set(upload.id, upload)
  return answer(202, { ...uploadHeaders(store, call, upload), ...chunkMinimum(store) })
}

/** One request for a whole blob; a registry that does not know it opens a session and ignores the body. */
export async function singleUpload(store: Store, call: Call, route: Addressed): Promise<Answer> {
  if (!store.rules.singlePost) return openUpload(store, call, route)
  if (!acceptsPush(store, route.repository)) return refuse('NAME_UNKNOWN')
  const algorithm = algorithmOf(route.digest)
  if (!algorithm) return refuse('DIGEST_INVALID')
  const upload = newUpload(route.repository, algorithm)
  await append(store, upload, call)
  return commit(store, call, { upload, digest: route.digest })
}

export async function mountBlob(store: Store, call: Call, route: Mounting): Promise<Answer> {
  const { repository, digest } = route
  if (!acceptsPush(store, repository)) return refuse('NAME_UNKNOWN', { detail: { name: repository } })
  const blob = mountable(store, route)
  if (!blob) return openUpload(store, call, route)
  await call.commit.before()
  if (call.commit.keep) repositoryIn(store, repository).blobs.set(digest, blob)
  return created(call, repository, digest)
}

export async function patchUpload(store: Store, call: Call, route: Session): Promise<Answer> {
  const upload = resume(store, call, route)
  if ('status' in upload) return upload
  const problem = chunkProblem(store, call, upload)
  if (problem) return problem
  await append(store, upload, call)
  return answer(202, uploadHeaders(store, call, upload))
}

export async function putUpload(store: Store, call: Call, route: Session & Addressed): Promise<Answer> {
  const upload = resume(store, call, route)
  if ('status' in upload) return upload
  if (!algorithmOf(route.digest)) return refuse('DIGEST_INVALID', { detail: 'digest parsing failed' })
  const problem = chunkProblem(store, call, upload)
  if (problem) return problem
  await append(store, upload, call)
  return commit(store, call, { upload, digest: route.digest })
}

export function uploadStatus(store: Store, call: Call, route: Session): Answer {
  const upload = store.uploads.get(route.session)
  if (upload?.repository !== route.repository) return refuse('BLOB_UPLOAD_UNKNOWN')
  return answer(204, uploadHeaders(store, call, upload))
}

export function cancelUpload(store: Store, _call: Call, { repository, session }: Session): Answer {
  if (store.rules.cancel === false) return refuse('UNSUPPORTED')
  if (store.uploads.get(session)?.repository !== repository) return refuse('BLOB_UPLOAD_UNKNOWN')
  store.uploads.delete(session)
  return answer(204)
}

function algorithmNamed(name: string | null): Algorithm | undefined {
  if (name === null || name === 'sha256') return 'sha256'
  return name === 'sha512' ? 'sha512' : undefined
}

function newUpload(repository: string, algorithm: Algorithm): Upload {
  return { id: randomUUID(), repository, algorithm, hash: createHash(algorithm), chunks: [], size: 0 }
}

function chunkMinimum({ rules }: Store): AnswerHeaders {
  return rules.chunkMinimum === undefined ? {} : { 'oci-chunk-min-length': String(rules.chunkMinimum) }
}

function mountable({ rules, repositories }: Store, { digest, from }: Mounting): StoredBlob | undefined {
  if (rules.mount === false) return undefined
  if (from !== undefined) return repositories.get(from)?.blobs.get(digest)
  if (!rules.mountAnywhere) return undefined
  return [...repositories.values()].map(({ blobs }) => blobs.get(digest)).find((blob) => blob !== undefined)
}

// The state travels in the Location as in `distribution`: a client that builds the URL itself, or that uses an
// older one after bytes have arrived, is found out.
function resume(store: Store, call: Call, { repository, session }: Session): Upload | Answer {
  const [offset, signature] = (call.url.searchParams.get('_state') ?? '').split('.')
  if (offset === undefined || signature !== sign(store, stateText(repository, session, offset))) {
    return refuse('BLOB_UPLOAD_INVALID')
  }
  const upload = store.uploads.get(session)
  if (!upload) return refuse('BLOB_UPLOAD_UNKNOWN')
  return Number(offset) === upload.size ? upload : wrongRange(store, call, upload)
}

function stateText(repository: string, session: string, offset: string): string {
  return `${repository}\n${session}\n${offset}`
}

function chunkProblem(store: Store, call: Call, upload: Upload): Answer | undefined {
  const header = call.headers['content-range']
  if (header === undefined) return undefined
  const [, first, last] = /^(\d+)-(\d+)$/.exec(header) ?? []
  const length = Number(last) - Number(first) + 1
  // An unreadable header makes these NaN, which equals nothing.
  if (Number(first) !== upload.size || length < 1) return wrongRange(store, call, upload)
  if (length > (store.rules.chunkLimit ?? Number.POSITIVE_INFINITY)) return wrongRange(store, call, upload)
  const sent = call.headers['content-length']
  return sent !== undefined && Number(sent) !== length ? refuse('SIZE_INVALID') : undefined
}

function wrongRange(store: Store, call: Call, upload: Upload): Answer {
  return refuse('RANGE_INVALID', { headers: uploadHeaders(store, call, upload) })
}

/** What has arrived stays, even when the client goes away in the middle: that is what a resumed upload builds on. */
async function append({ rules }: Store, upload: Upload, call: Call): Promise<void> {
  for await (const chunk of call.body) {
    upload.size += chunk.byteLength
    if (!call.commit.keep) continue
    upload.chunks.push(chunk)
    if (rules.verifyBlobs !== false) upload.hash.update(chunk)
  }
}

type Closing = { readonly upload: Upload; readonly digest: string }

async function commit(store: Store, call: Call, { upload, digest }: Closing): Promise<Answer> {
  // The session ends before the blob shows up: a PUT repeated during a slow commit finds neither.
  store.uploads.delete(upload.id)
  await call.commit.before()
  if (!call.commit.keep) return created(call, upload.repository, digest)
  if (store.rules.verifyBlobs !== false && uploadDigest(upload, digest) !== digest)
    return refuse('DIGEST_INVALID', { detail: { digest } })
  repositoryIn(store, upload.repository).blobs.set(digest, { size: upload.size, chunks: upload.chunks })
  return created(call, upload.repository, digest)
}

function uploadDigest(upload: Upload, wanted: string): string {
  const algorithm = algorithmOf(wanted) ?? upload.algorithm
  if (algorithm === upload.algorithm) return `${algorithm}:${upload.hash.digest('hex')}`
  return digestOf(upload.chunks, algorithm)
}

function created({ url }: Call, repository: string, digest: string): Answer {
  const location = `${url.origin}/v2/${repository}/blobs/${digest}`
  return answer(201, { location, 'docker-content-digest': digest })
}

function uploadHeaders(store: Store, call: Call, upload: Upload): AnswerHeaders {
  const base = store.rules.storage?.uploads ? store.storage : call.url.origin
  const state = `${upload.size}.${sign(store, stateText(upload.repository, upload.id, String(upload.size)))}`
  return {
    location: `${base}/v2/${upload.repository}/blobs/uploads/${upload.id}?_state=${state}`,
    // `distribution` says 0-0 for an empty upload as well as for one byte.
    range: `0-${Math.max(0, upload.size - 1)}`,
    'docker-upload-uuid': upload.id,
  }
}

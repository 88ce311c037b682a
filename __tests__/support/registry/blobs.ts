import { type Answer, answer, refuse } from './answer.ts'
import { algorithmOf, rangeOf, type StoredBlob } from './blob.ts'
import type { Call } from './call.ts'
import { type Store, sign } from './store.ts'

export type BlobRoute = { readonly repository: string; readonly digest: string }

/** HEAD and GET: what differs is only that a HEAD's body is not sent. */
export function readBlob(store: Store, call: Call, { repository, digest }: BlobRoute): Answer {
  if (!algorithmOf(digest)) return refuse('DIGEST_INVALID')
  const blob = store.repositories.get(repository)?.blobs.get(digest)
  if (!blob) return refuse('BLOB_UNKNOWN', { detail: { digest } })
  if (call.origin === 'storage') {
    return call.url.searchParams.get('sig') === sign(store, digest)
      ? blobAnswer(store, call, blob, digest)
      : refuse('DENIED')
  }
  if (store.rules.storage?.blobs && call.method === 'GET') return redirectToStorage(store, repository, digest)
  return blobAnswer(store, call, blob, digest)
}

export function deleteBlob(store: Store, call: Call, { repository, digest }: BlobRoute): Answer {
  if (store.rules.deletes === false) return refuse('UNSUPPORTED')
  const blobs = store.repositories.get(repository)?.blobs
  if (!blobs?.has(digest)) return refuse('BLOB_UNKNOWN', { detail: { digest } })
  if (call.commit.keep) blobs.delete(digest)
  return answer(202)
}

function redirectToStorage(store: Store, repository: string, digest: string): Answer {
  const location = `${store.storage}/v2/${repository}/blobs/${digest}?sig=${sign(store, digest)}`
  return answer(307, { location, 'docker-content-digest': digest })
}

function blobAnswer({ rules }: Store, call: Call, blob: StoredBlob, digest: string): Answer {
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
  }
  const isPart = call.method === 'GET' && rules.ranges !== false
  const wanted = isPart ? parseRange(call.headers.range, blob.size) : undefined
  if (wanted === undefined) return answer(200, headers, blob.chunks)
  if (wanted === 'unsatisfiable')
    return refuse('RANGE_INVALID', { headers: { 'content-range': `bytes */${blob.size}` } })
  const { start, end } = wanted
  return answer(206, { ...headers, 'content-range': `bytes ${start}-${end}/${blob.size}` }, rangeOf(blob, start, end))
}

// RFC 9110 §14: one range of bytes; anything else is answered with the whole.
function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return start <= end ? { start, end } : 'unsatisfiable'
}

import { type Answer, type AnswerHeaders, answerJson, refuse } from './answer.ts'
import { algorithmOf } from './blob.ts'
import type { Call } from './call.ts'
import { parseManifest } from './manifest.ts'
import type { Store, StoredManifest } from './store.ts'

const indexType = 'application/vnd.oci.image.index.v1+json'

export function listTags(store: Store, call: Call, { repository }: { readonly repository: string }): Answer {
  const found = store.repositories.get(repository)
  if (!found) return refuse('NAME_UNKNOWN', { detail: { name: repository } })
  const { entries, headers } = pageOf(store, call, [...found.tags.keys()])
  return answerJson(200, { name: repository, tags: entries }, headers)
}

export function listRepositories(store: Store, call: Call): Answer {
  const { entries, headers } = pageOf(store, call, [...store.repositories.keys()])
  return answerJson(200, { repositories: entries }, headers)
}

type Subject = { readonly repository: string; readonly digest: string }

export function listReferrers(store: Store, call: Call, { repository, digest }: Subject): Answer {
  // A registry without the API knows no such path (spec, "Listing Referrers").
  if (store.rules.referrers === false) return refuse('UNSUPPORTED', { status: 404, message: '404 page not found' })
  if (!algorithmOf(digest)) return refuse('DIGEST_INVALID')
  const asked = call.url.searchParams.get('artifactType')
  const wanted = store.rules.referrers === 'unfiltered' ? null : asked
  const manifests = [...(store.repositories.get(repository)?.manifests ?? [])]
    .map(([own, manifest]) => referrer(own, manifest, digest))
    .filter((entry) => entry !== undefined && (wanted === null || entry.artifactType === wanted))
  const { page, headers } = referrerPage(store, call, manifests)
  const applied = wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }
  return answerJson(
    200,
    { schemaVersion: 2, mediaType: indexType, manifests: page },
    { 'content-type': indexType, ...headers, ...applied },
  )
}

/** How the pages of referrers are told apart, the spec leaves to the registry: here by how many came before. */
function referrerPage<T>(
  { rules }: Store,
  { url }: Call,
  all: readonly T[],
): { page: readonly T[]; headers: AnswerHeaders } {
  const [from, size] = [Number(url.searchParams.get('from') ?? 0), rules.pageSize ?? 1000]
  const next = new URL(url)
  next.searchParams.set('from', String(from + size))
  const isLast = all.length <= from + size
  return {
    page: all.slice(from, from + size),
    headers: isLast ? {} : { link: `<${next.pathname}${next.search}>; rel="next"` },
  }
}

/** ASCII order, as Go's `sort.Strings`; the Link is relative, as `distribution` sends it. */
function pageOf(
  { rules }: Store,
  { url }: Call,
  all: readonly string[],
): { entries: string[]; headers: AnswerHeaders } {
  const last = url.searchParams.get('last') ?? ''
  const size = Math.min(Number(url.searchParams.get('n') ?? Number.POSITIVE_INFINITY), rules.pageSize ?? 1000)
  const remaining = all.filter((name) => name > last).sort()
  const entries = remaining.slice(0, size)
  const end = entries.at(-1)
  if (end === undefined || remaining.length === entries.length) return { entries, headers: {} }
  const next = `${url.pathname}?last=${encodeURIComponent(end)}&n=${size}`
  return { entries, headers: { link: `<${next}>; rel="next"` } }
}

function referrer(digest: string, { mediaType, bytes }: StoredManifest, subject: string) {
  const manifest = parseManifest(bytes)
  if (manifest?.subject?.digest !== subject) return undefined
  const { annotations } = manifest
  const artifactType = manifest.artifactType ?? manifest.config?.mediaType
  return { mediaType, digest, size: bytes.byteLength, artifactType, annotations }
}

/** What a request asks for: the method and the path of the distribution spec, parsed once. */
export type Route =
  | { readonly step: 'ping' | 'token' | 'catalog' }
  | { readonly step: ManifestStep; readonly repository: string; readonly reference: string }
  | { readonly step: BlobStep; readonly repository: string; readonly digest: string }
  | { readonly step: 'upload-open' | 'tags'; readonly repository: string }
  | { readonly step: 'upload-single' | 'referrers'; readonly repository: string; readonly digest: string }
  | { readonly step: 'mount'; readonly repository: string; readonly digest: string; readonly from: string | undefined }
  | { readonly step: SessionStep; readonly repository: string; readonly session: string }
  | { readonly step: 'upload-put'; readonly repository: string; readonly session: string; readonly digest: string }
  | { readonly step: 'unknown'; readonly because: 'path' | 'method' | 'name' }

/** `tag-put` puts a manifest under a tag, `manifest-put` under its digest: the first makes it pullable by name. */
type ManifestStep = 'manifest-head' | 'manifest-get' | 'manifest-put' | 'tag-put' | 'manifest-delete'
type BlobStep = 'blob-head' | 'blob-get' | 'blob-delete'
type SessionStep = 'upload-patch' | 'upload-status' | 'upload-cancel'
export type Step = Route['step']

export function parseRoute(method: string, url: URL): Route {
  const path = url.pathname
  if (path === '/token') return { step: 'token' }
  if (path === '/v2' || path === '/v2/') return { step: 'ping' }
  if (path === '/v2/_catalog') return { step: 'catalog' }
  const [, repository, kind, rest] =
    /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|tags|referrers)\/([^/]*)$/.exec(path) ?? []
  if (repository === undefined || kind === undefined || rest === undefined) return { step: 'unknown', because: 'path' }
  if (!isName(repository)) return { step: 'unknown', because: 'name' }
  const decoded = decode(rest)
  if (decoded === undefined) return { step: 'unknown', because: 'path' }
  return resourceRoute({ method, kind, repository, rest: decoded, query: url.searchParams })
}

/** What the route is about, whichever kind it is; a manifest's digest is its reference. */
export function targetOf(route: Route): { repository?: string; reference?: string; digest?: string } {
  const repository = 'repository' in route ? { repository: route.repository } : {}
  if ('digest' in route) return { ...repository, digest: route.digest }
  if (!('reference' in route)) return repository
  return {
    ...repository,
    reference: route.reference,
    ...(isDigestLike(route.reference) ? { digest: route.reference } : {}),
  }
}

export function isTag(text: string): boolean {
  return /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/.test(text)
}

// A tag cannot hold a colon, so that anything with one was meant as a digest.
export function isDigestLike(reference: string): boolean {
  return reference.includes(':')
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function isName(text: string): boolean {
  return /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/.test(text)
}

type Resource = { method: string; kind: string; repository: string; rest: string; query: URLSearchParams }

function resourceRoute(resource: Resource): Route {
  const { method, kind, repository, rest } = resource
  if (kind === 'manifests') return manifestRoute(method, repository, rest)
  if (kind === 'blobs/uploads') return rest === '' ? openRoute(resource) : sessionRoute(resource)
  if (kind === 'blobs') return blobRoute(method, repository, rest)
  if (method !== 'GET') return { step: 'unknown', because: 'method' }
  if (kind === 'referrers') return { step: 'referrers', repository, digest: rest }
  return rest === 'list' ? { step: 'tags', repository } : { step: 'unknown', because: 'path' }
}

function manifestRoute(method: string, repository: string, reference: string): Route {
  if (method === 'HEAD') return { step: 'manifest-head', repository, reference }
  if (method === 'GET') return { step: 'manifest-get', repository, reference }
  if (method === 'DELETE') return { step: 'manifest-delete', repository, reference }
  if (method !== 'PUT') return { step: 'unknown', because: 'method' }
  return { step: isDigestLike(reference) ? 'manifest-put' : 'tag-put', repository, reference }
}

function blobRoute(method: string, repository: string, digest: string): Route {
  if (method === 'HEAD') return { step: 'blob-head', repository, digest }
  if (method === 'GET') return { step: 'blob-get', repository, digest }
  if (method === 'DELETE') return { step: 'blob-delete', repository, digest }
  return { step: 'unknown', because: 'method' }
}

function openRoute({ method, repository, query }: Resource): Route {
  if (method !== 'POST') return { step: 'unknown', because: 'method' }
  const mount = query.get('mount')
  if (mount !== null) return { step: 'mount', repository, digest: mount, from: query.get('from') ?? undefined }
  const digest = query.get('digest')
  return digest === null ? { step: 'upload-open', repository } : { step: 'upload-single', repository, digest }
}

function sessionRoute({ method, repository, rest: session, query }: Resource): Route {
  if (method === 'PATCH') return { step: 'upload-patch', repository, session }
  if (method === 'PUT') return { step: 'upload-put', repository, session, digest: query.get('digest') ?? '' }
  if (method === 'GET' || method === 'HEAD') return { step: 'upload-status', repository, session }
  if (method === 'DELETE') return { step: 'upload-cancel', repository, session }
  return { step: 'unknown', because: 'method' }
}

import type { Readable } from 'node:stream'
import type { Arrival } from '../content/store.ts'
import type { PullLimit, PushRight, Remote } from '../edges.ts'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { digestOf, tryParseDigest } from '../image/digest.ts'
import { MANIFEST_LIMIT, type Manifest } from '../image/manifest.ts'
import { ACCEPTED_MANIFESTS, isManifest } from '../image/media-type.ts'
import { formatRepository, type Repository } from '../image/reference.ts'
import { discard, readBytes } from '../net/read.ts'
import type { Response } from '../net/send.ts'
import { type Connection, type KnownBlob, newMeter } from './connection.ts'
import { diagnose, refusal } from './diagnosis.ts'
import { parsePullLimit } from './pull-limit.ts'
import { askPushRight } from './rights.ts'
import type { Scope } from './scope.ts'
import { mountBlob, type UploadSite, uploadBlob } from './upload.ts'

/** A repository of a registry, as a store and as what a survey asks. */
export function openRepository(repository: Repository, use: 'pull' | 'push', connection: Connection): Remote {
  const name = formatRepository(repository)
  const { path } = repository
  const { limits, policy } = connection
  const scope: Scope = { path, actions: use === 'push' ? 'pull,push' : 'pull' }
  const meter = newMeter()
  const send = connection.open([scope], meter)
  const site: UploadSite = { connection, path, name, send, meter, exists }

  async function resolve(tagOrDigest: string): Promise<Descriptor | undefined> {
    return limits.lookUps(async () => {
      const headers = { accept: ACCEPTED_MANIFESTS }
      const response = await send({ method: 'HEAD', url: manifestUrl(tagOrDigest), headers })
      if (response.status === 200) return descriptorOf(response) ?? getManifestDescriptor(tagOrDigest)
      // Some hide with 403 what is not there (Artifactory, ggcr#1691); a missing right shows when it is needed.
      if (response.status === 404 || (response.status === 403 && use === 'push')) return undefined
      throw await refused(`looking up ${name}:${tagOrDigest}`, await explained(response, manifestUrl(tagOrDigest), headers), false)
    })
  }

  async function exists(descriptor: Descriptor): Promise<boolean> {
    if (isManifest(descriptor.mediaType)) return (await resolve(descriptor.digest)) !== undefined
    return limits.lookUps(async () => {
      const response = await send({ method: 'HEAD', url: blobUrl(descriptor), signal: policy.signal })
      if (response.status === 404 || response.status === 403) return false
      if (response.status !== 200) throw await refused(`looking for blob ${descriptor.digest} in ${name}`, response, false)
      remember(descriptor, Promise.resolve(true))
      return true
    })
  }

  async function fetch(descriptor: Descriptor): Promise<Readable> {
    const url = isManifest(descriptor.mediaType) ? manifestUrl(descriptor.digest) : blobUrl(descriptor)
    const response = await send({ method: 'GET', url, headers: { accept: `${descriptor.mediaType}, */*` }, signal: policy.signal })
    if (response.status === 200) return response.body
    throw await refused(`reading ${descriptor.digest} from ${name}`, response, false)
  }

  async function push(descriptor: Descriptor, open: () => Promise<Readable>): Promise<Arrival> {
    if (isManifest(descriptor.mediaType)) {
      const bytes = await readAll(await open())
      await putManifest(descriptor, bytes, descriptor.digest)
      return 'uploaded'
    }
    return pushBlob(descriptor, open)
  }

  async function pushBlob(descriptor: Descriptor, open: () => Promise<Readable>): Promise<Arrival> {
    const sibling = connection.known.get(descriptor.digest)
    if (sibling !== undefined && sibling.path !== path && (await mountFrom(sibling, descriptor))) return 'mounted'
    const uploading = limits.transfers(() => uploadBlob(site, descriptor, open))
    // Nothing is awaited between the look above and this line, so only one of two siblings uploads.
    remember(descriptor, uploading.then(() => true).catch(() => false))
    return uploading
  }

  async function tag(manifest: Manifest, name: string): Promise<void> {
    await putManifest(manifest.descriptor, manifest.bytes, name)
  }

  async function putManifest(descriptor: Descriptor, bytes: Uint8Array, reference: string): Promise<void> {
    const response = await send({
      method: 'PUT',
      url: manifestUrl(reference),
      headers: { 'content-type': descriptor.mediaType },
      body: { kind: 'bytes', bytes },
      repeatable: true,
    })
    const what = reference === descriptor.digest ? `pushing manifest ${descriptor.digest} to ${name}` : `writing the tag ${name}:${reference}`
    if (response.status < 200 || response.status >= 300) throw await refused(what, response, true)
    await discard(response)
    const stored = response.header('docker-content-digest')
    if (stored !== undefined && stored !== descriptor.digest) {
      throw new LadingError('DIGEST_MISMATCH', `${what}: the registry stored it as ${stored.slice(0, 100)}`)
    }
  }

  async function mountFrom(sibling: KnownBlob, descriptor: Descriptor): Promise<boolean> {
    if (!(await sibling.there)) return false
    // The push scope goes first: some token services look at the first one only.
    const scopes: readonly Scope[] = [scope, { path: sibling.path, actions: 'pull' }]
    return limits.transfers(() => mountBlob(site, connection.open(scopes, meter), descriptor, sibling.path))
  }

  function remember(descriptor: Descriptor, there: Promise<boolean>): void {
    if (!connection.known.has(descriptor.digest)) connection.known.set(descriptor.digest, { path, there })
  }

  /** Registries and proxies that answer a HEAD without a digest are asked for the bytes themselves. */
  async function getManifestDescriptor(tagOrDigest: string): Promise<Descriptor | undefined> {
    const response = await send({ method: 'GET', url: manifestUrl(tagOrDigest), headers: { accept: ACCEPTED_MANIFESTS } })
    if (response.status === 404) return undefined
    if (response.status !== 200) throw await refused(`reading ${name}:${tagOrDigest}`, response, false)
    const bytes = await readBytes(response, MANIFEST_LIMIT)
    const mediaType = mediaTypeOf(response)
    if (!isManifest(mediaType)) throw new LadingError('REGISTRY_UNREACHABLE', `${name} answers with ${mediaType}, which is no manifest`)
    return { mediaType, digest: digestOf(bytes), size: bytes.length }
  }

  /** A HEAD has no words; the same request as GET has them. Not on Docker Hub, where a GET of a manifest is a pull. */
  async function explained(head: Response, url: URL, headers: Record<string, string>): Promise<Response> {
    return head.status === 429 || head.status === 401 ? head : send({ method: 'GET', url, headers, repeatable: false })
  }

  async function refused(what: string, response: Response, writing: boolean): Promise<LadingError> {
    const identity = await connection.auth.identity()
    return refusal({ what, registry: connection.registry, writing, identity }, await diagnose(response))
  }

  async function pushRight(): Promise<PushRight> {
    return askPushRight(site, scope)
  }

  async function pullLimit(): Promise<PullLimit | undefined> {
    const response = await send({ method: 'HEAD', url: manifestUrl('latest'), headers: { accept: ACCEPTED_MANIFESTS }, repeatable: false })
    const limit = parsePullLimit(response)
    // Once the quota is used up even HEAD is refused (rapidsai/ci-imgs#427).
    if (response.status === 429) return { limit: 0, windowSeconds: 0, source: '', ...limit, remaining: 0 }
    return limit
  }

  function manifestUrl(reference: string): URL {
    return new URL(`/v2/${path}/manifests/${reference}`, connection.origin)
  }

  function blobUrl(descriptor: Descriptor): URL {
    return new URL(`/v2/${path}/blobs/${descriptor.digest}`, connection.origin)
  }

  async function account(): Promise<string> {
    const identity = await connection.auth.identity()
    return identity.kind === 'known' ? identity.username : ''
  }

  const traffic = () => ({ requests: { ...meter.requests }, retries: meter.retries })
  return { name, resolve, exists, fetch, push, tag, pushRight, pullLimit, account, traffic }
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

async function readAll(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

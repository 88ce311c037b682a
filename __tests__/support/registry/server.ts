import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { setTimeout } from 'node:timers/promises'
import { withApiVersion } from './api-version.ts'
import { type AuthOption, withAuth } from './auth.ts'
import { digestOf, storedBlob } from './blob.ts'
import { type Call, Disconnected, type Handle, type Origin } from './call.ts'
import { exchange } from './exchange.ts'
import type { Fault } from './fault.ts'
import { type FaultBox, faultBox } from './fault-box.ts'
import { parseManifest } from './manifest.ts'
import { type PullLimit, withPullLimit } from './pull-limit.ts'
import { isWrite, type OpenRecord, type RecordedRequest } from './record.ts'
import { routes } from './routes.ts'
import type { Rules } from './rules.ts'
import { newStore, type Repository, repositoryIn, type Store } from './store.ts'
import { type TokenAuth, type TokenService, tokenService } from './token-service.ts'

export type RegistryOptions = Rules & {
  readonly auth?: AuthOption
  /** PEM. Without it the registry speaks plain HTTP. */
  readonly tls?: {
    readonly cert: string
    readonly key: string
    /** With `requestCert` only clients with a certificate of this authority are let in. */
    readonly ca?: string
    readonly requestCert?: boolean
  }
  readonly pullLimit?: PullLimit
  /** Milliseconds before each request is looked at. */
  readonly latency?: number
  readonly faults?: readonly Fault[]
  /** The name in `host` and `url`; the registry listens on the loopback address in any case. Default: 127.0.0.1. */
  readonly hostname?: string
}

export type InProcessRegistry = {
  /** Host and port, as in an image reference. */
  readonly host: string
  readonly url: URL
  /** The second host, for signed URLs and for `realm: 'elsewhere'`. */
  readonly storage: URL
  /** In the order of their arrival. */
  readonly requests: readonly RecordedRequest[]
  writes(): readonly RecordedRequest[]
  openUploads(): readonly OpenUpload[]
  /** Forgets the recorded requests; content and faults stay. */
  reset(): void
  readonly repositories: ReadonlyMap<string, Repository>
  /** Makes an empty repository. */
  create(repository: string): Repository
  /** Seeds content without a request, and returns the manifest's digest. */
  put(repository: string, content: Content): string
  fail(fault: Fault): void
  /** Takes all faults away. */
  heal(): void
  /** Closes every connection at once. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

type OpenUpload = { readonly id: string; readonly repository: string; readonly size: number }

/** A manifest given as an object is written as JSON; as bytes it is kept as it is. */
type Content = {
  readonly manifest: Uint8Array | object
  readonly blobs?: readonly Uint8Array[]
  readonly tag?: string
  /** Default: the manifest's own, else the OCI image manifest. */
  readonly mediaType?: string
}

export async function startRegistry(options: RegistryOptions = {}): Promise<InProcessRegistry> {
  const store = newStore(options)
  const records: OpenRecord[] = []
  const stopping = new AbortController()
  const auth = options.auth ?? { kind: 'none' }
  const tokens = tokenService(auth.kind === 'token' ? auth : noTokens, () => store.storage)
  const sleep = (ms: number) => pause(ms, stopping.signal)
  const faults = faultBox(options.faults ?? [], { store, sleep, expireTokens: tokens.expireAll })
  const handled = handling(options, { auth, store, tokens, around: faults.around })
  const handle = withLatency(options.latency ?? 0, stopping.signal, handled)
  const start = (origin: Origin) => listen(options, (scheme) => listener({ origin, scheme, records }, handle))
  const [registry, storage] = await Promise.all([start('registry'), start('storage')])
  store.storage = `${registry.scheme}://${registry.hostname}:${storage.port}`
  const host = `${registry.hostname}:${registry.port}`

  async function stop(): Promise<void> {
    stopping.abort()
    await Promise.all([registry.close(), storage.close()])
  }

  return {
    host,
    url: new URL(`${registry.scheme}://${host}`),
    storage: new URL(store.storage),
    requests: records,
    writes: () => records.filter(isWrite),
    openUploads: () => [...store.uploads.values()].map(({ id, repository, size }) => ({ id, repository, size })),
    reset: () => void records.splice(0),
    repositories: store.repositories,
    create: (repository) => repositoryIn(store, repository),
    put: (repository, content) => seed(repositoryIn(store, repository), content),
    fail: faults.add,
    heal: faults.clear,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

type Insides = {
  readonly auth: AuthOption
  readonly store: Store
  readonly tokens: TokenService
  readonly around: FaultBox['around']
}

// The order is the registry's: what stands in front of it, who is asking, how often, and then what was asked for.
function handling(options: RegistryOptions, { auth, store, tokens, around }: Insides): Handle {
  const answered = withPullLimit(options.pullLimit, routes(store, tokens.issue))
  const guarded = withAuth(auth, tokens, around('after auth', answered))
  return around('before auth', withApiVersion(options.apiVersion, guarded))
}

// Without users the token service turns everybody away.
const noTokens: TokenAuth = { kind: 'token', users: {} }

function withLatency(ms: number, stopping: AbortSignal, next: Handle): Handle {
  if (ms <= 0) return next
  return async (call: Call) => {
    await pause(ms, stopping)
    return next(call)
  }
}

async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal: stopping })
  } catch (cause) {
    throw new Disconnected('the registry is stopping', { cause })
  }
}

function listener(side: Parameters<typeof exchange>[0], handle: Handle): RequestListener {
  return (request, response) => {
    exchange(side, request, response, handle).catch((error: unknown) =>
      request.destroy(new Error(`no answer: ${String(error)}`)),
    )
  }
}

type Listening = {
  readonly scheme: 'http' | 'https'
  readonly hostname: string
  readonly port: number
  readonly close: () => Promise<void>
}

async function listen(
  options: RegistryOptions,
  listenerFor: (scheme: 'http' | 'https') => RequestListener,
): Promise<Listening> {
  const { tls, hostname = '127.0.0.1' } = options
  const scheme = tls ? 'https' : 'http'
  // A stalled transfer is a fault that a test asks for; node's own time limits would end it.
  const limits = { requestTimeout: 0, keepAliveTimeout: 60_000 }
  const server = tls
    ? createTlsServer({ ...limits, ...tls }, listenerFor(scheme))
    : createServer(limits, listenerFor(scheme))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return { scheme, hostname, port: portOf(server), close: () => close(server) }
}

function portOf(server: Pick<Server, 'address'>): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the registry has no port')
  return address.port
}

async function close(server: Pick<Server, 'close' | 'closeAllConnections'>): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function seed(
  { blobs, manifests, tags }: Repository,
  { manifest, blobs: contents = [], tag, mediaType }: Content,
): string {
  for (const bytes of contents) blobs.set(digestOf([bytes]), storedBlob(bytes))
  const bytes = manifest instanceof Uint8Array ? manifest : Buffer.from(JSON.stringify(manifest))
  const digest = digestOf([bytes])
  const own = mediaType ?? parseManifest(bytes)?.mediaType ?? 'application/vnd.oci.image.manifest.v1+json'
  manifests.set(digest, { mediaType: own, bytes })
  if (tag !== undefined) tags.set(tag, digest)
  return digest
}

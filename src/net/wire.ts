import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { LadingError } from '../error.ts'
import { discard } from './read.ts'
import type { Body, Request, Response, Send } from './send.ts'
import { networkTrouble } from './trouble.ts'

/** How one host is reached. */
export type HostSettings = {
  /** PEM text of certificate authorities beside the system's */
  readonly ca?: string
  /** the certificate is not checked */
  readonly unchecked?: boolean
}

/** Proxy addresses as in HTTP_PROXY, HTTPS_PROXY and NO_PROXY; empty for none. */
export type ProxySettings = { readonly http: string; readonly https: string; readonly except: string }

export type WireOptions = {
  readonly userAgent: string
  /** Ends every request that is under way. */
  readonly signal: AbortSignal
  readonly proxy: ProxySettings
  readonly settings: (host: string) => HostSettings
  /** sockets for each origin */
  readonly connections: number
}

export type Wire = {
  readonly send: Send
  /** Closes all sockets; kept alive, they would keep the process alive too. */
  close(): Promise<void>
}

/** Waiting for the head of an answer. A registry that commits a large blob takes minutes (GHCR: 5–11 s per 700 MB). */
const PATIENCE_MS = { small: 60_000, upload: 15 * 60_000 }
/** Between two chunks of an answer. */
const STALL_MS = 60_000
const CONNECT_MS = 15_000

/**
 * Requests over undici: HTTP/1.1 only (HTTP/2 made uploads to Quay slow and to Harbor fail, ggcr#1193, regclient#902),
 * a pool for each origin, through the proxy where one is set.
 */
export function openWire(options: WireOptions): Wire {
  const dispatchers = new Map<string, Promise<Dispatcher>>()
  let isClosed = false

  function dispatcherFor(url: URL): Promise<Dispatcher> {
    const known = dispatchers.get(url.origin) ?? openDispatcher(url, options)
    dispatchers.set(url.origin, known)
    return known
  }

  const send: Send = async (request) => {
    const signal = request.signal === undefined ? options.signal : AbortSignal.any([options.signal, request.signal])
    if (signal.aborted) throw cancelled(signal)
    // Without a cause, so that nobody repeats it: what still runs after the end would only hold up the process.
    if (isClosed) throw new LadingError('REGISTRY_UNREACHABLE', `${request.url.host}: not asked, the step is over`)
    const dispatcher = await dispatcherFor(request.url)
    try {
      return await sendOnce(dispatcher, { ...request, signal }, options)
    } catch (error) {
      if (signal.aborted) throw cancelled(signal)
      throw networkTrouble(error, request.url)
    }
  }

  async function close(): Promise<void> {
    isClosed = true
    const opened = await Promise.allSettled(dispatchers.values())
    await Promise.allSettled(
      opened.map((result) => (result.status === 'fulfilled' ? result.value.destroy() : undefined)),
    )
  }

  return { send, close }
}

async function sendOnce(
  dispatcher: Dispatcher,
  request: Request & { readonly signal: AbortSignal },
  options: WireOptions,
): Promise<Response> {
  const { method, url, body } = request
  const answer = await dispatcher.request({
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method,
    headers: { 'user-agent': options.userAgent, ...lengthOf(body), ...request.headers },
    body: await open(body),
    signal: request.signal,
    headersTimeout: request.patienceMs ?? (body?.kind === 'stream' ? PATIENCE_MS.upload : PATIENCE_MS.small),
    bodyTimeout: STALL_MS,
  })
  const response: Response = {
    status: answer.statusCode,
    header: (name) => valuesOf(answer.headers[name])[0],
    headers: (name) => valuesOf(answer.headers[name]),
    body: answer.body,
    url,
  }
  if (method === 'HEAD') await discard(response)
  return response
}

async function openDispatcher(url: URL, options: WireOptions): Promise<Dispatcher> {
  const { Pool, EnvHttpProxyAgent } = await import('undici')
  const { proxy } = options
  const tls = await tlsOptions(options.settings(url.host))
  const common = {
    connections: options.connections,
    allowH2: false,
    pipelining: 1,
    connect: { ...tls, timeout: CONNECT_MS },
  }
  if (proxy.http === '' && proxy.https === '') return new Pool(url.origin, common)
  return new EnvHttpProxyAgent({
    ...common,
    httpProxy: proxy.http,
    httpsProxy: proxy.https,
    noProxy: proxy.except,
    requestTls: tls,
    // http through a proxy is asked for with a plain request, as every proxy understands it.
    proxyTunnel: url.protocol === 'https:',
  })
}

async function tlsOptions(settings: HostSettings): Promise<{ ca?: string[]; rejectUnauthorized?: boolean }> {
  if (settings.unchecked) return { rejectUnauthorized: false }
  if (settings.ca === undefined) return {}
  const { getCACertificates } = await import('node:tls')
  // `ca` replaces the authorities that Node knows, so those are named too.
  return { ca: [...getCACertificates('default'), settings.ca] }
}

function lengthOf(body: Body | undefined): Record<string, string> {
  return body?.kind === 'stream' ? { 'content-length': String(body.size) } : {}
}

async function open(body: Body | undefined): Promise<Readable | Uint8Array | string | null> {
  if (body === undefined) return null
  return body.kind === 'bytes' ? body.bytes : body.open()
}

function valuesOf(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}

function cancelled(signal: AbortSignal): LadingError {
  const reason: unknown = signal.reason
  return reason instanceof LadingError ? reason : new LadingError('CANCELLED', 'the step was cancelled')
}

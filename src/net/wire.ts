import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { LadingError } from '../error.ts'
import { type Nearness, nearnessOf, nearnessOfAddress } from './addresses.ts'
import { openDispatcher, type Routes } from './dispatcher.ts'
import { watchSending } from './progress.ts'
import { discard } from './read.ts'
import type { Body, Request, Response, Send } from './send.ts'
import { networkTrouble } from './trouble.ts'

export type WireOptions = Omit<Routes, 'connectMs'> & {
  readonly userAgent: string
  /** Ends every request that is under way. */
  readonly signal: AbortSignal
  /** where a test cannot wait that long */
  readonly limits?: Partial<TimeLimits>
}

export type Wire = {
  readonly send: Send
  /** Closes all sockets; kept alive, they would keep the process alive too. */
  close(): Promise<void>
}

/** In milliseconds. By progress and not by the whole: what is large may take long, what stands still may not. */
export type TimeLimits = {
  readonly connectMs: number
  /** for the head of an answer to a small request */
  readonly headMs: number
  /** between two pieces of a body, sent or received */
  readonly stallMs: number
  /** for the head of an answer after a large body: a registry commits it (GHCR: 5–11 s per 700 MB, others minutes) */
  readonly commitMs: number
}

const TIME_LIMITS: TimeLimits = { connectMs: 15_000, headMs: 60_000, stallMs: 60_000, commitMs: 15 * 60_000 }

/**
 * Requests over undici: HTTP/1.1 only (HTTP/2 made uploads to Quay slow and to Harbor fail, ggcr#1193, regclient#902),
 * a pool for each origin, through the proxy where one is set.
 */
export function openWire(options: WireOptions): Wire {
  const dispatchers = new Map<string, Promise<Dispatcher>>()
  /** how near the hosts are that we chose ourselves, by origin */
  const reached = new Map<string, Nearness>()
  let isClosed = false

  function dispatcherFor({ url, ledBy }: Request): Promise<Dispatcher> {
    // Connections that we made ourselves are no way around the look at where somebody leads us.
    const key = ledBy === undefined ? url.origin : `${url.origin}, named by ${ledBy.origin}`
    const known = dispatchers.get(key) ?? openTo(url, ledBy)
    dispatchers.set(key, known)
    return known
  }

  function openTo(url: URL, ledBy: URL | undefined): Promise<Dispatcher> {
    const routes = { ...options, connectMs: timeLimits(options).connectMs }
    const onReached = (address: string) => void reached.set(url.origin, nearnessOfAddress(address))
    if (ledBy === undefined) return openDispatcher(url, routes, { onReached })
    // Whom only a proxy has seen is far away, as far as we know.
    const ledFrom = () => reached.get(ledBy.origin) ?? nearnessOf(ledBy)
    return openDispatcher(url, routes, { onReached: () => undefined, ledFrom })
  }

  const send: Send = async (request) => {
    const signal = request.signal === undefined ? options.signal : AbortSignal.any([options.signal, request.signal])
    if (signal.aborted) throw cancelled(signal)
    // Without a cause, so that nobody repeats it: what still runs after the end would only hold up the process.
    if (isClosed) throw new LadingError('REGISTRY_UNREACHABLE', `${request.url.host}: not asked, the step is over`)
    const dispatcher = await dispatcherFor(request)
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
  const limits = timeLimits(options)
  const bytes = await open(body)
  const headMs = request.patienceMs ?? limits.headMs
  const watch =
    bytes instanceof Readable
      ? watchSending(bytes, { stallMs: limits.stallMs, commitMs: request.patienceMs ?? limits.commitMs })
      : undefined
  const { request: ask } = await import('./sockets.ts')
  try {
    const answer = await ask(dispatcher, {
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: { 'user-agent': options.userAgent, ...lengthOf(body), ...request.headers },
      body: bytes,
      signal: watch === undefined ? request.signal : AbortSignal.any([request.signal, watch.signal]),
      headersTimeout: watch === undefined ? headMs : 0,
      bodyTimeout: limits.stallMs,
      // undici would close the connection, lest a server send a body with its answer to a HEAD; then the next answer is
      // none, which is repeated on a new connection. A connection for each look costs everybody else far more.
      ...(method === 'HEAD' ? { reset: false } : {}),
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
  } finally {
    watch?.done()
  }
}

function timeLimits({ limits }: WireOptions): TimeLimits {
  return { ...TIME_LIMITS, ...limits }
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

import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { Download, Downloaded } from '../edges.ts'
import { isDiskFull, LadingError } from '../error.ts'
import { discard } from './read.ts'
import { isSameOrigin, withRedirects } from './redirect.ts'
import { isWorthRepeating, type Patience, waitFor, withRetry } from './retry.ts'
import type { Response, Send } from './send.ts'
import { withTrace } from './trace.ts'
import { networkTrouble } from './trouble.ts'

export type DownloadOptions = Pick<Patience, 'retries' | 'now' | 'sleep' | 'random' | 'judge'> & {
  readonly wire: Send
  /** who named the addresses, where that was not the user or we */
  readonly namedBy?: URL
  /** one line for each request and each repetition, safe to show */
  readonly debug: (line: string) => void
  /** how addresses are shown there; by default without the values of their query */
  readonly show?: (url: URL) => string
}

/**
 * Fetches files of the web to disk. Redirects are followed without credentials, never to http or nearer to this machine; a
 * body that breaks off is fetched again from its beginning, as often as a request. Who asks says which bytes are right.
 */
export function openDownloads(options: DownloadOptions): (order: Download) => Promise<Downloaded> {
  return async (order) => {
    const send = sender(order.url, options)
    for (let attempt = 0; ; attempt += 1) {
      const fetched = await fetchOnce(send, order, options.retries - attempt)
      if (!(fetched instanceof LadingError)) return fetched
      const waitMs = waitFor(undefined, attempt, options)
      options.debug(`again in ${waitMs} ms: ${fetched.message}`)
      await options.sleep(waitMs)
    }
  }
}

/** Repetition is outermost, so that a signed address that has run out is asked for anew. */
function sender(url: URL, { wire, debug, namedBy, show, ...patience }: DownloadOptions): Send {
  const origin = namedBy ?? url
  const shown = show === undefined ? {} : { show }
  const traced = withTrace(wire, { count: () => undefined, note: debug, now: () => performance.now(), ...shown })
  const led: Send = (request) => traced(isSameOrigin(request.url, origin) ? request : { ...request, ledBy: origin })
  return withRetry(withRedirects(led), {
    ...patience,
    onRetry: (_request, why, wait) => debug(`${why}, again in ${wait} ms`),
  })
}

/** What came, or why it may come when it is asked for again. */
async function fetchOnce(send: Send, order: Download, left: number): Promise<Downloaded | LadingError> {
  const { url, path, signal } = order
  stopIfAborted(signal)
  const response = await send({ method: 'GET', url, signal })
  if (response.status !== 200) {
    await discard(response)
    throw new LadingError('REGISTRY_UNREACHABLE', `${response.url.host} answers with status ${response.status}`)
  }
  const file = await open(path, 'w', 0o600)
  try {
    return await receive(response, file, order)
  } catch (error) {
    response.body.destroy()
    stopIfAborted(signal)
    const trouble = networkTrouble(error, response.url)
    if (left <= 0 || !isWorthRepeating(trouble)) throw trouble
    return trouble
  } finally {
    await file.close()
  }
}

async function receive(response: Response, file: FileHandle, { limit, onProgress }: Download): Promise<Downloaded> {
  const hash = createHash('sha256')
  const total = lengthOf(response)
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.length
    if (size > limit) throw new LadingError('CONTENT_INVALID', `${response.url.host} sends more than ${limit} bytes`)
    hash.update(chunk)
    await write(file, chunk)
    onProgress?.(size, total)
  }
  return { sha256: hash.digest('hex'), size, from: response.url.host }
}

async function write(file: FileHandle, chunk: Uint8Array): Promise<void> {
  try {
    await file.writeFile(chunk)
  } catch (cause) {
    throw new LadingError(
      isDiskFull(cause) ? 'DISK_FULL' : 'INTERNAL',
      'writing a download to the temp folder failed',
      {
        cause,
      },
    )
  }
}

function lengthOf(response: Response): number | undefined {
  const text = response.header('content-length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function stopIfAborted({ aborted, reason }: AbortSignal): void {
  if (aborted) throw reason instanceof LadingError ? reason : new LadingError('CANCELLED', 'the step was cancelled')
}

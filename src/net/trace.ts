import type { Body, Request, Response, Send } from './send.ts'

/** Counts and notes what is sent. `note` gets one line for each request, safe to show. */
export type Observer = {
  readonly count: (method: string) => void
  readonly note: (line: string) => void
  readonly now: () => number
  /** A URL as it may be shown, where its path is a secret too. Default: without the values of its query. */
  readonly show?: (url: URL) => string
}

/** Tells the observer of each request that goes out. */
export function withTrace(send: Send, observer: Observer): Send {
  return async (request) => {
    observer.count(request.method)
    const begin = observer.now()
    const what = `${request.method} ${(observer.show ?? redactUrl)(request.url)}`
    const took = () => `${Math.round(observer.now() - begin)} ms`
    try {
      const response = await send(request)
      observer.note(`${what} ${response.status}${bytesOf(request, response)} ${took()}`)
      return response
    } catch (error) {
      observer.note(`${what} failed after ${took()}: ${error instanceof Error ? error.message : String(error)}`)
      throw error
    }
  }
}

/** Query keys whose values may be shown. Signed URLs carry their secret in the others, so this is a list of what may. */
const SHOWN = new Set(['digest', 'from', 'last', 'mount', 'n', 'scope', 'service', 'tag'])

/** A URL that may be shown. */
export function redactUrl(url: URL): string {
  const query = [...url.searchParams].map(([key, value]) => `${key}=${SHOWN.has(key) ? value : '…'}`).join('&')
  return `${url.origin}${url.pathname}${query === '' ? '' : `?${query}`}`
}

/** How much was sent, or else how much the answer says it has. */
function bytesOf({ method, body }: Request, response: Response): string {
  if (body !== undefined) return ` (${sizeOf(body)} bytes sent)`
  const length = response.header('content-length')
  return method !== 'HEAD' && length !== undefined && /^\d+$/.test(length) ? ` (${length} bytes)` : ''
}

function sizeOf(body: Body): number {
  return body.kind === 'stream' ? body.size : Buffer.byteLength(body.bytes)
}

import type { Readable } from 'node:stream'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** One HTTP request. A body is opened anew for each attempt, never replayed from memory. */
export type Request = {
  readonly method: Method
  readonly url: URL
  readonly headers?: Headers
  readonly body?: Body
  /** Whether sending it twice does the same as sending it once. Default: all but a body that is a stream. */
  readonly repeatable?: boolean
  /** How long to wait for the head of the answer after the request was sent, in milliseconds. */
  readonly patienceMs?: number
  /** Who named this place, if it is not his own: a registry may not lead us nearer to ourselves than it is. */
  readonly ledBy?: URL
  /** Ends this request, beside what ends all of them. */
  readonly signal?: AbortSignal
}

/** By lower-case name. */
export type Headers = Readonly<Record<string, string>>

export type Body =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array | string }
  | { readonly kind: 'stream'; readonly size: number; readonly open: () => Promise<Readable> }

export type Response = {
  readonly status: number
  /** the first value of a header */
  header(name: string): string | undefined
  /** all values, for headers that come several times */
  headers(name: string): readonly string[]
  /** Must be read to its end or destroyed, or its connection stays busy. */
  readonly body: Readable
  /** where the answer came from, after redirects */
  readonly url: URL
}

/** Sends a request. Policies are wrappers: `Send → Send`. Throws when no answer came. */
export type Send = (request: Request) => Promise<Response>

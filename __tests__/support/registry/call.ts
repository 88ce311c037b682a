import type { IncomingHttpHeaders } from 'node:http'
import type { Reply } from './answer.ts'
import type { Route } from './route.ts'

/** One request on its way to its route; wrappers hand on a changed copy. */
export type Call = {
  readonly method: string
  /** With the scheme, host and port that the client used. */
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly route: Route
  readonly origin: Origin
  readonly body: AsyncIterable<Uint8Array>
  readonly commit: Commit
}

/** `storage` is the second host that cloud registries send clients to with signed URLs. */
export type Origin = 'registry' | 'storage'

/** The moment at which content becomes visible: faults may delay it or leave it out. */
type Commit = { readonly before: () => Promise<void>; readonly keep: boolean }

export type Handle = (call: Call) => Promise<Reply>

/** The client went away in the middle of the body, or a fault says that it did. */
export class Disconnected extends Error {
  override readonly name = 'Disconnected'
}

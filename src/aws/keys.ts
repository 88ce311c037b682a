import { type Patience, withRetry } from '../net/retry.ts'
import type { Send } from '../net/send.ts'

/** What signs requests to AWS. */
export type AwsKeys = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** comes with keys that run out */
  readonly sessionToken?: string
  /** milliseconds since the epoch; without it they do not run out while the step runs */
  readonly expires?: number
}

/** What all requests of this room share. */
export type AwsPolicy = Pick<Patience, 'retries' | 'now' | 'sleep' | 'random'> & {
  readonly variables: Readonly<Record<string, string | undefined>>
  /** the way to the network, through its proxy */
  readonly wire: Send
  /** the way to what is on this machine or beside it; a proxy must not see it, and nobody waits for it long */
  readonly nearby: Send
  /** Aborted when the step is cancelled. */
  readonly signal: AbortSignal
  readonly debug: (line: string) => void
  /** told of every secret that arrives, before it is used */
  readonly mask: (secret: string) => void
}

/** Renewed this long before they run out, as the SDKs of AWS do it: a request takes time to arrive. */
export const RENEW_BEFORE_MS = 5 * 60_000

/** Repeats what is worth repeating; within it each attempt is made anew. */
export function patient(send: Send, policy: AwsPolicy): Send {
  return withRetry((request) => send({ ...request, signal: policy.signal }), {
    ...policy,
    onRetry: ({ method, url }, why, waitMs) => policy.debug(`${method} ${url.host}: ${why}; again in ${waitMs} ms`),
  })
}

/** A variable of the job, trimmed; empty when there is none. */
export function variable({ variables }: Pick<AwsPolicy, 'variables'>, name: string): string {
  return (variables[name] ?? '').trim()
}

/** A value that is fetched once for all who ask, and again when it runs out or could not be had. */
export function renewed<T>(fetch: () => Promise<T>, isGood: (value: T) => boolean): () => Promise<T> {
  let held: Promise<T> | undefined
  const get = async (): Promise<T> => {
    const current = held
    if (current !== undefined) {
      const value = await current
      if (isGood(value)) return value
      // Several requests find the same value too old at once; only the first of them fetches a new one.
      if (held !== current) return get()
    }
    const fresh = fetch()
    held = fresh
    fresh.catch(() => {
      if (held === fresh) held = undefined
    })
    return fresh
  }
  return get
}

import { LadingError } from '../error.ts'
import { discard } from './read.ts'
import type { Request, Response, Send } from './send.ts'

export type Patience = {
  /** repetitions after the first attempt */
  readonly retries: number
  readonly now: () => Date
  readonly sleep: (milliseconds: number) => Promise<void>
  /** 0 ≤ x < 1 */
  readonly random: () => number
  /** told before each repetition */
  readonly onRetry?: (request: Request, why: string, waitMs: number) => void
  /** Whether an answer that looks temporary is not: a used-up pull quota does not come back by asking again. */
  readonly isFinal?: (response: Response) => boolean
}

/** Longest single wait. A registry that asks for more is asked again by the next run, not by this one. */
const LONGEST_WAIT_MS = 60_000

/** Repeats what is worth repeating: 408, 429, 5xx and network trouble, with growing, jittered pauses. */
export function withRetry(send: Send, patience: Patience): Send {
  return async (request) => {
    const retries = isRepeatable(request) ? patience.retries : 0
    for (let attempt = 0; attempt < retries; attempt += 1) {
      const outcome = await attemptOnce(send, request, { attempt, patience })
      if (outcome.kind === 'answer') return outcome.response
      patience.onRetry?.(request, outcome.why, outcome.waitMs)
      await patience.sleep(outcome.waitMs)
    }
    return send(request)
  }
}

/** Statuses that the same request may outlive. 501 and 505 will say the same again. */
export function isTemporary(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505)
}

/** Milliseconds before the next attempt: what the server asks for, else 0.25 s doubling, with jitter. */
export function waitAfter(response: Response, attempt: number, patience: Pick<Patience, 'now' | 'random'>): number {
  return retryAfter(response.header('retry-after'), patience.now()) ?? pause(attempt, patience)
}

/**
 * `Retry-After` as seconds or as an HTTP date (RFC 9110, 10.2.3), in milliseconds.
 * `undefined` when there is none or nobody can read it.
 */
export function retryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  if (/^\d+(?:\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000)
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime())
}

/** The pause before repetition `attempt` (counted from 0) when nobody said how long. */
export function pause(attempt: number, { random }: Pick<Patience, 'random'>): number {
  const full = Math.min(250 * 2 ** attempt, 15_000)
  return Math.round(full / 2 + (full / 2) * random())
}

type Attempt =
  | { readonly kind: 'answer'; readonly response: Response }
  | { readonly kind: 'again'; readonly why: string; readonly waitMs: number }

type Turn = { readonly attempt: number; readonly patience: Patience }

async function attemptOnce(send: Send, request: Request, { attempt, patience }: Turn): Promise<Attempt> {
  try {
    const response = await send(request)
    const { status } = response
    if (!isTemporary(status) || patience.isFinal?.(response)) return { kind: 'answer', response }
    const waitMs = waitAfter(response, attempt, patience)
    if (waitMs > LONGEST_WAIT_MS) return { kind: 'answer', response }
    await discard(response)
    return { kind: 'again', why: `status ${status}`, waitMs }
  } catch (error) {
    if (!isWorthRepeating(error)) throw error
    return {
      kind: 'again',
      why: error instanceof Error ? error.message : String(error),
      waitMs: pause(attempt, patience),
    }
  }
}

/** Network trouble passes; a wrong certificate, a cancelled step and what we refuse ourselves (it has no cause) do not. */
export function isWorthRepeating(error: unknown): boolean {
  if (!(error instanceof LadingError) || error.code !== 'REGISTRY_UNREACHABLE') return false
  return error.cause !== undefined && !isNameUnknown(error.cause)
}

/** A name that does not exist will not exist in a second; EAI_AGAIN, the resolver's own trouble, may pass. */
function isNameUnknown(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOTFOUND'
}

function isRepeatable(request: Request): boolean {
  return request.repeatable ?? request.body?.kind !== 'stream'
}

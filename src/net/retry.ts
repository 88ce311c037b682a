import { LadingError } from '../error.ts'
import { heard } from './read.ts'
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
  /** What an answer means that its status does not tell: `said` is the beginning of its body. Default: by its status. */
  readonly judge?: (response: Response, said: string) => Verdict | undefined
}

/** Whether asking again helps. */
export type Verdict = 'again' | 'final'

/** All waits for one request, or for one upload, together. Who asks for more is asked again by the next run. */
export const LONGEST_WAITING_MS = 5 * 60_000

/** The most that is read of an answer that may be asked for again, in bytes. */
const TOLD_LIMIT = 64 * 1024

/**
 * Repeats what is worth repeating: 408, 429, 5xx, network trouble and what `judge` says, with growing, jittered pauses.
 * The last answer is handed on as it came, its body unread.
 */
export function withRetry(send: Send, patience: Patience): Send {
  return async (request) => {
    const retries = isRepeatable(request) ? patience.retries : 0
    let left = LONGEST_WAITING_MS
    for (let attempt = 0; attempt < retries; attempt += 1) {
      const outcome = await attemptOnce(send, request, patience)
      if (outcome.kind === 'answer') return outcome.response
      const waitMs = waitFor(outcome.askedMs, attempt, patience)
      if (waitMs > left) return outcome.giveUp()
      left -= waitMs
      patience.onRetry?.(request, outcome.why, waitMs)
      await patience.sleep(waitMs)
    }
    return send(request)
  }
}

/** Statuses that the same request may outlive. 501 and 505 will say the same again. */
export function isTemporary(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505)
}

/** What a server asks for before it is asked again, in milliseconds: by its header, else in its words. */
export function askedWait(response: Pick<Response, 'header'>, said: string, now: Date): number | undefined {
  return retryAfter(response.header('retry-after'), now) ?? retryAfterIn(said)
}

/** Milliseconds before repetition `attempt` (counted from 0). What is asked for is the least: all who wait heard the same. */
export function waitFor(askedMs: number | undefined, attempt: number, patience: Pick<Patience, 'random'>): number {
  if (askedMs === undefined) return pause(attempt, patience)
  return askedMs + Math.round(fullPause(attempt) * patience.random())
}

/** `Retry-After` as seconds, as an HTTP date (RFC 9110, 10.2.3) or as a Go duration, in milliseconds. */
export function retryAfter(value: string | undefined, now: Date): number | undefined {
  const text = value?.trim() ?? ''
  if (/^\d+(?:\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000)
  // Every form of an HTTP date begins with the day; Date.parse finds dates in much else.
  if (!/^[a-z]{3,9},? /i.test(text)) return goDuration(text)
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime())
}

/** GHCR says it in its message alone: `retry-after: 10.3ms, allowed: 2000/minute` (chainguard-images/images#173). */
function retryAfterIn(said: string): number | undefined {
  const found = /retry-after:\s*([\d.a-zµμ]+)/i.exec(said)?.[1]
  return found === undefined ? undefined : (goDuration(found) ?? seconds(found))
}

const GO_UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** `1m30.5s`, as Go's time.Duration prints itself. */
function goDuration(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return undefined
  const parts = [...text.matchAll(/([\d.]+)(\D+)/g)]
  return Math.ceil(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (GO_UNITS[unit ?? ''] ?? 0), 0))
}

function seconds(text: string): number | undefined {
  return /^\d+(?:\.\d+)?\.?$/.test(text) ? Math.ceil(Number.parseFloat(text) * 1000) : undefined
}

/** The pause before repetition `attempt` (counted from 0) when nobody said how long. */
export function pause(attempt: number, { random }: Pick<Patience, 'random'>): number {
  const full = fullPause(attempt)
  return Math.round(full / 2 + (full / 2) * random())
}

function fullPause(attempt: number): number {
  return Math.min(250 * 2 ** attempt, 15_000)
}

type Attempt =
  | { readonly kind: 'answer'; readonly response: Response }
  | {
      readonly kind: 'again'
      readonly why: string
      readonly askedMs: number | undefined
      /** what stands when nobody waits any more */
      readonly giveUp: () => Response
    }

async function attemptOnce(send: Send, request: Request, patience: Patience): Promise<Attempt> {
  try {
    return await weighed(await send(request), patience)
  } catch (error) {
    if (!isWorthRepeating(error)) throw error
    const giveUp = (): never => {
      throw error
    }
    return { kind: 'again', why: error instanceof Error ? error.message : String(error), askedMs: undefined, giveUp }
  }
}

async function weighed(response: Response, patience: Patience): Promise<Attempt> {
  const { status } = response
  // A 403 may be a limit in disguise (GHCR); only its words tell.
  if (!isTemporary(status) && status !== 403) return { kind: 'answer', response }
  const told = await heard(response, TOLD_LIMIT)
  const verdict = patience.judge?.(told.response, told.said) ?? (isTemporary(status) ? 'again' : 'final')
  if (verdict === 'final') return { kind: 'answer', response: told.response }
  const askedMs = askedWait(response, told.said, patience.now())
  return { kind: 'again', why: `status ${status}`, askedMs, giveUp: () => told.response }
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

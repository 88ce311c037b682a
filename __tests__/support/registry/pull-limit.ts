import { type Answer, type AnswerHeaders, refuse } from './answer.ts'
import type { Handle } from './call.ts'

/** Docker Hub's pull limit: a GET of a manifest counts, a HEAD tells what is left and is free. */
export type PullLimit = {
  readonly limit: number
  readonly remaining: number
  /** Default: six hours. */
  readonly windowSeconds?: number
  /** Who is counted: an address or an account. */
  readonly source?: string
  /** What the 429 is about: the quota, or the abuse limit that says neither number nor reason. Default: `quota`. */
  readonly exhausted?: 'quota' | 'abuse'
}

export function withPullLimit(limit: PullLimit | undefined, next: Handle): Handle {
  if (!limit) return next
  let remaining = limit.remaining
  return async (call) => {
    const { step } = call.route
    if (step !== 'manifest-get' && step !== 'manifest-head') return next(call)
    if (step === 'manifest-get' && remaining <= 0) return exhausted(limit)
    const reply = await next(call)
    if (reply === 'reset') return reply
    if (step === 'manifest-get' && reply.status === 200) remaining -= 1
    return { ...reply, headers: { ...reply.headers, ...limitHeaders(limit, remaining) } }
  }
}

function exhausted(limit: PullLimit): Answer {
  if (limit.exhausted === 'abuse') return refuse('TOOMANYREQUESTS', { message: 'Too Many Requests' })
  return refuse('TOOMANYREQUESTS', { message: quotaText, headers: limitHeaders(limit, 0) })
}

const quotaText =
  'You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit'

function limitHeaders(
  { limit, windowSeconds = 21600, source = '127.0.0.1' }: PullLimit,
  remaining: number,
): AnswerHeaders {
  return {
    'ratelimit-limit': `${limit};w=${windowSeconds}`,
    'ratelimit-remaining': `${Math.max(0, remaining)};w=${windowSeconds}`,
    'docker-ratelimit-source': source,
  }
}

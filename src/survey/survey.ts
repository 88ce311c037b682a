import type { Live, PullLimit, PushRight } from '../edges.ts'
import { LadingError } from '../error.ts'

/** One repository that is to be written, as the survey asks it. */
export type Site = {
  /** `ghcr.io/acme/api` */
  readonly name: string
  readonly tags: readonly string[]
  lookUp(tag: string): Promise<Live>
  pushRight(): Promise<PushRight>
}

/** What the tags of a site show now. */
export type Sight = { readonly site: Site; readonly live: ReadonlyMap<string, Live> }

/** Looks at every tag of every site, all at once. Throws the first trouble, named by site. */
export function lookAtTags(sites: readonly Site[]): Promise<readonly Sight[]> {
  return together(
    sites.map(async (site) => {
      const found = await together(site.tags.map(async (tag) => [tag, await site.lookUp(tag)] as const))
      return { site, live: new Map(found) }
    }),
  )
}

/** Asks every site whether a push will be allowed. Throws what the first refusing one says, and names the others too. */
export async function checkRights(sites: readonly Site[]): Promise<void> {
  const rights = await together(sites.map((site) => site.pushRight()))
  const refused = rights.flatMap((right) => (right.granted ? [] : [right]))
  const [first] = refused
  if (first === undefined) return
  const message = refused.map(({ why }) => why).join('; ')
  throw new LadingError(first.code, message, { hint: first.hint })
}

export type PullQuestion = {
  /** pulls that the build may need, and what for */
  readonly needed: number
  readonly images: readonly string[]
  readonly policy: 'fail' | 'strict' | 'warn' | 'off'
  /** pulls to leave for others */
  readonly reserve: number
  readonly ask: () => Promise<PullLimit | undefined>
  /** who pulls: a user name, or empty for this runner's address */
  readonly username: string
  readonly now: Date
}

export type PullAnswer =
  /** nothing to say: not asked, or the registry sets no limit for us */
  | { readonly kind: 'free' }
  | { readonly kind: 'enough'; readonly limit: PullLimit }
  | { readonly kind: 'warning'; readonly limit: PullLimit; readonly message: string }
  | { readonly kind: 'exhausted'; readonly limit: PullLimit; readonly error: LadingError }
  | { readonly kind: 'unknown'; readonly message: string }

/**
 * Whether Docker Hub will let the build pull what it needs. A HEAD tells, and costs no pull. Nothing is waited for:
 * a window is hours long.
 */
export async function checkPullLimit(question: PullQuestion): Promise<PullAnswer> {
  const { needed, policy, reserve } = question
  if (policy === 'off' || needed === 0) return { kind: 'free' }
  const asked = await question.ask().then(
    (limit) => ({ limit }),
    (error: unknown) => ({ trouble: error instanceof Error ? error.message : String(error) }),
  )
  if ('trouble' in asked)
    return { kind: 'unknown', message: `Docker Hub's pull limit could not be asked: ${asked.trouble}` }
  const { limit } = asked
  if (limit === undefined) return { kind: 'free' }
  const left = limit.remaining - reserve
  if (left >= needed) return { kind: 'enough', limit }
  const message = shortage(question, limit)
  const isRed = policy !== 'warn' && (left <= 0 || policy === 'strict')
  if (isRed)
    return { kind: 'exhausted', limit, error: new LadingError('RATE_LIMITED', message, { hint: remedy(question) }) }
  return { kind: 'warning', limit, message }
}

function shortage({ needed, images, reserve, username, now }: PullQuestion, limit: PullLimit): string {
  const of = limit.limit > 0 ? ` of ${limit.limit}` : ''
  const kept = reserve > 0 ? ` (${reserve} are kept for others)` : ''
  const source = limit.source === '' ? '' : ` ${limit.source}`
  const who =
    username === ''
      ? `this runner's address${source} (not signed in)`
      : `“${username}”${source === '' ? '' : ` (counted as${source})`}`
  const refill =
    limit.windowSeconds > 0
      ? `. It refills within ${hours(limit.windowSeconds)}, by ${clockTime(now, limit.windowSeconds)} UTC`
      : ''
  return `Docker Hub: ${limit.remaining}${of} pulls left for ${who}${kept}; ${needed} may be needed (${images.join(', ')})${refill}`
}

function remedy({ username }: PullQuestion): string {
  const login =
    username === ''
      ? 'Sign in for pulls (registry-auth, use: pull)'
      : 'Use an account with a higher limit (registry-auth, use: pull)'
  return `${login}, or take the bases from another registry, or wait.`
}

function hours(seconds: number): string {
  return seconds >= 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.ceil(seconds / 60)} min`
}

function clockTime(now: Date, seconds: number): string {
  return refilledBy(now, seconds).slice(11, 16)
}

/** When a window that began at the latest now is over, ISO 8601; empty without a window. */
export function refilledBy(now: Date, windowSeconds: number): string {
  return windowSeconds > 0 ? new Date(now.getTime() + windowSeconds * 1000).toISOString() : ''
}

/** All at once, and all to their end: what fails first must not leave the others running unseen. */
async function together<T>(questions: readonly Promise<T>[]): Promise<readonly T[]> {
  const answers = await Promise.allSettled(questions)
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}

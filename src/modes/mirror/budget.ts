import type { PullLimit } from '../../edges.ts'
import { asLadingError, type LadingError } from '../../error.ts'
import { isIndex } from '../../image/media-type.ts'
import { DOCKER_HUB } from '../../image/reference.ts'
import type { MirrorTask } from '../../plan/mirror-plan.ts'
import { refilledBy } from '../../survey/survey.ts'
import type { Changed } from './compare.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'

/** What a run may still spend: pulls of Docker Hub, and time. */
export type Budget = {
  /** Room for an image, until it is given back; or why it is not begun any more. */
  room(task: Changed): Promise<Room>
  /** Docker Hub refused an image for lack of pulls: nothing more of it is begun. Why, in words. */
  spent(): string
}

export type Room = { readonly held: string } | { readonly held?: never; giveBack(): void }

/** Docker Hub's word for an image that waits: no failure, for another run will have pulls again. */
export function isOutOfPulls({ source }: MirrorTask, { code }: LadingError): boolean {
  return source.registry === DOCKER_HUB && code === 'RATE_LIMITED'
}

/**
 * Manifests that an index is taken for until it was read: itself, and one for each of the platforms and attestations that
 * official images have.
 */
const INDEX_PULLS = 9
/** After so many pulls Docker Hub is asked again what is left: others pull too. */
const ASK_AGAIN = 20

/** Opens the budget of a run; its time begins now. */
export function openBudget(run: MirrorRun): Budget {
  const begun = performance.now()
  const { request, facts } = run
  const { rateLimit, reserve } = request.rateLimit
  /** images under way, by what each may need, which is not spent yet */
  const underWay = new Map<Promise<void>, number>()
  let known: Promise<PullLimit | undefined> | undefined
  let latest: PullLimit | undefined
  let askedAt = 0
  let isSpent = false

  async function limitFor(task: Changed): Promise<PullLimit | undefined> {
    if (known === undefined || facts.pulls.spent - askedAt >= ASK_AGAIN) {
      askedAt = facts.pulls.spent
      known = askLimit(run, task)
    }
    latest = await known
    return latest
  }

  const outOfTime = () => request.timeBudgetMs !== undefined && performance.now() - begun >= request.timeBudgetMs
  const outOfPulls = () => `Docker Hub gives no more pulls${until(run, latest)}`

  /** Why an image does not fit into what is left and not promised to others; `undefined` when it does. */
  function lackOf(task: Changed, limit: PullLimit | undefined): string | undefined {
    if (limit === undefined || rateLimit === 'warn') return undefined
    const left = limit.remaining - (facts.pulls.spent - askedAt)
    const promised = [...underWay.values()].reduce((sum, need) => sum + need, 0)
    const kept = Math.max(reserve, task.entry.rateLimit.min)
    const need = needOf(task)
    return left - promised - kept >= need ? undefined : shortage({ left, kept, need }) + until(run, limit)
  }

  function take(need: number): Room {
    const { promise, resolve } = Promise.withResolvers<void>()
    underWay.set(promise, need)
    return {
      giveBack() {
        underWay.delete(promise)
        resolve()
      },
    }
  }

  /** Of images of Docker Hub; `undefined`: nobody can tell before something that is under way has ended. */
  async function roomForPulls(task: Changed): Promise<Room | undefined> {
    const limit = rateLimit === 'off' ? undefined : await limitFor(task)
    if (isSpent) return { held: outOfPulls() }
    // No wait between the look and the promise: others look too.
    const lack = lackOf(task, limit)
    if (lack === undefined) return take(needOf(task))
    return underWay.size === 0 ? { held: lack } : undefined
  }

  return {
    async room(task) {
      for (;;) {
        if (outOfTime()) return { held: 'the time budget of this run is used up; the next run begins with it' }
        if (task.source.registry !== DOCKER_HUB) return { giveBack: () => undefined }
        const room = await roomForPulls(task)
        if (room !== undefined) return room
        // What is under way was promised more than it will need, most likely.
        await Promise.race(underWay.keys())
      }
    },
    spent: () => {
      isSpent = true
      return outOfPulls()
    },
  }
}

/** What Docker Hub says is left, for whoever pulls this image; noted for the report. */
async function askLimit(run: MirrorRun, { source }: Changed): Promise<PullLimit | undefined> {
  const remote = remoteOf(run, source, 'pull')
  try {
    const limit = await remote.pullLimit()
    if (limit !== undefined) note(run, limit, await remote.account())
    return limit
  } catch (thrown) {
    const { code, message } = asLadingError(thrown)
    if (code !== 'CANCELLED') run.edges.reporter.notice(`Docker Hub's pull limit could not be asked: ${message}`)
    return undefined
  }
}

function needOf({ shown }: Changed): number {
  return isIndex(shown.mediaType) ? INDEX_PULLS : 1
}

type Shortage = { readonly left: number; readonly kept: number; readonly need: number }

/** Why an image does not fit into what is left. */
function shortage({ left, kept, need }: Shortage): string {
  const reserved = kept > 0 ? ` (${kept} are kept for others)` : ''
  return `Docker Hub has ${Math.max(0, left)} pulls left${reserved}, and it may need ${need}`
}

function until({ edges }: MirrorRun, limit: PullLimit | undefined): string {
  const at = limit === undefined ? '' : refilledBy(edges.clock.now(), limit.windowSeconds)
  return at === '' ? '' : `; by ${at} there will be more`
}

/** What the report says of the limit: the last word that was heard. */
function note({ facts, edges }: MirrorRun, limit: PullLimit, account: string): void {
  const { remaining, windowSeconds, source } = limit
  facts.rateLimits.splice(0, facts.rateLimits.length, {
    registry: DOCKER_HUB,
    identity: account === '' ? source : account,
    limit: limit.limit,
    remaining,
    needed: facts.pulls.spent,
    windowSeconds,
    resets: refilledBy(edges.clock.now(), windowSeconds),
  })
}

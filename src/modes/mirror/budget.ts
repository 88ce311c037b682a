import type { PullLimit } from '../../edges.ts'
import { isIndex } from '../../image/media-type.ts'
import { DOCKER_HUB } from '../../image/reference.ts'
import { refilledBy } from '../../survey/survey.ts'
import type { Changed } from './compare.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'

/** What a run may still spend: pulls of Docker Hub, and time. */
export type Budget = {
  /** Why an image is not begun any more; `undefined` when there is room for it. */
  hold(task: Changed): Promise<string | undefined>
  /** Docker Hub refused for lack of pulls: nothing more of it is begun. */
  spent(): void
}

/**
 * Manifests that an index is taken for until it was read: itself, and one for each of the platforms and attestations that
 * official images have.
 */
const INDEX_PULLS = 9
/** After so many pulls Docker Hub is asked again what is left: others pull too. */
const ASK_AGAIN = 20

export function openBudget(run: MirrorRun): Budget {
  const begun = performance.now()
  const { request, facts, edges } = run
  let known: Promise<PullLimit | undefined> | undefined
  let askedAt = 0
  let isSpent = false

  async function limit(task: Changed): Promise<PullLimit | undefined> {
    if (known === undefined || facts.pulls.spent - askedAt >= ASK_AGAIN) {
      askedAt = facts.pulls.spent
      known = remoteOf(run, task.source, 'pull')
        .pullLimit()
        .catch((error: unknown) => {
          edges.reporter.notice(`Docker Hub's pull limit could not be asked: ${String(error)}`)
          return undefined
        })
      const [current, account] = [
        await known,
        await remoteOf(run, task.source, 'pull')
          .account()
          .catch(() => ''),
      ]
      note(run, current, account)
    }
    return known
  }

  async function holdPulls(task: Changed): Promise<string | undefined> {
    if (task.source.registry !== DOCKER_HUB || request.rateLimit.rateLimit === 'off') return undefined
    const current = await limit(task)
    if (isSpent) return `Docker Hub gives no more pulls${until(run, current)}`
    if (current === undefined || request.rateLimit.rateLimit === 'warn') return undefined
    const left = current.remaining - (facts.pulls.spent - askedAt)
    return shortage(task, { left, reserve: request.rateLimit.reserve, soon: until(run, current) })
  }

  return {
    async hold(task) {
      const { timeBudgetMs } = request
      if (timeBudgetMs !== undefined && performance.now() - begun >= timeBudgetMs) {
        return 'the time budget of this run is used up; the next run begins with it'
      }
      return holdPulls(task)
    },
    spent: () => {
      isSpent = true
    },
  }
}

type Left = { readonly left: number; readonly reserve: number; readonly soon: string }

/** Why an image does not fit into what is left; `undefined` when it does. */
function shortage({ entry, shown }: Changed, { left, reserve, soon }: Left): string | undefined {
  const kept = Math.max(reserve, entry.rateLimit.min)
  const need = isIndex(shown.mediaType) ? INDEX_PULLS : 1
  if (left - kept >= need) return undefined
  const reserved = kept > 0 ? ` (${kept} are kept for others)` : ''
  return `Docker Hub has ${Math.max(0, left)} pulls left${reserved}, and it may need ${need}${soon}`
}

function until({ edges }: MirrorRun, limit: PullLimit | undefined): string {
  const at = limit === undefined ? '' : refilledBy(edges.clock.now(), limit.windowSeconds)
  return at === '' ? '' : `; by ${at} there will be more`
}

/** What the report says of the limit: the last word that was heard. */
function note({ facts, edges }: MirrorRun, limit: PullLimit | undefined, account: string): void {
  if (limit === undefined) return
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

import { asLadingError, LadingError } from '../error.ts'
import type { Lock } from '../plan/lock.ts'
import { clashes, eachOnce, type MirrorTask } from '../plan/mirror-plan.ts'
import { count } from '../plan/print.ts'
import type { MirrorReport } from '../report/mirror-report.ts'
import { openBudget } from './mirror/budget.ts'
import { type Changed, compare } from './mirror/compare.ts'
import { copyAll } from './mirror/copy.ts'
import { expand } from './mirror/expand.ts'
import { noteLacking } from './mirror/lacking.ts'
import { type MirrorRun, reportOf } from './mirror/ledger.ts'
import { pruneAll } from './mirror/prune.ts'

/** A mirror that has ended, and what its lock file is to remember of it. */
export type Mirrored = { readonly report: MirrorReport; readonly lock: Lock }

/**
 * Mirrors images from registry to registry: lists what there is to mirror, compares both sides by HEAD requests alone,
 * copies what changed, and removes what left, where that was asked for. One bad image does not stop the others. What goes
 * wrong is in the report; nothing is thrown.
 */
export async function mirror(run: MirrorRun): Promise<Mirrored> {
  try {
    await story(run)
  } catch (thrown) {
    const { code, message, hint } = asLadingError(thrown)
    run.facts.failure = { code, message, hint }
  } finally {
    run.over.abort()
    await Promise.allSettled(run.later)
  }
  await noteLacking(run)
  return { report: reportOf(run), lock: run.ledger.lock() }
}

async function story(run: MirrorRun): Promise<void> {
  const { request, ledger } = run
  // The time budget is that of the whole run.
  const budget = openBudget(run)
  const listed = await run.phase('list', (say) => expand(run, say))
  const clash = clashes(listed)
  if (clash.length > 0) throw new LadingError('INPUT_INVALID', `planning the mirror: ${clash.slice(0, 20).join('; ')}`)
  const tasks = eachOnce(listed)
  const changed = await run.phase('compare', (say) => compare(run, tasks, say))
  if (request.check !== 'off' || request.dryRun) return lookOnly(run, tasks, changed)

  if (changed.length > 0) await run.phase('copy', (say) => copyAll(run, { tasks: changed, budget }, say))
  await pruneAll(run, tasks)
  const failed = ledger.failed()
  if (failed.length > 0) throw failureOf(failed, ledger.copied())
}

/** What would be done, when nothing is to be written. */
async function lookOnly(run: MirrorRun, tasks: readonly MirrorTask[], changed: readonly Changed[]): Promise<void> {
  const { request, ledger } = run
  for (const task of changed) {
    for (const sight of task.open) ledger.settle(task, sight, { outcome: 'planned', digest: task.wanted })
    for (const sight of task.recheck) ledger.settle(task, sight, { outcome: 'unchanged' })
  }
  await pruneAll(run, tasks)
  const failed = ledger.failed()
  if (failed.length > 0) throw failureOf(failed, 0)
  const behind = ledger.images().filter(({ outcome }) => outcome === 'planned')
  for (const { source, target } of behind) run.edges.reporter.info(`  ${target} would be written from ${source}`)
  if (request.check !== 'strict' || behind.length === 0) return
  const names = behind.map(({ source, target }) => `\n  ${target} is behind ${source}`)
  throw new LadingError('DRIFT', `${count(behind.length, 'target')} behind their sources${names.join('')}`)
}

/** All that went wrong as one failure that names every image; its code is the one they share. */
function failureOf(failed: ReturnType<MirrorRun['ledger']['failed']>, copied: number): LadingError {
  const codes = new Set(failed.map(({ error }) => error.code))
  const [first] = failed
  const lines = failed.map(({ name, error }) => `\n  ${name}: ${error.message}`)
  const message = `${count(failed.length, 'image')} could not be mirrored${copied > 0 ? `, ${copied} were` : ''}${lines.join('')}`
  const isPartly = copied > 0 || codes.size > 1
  if (first === undefined || isPartly) return new LadingError('PARTLY_COPIED', message, { cause: first?.error })
  return new LadingError(first.error.code, message, { hint: first.error.hint, cause: first.error })
}

import { asLadingError } from '../../error.ts'
import { formatReference, formatRepository, parseReference, type TagReference } from '../../image/reference.ts'
import type { LockedTarget } from '../../plan/lock.ts'
import type { MirrorTask } from '../../plan/mirror-plan.ts'
import type { MirrorEntry } from '../../plan/mirror-request.ts'
import { count } from '../../plan/print.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'

type Gone = {
  readonly source: string
  readonly target: TagReference
  readonly locked: LockedTarget
  readonly prune: 'plan' | 'yes'
}

/**
 * Removes the tags that left the source: only those that the lock file says were written here, that still show what was
 * written, and only after a pass in which everything went well. What cannot be listed is no reason to remove anything.
 */
export async function pruneAll(run: MirrorRun, tasks: readonly MirrorTask[]): Promise<void> {
  const gone = goneTargets(run, tasks)
  if (gone.length === 0) return
  const isWhole =
    run.ledger.failed().length === 0 &&
    !run.ledger.images().some(({ outcome }) => outcome === 'held' || outcome === 'not-reached')
  if (!isWhole) {
    run.edges.reporter.notice(
      `prune: ${count(gone.length, 'tag')} left the source and stay for now, because not everything could be mirrored`,
    )
    return
  }
  await run.phase('prune', async (say) => {
    for (const one of gone) await pruneOne(run, one)
    say(count(gone.length, 'tag'))
  })
}

async function pruneOne(run: MirrorRun, { source, target, locked, prune }: Gone): Promise<void> {
  const { ledger, request } = run
  const name = formatReference(target)
  const remote = remoteOf(run, target, 'push')
  const shown = (await remote.resolve(target.tag))?.digest ?? null
  const settle = (outcome: 'pruned' | 'kept' | 'planned', reason: string, digest = shown) =>
    ledger.pruned(source, target, { outcome, reason, before: shown, digest })
  if (shown !== null && shown !== locked.digest)
    return settle('kept', 'left the source, and shows what somebody else wrote')
  if (prune === 'plan' || request.dryRun || request.check !== 'off')
    return settle('planned', 'left the source and would be removed', null)
  try {
    if (shown !== null) await remote.deleteTag(target.tag)
    settle('pruned', 'left the source', null)
    run.edges.reporter.info(`${name} left the source and was removed`)
  } catch (thrown) {
    const { code, message } = asLadingError(thrown)
    if (code === 'CANCELLED') throw thrown
    settle('kept', `left the source, and could not be removed: ${message}`)
    run.edges.reporter.warn(`prune: ${name} could not be removed: ${message}`)
  }
}

/** Targets that an entry with `prune` has written, and that no task wants any more. */
function goneTargets({ request, ledger }: MirrorRun, tasks: readonly MirrorTask[]): readonly Gone[] {
  const wanted = new Set(tasks.flatMap(({ targets }) => targets.map(formatReference)))
  const pruning = request.entries.filter(({ prune }) => prune !== 'no')
  return Object.entries(ledger.lock().images).flatMap(([source, { targets }]) =>
    Object.entries(targets).flatMap(([name, locked]) => {
      if (wanted.has(name)) return []
      const target = parseReference(name)
      if (!('tag' in target)) return []
      const entry = pruning.find((one) => covers(one, source, target))
      return entry === undefined || entry.prune === 'no' ? [] : [{ source, target, locked, prune: entry.prune }]
    }),
  )
}

/** Whether an entry is one that may have written a target: the same source and the same place. */
function covers(entry: MirrorEntry, source: string, target: TagReference): boolean {
  const place = formatRepository(target)
  switch (entry.kind) {
    case 'image':
      // One image by its name: it does not leave a list.
      return false
    case 'repository':
      return (
        source.startsWith(`${formatRepository(entry.source)}:`) &&
        entry.targets.some((one) => formatRepository(one) === place)
      )
    case 'registry':
      return (
        source.startsWith(`${entry.source}/`) &&
        entry.targets.some(({ registry, prefix }) =>
          place.startsWith(prefix === '' ? `${registry}/` : `${registry}/${prefix}/`),
        )
      )
  }
}

import { asLadingError } from '../../error.ts'
import type { Digest } from '../../image/digest.ts'
import { formatReference, formatRepository, parseReference, type TagReference } from '../../image/reference.ts'
import type { LockedTarget } from '../../plan/lock.ts'
import type { MirrorTask } from '../../plan/mirror-plan.ts'
import type { MirrorEntry } from '../../plan/mirror-request.ts'
import { count } from '../../plan/print.ts'
import { type MirrorRun, remoteOf, type Settled } from './ledger.ts'

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
  const gone: Gone[] = []
  for (const one of goneTargets(run, tasks)) if (await hasLeft(run, one)) gone.push(one)
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

async function pruneOne(run: MirrorRun, gone: Gone): Promise<void> {
  const name = formatReference(gone.target)
  try {
    await takeAway(run, gone)
  } catch (thrown) {
    const { code, message } = asLadingError(thrown)
    if (code === 'CANCELLED') throw thrown
    settle(run, gone, { outcome: 'kept', reason: `left the source, and could not be removed: ${message}` }, null)
    run.edges.reporter.warn(`prune: ${name} could not be removed: ${message}`)
  }
}

async function takeAway(run: MirrorRun, gone: Gone): Promise<void> {
  const { target, locked, prune } = gone
  const isPlan = prune === 'plan' || run.request.dryRun || run.request.check !== 'off'
  const remote = remoteOf(run, target, 'push')
  const shown = (await remote.resolve(target.tag))?.digest ?? null
  if (shown !== null && shown !== locked.digest) {
    return settle(run, gone, { outcome: 'kept', reason: 'left the source, and shows what somebody else wrote' }, shown)
  }
  if (isPlan) {
    // What is gone already is only forgotten, and that is nothing to announce.
    if (shown === null) return
    return settle(
      run,
      gone,
      { outcome: 'planned', reason: 'left the source and would be removed', digest: null },
      shown,
    )
  }
  if (shown !== null) await remote.deleteTag(target.tag)
  settle(run, gone, { outcome: 'pruned', reason: 'left the source', digest: null }, shown)
  run.edges.reporter.info(`${formatReference(target)} left the source and was removed`)
}

function settle({ ledger }: MirrorRun, { source, target }: Gone, settled: Settled, before: Digest | null): void {
  ledger.pruned(source, target, { ...settled, before })
}

/**
 * Whether the tag is gone at the source. One that is still there and only no longer chosen has not left; and where a list
 * has nothing at all, a right to see it is missing more often than every image.
 */
async function hasLeft({ facts, edges }: MirrorRun, { source, target }: Gone): Promise<boolean> {
  const reference = parseReference(source)
  const place = formatRepository(reference)
  const list = await facts.tagLists.get(place)?.()
  if (list === undefined || list.tags.length === 0) {
    edges.reporter.notice(`prune: ${formatReference(target)} stays: ${place} lists no tags at all`)
    return false
  }
  return 'tag' in reference && list.isWhole && !list.tags.includes(reference.tag)
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

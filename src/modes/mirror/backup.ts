import { copyGraph } from '../../content/copy.ts'
import { readManifest } from '../../content/image.ts'
import { asLadingError, LadingError } from '../../error.ts'
import { formatReference, formatRepository } from '../../image/reference.ts'
import type { Sight } from '../../plan/mirror-plan.ts'
import type { MirrorEntry } from '../../plan/mirror-request.ts'
import { backupOf } from '../../tags/backup-name.ts'
import type { Changed } from './compare.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'

/**
 * Gives the old images of targets that will be overwritten the names that they are to be kept under. Why not, by target,
 * for those that could not be kept: they are not to be overwritten.
 */
export async function keepOld(run: MirrorRun, task: Changed): Promise<ReadonlyMap<string, LadingError>> {
  const unkept = new Map<string, LadingError>()
  for (const sight of task.open) {
    try {
      await keepOne(run, task.entry, sight)
    } catch (thrown) {
      const error = asLadingError(thrown)
      if (error.code === 'CANCELLED') throw error
      unkept.set(formatReference(sight.target), error)
    }
  }
  return unkept
}

/** Keeps what one target shows, where that is wanted and there is something. Throws why it cannot be kept. */
export async function keepOne(run: MirrorRun, entry: MirrorEntry, { target, before }: Sight): Promise<void> {
  if (before === undefined) return
  const name = backupOf(entry, target, run.edges.clock.now())
  if (name === undefined) return
  if ('why' in name) throw new LadingError('INPUT_INVALID', `keeping the old image: ${name.why}`)
  const old = remoteOf(run, target, 'push')
  const place = remoteOf(run, name, 'push')
  if (formatRepository(name) !== formatRepository(target)) {
    await copyGraph(before, { source: old, target: place, signal: run.edges.clock.signal })
  }
  await place.tag(await readManifest(old, before), name.tag)
  run.edges.reporter.info(`${formatReference(target)} is kept as ${formatReference(name)}`)
}

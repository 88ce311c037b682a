import { copyGraph } from '../../content/copy.ts'
import { readManifest } from '../../content/image.ts'
import { LadingError } from '../../error.ts'
import { formatReference, formatRepository } from '../../image/reference.ts'
import { backupOf } from '../../tags/backup-name.ts'
import type { Changed } from './compare.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'

/** Gives the old images of targets that will be overwritten the names that they are to be kept under. */
export async function keepOld(run: MirrorRun, task: Changed): Promise<void> {
  if (task.entry.backup === undefined) return
  for (const { target, before } of task.open) {
    if (before === undefined) continue
    const name = backupOf(task.entry, target, run.edges.clock.now())
    if (name === undefined) continue
    if ('why' in name) throw new LadingError('INPUT_INVALID', `keeping the old image: ${name.why}`)
    const old = remoteOf(run, target, 'push')
    const place = remoteOf(run, name, 'push')
    if (formatRepository(name) !== formatRepository(target)) {
      await copyGraph(before, { source: old, target: place, signal: run.edges.clock.signal })
    }
    await place.tag(await readManifest(old, before), name.tag)
    run.edges.reporter.info(`${formatReference(target)} is kept as ${formatReference(name)}`)
  }
}

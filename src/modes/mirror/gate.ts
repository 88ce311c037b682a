import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { checkedOnce } from '../../content/checked.ts'
import { readImage, verifyImage } from '../../content/image.ts'
import { stageLayout } from '../../content/layout-target.ts'
import type { Source } from '../../content/store.ts'
import type { Admitted } from '../../image/admitted.ts'
import { formatReference, formatRepository } from '../../image/reference.ts'
import { judge, refusalError } from '../../scan/verdict.ts'
import type { Changed } from './compare.ts'
import type { MirrorRun } from './ledger.ts'
import type { Part } from './part.ts'

/** An image that may enter, where its bytes come from, and what to do when they are no longer needed. */
export type Approved = {
  readonly admitted: Admitted
  readonly source: Source
  release(): Promise<void>
}

/**
 * Lets an image in. Where the gate must see it first, it is brought to this machine, and what was looked at is what the
 * targets get. Throws `SCAN_FINDINGS` for what it refuses: the target keeps what it has.
 */
export async function admitTask(run: MirrorRun, task: Changed, { root, source, leaveOut }: Part): Promise<Approved> {
  const { scan } = task.entry
  const gate = { ...run.request.gate, scan }
  if (scan === 'off') {
    const verdict = judge(root, 'off', gate)
    if (!verdict.pass) throw refusalError(verdict, gate)
    return { admitted: verdict.image, source, release: async () => undefined }
  }
  const { edges, scans } = run
  const directory = await mkdtemp(join(edges.scratch.directory, 'mirrored-'))
  const release = () => rm(directory, { recursive: true, force: true })
  try {
    const layout = await stageLayout(source, root, join(directory, 'layout'), edges.clock.signal)
    const checked = checkedOnce(layout, edges.clock.signal)
    const image = await readImage(checked, root)
    await verifyImage(checked, image)
    const names = task.targets.map(formatRepository)
    const platforms = image.platforms.filter(({ manifest }) => !leaveOut(manifest))
    const wanted = { layoutDirectory: layout.directory, platforms, names }
    const found = await scans.look(formatReference(task.source), wanted, gate)
    const verdict = judge(root, found, gate)
    if (!verdict.pass) throw refusalError(verdict, gate)
    return { admitted: verdict.image, source: checked, release }
  } catch (error) {
    await release()
    throw error
  }
}

import type { Source } from '../../content/store.ts'
import { readTold } from '../../content/told.ts'
import type { Descriptor } from '../../image/descriptor.ts'
import { formatReference, type Reference } from '../../image/reference.ts'
import type { SeenTask } from '../../plan/mirror-plan.ts'
import { fits } from '../../tags/select.ts'
import { readCounted } from './counted.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'

/** Whether a new digest is old enough to be taken. */
export type Age =
  | { readonly ripe: true }
  /** `at`: when it will be, as far as anybody can tell */
  | { readonly ripe: false; readonly why: string }

/**
 * A digest counts from the time that its configuration tells, and from the first time that it was seen here, whichever is
 * later: the one can be written by whoever pushed it, the other cannot. What was seen too late anyhow is not read for it.
 */
export async function ageOf(run: MirrorRun, task: SeenTask, source: Source): Promise<Age> {
  const { minAge } = task.entry
  if (minAge.milliseconds === 0 || minAge.except.some((pattern) => fits(pattern, formatReference(task.source)))) {
    return { ripe: true }
  }
  const seen = run.request.lockFile === undefined ? undefined : seenSince(run, task)
  const ripens = (since: Date) => new Date(since.getTime() + minAge.milliseconds)
  const now = run.edges.clock.now()
  if (seen !== undefined && ripens(seen) > now) return young(ripens(seen))
  const made = await createdAt(source, task.shown)
  if (made !== undefined) return ripens(made) > now ? young(ripens(made)) : { ripe: true }
  if (seen !== undefined) return { ripe: true }
  return { ripe: false, why: 'nobody can tell how old it is: it has no creation time, and there is no lock-file' }
}

function young(ripeAt: Date): Age {
  return { ripe: false, why: `is younger than min-age, and will be taken from ${ripeAt.toISOString()} on` }
}

function seenSince({ ledger, edges }: MirrorRun, { source, shown }: SeenTask): Date {
  const known = ledger.lock().images[formatReference(source)]
  return known?.digest === shown.digest ? new Date(known.seen) : edges.clock.now()
}

/** When the image of a tag was made, as its configuration or its annotations tell. */
export async function madeAt(run: MirrorRun, reference: Reference): Promise<Date | undefined> {
  const shown = await remoteOf(run, reference, 'pull').resolve('tag' in reference ? reference.tag : reference.digest)
  return shown === undefined ? undefined : createdAt(readCounted(run, reference), shown)
}

/** Nothing is told by what reproducible builds write, the beginning of 1970 and its kin. */
async function createdAt(source: Source, shown: Descriptor): Promise<Date | undefined> {
  const { created } = await readTold(source, shown)
  const time = new Date(created)
  return created === '' || Number.isNaN(time.getTime()) || time.getUTCFullYear() < 2000 ? undefined : time
}

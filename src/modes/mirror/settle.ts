import type { Copied } from '../../content/copy.ts'
import type { Delivery, TagOutcome } from '../../content/publish.ts'
import type { ReferrersCarried } from '../../content/referrers.ts'
import { LadingError } from '../../error.ts'
import type { Digest } from '../../image/digest.ts'
import { formatReference } from '../../image/reference.ts'
import type { Sight } from '../../plan/mirror-plan.ts'
import { count } from '../../plan/print.ts'
import { formatBytes, formatDuration } from '../../report/quantity.ts'
import { type Budget, isOutOfPulls } from './budget.ts'
import type { Changed } from './compare.ts'
import type { MirrorRun } from './ledger.ts'

/** How it ended for one target. */
export type Ending = {
  readonly sight: Sight
  readonly outcome: TagOutcome | undefined
  readonly delivery: Delivery | undefined
  readonly along: ReferrersCarried | undefined
  /** why the old image could not be kept */
  readonly error: LadingError | undefined
  /** the first target in its repository: what came there counts with it */
  readonly isFirst: boolean
  readonly digest: Digest
  readonly milliseconds: number
}

/** What became of a target that was to be written. */
export function settle(run: MirrorRun, task: Changed, budget: Budget, ending: Ending): void {
  const { ledger, edges } = run
  const { sight, outcome, delivery, along, isFirst, digest, milliseconds } = ending
  const error = errorOf(ending)
  if (error !== undefined) {
    settleFailed(run, task, budget, { sight, error })
    return
  }
  const bytes = isFirst ? bytesOf(delivery?.copied ?? []) + bytesOf(along?.copied ?? []) : 0
  const referrers = along === undefined ? 0 : along.referrers + along.tags.length
  if (outcome?.outcome === 'held' || outcome?.outcome === 'kept') {
    ledger.settle(task, sight, { outcome: 'kept', reason: outcome.reason, bytes, referrers, milliseconds })
    return
  }
  ledger.wrote(task, sight.target, digest)
  const isNew = outcome?.outcome !== 'unchanged'
  ledger.settle(task, sight, { outcome: isNew ? 'copied' : 'unchanged', digest, bytes, referrers, milliseconds })
  const more = referrers === 0 ? '' : `, ${count(referrers, 'signature or attestation', 'signatures and attestations')}`
  const name = formatReference(sight.target)
  edges.reporter.info(`  ${name}: ${formatBytes(bytes)}${more}, ${formatDuration(milliseconds)}`)
}

/** Who is out of pulls in the middle waits for more, as who had none from the start. */
export function settleFailed(
  { ledger }: MirrorRun,
  task: Changed,
  budget: Budget,
  { sight, error }: { readonly sight: Sight; readonly error: LadingError },
): void {
  if (isOutOfPulls(task, error)) ledger.settle(task, sight, { outcome: 'held', reason: budget.spent() })
  else if (error.code === 'CANCELLED') ledger.settle(task, sight, { outcome: 'not-reached', reason: error.message })
  else ledger.fail(task, [sight], error)
}

/** An image whose signatures did not come along is not what was asked for, though it can be pulled. */
function errorOf({ outcome, delivery, along, error }: Ending): LadingError | undefined {
  if (delivery !== undefined && !delivery.arrived) return delivery.error
  if (error !== undefined) return error
  if (outcome?.outcome === 'failed') return outcome.error
  if (outcome?.outcome === 'refused') return new LadingError('PARTLY_COPIED', outcome.reason)
  return along?.error
}

/** The image was there; what belongs to it may be new, and parts of it may have been lost. */
export function settleRechecked(
  run: MirrorRun,
  task: Changed,
  budget: Budget,
  { sight, delivery, along }: Pick<Ending, 'sight' | 'delivery' | 'along'>,
): void {
  const error = delivery?.arrived === false ? delivery.error : along?.error
  if (error !== undefined) {
    settleFailed(run, task, budget, { sight, error })
    return
  }
  const missed = bytesOf(delivery?.copied ?? [])
  const bytes = missed + bytesOf(along?.copied ?? [])
  const isNew = bytes > 0 || along?.tags.some(({ outcome }) => outcome === 'created' || outcome === 'moved') === true
  const referrers = along === undefined ? 0 : along.referrers + along.tags.length
  run.ledger.settle(task, sight, {
    outcome: isNew ? 'copied' : 'unchanged',
    reason: reasonOf(isNew, missed),
    bytes,
    referrers,
  })
}

function reasonOf(isNew: boolean, missed: number): string {
  if (!isNew) return ''
  return missed > 0 ? 'parts of it were missing' : 'only what belongs to it is new'
}

function bytesOf(copied: readonly Copied[]): number {
  return copied.filter(({ status }) => status === 'uploaded').reduce((sum, { descriptor }) => sum + descriptor.size, 0)
}

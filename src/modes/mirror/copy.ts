import type { Copied } from '../../content/copy.ts'
import { copyToAll } from '../../content/fan-out.ts'
import { type Delivery, type Destination, moveTags, type TagOutcome } from '../../content/publish.ts'
import type { ReferrersCarried } from '../../content/referrers.ts'
import { asLadingError, LadingError } from '../../error.ts'
import type { Digest } from '../../image/digest.ts'
import { DOCKER_HUB, formatReference, formatRepository, type Repository } from '../../image/reference.ts'
import { oldestFirst, type Sight } from '../../plan/mirror-plan.ts'
import { count } from '../../plan/print.ts'
import { formatBytes, formatDuration } from '../../report/quantity.ts'
import type { Say } from '../run.ts'
import { keepOld } from './backup.ts'
import type { Budget } from './budget.ts'
import type { Changed } from './compare.ts'
import { type Approved, admitTask } from './gate.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'
import { inTurn } from './pool.ts'
import { carryReferrers } from './referrers.ts'

/** Copies what changed, those first that have waited longest. One that fails stops no other, unless it is to. */
export async function copyAll(
  run: MirrorRun,
  { tasks, budget }: { readonly tasks: readonly Changed[]; readonly budget: Budget },
  say: Say,
): Promise<void> {
  const { ledger } = run
  await inTurn(oldestFirst(tasks, ledger.lock()), run.request.imagesAtATime, async (task) => {
    run.edges.clock.signal.throwIfAborted()
    if (!ledger.goesOn()) return settleAll(run, task, 'not-reached', 'an image before it failed (on-error: abort)')
    const why = await budget.hold(task)
    if (why !== undefined) return settleAll(run, task, 'held', why)
    await copyOne(run, task, budget)
  })
  const copied = ledger.images().filter(({ outcome }) => outcome === 'copied')
  const bytes = copied.reduce((sum, one) => sum + one.bytes, 0)
  const held = ledger.images().filter(({ outcome }) => outcome === 'held').length
  say(`${count(copied.length, 'target')} written, ${formatBytes(bytes)}${held === 0 ? '' : `, ${held} held`}`)
}

function settleAll({ ledger }: MirrorRun, task: Changed, outcome: 'held' | 'not-reached', reason: string): void {
  for (const sight of task.open) ledger.settle(task, sight, { outcome, reason })
}

async function copyOne(run: MirrorRun, task: Changed, budget: Budget): Promise<void> {
  const begun = performance.now()
  try {
    const { part } = task
    const approved = await admitTask(run, { task, root: part.root, source: part.source })
    try {
      await bring(run, task, approved, begun)
    } finally {
      await approved.release()
    }
  } catch (thrown) {
    const error = asLadingError(thrown)
    if (error.code === 'CANCELLED') throw error
    if (error.code === 'RATE_LIMITED' && task.source.registry === DOCKER_HUB) {
      budget.spent()
      return settleAll(run, task, 'held', error.message)
    }
    run.ledger.fail(task, task.open, error)
  }
}

/** Content to all targets at once, what hangs on it, the old image out of the way, and the tags last. */
async function bring(run: MirrorRun, task: Changed, approved: Approved, begun: number): Promise<void> {
  const { admitted, source } = approved
  const deliveries = await deliver(run, task, approved)
  const reached = task.open.filter(({ target }) => arrivedAt(deliveries, target))
  const carried = await carryReferrers(run, task, { root: admitted, source, sights: [...reached, ...task.recheck] })
  await keepOld(run, { ...task, open: reached })
  const { signal, sleep } = run.edges.clock
  const journey = { source, signal, sleep, now: () => performance.now(), onFailure: 'continue' as const }
  const outcomes = await moveTags(admitted, deliveries, { ...journey, rule: ruleOf(task) })
  const milliseconds = Math.round(performance.now() - begun)
  for (const sight of task.open) {
    const name = formatRepository(sight.target)
    const delivery = deliveries.find(({ destination }) => destination.target.name === name)
    const outcome = outcomes.find((one) => one.destination.target.name === name && one.tag === sight.target.tag)
    settle(run, task, { sight, outcome, delivery, along: carried.get(name), digest: admitted.digest, milliseconds })
  }
  for (const sight of task.recheck) settleRechecked(run, task, sight, carried.get(formatRepository(sight.target)))
}

async function deliver(run: MirrorRun, task: Changed, { admitted, source }: Approved): Promise<readonly Delivery[]> {
  const destinations = destinationsOf(run, task.open)
  const begun = performance.now()
  const carried = await copyToAll(admitted, {
    source,
    targets: destinations.map(({ target }) => target),
    signal: run.edges.clock.signal,
    mountFrom: [task.source],
    leaveOut: task.part.leaveOut,
    turn: run.facts.turn,
  })
  return destinations.map((destination, at): Delivery => {
    const milliseconds = Math.round(performance.now() - begun)
    const one = carried[at]
    if (one === undefined) throw new Error(`nothing is known of ${destination.target.name}`)
    const { copied } = one
    return one.arrived
      ? { destination, arrived: true, copied, milliseconds }
      : { destination, arrived: false, error: one.error, copied, milliseconds }
  })
}

/** Each repository once, with all of its tags that are to be written. */
function destinationsOf(run: MirrorRun, sights: readonly Sight[]): readonly Destination[] {
  return [...Map.groupBy(sights, ({ target }) => formatRepository(target)).values()].flatMap((own) => {
    const [first] = own
    if (first === undefined) return []
    const tags = own.map(({ target, before }) => ({ tag: target.tag, kind: 'moving' as const, before: before?.digest }))
    return [{ target: remoteOf(run, first.target, 'push'), tags }]
  })
}

function arrivedAt(deliveries: readonly Delivery[], target: Repository): boolean {
  const name = formatRepository(target)
  return deliveries.some(({ destination, arrived }) => arrived && destination.target.name === name)
}

/** Somebody else wrote the tag while the content travelled. What may be overwritten still may be. */
function ruleOf({ entry }: Changed): NonNullable<Parameters<typeof moveTags>[2]['rule']> {
  return async ({ tag }, now, target) => {
    if (now === undefined || entry.existing === 'follow') return { act: 'write' }
    const reason = 'was written by somebody else meanwhile, and stays'
    if (entry.existing === 'add') return { act: 'kept', reason }
    return { act: 'fail', error: new LadingError('TAG_EXISTS', `${target.name}:${tag} ${reason} (existing: fail)`) }
  }
}

type Ending = {
  readonly sight: Sight
  readonly outcome: TagOutcome | undefined
  readonly delivery: Delivery | undefined
  readonly along: ReferrersCarried | undefined
  readonly digest: Digest
  readonly milliseconds: number
}

function settle(run: MirrorRun, task: Changed, ending: Ending): void {
  const { ledger, edges } = run
  const { sight, outcome, delivery, along, digest, milliseconds } = ending
  const error = errorOf(ending)
  if (error !== undefined) {
    ledger.fail(task, [sight], error)
    return
  }
  const bytes = bytesOf(delivery?.copied ?? []) + bytesOf(along?.copied ?? [])
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

/** An image whose signatures did not come along is not what was asked for, though it can be pulled. */
function errorOf({ outcome, delivery, along }: Ending): LadingError | undefined {
  if (delivery !== undefined && !delivery.arrived) return delivery.error
  if (outcome?.outcome === 'failed') return outcome.error
  if (outcome?.outcome === 'refused') return new LadingError('PARTLY_COPIED', outcome.reason)
  return along?.error
}

/** The image was there; what belongs to it may be new. */
function settleRechecked(
  { ledger }: MirrorRun,
  task: Changed,
  sight: Sight,
  along: ReferrersCarried | undefined,
): void {
  if (along?.error !== undefined) {
    ledger.fail(task, [sight], along.error)
    return
  }
  const bytes = bytesOf(along?.copied ?? [])
  const isNew = bytes > 0 || along?.tags.some(({ outcome }) => outcome === 'created' || outcome === 'moved') === true
  const referrers = along === undefined ? 0 : along.referrers + along.tags.length
  ledger.settle(task, sight, {
    outcome: isNew ? 'copied' : 'unchanged',
    reason: isNew ? 'only what belongs to it is new' : '',
    bytes,
    referrers,
  })
}

function bytesOf(copied: readonly Copied[]): number {
  return copied.filter(({ status }) => status === 'uploaded').reduce((sum, { descriptor }) => sum + descriptor.size, 0)
}

import { copyToAll } from '../../content/fan-out.ts'
import { type Delivery, type Destination, moveTags } from '../../content/publish.ts'
import { asLadingError, LadingError } from '../../error.ts'
import { formatReference, formatRepository, type Repository } from '../../image/reference.ts'
import { oldestFirst, type Sight } from '../../plan/mirror-plan.ts'
import { count } from '../../plan/print.ts'
import { formatBytes } from '../../report/quantity.ts'
import type { Say } from '../run.ts'
import { keepOld, keepOne } from './backup.ts'
import type { Budget } from './budget.ts'
import type { Changed } from './compare.ts'
import { type Approved, admitTask } from './gate.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'
import type { Part } from './part.ts'
import { inTurn } from './pool.ts'
import { carryReferrers } from './referrers.ts'
import { settle, settleFailed, settleRechecked } from './settle.ts'

/** Copies what changed, those first that have waited longest. One that fails stops no other, unless it is to. */
export async function copyAll(
  run: MirrorRun,
  { tasks, budget }: { readonly tasks: readonly Changed[]; readonly budget: Budget },
  say: Say,
): Promise<void> {
  const { ledger } = run
  await inTurn(oldestFirst(tasks, ledger.lock()), run.request.imagesAtATime, async (task) => {
    if (run.edges.clock.signal.aborted) return settleAll(run, task, 'not-reached', 'the step was cancelled before')
    if (!ledger.goesOn()) return settleAll(run, task, 'not-reached', 'an image before it failed (on-error: abort)')
    const room = await budget.room(task)
    if (room.held !== undefined) return settleAll(run, task, 'held', room.held)
    await copyOne(run, task, budget).finally(room.giveBack)
  })
  run.edges.clock.signal.throwIfAborted()
  const copied = ledger.images().filter(({ outcome }) => outcome === 'copied')
  const bytes = copied.reduce((sum, one) => sum + one.bytes, 0)
  const held = ledger.images().filter(({ outcome }) => outcome === 'held').length
  say(`${count(copied.length, 'target')} written, ${formatBytes(bytes)}${held === 0 ? '' : `, ${held} held`}`)
}

function settleAll({ ledger }: MirrorRun, task: Changed, outcome: 'held' | 'not-reached', reason: string): void {
  for (const sight of sightsOf(task)) ledger.settle(task, sight, { outcome, reason })
}

function sightsOf({ open, recheck }: Changed): readonly Sight[] {
  return [...open, ...recheck]
}

async function copyOne(run: MirrorRun, task: Changed, budget: Budget): Promise<void> {
  const begun = performance.now()
  try {
    const part = await task.part()
    const approved = await admitTask(run, task, part)
    try {
      await bring(run, { task, part, approved, begun, budget })
    } finally {
      await approved.release()
    }
  } catch (thrown) {
    const error = asLadingError(thrown)
    for (const sight of sightsOf(task)) settleFailed(run, task, budget, { sight, error })
  }
}

/** An image that is let in, on its way. */
type Passage = {
  readonly task: Changed
  readonly part: Part
  readonly approved: Approved
  /** by a clock that only goes forward */
  readonly begun: number
  readonly budget: Budget
}

/** Content to all targets at once, what hangs on it, the old image out of the way, and the tags last. */
async function bring(run: MirrorRun, passage: Passage): Promise<void> {
  const { task, part, approved, begun, budget } = passage
  const { admitted, source } = approved
  const deliveries = await deliver(run, passage)
  const reached = task.open.filter(({ target }) => arrivedAt(deliveries, target))
  // What belongs to an image is at its source, wherever the image itself is read by now.
  const carried = await carryReferrers(run, task, {
    root: admitted,
    image: part.source,
    leaveOut: part.leaveOut,
    sights: [...reached, ...task.recheck],
  })
  const unkept = await keepOld(run, { ...task, open: reached })
  const { signal, sleep } = run.edges.clock
  const journey = { source, signal, sleep, now: () => performance.now(), onFailure: 'continue' as const }
  const movable = deliveries.map((delivery) => withoutUnkept(delivery, unkept))
  // Where nothing has arrived there is nothing to name, and what failed is known.
  const outcomes =
    reached.length === 0 ? [] : await moveTags(admitted, movable, { ...journey, rule: ruleOf(run, task) })
  const milliseconds = Math.round(performance.now() - begun)
  const counted = new Set<string>()
  for (const sight of task.open) {
    const name = formatRepository(sight.target)
    const delivery = deliveries.find(({ destination }) => destination.target.name === name)
    const outcome = outcomes.find((one) => one.destination.target.name === name && one.tag === sight.target.tag)
    // What came to a repository came once for all of its tags.
    const isFirst = !counted.has(name)
    counted.add(name)
    const error = unkept.get(formatReference(sight.target))
    settle(run, task, budget, {
      sight,
      outcome,
      delivery,
      along: carried.get(name),
      error,
      isFirst,
      digest: admitted.digest,
      milliseconds,
    })
  }
  for (const sight of task.recheck) {
    const name = formatRepository(sight.target)
    const delivery = deliveries.find(({ destination }) => destination.target.name === name)
    settleRechecked(run, task, budget, { sight, delivery, along: carried.get(name) })
  }
}

/** A tag whose image could not be kept stays where it is. */
function withoutUnkept(delivery: Delivery, unkept: ReadonlyMap<string, LadingError>): Delivery {
  const { target, tags } = delivery.destination
  const movable = tags.filter(({ tag }) => !unkept.has(`${target.name}:${tag}`))
  return { ...delivery, destination: { target, tags: movable } }
}

async function deliver(run: MirrorRun, { task, part, approved }: Passage): Promise<readonly Delivery[]> {
  const { admitted, source } = approved
  const destinations = destinationsOf(run, task)
  const begun = performance.now()
  const carried = await copyToAll(admitted, {
    source,
    targets: destinations.map(({ target }) => target),
    signal: run.edges.clock.signal,
    mountFrom: [task.source],
    leaveOut: part.leaveOut,
    allParts: task.entry.allParts,
    turn: run.facts.turn,
    oneByOne: run.facts.oneByOne,
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

/** Each repository once, with all of its tags that are to be written; none where only parts are looked for. */
function destinationsOf(run: MirrorRun, { open, recheck, entry }: Changed): readonly Destination[] {
  const sights = [...open, ...(entry.allParts ? recheck : [])]
  return [...Map.groupBy(sights, ({ target }) => formatRepository(target)).values()].flatMap((own) => {
    const [first] = own
    if (first === undefined) return []
    const written = own.filter((sight) => open.includes(sight))
    const tags = written.map(({ target, before }) => ({
      tag: target.tag,
      kind: 'moving' as const,
      before: before?.digest,
    }))
    return [{ target: remoteOf(run, first.target, 'push'), tags }]
  })
}

function arrivedAt(deliveries: readonly Delivery[], target: Repository): boolean {
  const name = formatRepository(target)
  return deliveries.some(({ destination, arrived }) => arrived && destination.target.name === name)
}

/**
 * Somebody else wrote the tag while the content travelled. What may be overwritten still may be, and where the old image is
 * to be kept, so is this one.
 */
function ruleOf(run: MirrorRun, task: Changed): NonNullable<Parameters<typeof moveTags>[2]['rule']> {
  const { entry } = task
  return async ({ tag }, now, { name }) => {
    if (now === undefined) return { act: 'write' }
    if (entry.existing === 'follow') {
      const sight = task.open.find(({ target }) => formatReference(target) === `${name}:${tag}`)
      if (sight !== undefined) await keepOne(run, entry, { ...sight, before: now })
      return { act: 'write' }
    }
    const reason = 'was written by somebody else meanwhile, and stays'
    if (entry.existing === 'add') return { act: 'kept', reason }
    return { act: 'fail', error: new LadingError('TAG_EXISTS', `${name}:${tag} ${reason} (existing: fail)`) }
  }
}

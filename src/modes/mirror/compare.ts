import { asLadingError, LadingError } from '../../error.ts'
import type { Digest } from '../../image/digest.ts'
import { DOCKER_HUB, formatReference } from '../../image/reference.ts'
import {
  decideTarget,
  type Fate,
  type MirrorTask,
  type SeenTask,
  type Sight,
  wantedDigest,
} from '../../plan/mirror-plan.ts'
import { count } from '../../plan/print.ts'
import type { Say } from '../run.ts'
import { ageOf } from './ages.ts'
import { isOutOfPulls } from './budget.ts'
import { readCounted } from './counted.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'
import { type Part, partOf } from './part.ts'

/** An image of which something is to be done. */
export type Changed = SeenTask & {
  /** targets that are to be written */
  readonly open: readonly Sight[]
  /** targets that show it already, and of which parts, or signatures and the like, are looked at all the same */
  readonly recheck: readonly Sight[]
  readonly wanted: Digest
  /** what of it is copied; read when it is asked for, for a manifest costs a pull */
  part(): Promise<Part>
}

/**
 * What changed, found by HEAD requests alone, on both sides and all at once. What did not is settled here, and so is what
 * may not be written, or not yet.
 */
export async function compare(run: MirrorRun, tasks: readonly MirrorTask[], say: Say): Promise<readonly Changed[]> {
  const compared = await Promise.all(tasks.map((task) => orFail(run, task, () => compareOne(run, task))))
  const changed = compared.flatMap((task) => task ?? [])
  const open = changed.reduce((sum, task) => sum + task.open.length, 0)
  say(`${count(tasks.length, 'image')} looked at, ${open === 0 ? 'nothing' : count(open, 'target')} to write`)
  return changed
}

/** One image that cannot be looked at stops no other; one for which there are no pulls left waits for the next run. */
async function orFail<T>(run: MirrorRun, task: MirrorTask, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (thrown) {
    const error = asLadingError(thrown)
    if (error.code === 'CANCELLED') throw error
    if (!isOutOfPulls(task, error)) run.ledger.fail(task, [], error)
    else {
      const unseen = task.targets.map((target) => ({ target, before: undefined }))
      for (const sight of unseen) run.ledger.settle(task, sight, { outcome: 'held', reason: error.message })
    }
    return undefined
  }
}

async function compareOne(run: MirrorRun, task: MirrorTask): Promise<Changed | undefined> {
  const looked = await lookAt(run, task)
  const source = readCounted(run, task.source)
  // Of a part nobody knows the digest beforehand, unless the lock file remembers it. A target may show it already.
  const early = looked.wanted === undefined ? await partOf(looked, source) : undefined
  const seen = { ...looked, wanted: early?.root.digest ?? looked.wanted ?? looked.shown.digest }
  const decided = seen.sights.map((sight) => ({ sight, fate: decideTarget(seen, sight) }))
  const having = (act: Fate['act']) => decided.filter(({ fate }) => fate.act === act).map(({ sight }) => sight)
  const behind = having('copy')
  const age = behind.length === 0 ? RIPE : await ageOf(run, seen, source)
  // Whatever may fail has been asked by now: each target is settled once.
  for (const { sight, fate } of decided) settleNow(run, seen, sight, fate)
  if (!age.ripe) for (const sight of behind) run.ledger.settle(seen, sight, { outcome: 'held', reason: age.why })
  const open = age.ripe ? behind : []
  const recheck = looksAgain(seen) ? having('unchanged') : []
  if (behind.length + recheck.length === 0) savePull(run, seen)
  if (open.length + recheck.length === 0) return undefined
  return { ...seen, open, recheck, part: async () => early ?? partOf(seen, source) }
}

const RIPE = { ripe: true } as const

/** Whether parts of an image, or what belongs to it, are looked for though it is there. */
function looksAgain({ entry }: MirrorTask): boolean {
  return entry.allParts || entry.referrers.carry === 'recheck' || entry.digestTags === 'recheck'
}

/** What needs no work any more. */
function settleNow({ ledger }: MirrorRun, task: SeenTask, sight: Sight, fate: Fate): void {
  switch (fate.act) {
    case 'unchanged':
      if (!looksAgain(task)) ledger.settle(task, sight, { outcome: 'unchanged' })
      break
    case 'kept':
      ledger.settle(task, sight, { outcome: 'kept', reason: fate.reason })
      break
    case 'fail': {
      const message = `${formatReference(sight.target)} ${fate.reason}`
      ledger.fail(task, [sight], new LadingError('TAG_EXISTS', message, { hint: FAIL_HINT }))
      break
    }
    case 'copy':
      break
  }
}

const FAIL_HINT = 'Set `existing: follow` to overwrite it, or remove it at the target.'

async function lookAt(run: MirrorRun, task: MirrorTask): Promise<SeenTask> {
  const { source, targets } = task
  const [shown, ...befores] = await Promise.all([
    remoteOf(run, source, 'pull').resolve('tag' in source ? source.tag : source.digest),
    ...targets.map((target) => remoteOf(run, target, 'push').resolve(target.tag)),
  ])
  if (shown === undefined) {
    throw new LadingError('SOURCE_MISSING', `looking at the source ${formatReference(source)}: it is not there`)
  }
  run.ledger.saw(task, shown.digest)
  const sights = targets.map((target, at) => ({ target, before: befores[at] }))
  const wanted = wantedDigest(task, shown.digest, run.ledger.lock())
  return { ...task, shown, ...(wanted === undefined ? {} : { wanted }), sights }
}

/** A pull that whoever looks by GET would have spent. */
function savePull({ facts }: MirrorRun, { source }: SeenTask): void {
  if (source.registry === DOCKER_HUB) facts.pulls.saved += 1
}

import { tagsOnce } from '../../content/found-referrers.ts'
import { type OneByOne, oneByOne } from '../../content/one-by-one.ts'
import type { TagList } from '../../content/store.ts'
import { type Turn, turns } from '../../content/turns.ts'
import type { Edges } from '../../edges.ts'
import type { LadingError } from '../../error.ts'
import type { Digest } from '../../image/digest.ts'
import { formatReference, formatRepository, type Repository, type TagReference } from '../../image/reference.ts'
import type { Environment } from '../../plan/environment.ts'
import { type Lock, withoutTarget, withSighting, withWritten } from '../../plan/lock.ts'
import { type MirrorTask, partName, type SeenTask, type Sight } from '../../plan/mirror-plan.ts'
import type { MirrorEntry, MirrorRequest } from '../../plan/mirror-request.ts'
import type { LackingBase, MirroredImage, MirrorReport, MirrorTraffic } from '../../report/mirror-report.ts'
import type { Failure, Phase, RateLimitReport } from '../../report/report.ts'
import { beginPhases, type Phases } from '../run.ts'
import { openScans, type Scans } from './scans.ts'

/** One mirror on its way. */
export type MirrorRun = Phases & {
  readonly request: MirrorRequest
  readonly environment: Environment
  readonly edges: Edges
  readonly facts: MirrorFacts
  readonly ledger: Ledger
  readonly scans: Scans
}

export type MirrorFacts = {
  readonly phases: Phase[]
  readonly rateLimits: RateLimitReport[]
  readonly pulls: { spent: number; saved: number }
  /** repositories that were asked, whose traffic the report counts */
  readonly asked: Map<string, { readonly registry: string; readonly traffic: () => Omit<MirrorTraffic, 'registry'> }>
  /** blobs that travel to several targets at a time, for all images together */
  readonly turn: Turn
  /** a blob that several images bring to one target travels there once */
  readonly oneByOne: OneByOne
  /** lists of tags that were asked for, by repository */
  readonly tagLists: Map<string, () => Promise<TagList>>
  lacking: readonly LackingBase[]
  failure?: Failure
}

/** Begins a mirror that knows nothing yet. */
export function beginMirror(start: Pick<MirrorRun, 'request' | 'environment' | 'edges'>): MirrorRun {
  const { request, edges } = start
  const facts: MirrorFacts = {
    phases: [],
    rateLimits: [],
    pulls: { spent: 0, saved: 0 },
    asked: new Map(),
    turn: turns(BLOBS_AT_A_TIME),
    oneByOne: oneByOne(),
    tagLists: new Map(),
    lacking: [],
  }
  const phases = beginPhases(facts.phases, edges)
  const ledger = openLedger(request, edges.clock.now)
  return { ...start, ...phases, facts, ledger, scans: openScans({ ...start, ...phases }) }
}

/** As many as a registry's transfers, where nobody says otherwise. */
const BLOBS_AT_A_TIME = 4

/** What became of a target; `before` and names are the ledger's to know. */
export type Settled = Pick<MirroredImage, 'outcome'> &
  Partial<Pick<MirroredImage, 'digest' | 'reason' | 'bytes' | 'referrers' | 'milliseconds'>>

/** Every image of a mirror and what became of it, and what the lock file will remember. */
export type Ledger = {
  lock(): Lock
  /** The source shows this digest now. */
  saw(task: MirrorTask, digest: Digest): void
  settle(task: MirrorTask, sight: Sight, settled: Settled): void
  /** A target shows what it should, because this run wrote it. */
  wrote(task: SeenTask, target: TagReference, digest: Digest): void
  pruned(source: string, target: TagReference, settled: Settled & { readonly before: Digest | null }): void
  /** Targets that could not be served; none: the task failed before anything was known of them. */
  fail(task: MirrorTask, sights: readonly Sight[], error: LadingError): void
  /** An entry of which nothing could even be listed. */
  failEntry(entry: MirrorEntry, name: string, error: LadingError): void
  /** whether anything is still to be begun: after a failure nothing is, where the first one ends it all */
  goesOn(): boolean
  failed(): readonly { readonly name: string; readonly error: LadingError }[]
  /** whether anything was written by this run */
  copied(): number
  images(): readonly MirroredImage[]
}

export function openLedger(request: MirrorRequest, now: () => Date): Ledger {
  let { lock } = request
  const images: MirroredImage[] = []
  const failures: { readonly name: string; readonly error: LadingError }[] = []

  function add(
    image: Pick<MirroredImage, 'source' | 'target' | 'origin' | 'before'>,
    settled: Settled,
    code = '',
  ): void {
    const { digest = image.before, reason = '', bytes = 0, referrers = 0, milliseconds = 0 } = settled
    images.push({ ...image, digest, outcome: settled.outcome, reason, code, bytes, referrers, milliseconds })
  }

  function settle(task: MirrorTask, { target, before }: Sight, settled: Settled, code?: string): void {
    const source = formatReference(task.source)
    const named = {
      source,
      target: formatReference(target),
      origin: originOf(task.entry),
      before: before?.digest ?? null,
    }
    add(named, settled, code)
  }

  return {
    lock: () => lock,
    saw: (task, digest) => {
      lock = withSighting(lock, formatReference(task.source), digest, now())
    },
    settle: (task, sight, settled) => settle(task, sight, settled),
    wrote: ({ source, shown, entry }, target, digest) => {
      const part = partName(entry.platforms)
      const written = { digest, of: shown.digest, ...(part === undefined ? {} : { part }), now: now() }
      lock = withWritten(lock, formatReference(source), formatReference(target), written)
    },
    pruned: (source, target, { before, ...settled }) => {
      add({ source, target: formatReference(target), origin: '', before }, settled)
      if (settled.outcome === 'pruned') lock = withoutTarget(lock, source, formatReference(target))
    },
    fail: (task, sights, error) => {
      failures.push({ name: formatReference(task.source), error })
      const lost = sights.length > 0 ? sights : task.targets.map((target) => ({ target, before: undefined }))
      for (const sight of lost) settle(task, sight, { outcome: 'failed', reason: error.message }, error.code)
    },
    failEntry: (entry, name, error) => {
      failures.push({ name, error })
      const image = { source: name, target: '', origin: originOf(entry), before: null }
      add(image, { outcome: 'failed', reason: error.message }, error.code)
    },
    goesOn: () => request.onError === 'continue' || failures.length === 0,
    failed: () => failures,
    copied: () => images.filter(({ outcome }) => outcome === 'copied').length,
    images: () => images,
  }
}

function originOf({ origin }: MirrorEntry): string {
  return `${origin.file}, line ${origin.line}`
}

/** The report of what is known. */
export function reportOf({ request, facts, ledger }: MirrorRun): MirrorReport {
  const images = ledger.images()
  const { failure, phases, rateLimits, pulls, lacking } = facts
  return {
    schema: 1,
    mode: 'mirror',
    result: resultOf(request, images, failure),
    reason: '',
    images,
    lacking,
    registries: trafficOf(facts),
    pulls,
    rateLimits,
    phases: [...phases],
    ...(failure === undefined ? {} : { failure }),
  }
}

function resultOf(
  { check, dryRun }: MirrorRequest,
  images: readonly MirroredImage[],
  failure: Failure | undefined,
): MirrorReport['result'] {
  const isPlanned = images.some(({ outcome }) => outcome === 'planned')
  if (failure !== undefined && failure.code !== 'DRIFT') return 'failed'
  if (check !== 'off') return isPlanned ? 'drift' : 'checked'
  if (dryRun) return 'dry-run'
  return images.some(({ outcome }) => outcome === 'copied' || outcome === 'pruned') ? 'mirrored' : 'unchanged'
}

function trafficOf({ asked }: MirrorFacts): readonly MirrorTraffic[] {
  const all = [...asked.values()].map(({ registry, traffic }) => ({ registry, ...traffic() }))
  return [...Map.groupBy(all, ({ registry }) => registry)].map(([registry, own]) => ({
    registry,
    requests: sumOf(own.map(({ requests }) => requests)),
    retries: own.reduce((sum, { retries }) => sum + retries, 0),
  }))
}

function sumOf(records: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {}
  for (const [method, number] of records.flatMap((record) => Object.entries(record))) {
    sum[method] = (sum[method] ?? 0) + number
  }
  return sum
}

/**
 * A repository as a side of the mirror, whose requests are counted. A check asks for no more than to read, on both sides:
 * GHCR refuses a token that may not write when it is asked to (crane's `pull,push`, pytorch/pytorch#184664).
 */
export function remoteOf({ request, edges, facts }: MirrorRun, repository: Repository, use: 'pull' | 'push') {
  const right = request.check === 'off' ? use : 'pull'
  const remote = edges.stores.remote(repository, right)
  facts.asked.set(`${right} ${formatRepository(repository)}`, {
    registry: repository.registry,
    traffic: remote.traffic,
  })
  return remote
}

/** The tags of a repository, listed once in a run, whoever asks. */
export function tagListOf(run: MirrorRun, repository: Repository): () => Promise<TagList> {
  const { tagLists } = run.facts
  const name = formatRepository(repository)
  const known = tagLists.get(name) ?? tagsOnce(remoteOf(run, repository, 'pull'))
  tagLists.set(name, known)
  return known
}

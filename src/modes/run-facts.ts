import type { Bases } from '../build/dockerfile.ts'
import type { Copied } from '../content/copy.ts'
import type { Image } from '../content/image.ts'
import type { Delivery, Destination, TagOutcome } from '../content/publish.ts'
import type { Edges, Remote } from '../edges.ts'
import { asLadingError, LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { isManifest } from '../image/media-type.ts'
import { formatReference, tagged } from '../image/reference.ts'
import type { Environment } from '../plan/environment.ts'
import { count } from '../plan/print.ts'
import type { Before, PublishPlan } from '../plan/publish-plan.ts'
import type { PublishRequest } from '../plan/request.ts'
import type { Facts } from '../report/draft.ts'
import { formatBytes, formatDuration } from '../report/quantity.ts'
import type { Amount, ReferenceReport, RegistryReport } from '../report/report.ts'

/** One publish on its way: what was asked, what is there to ask, and what is known so far. */
export type Run = {
  readonly request: PublishRequest
  readonly environment: Environment
  readonly edges: Edges
  /** Lading's own version */
  readonly release: string
  readonly facts: Facts
  plan?: PublishPlan
  bases?: Bases
  /** Does a part of the story and notes how long it took, whether it went well or not. */
  phase<T>(name: string, work: () => Promise<T>): Promise<T>
  /** what went to each registry, a line each */
  trafficLines(): readonly string[]
}

/** Begins a run that knows nothing yet. */
export function beginRun(start: Pick<Run, 'request' | 'environment' | 'edges' | 'release'>): Run {
  const facts: Facts = { phases: [] }
  const { clock, signal, reporter } = start.edges
  return {
    ...start,
    facts,
    async phase(name, work) {
      signal.throwIfAborted()
      const begin = clock.now().getTime()
      try {
        return await work()
      } finally {
        const milliseconds = clock.now().getTime() - begin
        facts.phases.push({ name, milliseconds })
        reporter.info(`${name.charAt(0).toUpperCase()}${name.slice(1)} ended after ${formatDuration(milliseconds)}`)
      }
    },
    trafficLines: () => (facts.registries ?? []).map(trafficLine),
  }
}

/** Writes a failure into the facts. A refusal of the gate has said already that it is one. */
export function failed({ facts }: Run, thrown: unknown): void {
  const { code, message, hint } = asLadingError(thrown)
  facts.result ??= 'failed'
  facts.failure = { code, message, hint }
  if (code === 'SCAN_FINDINGS')
    facts.references = (facts.references ?? []).map((one) => ({ ...one, reason: 'the gate refused this image' }))
}

/** References that nothing was tried with: they show what they showed. */
export function undone(plan: PublishPlan, reason: string): readonly ReferenceReport[] {
  return plan.references.map((reference) => ({
    reference: formatReference(tagged(reference, reference.tag)),
    kind: reference.kind,
    before: digestOf(reference.before),
    digest: digestOf(reference.before),
    outcome: 'refused',
    reason,
  }))
}

/** References as they would be written. */
export function planned(plan: PublishPlan, digest: Digest | undefined, reason: string): readonly ReferenceReport[] {
  return undone(plan, reason).map((reference) => ({ ...reference, outcome: 'planned', digest: digest ?? null }))
}

/** What became of each tag. */
export function tagReports(outcomes: readonly TagOutcome[], digest: Digest): readonly ReferenceReport[] {
  return outcomes.map((outcome) => {
    const reference = `${outcome.destination.target.name}:${outcome.tag}`
    const head = { reference, kind: outcome.kind, before: outcome.before ?? null }
    switch (outcome.outcome) {
      case 'failed':
        return { ...head, outcome: 'failed', digest: outcome.found ?? null, reason: outcome.error.message }
      case 'refused':
        return { ...head, outcome: 'refused', digest: head.before, reason: outcome.reason }
      default:
        return { ...head, outcome: outcome.outcome, digest, reason: '' }
    }
  })
}

/**
 * The one failure of a publish: what the first broken tag or delivery says, or `PARTLY_PUBLISHED` as soon as some tag
 * shows the image and another does not.
 */
export function failureOf(outcomes: readonly TagOutcome[], deliveries: readonly Delivery[]): LadingError | undefined {
  const broken = outcomes.filter((outcome) => outcome.outcome === 'failed')
  const [first] = broken
  if (first === undefined) return undefined
  const written = outcomes.filter(({ outcome }) => outcome === 'created' || outcome === 'moved')
  if (written.length === 0) {
    const lost = deliveries.flatMap((delivery) => (delivery.arrived ? [] : [delivery.error]))
    return lost[0] ?? first.error
  }
  const names = broken.map((outcome) => `${outcome.destination.target.name}:${outcome.tag} (${outcome.error.message})`)
  const message = `${count(written.length, 'tag')} of ${outcomes.length} were written, then it failed: ${names.join('; ')}`
  return new LadingError('PARTLY_PUBLISHED', message, { cause: first.error })
}

/** What went where: uploaded, mounted, and already there, blobs only; manifests are too small to count. */
export function registryReports(
  deliveries: readonly Delivery[],
  image: Image,
  remoteOf: (target: Destination['target']) => Remote | undefined,
): readonly RegistryReport[] {
  const blobs = image.content.filter(isBlob)
  return deliveries.map((delivery) => {
    const { target } = delivery.destination
    const slash = target.name.indexOf('/')
    const copied = delivery.arrived ? delivery.copied : []
    const uploaded = copied.filter(({ status }) => status === 'uploaded').map(({ descriptor }) => descriptor)
    const mounted = copied.filter(({ status }) => status === 'mounted').map(({ descriptor }) => descriptor)
    const moved = new Set([...uploaded, ...mounted].map(({ digest }) => digest))
    const present = delivery.arrived ? blobs.filter(({ digest }) => !moved.has(digest)) : []
    return {
      registry: target.name.slice(0, slash),
      repository: target.name.slice(slash + 1),
      uploaded: amount(uploaded.filter(isBlob)),
      mounted: amount(mounted),
      present: amount(present),
      ...(remoteOf(target)?.traffic() ?? { requests: {}, retries: 0 }),
      milliseconds: delivery.milliseconds,
    }
  })
}

function isBlob(descriptor: Descriptor): boolean {
  return !isManifest(descriptor.mediaType)
}

function amount(descriptors: readonly Copied['descriptor'][]): Amount {
  return { blobs: descriptors.length, bytes: descriptors.reduce((sum, { size }) => sum + size, 0) }
}

function trafficLine({ registry, repository, uploaded, mounted, present, milliseconds }: RegistryReport): string {
  const blobs = uploaded.blobs + mounted.blobs + present.blobs
  const bytes = uploaded.bytes + mounted.bytes + present.bytes
  const borrowed = mounted.blobs === 0 ? '' : `, ${count(mounted.blobs, 'blob')} mounted`
  return `${registry}/${repository}: ${uploaded.blobs} of ${count(blobs, 'blob')} sent, ${formatBytes(uploaded.bytes)} of ${formatBytes(bytes)}${borrowed}, ${formatDuration(milliseconds)}`
}

function digestOf(before: Before): Digest | null {
  return before.kind === 'image' ? before.digest : null
}

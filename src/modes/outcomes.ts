import type { Copied } from '../content/copy.ts'
import type { Image } from '../content/image.ts'
import type { Delivery, Destination, TagOutcome } from '../content/publish.ts'
import type { Traffic } from '../edges.ts'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { isManifest } from '../image/media-type.ts'
import { formatReference, tagged } from '../image/reference.ts'
import { count } from '../plan/print.ts'
import { type Before, isToWrite, type PlannedReference, type PublishPlan } from '../plan/publish-plan.ts'
import { formatBytes, formatDuration } from '../report/quantity.ts'
import type { Amount, ReferenceReport, RegistryReport } from '../report/report.ts'

/** References that nothing was tried with: they show what they showed. */
export function untouched(plan: PublishPlan, reason: string): readonly ReferenceReport[] {
  return plan.references.map((reference) => reportAs(reference, { outcome: 'refused', reason }))
}

/** References that stay with another image on purpose. */
export function staying(plan: PublishPlan): readonly ReferenceReport[] {
  const others = plan.references.filter((reference) => !isToWrite(reference))
  return others.map((reference) => reportAs(reference, { outcome: 'refused', reason: '' }))
}

type Fate = Pick<ReferenceReport, 'outcome' | 'reason'> & Partial<Pick<ReferenceReport, 'digest'>>

/** A reference that was left alone: for what happened to the step, or because it was meant to stay. */
function reportAs(planned: PlannedReference, fate: Fate): ReferenceReport {
  const { kind, before, intent } = planned
  const shown = digestOf(before)
  const head = { reference: formatReference(tagged(planned, planned.tag)), kind, before: shown, digest: shown }
  return intent.kind === 'write' ? { ...head, ...fate } : { ...head, outcome: intent.kind, reason: intent.why }
}

/** References as they would be written. */
export function planned(plan: PublishPlan, digest: Digest | undefined, reason: string): readonly ReferenceReport[] {
  return plan.references.map((reference) => reportAs(reference, { outcome: 'planned', reason, digest: digest ?? null }))
}

/** References that show the image already. */
export function unchanged(plan: PublishPlan): readonly ReferenceReport[] {
  return plan.references.map((reference) => reportAs(reference, { outcome: 'unchanged', reason: '' }))
}

/** What became of each tag. */
export function tagReports(outcomes: readonly TagOutcome[], digest: Digest): readonly ReferenceReport[] {
  return outcomes.map((outcome) => {
    const reference = `${outcome.destination.target.name}:${outcome.tag}`
    const head = { reference, kind: outcome.kind, before: outcome.before ?? null }
    switch (outcome.outcome) {
      case 'failed':
        return { ...head, outcome: 'failed', digest: outcome.found ?? null, reason: outcome.error.message }
      case 'held':
      case 'kept':
        return { ...head, outcome: outcome.outcome, digest: head.before, reason: outcome.reason }
      case 'refused':
        return { ...head, outcome: 'refused', digest: head.before, reason: outcome.reason }
      default:
        return { ...head, outcome: outcome.outcome, digest, reason: '' }
    }
  })
}

/**
 * The one failure of a publish: what the first lost delivery or broken tag says, or `PARTLY_PUBLISHED` as soon as some
 * tag was written and another was not.
 */
export function failureOf(outcomes: readonly TagOutcome[], deliveries: readonly Delivery[]): LadingError | undefined {
  const broken = outcomes.filter((outcome) => outcome.outcome === 'failed')
  const [first] = broken
  if (first === undefined) return undefined
  const written = outcomes.filter(({ outcome }) => outcome === 'created' || outcome === 'moved')
  if (written.length === 0) {
    const [lost] = deliveries.flatMap((delivery) => (delivery.arrived ? [] : [delivery.error]))
    return lost ?? withAllHeld(first.error, broken)
  }
  const names = broken.map((outcome) => `${outcome.destination.target.name}:${outcome.tag} (${outcome.error.message})`)
  const message = `${count(written.length, 'tag')} of ${outcomes.length} were written, then it failed: ${names.join('; ')}`
  return new LadingError('PARTLY_PUBLISHED', message, { cause: first.error })
}

/** Of tags that would have been held back, people want to know all. */
function withAllHeld(first: LadingError, broken: readonly { readonly error: LadingError }[]): LadingError {
  if (first.code !== 'TAG_HELD') return first
  const held = broken.filter(({ error }) => error.code === 'TAG_HELD').map(({ error }) => error.message)
  return new LadingError('TAG_HELD', held.join('; '), { hint: first.hint })
}

/** What went where: uploaded, mounted, and already there. Blobs only; manifests are too small to count. */
export function registryReports(
  deliveries: readonly Delivery[],
  image: Image,
  trafficOf: (target: Destination['target']) => Traffic,
): readonly RegistryReport[] {
  return deliveries.map((delivery) => {
    const { target } = delivery.destination
    const slash = target.name.indexOf('/')
    const blobs = delivery.copied.filter(({ descriptor }) => isBlob(descriptor))
    const [uploaded, mounted] = [having(blobs, 'uploaded'), having(blobs, 'mounted')]
    return {
      registry: target.name.slice(0, slash),
      repository: target.name.slice(slash + 1),
      uploaded: amount(uploaded),
      mounted: amount(mounted),
      present: amount(presentOf(delivery, image, [...uploaded, ...mounted])),
      ...trafficOf(target),
      milliseconds: delivery.milliseconds,
    }
  })
}

function having(copied: readonly Copied[], status: Copied['status']): readonly Descriptor[] {
  return copied.filter((one) => one.status === status).map(({ descriptor }) => descriptor)
}

/** What lies below a manifest that was there was not looked at: once all has arrived, whatever did not travel is there. */
function presentOf(delivery: Delivery, image: Image, travelled: readonly Descriptor[]): readonly Descriptor[] {
  if (!delivery.arrived) return having(delivery.copied, 'present').filter(isBlob)
  const moved = new Set(travelled.map(({ digest }) => digest))
  return image.content.filter((descriptor) => isBlob(descriptor) && !moved.has(descriptor.digest))
}

/** What went to one registry, in a line. */
export function trafficLine({
  registry,
  repository,
  uploaded,
  mounted,
  present,
  milliseconds,
}: RegistryReport): string {
  const blobs = uploaded.blobs + mounted.blobs + present.blobs
  const bytes = uploaded.bytes + mounted.bytes + present.bytes
  const borrowed = mounted.blobs === 0 ? '' : `, ${mounted.blobs} mounted`
  const sent = `${uploaded.blobs} of ${count(blobs, 'blob')} sent${borrowed}`
  return `  ${registry}/${repository}: ${sent}, ${formatBytes(uploaded.bytes)} of ${formatBytes(bytes)}, ${formatDuration(milliseconds)}`
}

function isBlob(descriptor: Descriptor): boolean {
  return !isManifest(descriptor.mediaType)
}

function amount(descriptors: readonly Descriptor[]): Amount {
  return { blobs: descriptors.length, bytes: descriptors.reduce((sum, { size }) => sum + size, 0) }
}

function digestOf(before: Before): Digest | null {
  return before.kind === 'image' ? before.digest : null
}

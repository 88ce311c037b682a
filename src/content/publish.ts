import { asLadingError, LadingError } from '../error.ts'
import type { Admitted } from '../image/admitted.ts'
import type { Digest } from '../image/digest.ts'
import { shortDigest } from '../image/digest.ts'
import type { Manifest } from '../image/manifest.ts'
import { type Copied, copyGraph } from './copy.ts'
import { readManifest } from './image.ts'
import type { Source, Target } from './store.ts'

/** A tag that is to show the image. A fixed one names this image for ever, a moving one follows releases. */
export type TagToMove = {
  readonly tag: string
  readonly kind: 'fixed' | 'moving'
  /** what it showed when it was planned */
  readonly before: Digest | undefined
}

export type Destination = { readonly target: Target; readonly tags: readonly TagToMove[] }

/** Content on its way to one destination, and how it ended. */
export type Delivery = {
  readonly destination: Destination
  /** what is there now, also when the rest did not arrive */
  readonly copied: readonly Copied[]
  readonly milliseconds: number
} & ({ readonly arrived: true } | { readonly arrived: false; readonly error: LadingError })

/** What became of one tag of one destination. */
export type TagOutcome = TagToMove & { readonly destination: Destination } & (
    | { readonly outcome: 'created' | 'moved' | 'unchanged' }
    /** not tried, because something else failed before */
    | { readonly outcome: 'refused'; readonly reason: string }
    | { readonly outcome: 'failed'; readonly error: LadingError; readonly found: Digest | undefined }
  )

export type Journey = {
  readonly source: Source
  readonly signal: AbortSignal
  /** milliseconds of a clock that only goes forward */
  readonly now: () => number
  readonly sleep: (milliseconds: number) => Promise<void>
  readonly onCopied?: (target: Target, copied: Copied) => void
}

/** Content everywhere: the first half of a publish. Every destination is carried to its own end. */
export function deliver(
  image: Admitted,
  destinations: readonly Destination[],
  journey: Journey,
): Promise<readonly Delivery[]> {
  return Promise.all(destinations.map((destination) => deliverTo(destination, image, journey)))
}

/**
 * Moves the tags: the second half. Only when all content is everywhere, fixed tags before moving ones, and each is
 * read back. There is no way to move several tags at once (the distribution spec has none), so a failure between
 * them is reported tag by tag.
 */
export async function moveTags(
  image: Admitted,
  deliveries: readonly Delivery[],
  journey: Journey,
): Promise<readonly TagOutcome[]> {
  // Read by the admitted digest, so that no tag can show what the gate has not seen.
  const root = await readManifest(journey.source, image)
  const all = deliveries.map((delivery) => delivery.destination).flatMap(tagsOf)
  const lost = deliveries.find((delivery) => !delivery.arrived)
  if (lost !== undefined) return all.map((tag) => untried(tag, root, deliveries))
  journey.signal.throwIfAborted()

  const fixed = await Promise.all(all.filter((tag) => tag.kind === 'fixed').map((tag) => moveTag(tag, root, journey)))
  const broken = fixed.find((outcome) => outcome.outcome === 'failed')
  const moving = all.filter((tag) => tag.kind === 'moving')
  // A moving tag says “this is the newest”: that must not be said of a release that is not complete.
  if (broken !== undefined) return [...fixed, ...moving.map((tag) => heldBack(tag, root, broken))]
  return [...fixed, ...(await Promise.all(moving.map((tag) => moveTag(tag, root, journey))))]
}

type Tag = TagToMove & { readonly destination: Destination }

function heldBack(tag: Tag, root: Manifest, broken: Tag): TagOutcome {
  if (tag.before === root.descriptor.digest) return { ...tag, outcome: 'unchanged' }
  const reason = `not moved, because ${broken.destination.target.name}:${broken.tag} could not be written`
  return { ...tag, outcome: 'refused', reason }
}

async function deliverTo(destination: Destination, image: Admitted, journey: Journey): Promise<Delivery> {
  const begin = journey.now()
  const elapsed = () => Math.round(journey.now() - begin)
  const { target, tags } = destination
  // All tags show the image already: a registry keeps what its tags name, so there is nothing to look for.
  if (tags.length > 0 && tags.every((tag) => tag.before === image.digest)) {
    return { destination, arrived: true, copied: [], milliseconds: 0 }
  }
  const copied: Copied[] = []
  const onCopied = (piece: Copied) => {
    copied.push(piece)
    journey.onCopied?.(target, piece)
  }
  try {
    await copyGraph(image, { source: journey.source, target, signal: journey.signal, onCopied })
    return { destination, arrived: true, copied, milliseconds: elapsed() }
  } catch (thrown) {
    return { destination, arrived: false, error: asLadingError(thrown), copied, milliseconds: elapsed() }
  }
}

function tagsOf(destination: Destination): readonly Tag[] {
  return destination.tags.map((tag) => ({ ...tag, destination }))
}

/** Looks, writes, and looks again. What already shows the image is left alone, whoever wrote it. */
async function moveTag(tag: Tag, root: Manifest, journey: Journey): Promise<TagOutcome> {
  const { target } = tag.destination
  const { digest } = root.descriptor
  if (tag.before === digest) return { ...tag, outcome: 'unchanged' }
  let found = tag.before
  try {
    found = (await target.resolve(tag.tag))?.digest
    if (found === digest) return { ...tag, before: found, outcome: 'unchanged' }
    await target.tag(root, tag.tag)
    const before = found
    found = await readBack(tag, digest, journey)
    if (found !== digest) throw mismatch(tag, digest, found)
    return { ...tag, before, outcome: before === undefined ? 'created' : 'moved' }
  } catch (thrown) {
    return { ...tag, outcome: 'failed', error: asLadingError(thrown), found }
  }
}

/** Some registries answer with the old digest for a moment (NVIDIA/NVSentinel#228), so a wrong answer is asked again. */
const READ_BACK_WAITS = [250, 750, 2000]

async function readBack(tag: Tag, digest: Digest, journey: Journey): Promise<Digest | undefined> {
  let found = (await tag.destination.target.resolve(tag.tag))?.digest
  for (const wait of READ_BACK_WAITS) {
    if (found === digest) return found
    await journey.sleep(wait)
    found = (await tag.destination.target.resolve(tag.tag))?.digest
  }
  return found
}

function mismatch(tag: Tag, wanted: Digest, found: Digest | undefined): LadingError {
  const shown = found === undefined ? 'nothing' : shortDigest(found)
  return new LadingError(
    'DIGEST_MISMATCH',
    `reading back ${tag.destination.target.name}:${tag.tag}: it shows ${shown} and not ${shortDigest(wanted)}, which was just written`,
  )
}

function untried(tag: Tag, root: Manifest, deliveries: readonly Delivery[]): TagOutcome {
  if (tag.before === root.descriptor.digest) return { ...tag, outcome: 'unchanged' }
  const own = deliveries.find((delivery) => delivery.destination === tag.destination)
  if (own !== undefined && !own.arrived) return { ...tag, outcome: 'failed', error: own.error, found: tag.before }
  const lost = deliveries.filter((delivery) => !delivery.arrived).map((delivery) => delivery.destination.target.name)
  return { ...tag, outcome: 'refused', reason: `not moved, because the image did not reach ${lost.join(', ')}` }
}

import { asLadingError, LadingError } from '../error.ts'
import type { Admitted } from '../image/admitted.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { shortDigest } from '../image/digest.ts'
import type { Manifest } from '../image/manifest.ts'
import { formatRepository, type Repository } from '../image/reference.ts'
import { type Copied, copyGraph } from './copy.ts'
import { readManifest } from './image.ts'
import { lookAgain } from './shows-late.ts'
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
    /** left as it is: a moving tag that would have gone backwards, a fixed one that shows another image */
    | { readonly outcome: 'held' | 'kept'; readonly reason: string }
    /** not tried, because something else failed before */
    | { readonly outcome: 'refused'; readonly reason: string }
    | {
        readonly outcome: 'failed'
        readonly error: LadingError
        readonly found: Digest | undefined
        /** because of it, nothing of its group was written */
        readonly isStop?: boolean
      }
  )

export type Journey = {
  readonly source: Source
  readonly signal: AbortSignal
  /** milliseconds of a clock that only goes forward */
  readonly now: () => number
  readonly sleep: (milliseconds: number) => Promise<void>
  /** when a destination is not reached: tag nothing anywhere, or complete the others */
  readonly onFailure: 'abort' | 'continue'
  /** repositories that may have layers of the image already, likeliest first */
  readonly mountFrom?: readonly Repository[]
  /** The repository that the image is taken from: a registry has all of what it shows there. */
  readonly storedIn?: Repository
  readonly onCopied?: (target: Target, copied: Copied) => void
  /** Decides about a tag that shows something else by now than when it was planned; without it, it is written. */
  readonly rule?: (tag: TagToMove, now: Descriptor | undefined, target: Target) => Promise<Ruling>
}

/**
 * Whether a tag is written after all. An error says that it was somebody else's before it could be ours; with `stop` no
 * other tag of its group is written either, and not only those that come after it.
 */
export type Ruling =
  | { readonly act: 'write' }
  | { readonly act: 'held' | 'kept'; readonly reason: string }
  | { readonly act: 'fail' | 'stop'; readonly error: LadingError }

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
 * read back. Tags of one kind are written at once where a target takes that; a failure is reported tag by tag all the
 * same, and what was written in spite of one is reported as written.
 */
export async function moveTags(
  image: Admitted,
  deliveries: readonly Delivery[],
  journey: Journey,
): Promise<readonly TagOutcome[]> {
  // Read by the admitted digest, so that no tag can show what the gate has not seen.
  const root = await readManifest(journey.source, image)
  const groups = groupsOf(deliveries, journey.onFailure)
  const tried = new Set(groups.flat())
  if (tried.size > 0) journey.signal.throwIfAborted()
  const outcomes = await Promise.all(groups.map((tags) => moveGroup(tags.flatMap(tagsOf), root, journey)))
  const rest = deliveries.map((delivery) => delivery.destination).filter((destination) => !tried.has(destination))
  return [...outcomes.flat(), ...rest.flatMap(tagsOf).map((tag) => untried(tag, root, deliveries))]
}

/**
 * Destinations whose tags stand and fall together. With `abort` that is all of them, and none when one was not reached;
 * with `continue` each one that was reached stands for itself.
 */
function groupsOf(
  deliveries: readonly Delivery[],
  onFailure: Journey['onFailure'],
): readonly (readonly Destination[])[] {
  const arrived = deliveries.filter((delivery) => delivery.arrived).map((delivery) => delivery.destination)
  if (onFailure === 'continue') return arrived.map((destination) => [destination])
  return arrived.length === deliveries.length ? [arrived] : []
}

/**
 * Looks at all tags, writes the fixed ones, then the moving ones, and reads each back as soon as it is written: four
 * round trips, however many tags there are.
 */
async function moveGroup(all: readonly Tag[], root: Manifest, journey: Journey): Promise<readonly TagOutcome[]> {
  const found = await Promise.all(all.map((tag) => lookBefore(tag, root, journey)))
  const stop = found.find((tag) => tag.outcome === 'failed' && tag.isStop === true)
  const looked = stop === undefined ? found : found.map((tag) => heldBack(tag, stop))
  const fixed = await Promise.all(writeEach(looked.filter(isFixed), root))
  const broken = fixed.find((tag) => tag.outcome === 'failed')
  // A moving tag says “this is the newest”: that must not be said of a release that is not complete.
  const rest = looked.filter((tag) => !isFixed(tag))
  const moving = broken === undefined ? writeEach(rest, root) : rest.map((tag) => heldBack(tag, broken))
  return Promise.all([
    ...fixed.map((tag) => confirm(tag, root, journey)),
    ...moving.map(async (tag) => confirm(await tag, root, journey)),
  ])
}

type Tag = TagToMove & { readonly destination: Destination }

/** A tag after the look at it: settled already, or still to be written. */
type Looked = TagOutcome | Open
type Open = Tag & { readonly outcome: 'open' }

/** A tag after the writing: settled, or to be read back. */
type Written = TagOutcome | (Tag & { readonly outcome: 'written' })

function isFixed({ kind }: TagToMove): boolean {
  return kind === 'fixed'
}

function heldBack(tag: Looked, broken: Tag): TagOutcome {
  if (tag.outcome !== 'open') return tag
  const reason = `not moved, because ${broken.destination.target.name}:${broken.tag} could not be written`
  return { ...tag, outcome: 'refused', reason }
}

async function deliverTo(destination: Destination, image: Admitted, journey: Journey): Promise<Delivery> {
  const begin = journey.now()
  const elapsed = () => Math.round(journey.now() - begin)
  const { target, tags } = destination
  const { source, signal, mountFrom = [], storedIn } = journey
  const isHome = storedIn !== undefined && formatRepository(storedIn) === target.name
  // A tag shows the image already: a registry keeps what its tags name, so there is nothing to look for.
  if (isHome || tags.some((tag) => tag.before === image.digest)) {
    return { destination, arrived: true, copied: [], milliseconds: 0 }
  }
  const copied: Copied[] = []
  const onCopied = (piece: Copied) => {
    copied.push(piece)
    journey.onCopied?.(target, piece)
  }
  try {
    // What was made just now is nowhere yet; what was there before may be here under another name.
    const root = storedIn === undefined ? ({ rootIsMissing: true } as const) : {}
    const isNear = storedIn !== undefined && target.name.startsWith(`${storedIn.registry}/`)
    const elsewhere = isNear ? { wholeIn: storedIn } : { mountFrom }
    await copyGraph(image, { source, target, signal, ...elsewhere, ...root, onCopied })
    return { destination, arrived: true, copied, milliseconds: elapsed() }
  } catch (thrown) {
    return { destination, arrived: false, error: asLadingError(thrown), copied, milliseconds: elapsed() }
  }
}

function tagsOf(destination: Destination): readonly Tag[] {
  return destination.tags.map((tag) => ({ ...tag, destination }))
}

/** Looks once more right before writing. What already shows the image is left alone, whoever wrote it. */
async function lookBefore(tag: Tag, root: Manifest, journey: Journey): Promise<Looked> {
  const { digest } = root.descriptor
  if (tag.before === digest) return { ...tag, outcome: 'unchanged' }
  try {
    const now = await tag.destination.target.resolve(tag.tag)
    const found = { ...tag, before: now?.digest }
    if (now?.digest === digest) return { ...found, outcome: 'unchanged' }
    if (now?.digest === tag.before || journey.rule === undefined) return { ...found, outcome: 'open' }
    return ruled(found, await journey.rule(tag, now, tag.destination.target))
  } catch (thrown) {
    return { ...tag, outcome: 'failed', error: asLadingError(thrown), found: tag.before }
  }
}

function ruled(tag: Tag, ruling: Ruling): Looked {
  if (ruling.act === 'write') return { ...tag, outcome: 'open' }
  if ('error' in ruling) {
    return { ...tag, outcome: 'failed', error: ruling.error, found: tag.before, isStop: ruling.act === 'stop' }
  }
  return { ...tag, outcome: ruling.act, reason: ruling.reason }
}

/** Writes what is open, the tags of one destination at once as far as its target takes that, the others one by one. */
function writeEach(tags: readonly Looked[], root: Manifest): readonly Promise<Written>[] {
  const open = tags.filter((tag) => tag.outcome === 'open')
  const atOnce = new Map<Destination, Promise<readonly string[]>>()
  for (const [destination, own] of Map.groupBy(open, (tag) => tag.destination)) {
    const names = own.map(({ tag }) => tag)
    atOnce.set(destination, destination.target.tagAtOnce(root, names))
  }
  return tags.map(async (tag): Promise<Written> => {
    if (tag.outcome !== 'open') return tag
    const taken = await atOnce.get(tag.destination)
    return taken?.includes(tag.tag) ? { ...tag, outcome: 'written' } : write(tag, root)
  })
}

/**
 * A failure does not mean that nothing was written: a proxy may have given up waiting (504), or the request for several
 * tags was carried out and its answer lost. What the tag shows decides.
 */
async function write(tag: Open, root: Manifest): Promise<Written> {
  try {
    await tag.destination.target.tag(root, tag.tag)
    return { ...tag, outcome: 'written' }
  } catch (thrown) {
    const error = asLadingError(thrown)
    const found = await shownBy(tag).catch(() => tag.before)
    // Who says that it stored other bytes is not believed a moment later.
    const isWritten = found === root.descriptor.digest && error.code !== 'DIGEST_MISMATCH'
    return isWritten ? { ...tag, outcome: 'written' } : { ...tag, outcome: 'failed', error, found }
  }
}

/** Every tag that was written is read back. */
async function confirm(tag: Written, root: Manifest, journey: Journey): Promise<TagOutcome> {
  if (tag.outcome !== 'written') return tag
  const { digest } = root.descriptor
  try {
    const found = await lookAgain(
      () => shownBy(tag),
      (shown) => shown === digest,
      journey.sleep,
    )
    if (found === digest) return { ...tag, outcome: tag.before === undefined ? 'created' : 'moved' }
    return { ...tag, outcome: 'failed', error: mismatch(tag, digest, found), found }
  } catch (thrown) {
    return { ...tag, outcome: 'failed', error: asLadingError(thrown), found: undefined }
  }
}

async function shownBy({ destination, tag }: Tag): Promise<Digest | undefined> {
  return (await destination.target.resolve(tag))?.digest
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

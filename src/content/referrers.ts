import { Readable } from 'node:stream'
import { asLadingError, LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { type Digest, shortDigest } from '../image/digest.ts'
import type { Index, Manifest } from '../image/manifest.ts'
import { isIndex } from '../image/media-type.ts'
import { asReferrer, fallbackTag, mergedReferrers } from '../image/referrer.ts'
import type { Copied, LeaveOut } from './copy.ts'
import { copyToAll, type FanOut } from './fan-out.ts'
import {
  type DigestTag,
  type FoundReferrers,
  findReferrers,
  type ListedReferrer,
  type ReferrerWish,
  tagsOnce,
} from './found-referrers.ts'
import { readManifest } from './image.ts'
import { manifestsOnce } from './manifests-once.ts'
import { lookAgain } from './shows-late.ts'
import { MissingContent, type Referring, type Source, type TagList, type Target } from './store.ts'
import { turns } from './turns.ts'

/** A place that referrers are carried to; what is there already is read, so that nothing of it is lost. */
export type ReferrerTarget = Source & Target & Referring

export type ReferrerCopy = Pick<FanOut, 'signal' | 'turn' | 'oneByOne' | 'patience'> & {
  readonly source: Source & Referring
  readonly targets: readonly ReferrerTarget[]
  readonly wish: ReferrerWish
  readonly sleep: (milliseconds: number) => Promise<void>
  /** where the image itself is read, when that is not beside what belongs to it */
  readonly image?: Source
  /** parts of the image that stay behind, and what belongs to them as well */
  readonly leaveOut?: LeaveOut
  /** the tags of the source, for all images of one repository together (`tagsOnce`) */
  readonly tags?: () => Promise<TagList>
}

/** What became of the referrers of an image at one target. */
export type ReferrersCarried = {
  readonly target: ReferrerTarget
  /** all pieces that were brought or found there, manifests and blobs */
  readonly copied: readonly Copied[]
  /** manifests that refer to the image, or to what is below it, and are there now */
  readonly referrers: number
  readonly tags: readonly CarriedTag[]
  /** fallback tags that were written, since the registry keeps no list of referrers */
  readonly lists: number
  /** what the source lists and what is no such thing */
  readonly passedOver: readonly string[]
  /** the first thing that went wrong; the rest was carried nevertheless */
  readonly error?: LadingError
}

export type CarriedTag = {
  readonly tag: string
  readonly digest: Digest
  /** `kept`: it shows signatures that the source does not have, which would be lost */
  readonly outcome: 'created' | 'moved' | 'unchanged' | 'kept'
}

/** Referrers that travel at a time; each is a small graph of its own. */
const AT_A_TIME = 4
/** Attempts to write a list that others write too. */
const ATTEMPTS = 4

/**
 * Carries what belongs to an image to where the image is already: signatures, SBOMs, attestations, by `subject` and by the
 * tags that cosign uses, as the source has them, byte for byte. What is there is looked for first and not carried again.
 * Where a registry keeps no list of referrers, the one under the fallback tag is made or added to, after what it lists.
 * Throws what stands in the way of reading the source; what goes wrong at a target is told of that target.
 *
 * Not to be called twice at once for one image and one target: a list has no lock.
 */
export async function copyReferrers(root: Descriptor, copy: ReferrerCopy): Promise<readonly ReferrersCarried[]> {
  const source = { ...copy.source, ...manifestsOnce(copy.source) }
  const { wish, tags = tagsOnce(source), image = source, leaveOut = () => false } = copy
  const found = await findReferrers(root, source, { ...wish, tags, image, leaveOut })
  const journey = { ...copy, source }
  const journals = copy.targets.map(openJournal)
  const turn = turns(AT_A_TIME)
  const listed = Map.groupBy(found.listed, ({ descriptor }) => descriptor.digest)
  await Promise.all([...listed.values()].map((same) => turn(() => carryListed(same, journals, journey))))
  await Promise.all(journals.map((journal) => keepLists(journal, found, journey)))
  await Promise.all(found.tags.map((tag) => turn(() => carryTag(tag, journals, journey))))
  return journals.map((journal) => told(journal, found))
}

/** What is known of one target while the work goes on. */
type Journal = {
  readonly target: ReferrerTarget
  readonly copied: Copied[]
  readonly arrived: Set<Digest>
  readonly tags: CarriedTag[]
  readonly passedOver: Set<string>
  lists: number
  error: LadingError | undefined
}

function openJournal(target: ReferrerTarget): Journal {
  return { target, copied: [], arrived: new Set(), tags: [], passedOver: new Set(), lists: 0, error: undefined }
}

function told(journal: Journal, { listed }: FoundReferrers): ReferrersCarried {
  const { target, copied, arrived, tags, passedOver, lists, error } = journal
  const there = new Set(listed.map(({ descriptor }) => descriptor.digest).filter((digest) => arrived.has(digest)))
  const all = { target, copied, referrers: there.size, tags, lists, passedOver: [...passedOver] }
  return error === undefined ? all : { ...all, error }
}

type Journey = ReferrerCopy

/** Carries one manifest, which may be listed for several others. */
async function carryListed(
  same: readonly ListedReferrer[],
  journals: readonly Journal[],
  journey: Journey,
): Promise<void> {
  const [first] = same
  if (first === undefined) return
  const lacking = await whereMissing(first.descriptor, journals)
  if (lacking.length === 0) return
  try {
    // Whoever writes a list may write anything into it: only what says it itself is a referrer.
    const { subject } = asReferrer(await readManifest(journey.source, first.descriptor))
    if (same.some((listed) => listed.subject === subject)) return await bring(first.descriptor, lacking, journey)
    for (const { passedOver } of lacking) passedOver.add(noReferrer(first))
  } catch (thrown) {
    for (const journal of lacking) journal.error ??= asLadingError(thrown)
  }
}

/** Those that do not have it; those that have it note so. */
async function whereMissing(descriptor: Descriptor, journals: readonly Journal[]): Promise<readonly Journal[]> {
  const looked = await Promise.all(
    journals.map(async (journal) => {
      try {
        if (!(await journal.target.exists(descriptor))) return journal
        journal.copied.push({ descriptor, status: 'present' })
        journal.arrived.add(descriptor.digest)
      } catch (thrown) {
        journal.error ??= asLadingError(thrown)
      }
      return undefined
    }),
  )
  return looked.filter((journal) => journal !== undefined)
}

async function bring(descriptor: Descriptor, journals: readonly Journal[], journey: Journey): Promise<void> {
  if (journals.length === 0) return
  const { source, signal, turn, oneByOne, patience } = journey
  const outcomes = await copyToAll(descriptor, {
    source,
    targets: journals.map(({ target }) => target),
    signal,
    ...(turn === undefined ? {} : { turn }),
    ...(oneByOne === undefined ? {} : { oneByOne }),
    ...(patience === undefined ? {} : { patience }),
  })
  for (const [at, outcome] of outcomes.entries()) {
    const journal = journals[at]
    journal?.copied.push(...outcome.copied)
    if (outcome.arrived) journal?.arrived.add(descriptor.digest)
    else if (journal !== undefined) journal.error ??= outcome.error
  }
}

/** Sees to it that a target lists what has arrived there. */
async function keepLists(journal: Journal, { listed }: FoundReferrers, journey: Journey): Promise<void> {
  const there = listed.filter(({ descriptor }) => journal.arrived.has(descriptor.digest))
  for (const [subject, own] of Map.groupBy(there, (referrer) => referrer.subject)) {
    try {
      journey.signal.throwIfAborted()
      const missing = await missingInList(journal.target, subject, own)
      const entries = await entriesOf(missing, journal, journey)
      if (entries.length === 0) continue
      await addToList(journal.target, fallbackTag(subject), entries, journey)
      journal.lists += 1
    } catch (thrown) {
      journal.error ??= asLadingError(thrown)
    }
  }
}

/** What a list lacks; nothing where the registry says that it lists them itself. */
async function missingInList(
  target: ReferrerTarget,
  subject: Digest,
  own: readonly ListedReferrer[],
): Promise<readonly ListedReferrer[]> {
  if (own.every(({ descriptor }) => target.listsReferrer(descriptor.digest))) return []
  const { descriptors, from } = await target.referrers(subject)
  if (from === 'api') return []
  const known = new Set(descriptors.map(({ digest }) => digest))
  return own.filter(({ descriptor }) => !known.has(descriptor.digest))
}

/** As they say it themselves, for what was there already was not looked into. */
async function entriesOf(
  referrers: readonly ListedReferrer[],
  { passedOver }: Journal,
  { source }: Journey,
): Promise<readonly Descriptor[]> {
  const entries: Descriptor[] = []
  for (const referrer of referrers) {
    const { entry, subject } = asReferrer(await readManifest(source, referrer.descriptor))
    if (subject === referrer.subject) entries.push(entry)
    else passedOver.add(noReferrer(referrer))
  }
  return entries
}

function noReferrer({ subject, descriptor }: ListedReferrer): string {
  return `${descriptor.digest} does not refer to ${subject}`
}

/**
 * Adds to the list under a fallback tag: read, merge, look whether it is still the same, write, read back. Registries have
 * no lock for it; who comes in between is seen at one of the two looks, and all begins again with what he wrote.
 */
async function addToList(
  target: ReferrerTarget,
  tag: string,
  entries: readonly Descriptor[],
  { sleep }: Journey,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = await target.resolve(tag)
    const merged = mergedReferrers(before === undefined ? undefined : await listIn(target, tag, before), entries)
    if (merged === undefined) return
    const pushed = await pushList(target, merged, entries)
    if ((await target.resolve(tag))?.digest !== before?.digest) continue
    await target.tag(pushed, tag)
    const isShown = (shown: Descriptor | undefined) => shown?.digest === pushed.descriptor.digest
    if (isShown(await lookAgain(() => target.resolve(tag), isShown, sleep))) return
  }
  const message = `adding to the list of referrers ${target.name}:${tag}: somebody else writes it at the same time`
  throw new LadingError('DIGEST_MISMATCH', message)
}

async function listIn(target: ReferrerTarget, tag: string, before: Descriptor): Promise<Index> {
  const list = isIndex(before.mediaType) ? await readManifest(target, before) : undefined
  if (list?.kind === 'index') return list
  const message = `${target.name}:${tag} is where the list of referrers belongs, and shows ${shortDigest(before.digest)}, which is none`
  throw new LadingError('TAG_EXISTS', message, { hint: 'Delete this tag, or turn `referrers` off.' })
}

/** A list may name what is not there any more, and a registry that looks does not take it then. */
async function pushList(target: ReferrerTarget, list: Index, entries: readonly Descriptor[]): Promise<Index> {
  try {
    await target.push(list.descriptor, async () => Readable.from([list.bytes]))
    return list
  } catch (error) {
    if (!(error instanceof MissingContent)) throw error
    const looked = await Promise.all(
      list.manifests.map(async (one) => ({ digest: one.digest, isThere: await target.exists(one, 'again') })),
    )
    const gone = new Set(looked.filter(({ isThere }) => !isThere).map(({ digest }) => digest))
    const without = mergedReferrers(list, entries, gone)
    if (without === undefined) throw error
    await target.push(without.descriptor, async () => Readable.from([without.bytes]))
    return without
  }
}

async function carryTag(tag: DigestTag, journals: readonly Journal[], journey: Journey): Promise<void> {
  const looked = await Promise.all(journals.map((journal) => lookAtTag(tag, journal, journey)))
  const open = looked.filter((each) => each !== undefined)
  await bring(
    tag.descriptor,
    await whereMissing(
      tag.descriptor,
      open.map(({ journal }) => journal),
    ),
    journey,
  )
  await Promise.all(open.map((each) => writeTag(tag, each, journey)))
}

/** A target whose tag is to be written; `isNew`: it shows nothing so far. */
type OpenTag = { readonly journal: Journal; readonly isNew: boolean }

async function lookAtTag(tag: DigestTag, journal: Journal, journey: Journey): Promise<OpenTag | undefined> {
  const { target, tags } = journal
  try {
    const shown = await target.resolve(tag.tag)
    const outcome = await mayWrite(tag, shown, target, journey)
    if (outcome === 'write') return { journal, isNew: shown === undefined }
    tags.push({ tag: tag.tag, digest: tag.descriptor.digest, outcome })
  } catch (thrown) {
    journal.error ??= asLadingError(thrown)
  }
  return undefined
}

/**
 * Signatures are added to a manifest under their tag, and it is written anew (cosign, `sign`). One that has grown at the
 * source replaces its former state; one with signatures of its own is left, for they would be lost.
 */
async function mayWrite(
  { descriptor }: DigestTag,
  shown: Descriptor | undefined,
  target: ReferrerTarget,
  { source }: Journey,
): Promise<'write' | 'unchanged' | 'kept'> {
  if (shown === undefined) return 'write'
  if (shown.digest === descriptor.digest) return 'unchanged'
  const [theirs, ours] = await Promise.all([readManifest(target, shown), readManifest(source, descriptor)])
  const has = new Set(partsOf(ours).map(({ digest }) => digest))
  return partsOf(theirs).every(({ digest }) => has.has(digest)) ? 'write' : 'kept'
}

function partsOf(manifest: Manifest): readonly Descriptor[] {
  return manifest.kind === 'image' ? manifest.layers : manifest.manifests
}

async function writeTag(
  { tag, descriptor }: DigestTag,
  { journal, isNew }: OpenTag,
  { source, sleep }: Journey,
): Promise<void> {
  const { target, arrived, tags } = journal
  const { digest } = descriptor
  if (!arrived.has(digest)) return
  try {
    await target.tag(await readManifest(source, descriptor), tag)
    const isShown = (shown: Descriptor | undefined) => shown?.digest === digest
    if (!isShown(await lookAgain(() => target.resolve(tag), isShown, sleep))) {
      const message = `reading back ${target.name}:${tag}: it does not show ${shortDigest(digest)}, which was just written`
      throw new LadingError('DIGEST_MISMATCH', message)
    }
    tags.push({ tag, digest, outcome: isNew ? 'created' : 'moved' })
  } catch (thrown) {
    journal.error ??= asLadingError(thrown)
  }
}

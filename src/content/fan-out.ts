import type { Readable } from 'node:stream'
import { asLadingError, type LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { isManifest } from '../image/media-type.ts'
import type { Repository } from '../image/reference.ts'
import { type Copied, childrenOf, copyGraph, type LeaveOut } from './copy.ts'
import { manifestsOnce } from './manifests-once.ts'
import { type Meeting, openMeeting, type Party } from './meeting.ts'
import { type OneByOne, oneByOne } from './one-by-one.ts'
import type { Patience } from './pour.ts'
import type { Arrival, Source, Target } from './store.ts'
import { type Turn, turns } from './turns.ts'
import { verified } from './verify.ts'
import { endsWithin } from './within.ts'

export type FanOut = {
  /** A source that costs to read, such as a registry. What it gives is checked on its way. */
  readonly source: Source
  readonly targets: readonly Target[]
  /** Once aborted, nothing new is begun, and what is under way is ended. */
  readonly signal: AbortSignal
  /** repositories that may have layers of this already, likeliest first; targets of the same registry can ask them */
  readonly mountFrom?: readonly Repository[]
  /** Parts that are not copied though a manifest names them. Some registries do not take such a one. */
  readonly leaveOut?: LeaveOut
  /** A manifest that is there is gone through all the same, and what is missing below it is brought. */
  readonly allParts?: boolean
  /** called as each piece has arrived at a target */
  readonly onCopied?: (target: Target, copied: Copied) => void
  /**
   * Blobs that are read at a time. Copies that go on beside each other share one, no wider than any target's `parallel`:
   * otherwise one may hold a place at a registry while it waits for a place at another one. Default: four for this copy.
   */
  readonly turn?: Turn
  /**
   * Copies that go on beside each other share one, so that a blob which two of them bring to one target travels there once.
   * Default: one of this copy's own.
   */
  readonly oneByOne?: OneByOne
  readonly patience?: Patience
}

/** How a copy ended at one of several targets; `copied` is what is there now, also when the rest did not arrive. */
export type CarriedTo = { readonly target: Target; readonly copied: readonly Copied[] } & (
  | { readonly arrived: true }
  | { readonly arrived: false; readonly error: LadingError }
)

/** A few MB for each reader. A target that keeps the others waiting for ten seconds in one blob goes on alone. */
const PATIENCE: Patience = { windowBytes: 4 * 1024 * 1024, lagMs: 10_000 }
const BLOBS_AT_A_TIME = 4

/**
 * Copies `root` and everything it points at to several targets. What two or more of them lack is read once, and checked,
 * on its way to all of them; to each target it is a copy of its own (`copyGraph`), with its own order, its own repetitions
 * and its own end. Who lags is let go and goes on with a read of its own, and so does who repeats an attempt.
 */
export async function copyToAll(root: Descriptor, fan: FanOut): Promise<readonly CarriedTo[]> {
  if (fan.targets.length === 0) return []
  const { patience = PATIENCE, turn = turns(BLOBS_AT_A_TIME), signal } = fan
  const source = manifestsOnce(fan.source)
  const looks = fan.targets.map(lookAt)
  await lookedInTime(
    looks,
    looks.map((look) => lookForAll(root, { ...fan, source }, look)),
    patience,
  )
  const apart = fan.oneByOne ?? oneByOne()
  const meetings = meetingsOf(looks, apart, { source, turn, patience, signal })
  return Promise.all(looks.map((look) => carry(root, look, { fan, source, meetings, apart })))
}

/** A target, and what is known to be missing there. */
type Look = Party & {
  readonly target: Target
  /** by digest and size; what was found so far */
  readonly lacking: Map<string, Descriptor>
  state: 'looking' | 'looked' | { readonly error: LadingError }
}

function lookAt(target: Target): Look {
  return { target, lacking: new Map(), state: 'looking', isSlow: false }
}

/** First it is found out who needs what; then nobody waits for one who has it already. */
async function lookForAll(root: Descriptor, { source, leaveOut, allParts = false }: FanOut, look: Look): Promise<void> {
  const { target, lacking } = look
  const seen = new Set<string>()

  async function visit(node: Descriptor): Promise<void> {
    const key = keyOf(node)
    if (seen.has(key) || leaveOut?.(node) === true) return
    seen.add(key)
    const isThere = await target.exists(node)
    if (!isManifest(node.mediaType)) {
      if (!isThere) lacking.set(key, node)
    } else if (!isThere || allParts) await Promise.all((await childrenOf(node, source)).map(visit))
  }

  try {
    await visit(root)
    look.state = 'looked'
  } catch (thrown) {
    look.state = { error: asLadingError(thrown) }
  }
}

/** Nobody waits for long for one who takes long to look. */
async function lookedInTime(
  looks: readonly Look[],
  endings: readonly Promise<void>[],
  { lagMs }: Patience,
): Promise<void> {
  // A race of nobody has no end.
  if (endings.length === 0) return
  await Promise.race(endings)
  if (await endsWithin(Promise.all(endings), lagMs)) return
  for (const look of looks) if (look.state === 'looking') look.isSlow = true
}

type Meetings = ReadonlyMap<string, BlobMeeting>
/** `waited`: another copy was bringing the blob to one of the targets when this one wanted to begin. */
type BlobMeeting = Meeting & { waited(): boolean }

function meetingsOf(looks: readonly Look[], apart: OneByOne, options: Parameters<typeof openMeeting>[2]): Meetings {
  const wanted = new Map<string, { readonly blob: Descriptor; readonly parties: Look[] }>()
  for (const look of looks.filter(({ state }) => state === 'looked')) {
    for (const [key, blob] of look.lacking) {
      const known = wanted.get(key) ?? { blob, parties: [] }
      known.parties.push(look)
      wanted.set(key, known)
    }
  }
  const shared = [...wanted].filter(([, { parties }]) => parties.length > 1)
  return new Map(shared.map(([key, { blob, parties }]) => [key, meetApart(blob, parties, apart, options)]))
}

/** The others are waited for before a turn is taken: whoever has one can go on. */
function meetApart(
  blob: Descriptor,
  parties: readonly Look[],
  apart: OneByOne,
  options: Parameters<typeof openMeeting>[2],
): BlobMeeting {
  let hasWaited = false
  const turn: Turn = (work) =>
    apart(
      parties.map(({ target }) => placeOf(target, blob)),
      (waited) => {
        hasWaited = waited
        return options.turn(work)
      },
    )
  return { ...openMeeting(blob, parties, { ...options, turn }), waited: () => hasWaited }
}

type Surroundings = {
  readonly fan: FanOut
  readonly source: Source
  readonly meetings: Meetings
  readonly apart: OneByOne
}

async function carry(root: Descriptor, look: Look, { fan, source, meetings, apart }: Surroundings): Promise<CarriedTo> {
  const { target, state } = look
  const copied: Copied[] = []
  const onCopied = (piece: Copied) => {
    copied.push(piece)
    fan.onCopied?.(target, piece)
  }
  const { signal, mountFrom = [], leaveOut = () => false, allParts = false } = fan
  try {
    if (typeof state === 'object') throw state.error
    const route = {
      source: checked(source),
      target: meeting(look, meetings, apart),
      signal,
      mountFrom,
      leaveOut,
      allParts,
      onCopied,
    }
    await copyGraph(root, route)
    return { target, copied, arrived: true }
  } catch (thrown) {
    return { target, copied, arrived: false, error: asLadingError(thrown) }
  } finally {
    for (const each of meetings.values()) each.leave(look)
  }
}

/** The target as it is, but for blobs that others get too, or that others bring to it at the same time. */
function meeting(look: Look, meetings: Meetings, apart: OneByOne): Target {
  const { target } = look
  return {
    ...target,
    async push(descriptor, open, elsewhere) {
      if (isManifest(descriptor.mediaType)) return target.push(descriptor, open, elsewhere)
      const shared = meetings.get(keyOf(descriptor))
      const bring = async (opened: () => Promise<Readable>, waited: boolean): Promise<Arrival> =>
        waited && (await target.exists(descriptor)) ? 'present' : target.push(descriptor, opened, elsewhere)
      if (shared === undefined) return apart([placeOf(target, descriptor)], (waited) => bring(open, waited))
      return shared.attend(look, (opened) => bring(opened, shared.waited()))
    },
  }
}

/** What one target alone gets is checked on its way as well; manifests are checked already. */
function checked(source: Source): Source {
  return {
    ...source,
    async fetch(descriptor) {
      const bytes = await source.fetch(descriptor)
      return isManifest(descriptor.mediaType) ? bytes : verified(descriptor, bytes, source.name)
    },
  }
}

/** A blob in a target. */
function placeOf({ name }: Target, { digest }: Descriptor): string {
  return `${name} ${digest}`
}

/** What is promised about the bytes, the size included. */
function keyOf({ digest, size }: Descriptor): string {
  return `${digest} ${size}`
}

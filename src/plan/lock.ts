import { type Digest, tryParseDigest } from '../image/digest.ts'

/**
 * What a mirror remembers from run to run, by source reference: which digest it saw there, since when, and which targets
 * it wrote. A file that lies in the repository: sorted, so that a change of it is a change that people can read.
 */
export type Lock = { readonly schema: 1; readonly images: Readonly<Record<string, LockedImage>> }

export type LockedImage = {
  /** what the source showed last */
  readonly digest: Digest
  /** when it was first seen with this digest, ISO 8601 */
  readonly seen: string
  /** references that were written here, with what they got; the digest is another one for a part of the platforms */
  readonly targets: Readonly<Record<string, LockedTarget>>
}

export type LockedTarget = {
  readonly digest: Digest
  /** of the source that it was made of */
  readonly of: Digest
  /** which of the source's platforms it has, as `partName` calls them; absent: all of them */
  readonly part?: string
  /** ISO 8601 */
  readonly written: string
}

export const NO_LOCK: Lock = { schema: 1, images: {} }

/** Reads a lock file; the text says what is wrong with it otherwise. An empty file is one that remembers nothing yet. */
export function parseLock(text: string): Lock | string {
  if (text.trim() === '') return NO_LOCK
  const json = parseJson(text)
  if (!isObject(json)) return 'it is not JSON'
  if (json['schema'] !== 1) return 'it is of another version: its `schema` is not 1'
  const images = isObject(json['images']) ? Object.entries(json['images']) : undefined
  if (images === undefined) return 'it has no `images`'
  const read = images.map(([source, value]) => [source, lockedImage(value)] as const)
  const wrong = read.find(([, image]) => image === undefined)
  if (wrong !== undefined) return `the entry of ${wrong[0].slice(0, 200)} is damaged`
  return { schema: 1, images: Object.fromEntries(read.flatMap(([source, image]) => (image ? [[source, image]] : []))) }
}

/** The lock as a file: sorted, one thing a line. */
export function formatLock(lock: Lock): string {
  const images = sorted(lock.images).map(([source, image]) => {
    const targets = Object.fromEntries(sorted(image.targets))
    return [source, { digest: image.digest, seen: image.seen, targets }]
  })
  return `${JSON.stringify({ schema: 1, images: Object.fromEntries(images) }, null, 2)}\n`
}

/** A source was looked at: a digest that is new is seen from now on; targets stay as they were written. */
export function withSighting(lock: Lock, source: string, digest: Digest, now: Date): Lock {
  const known = lock.images[source]
  if (known?.digest === digest) return lock
  return withImage(lock, source, { digest, seen: now.toISOString(), targets: known?.targets ?? {} })
}

/** A target shows what it should since this run wrote it. */
export function withWritten(
  lock: Lock,
  source: string,
  target: string,
  { now, ...made }: Omit<LockedTarget, 'written'> & { readonly now: Date },
): Lock {
  const known = lock.images[source] ?? { digest: made.of, seen: now.toISOString(), targets: {} }
  const written = { ...made, written: now.toISOString() }
  return withImage(lock, source, { ...known, targets: { ...known.targets, [target]: written } })
}

/** A target was removed. A source that is gone and has no target any more is forgotten. */
export function withoutTarget(lock: Lock, source: string, target: string): Lock {
  const known = lock.images[source]
  if (known === undefined) return lock
  const { [target]: _, ...targets } = known.targets
  if (Object.keys(targets).length > 0) return withImage(lock, source, { ...known, targets })
  const { [source]: gone, ...images } = lock.images
  return { ...lock, images }
}

function withImage(lock: Lock, source: string, image: LockedImage): Lock {
  return { ...lock, images: { ...lock.images, [source]: image } }
}

function lockedImage(value: unknown): LockedImage | undefined {
  if (!isObject(value) || !isObject(value['targets'])) return undefined
  const digest = digestIn(value['digest'])
  const seen = timeIn(value['seen'])
  const targets = Object.entries(value['targets']).map(([target, one]) => [target, lockedTarget(one)] as const)
  if (digest === undefined || seen === undefined || targets.some(([, one]) => one === undefined)) return undefined
  return { digest, seen, targets: Object.fromEntries(targets.flatMap(([name, one]) => (one ? [[name, one]] : []))) }
}

function lockedTarget(value: unknown): LockedTarget | undefined {
  if (!isObject(value)) return undefined
  const [digest, of, written] = [digestIn(value['digest']), digestIn(value['of']), timeIn(value['written'])]
  if (digest === undefined || of === undefined || written === undefined) return undefined
  const part = value['part']
  if (part !== undefined && typeof part !== 'string') return undefined
  return { digest, of, ...(part === undefined ? {} : { part }), written }
}

function digestIn(value: unknown): Digest | undefined {
  return typeof value === 'string' ? tryParseDigest(value) : undefined
}

function timeIn(value: unknown): string | undefined {
  return typeof value === 'string' && !Number.isNaN(new Date(value).getTime()) ? value : undefined
}

function sorted<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

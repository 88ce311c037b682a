import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { formatPlatform } from '../image/platform.ts'
import { formatReference, type Reference, type TagReference } from '../image/reference.ts'
import type { Lock } from './lock.ts'
import type { MirrorEntry, PlatformWish } from './mirror-request.ts'

/** One source and every reference that is to show it. */
export type MirrorTask = {
  readonly entry: MirrorEntry
  readonly source: Reference
  readonly targets: readonly TagReference[]
}

/** A task after the look at both sides. */
export type SeenTask = MirrorTask & {
  readonly shown: Descriptor
  /** what the targets are to show; absent while nobody knows: a part of the platforms has a digest of its own */
  readonly wanted?: Digest
  readonly sights: readonly Sight[]
}

/** What one target showed. */
export type Sight = { readonly target: TagReference; readonly before: Descriptor | undefined }

/** What is to happen to one target. */
export type Fate =
  | { readonly act: 'copy' }
  | { readonly act: 'unchanged' }
  | { readonly act: 'kept'; readonly reason: string }
  | { readonly act: 'fail'; readonly reason: string }

/** Decides about a target by what it shows and what it is to show. */
export function decideTarget(task: SeenTask, { before }: Sight): Fate {
  const { existing, mediaTypes } = task.entry
  if (before !== undefined && before.digest === task.wanted) return { act: 'unchanged' }
  const { mediaType } = task.shown
  if (!mediaTypes.includes(mediaType)) {
    return { act: 'kept', reason: `the source is of the type ${mediaType}, which \`mediaTypes\` leaves out` }
  }
  if (before === undefined) return { act: 'copy' }
  if (existing === 'add') return { act: 'kept', reason: 'exists, and only what is missing is added (existing: add)' }
  if (existing === 'follow') return { act: 'copy' }
  return { act: 'fail', reason: 'exists with another digest, and nothing may be overwritten (existing: fail)' }
}

/** What the targets of a task are to show, as far as the source's digest tells it. */
export function wantedDigest({ entry, source }: MirrorTask, shown: Digest, lock: Lock): Digest | undefined {
  const wish = partName(entry.platforms)
  if (wish === undefined) return shown
  // The same index gives the same part of it, so that what was made of it before need not be made to be known.
  const targets = Object.values(lock.images[formatReference(source)]?.targets ?? {})
  return targets.find(({ of, part }) => of === shown && part === wish)?.digest
}

/** What the lock file calls a part of an image that has a digest of its own; `undefined`: it has the image's. */
export function partName(wish: PlatformWish): string | undefined {
  switch (wish.kind) {
    case 'all':
    case 'holes':
      return undefined
    case 'one':
      return formatPlatform(wish.platform)
    case 'subset':
      return `index of ${wish.platforms.map(formatPlatform).toSorted().join(', ')}`
  }
}

/** Two tasks that want one target to show different things; each clash in words. */
export function clashes(tasks: readonly MirrorTask[]): readonly string[] {
  const taken = new Map<string, string>()
  return tasks.flatMap((task) => {
    const name = contentName(task)
    return task.targets.flatMap((target) => {
      const text = formatReference(target)
      const other = taken.get(text)
      taken.set(text, other ?? name)
      return other === undefined || other === name ? [] : [`${text} is to show ${other} and ${name}`]
    })
  })
}

/** The tasks without the targets that an earlier one has, of the same content, as entries that overlap name them twice. */
export function eachOnce(tasks: readonly MirrorTask[]): readonly MirrorTask[] {
  const taken = new Set<string>()
  return tasks.flatMap((task) => {
    const targets = task.targets.filter((target) => {
      const isNew = !taken.has(formatReference(target))
      taken.add(formatReference(target))
      return isNew
    })
    return targets.length === 0 ? [] : [{ ...task, targets }]
  })
}

/** What a target of a task will show, in words. */
function contentName({ source, entry }: MirrorTask): string {
  const part = entry.platforms.kind === 'holes' ? 'without some of its platforms' : partName(entry.platforms)
  return part === undefined ? formatReference(source) : `${formatReference(source)} (${part})`
}

/** Those first that have waited longest: never written, then by the time of the last write (oldest first). */
export function oldestFirst<T extends MirrorTask>(tasks: readonly T[], lock: Lock): readonly T[] {
  const last = new Map(tasks.map((task) => [task, lastWritten(task, lock)]))
  const at = (task: T): string => last.get(task) ?? ''
  return tasks.toSorted((one, other) => Number(at(one) > at(other)) - Number(at(one) < at(other)))
}

function lastWritten({ source, targets }: MirrorTask, lock: Lock): string {
  const written = lock.images[formatReference(source)]?.targets ?? {}
  const times = targets.map((target) => written[formatReference(target)]?.written ?? '')
  return times.toSorted()[0] ?? ''
}

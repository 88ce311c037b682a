import { expect, test } from 'vitest'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { parseReference, type TagReference } from '../../src/image/reference.ts'
import { formatLock, NO_LOCK, parseLock, withWritten } from '../../src/plan/lock.ts'
import {
  clashes,
  decideTarget,
  eachOnce,
  type MirrorTask,
  oldestFirst,
  partName,
  wantedDigest,
} from '../../src/plan/mirror-plan.ts'
import type { MirrorEntry } from '../../src/plan/mirror-request.ts'

const descriptor = (of: string): Descriptor => ({ mediaType: MEDIA_TYPE.ociIndex, digest: digestOf(of), size: 2 })

function target(text: string): TagReference {
  const reference = parseReference(text)
  if (!('tag' in reference)) throw new Error(`${text} has no tag`)
  return reference
}

function taskOf(source: string, targets: readonly string[], changes: Partial<MirrorEntry> = {}): MirrorTask {
  const mediaTypes = [MEDIA_TYPE.ociIndex]
  const wishes = { platforms: { kind: 'all' }, existing: 'follow', mediaTypes } as const
  const entry = { kind: 'image', origin: { file: 'images', line: 1 }, ...wishes, ...changes } as MirrorEntry
  return { entry, source: parseReference(source), targets: targets.map(target) }
}

test.each([
  ['follow', undefined, 'copy'],
  ['follow', 'old', 'copy'],
  ['follow', 'new', 'unchanged'],
  ['add', undefined, 'copy'],
  ['add', 'old', 'kept'],
  ['add', 'new', 'unchanged'],
  ['fail', undefined, 'copy'],
  ['fail', 'old', 'fail'],
  ['fail', 'new', 'unchanged'],
] as const)('existing: %s, and the target shows %s: %s', (existing, before, act) => {
  const task = taskOf('docker.io/library/node:22', ['ghcr.io/acme/node:22'], { existing })
  const sight = {
    target: target('ghcr.io/acme/node:22'),
    before: before === undefined ? undefined : descriptor(before),
  }
  const seen = { ...task, shown: descriptor('new'), wanted: digestOf('new'), sights: [sight] }
  expect(decideTarget(seen, sight).act).toBe(act)
})

test.each([
  ['absent', undefined, 'kept'],
  ['old', 'old', 'kept'],
  ['the same', 'new', 'unchanged'],
] as const)('what `mediaTypes` leaves out is passed over where the target is %s: %s', (_name, shown, act) => {
  const task = taskOf('docker.io/library/node:22', ['ghcr.io/acme/node:22'], { mediaTypes: [MEDIA_TYPE.ociManifest] })
  const before = shown === undefined ? undefined : descriptor(shown)
  const sight = { target: target('ghcr.io/acme/node:22'), before }
  const seen = { ...task, shown: descriptor('new'), wanted: digestOf('new'), sights: [sight] }
  expect(decideTarget(seen, sight).act).toBe(act)
})

test('what a part of the platforms gets is known from the last time that the same part was made of the same index', () => {
  const of = (...names: readonly string[]) => ({
    platforms: { kind: 'subset', platforms: names.map((architecture) => ({ os: 'linux', architecture })) } as const,
  })
  const task = taskOf('docker.io/library/node:22', ['ghcr.io/acme/node:22'], of('amd64', 'arm64'))
  expect(wantedDigest(task, digestOf('index'), NO_LOCK)).toBeUndefined()
  const made = { digest: digestOf('part'), of: digestOf('index'), now: new Date(0) }
  const part = partName(task.entry.platforms) ?? ''
  const lock = withWritten(NO_LOCK, 'docker.io/library/node:22', 'ghcr.io/acme/node:22', { ...made, part })
  expect(wantedDigest(task, digestOf('index'), lock)).toBe(digestOf('part'))
  expect(wantedDigest(task, digestOf('another index'), lock)).toBeUndefined()
  const reordered = taskOf('docker.io/library/node:22', [], of('arm64', 'amd64'))
  expect(wantedDigest(reordered, digestOf('index'), lock)).toBe(digestOf('part'))
  const other = taskOf('docker.io/library/node:22', [], of('amd64'))
  expect(wantedDigest(other, digestOf('index'), lock)).toBeUndefined()
  const one = { platforms: { kind: 'one', platform: { os: 'linux', architecture: 'amd64' } } } as const
  expect(wantedDigest(taskOf('docker.io/library/node:22', [], one), digestOf('index'), lock)).toBeUndefined()
  expect(wantedDigest(taskOf('docker.io/library/node:22', []), digestOf('index'), NO_LOCK)).toBe(digestOf('index'))
  expect(parseLock(formatLock(lock))).toEqual(lock)
})

test('a target that tasks of one source have in common is left to the first one', () => {
  const one = taskOf('docker.io/library/node:22', ['ghcr.io/acme/node:22'])
  const other = taskOf('docker.io/library/node:22', [
    'ghcr.io/acme/node:22',
    'ghcr.io/acme/node:lts',
    'ghcr.io/acme/node:lts',
  ])
  expect(eachOnce([one, other, one]).map(({ targets }) => targets.map(({ tag }) => tag))).toEqual([['22'], ['lts']])
})

test('two sources for one target are named, one source twice is none', () => {
  const one = taskOf('docker.io/library/node:22', ['ghcr.io/acme/node:22'])
  const other = taskOf('docker.io/library/node:21', ['ghcr.io/acme/node:22', 'ghcr.io/acme/node:21'])
  expect(clashes([one, one])).toEqual([])
  expect(clashes([one, other])).toEqual([
    'ghcr.io/acme/node:22 is to show docker.io/library/node:22 and docker.io/library/node:21',
  ])
})

test('what has waited longest comes first', () => {
  const tasks = ['a', 'b', 'c'].map((name) => taskOf(`docker.io/library/${name}:1`, [`ghcr.io/acme/${name}:1`]))
  const written = (name: string, day: string) => (lock: typeof NO_LOCK) =>
    withWritten(lock, `docker.io/library/${name}:1`, `ghcr.io/acme/${name}:1`, {
      ...{ digest: digestOf(name), of: digestOf(name) },
      now: new Date(day),
    })
  const lock = written('a', '2026-11-20')(written('b', '2026-11-10')(NO_LOCK))
  expect(oldestFirst(tasks, lock).map(({ source }) => source.path)).toEqual(['library/c', 'library/b', 'library/a'])
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import {
  formatLock,
  type Lock,
  NO_LOCK,
  parseLock,
  withoutTarget,
  withSighting,
  withWritten,
} from '../../src/plan/lock.ts'

const SOURCE = 'docker.io/library/node:22'
const TARGET = 'ghcr.io/acme/node:22'
const [OLD, NEW] = [digestOf('old'), digestOf('new')]
const [MONDAY, TUESDAY] = [new Date('2026-11-16T06:00:00Z'), new Date('2026-11-17T06:00:00Z')]

function lockOf(...changes: readonly ((lock: Lock) => Lock)[]): Lock {
  return changes.reduce((lock, change) => change(lock), NO_LOCK)
}

const seen = (digest: typeof OLD, now: Date) => (lock: Lock) => withSighting(lock, SOURCE, digest, now)
const written = (digest: typeof OLD, now: Date) => (lock: Lock) =>
  withWritten(lock, SOURCE, TARGET, { digest, of: digest, now })

test('a digest is seen since its first sighting, and a new one from now on', () => {
  expect(lockOf(seen(OLD, MONDAY), seen(OLD, TUESDAY)).images[SOURCE]?.seen).toBe(MONDAY.toISOString())
  expect(lockOf(seen(OLD, MONDAY), seen(NEW, TUESDAY)).images[SOURCE]).toEqual({
    digest: NEW,
    seen: TUESDAY.toISOString(),
    targets: {},
  })
})

test('targets keep what they got while the source moves on', () => {
  const lock = lockOf(seen(OLD, MONDAY), written(OLD, MONDAY), seen(NEW, TUESDAY))
  expect(lock.images[SOURCE]?.targets).toEqual({ [TARGET]: { digest: OLD, of: OLD, written: MONDAY.toISOString() } })
})

test('a source without targets is forgotten with its last one', () => {
  const lock = lockOf(seen(OLD, MONDAY), written(OLD, MONDAY))
  expect(withoutTarget(lock, SOURCE, TARGET)).toEqual(NO_LOCK)
  const two = withWritten(lock, SOURCE, 'quay.io/acme/node:22', { digest: OLD, of: OLD, now: MONDAY })
  expect(Object.keys(withoutTarget(two, SOURCE, TARGET).images[SOURCE]?.targets ?? {})).toEqual([
    'quay.io/acme/node:22',
  ])
})

test('as a file it is sorted, and reads back as it was', () => {
  const names = ['b', 'a', 'c'].map((name) => `docker.io/library/${name}:1`)
  const lock = names.reduce((all, name) => withSighting(all, name, OLD, MONDAY), lockOf(written(OLD, MONDAY)))
  const text = formatLock(lock)
  expect(Object.keys(JSON.parse(text).images)).toEqual([...names, SOURCE].toSorted())
  expect(text.endsWith('}\n')).toBe(true)
  expect(parseLock(text)).toEqual(lock)
})

test.each([
  ['', NO_LOCK],
  ['nonsense', 'it is not JSON'],
  ['[]', 'it is not JSON'],
  ['{"schema":2,"images":{}}', 'it is of another version: its `schema` is not 1'],
  ['{"schema":1}', 'it has no `images`'],
  [
    '{"schema":1,"images":{"a:1":{"digest":"sha256:1","seen":"2026-11-16","targets":{}}}}',
    'the entry of a:1 is damaged',
  ],
  [
    `{"schema":1,"images":{"a:1":{"digest":"${OLD}","seen":"2026-11-16","targets":{"b:1":{}}}}}`,
    'the entry of a:1 is damaged',
  ],
])('reads %j as %j', (text, expected) => {
  expect(parseLock(text)).toEqual(expected)
})

test('whatever the file holds, it is a lock or words for what is wrong', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const lock = parseLock(text)
      expect(typeof lock === 'string' ? lock.length > 0 : lock.schema === 1).toBe(true)
    }),
  )
})

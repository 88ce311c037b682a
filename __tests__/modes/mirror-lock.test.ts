import { describe, expect, test } from 'vitest'
import { NO_LOCK } from '../../src/plan/lock.ts'
import { mirrored, outcomes, putImage, reasons, registry, steps, tagsOf } from './given-mirror.ts'

const NOW = new Date('2026-11-21T12:00:00Z')
const DAY = 86_400_000
const later = (days: number) => new Date(NOW.getTime() + days * DAY)

async function sides() {
  const [from, to] = [await registry(), await registry()]
  const line = (attributes = 'tags=*') => `${from.host}/up/app => ${to.host}/my/app ; ${attributes}`
  return { from, to, line }
}

describe('min-age', () => {
  test('counts from the time that the image was made', async () => {
    const { from, to, line } = await sides()
    const old = putImage(from, 'up/app', { tag: 'old', created: '2026-11-10T00:00:00Z' })
    putImage(from, 'up/app', { tag: 'young', created: '2026-11-20T00:00:00Z' })
    const { report } = await mirrored({ inputs: { images: line(), 'min-age': '3d' }, now: NOW })
    expect(report.failure).toBeUndefined()
    expect(outcomes(report.images)).toEqual({ old: 'copied', young: 'held' })
    expect(reasons(report.images)['young']).toContain('2026-11-23T00:00:00.000Z')
    expect(tagsOf(to, 'my/app')).toEqual({ old })
  })

  test('counts from the first sighting too: what the image says of itself anybody can write', async () => {
    const { from, to, line } = await sides()
    const digest = putImage(from, 'up/app', { tag: '1', created: '2020-01-01T00:00:00Z' })
    const inputs = { images: line(), 'min-age': '3d', 'lock-file': 'lock' }
    const first = await mirrored({ inputs, now: NOW })
    expect(outcomes(first.report.images)).toEqual({ 1: 'held' })
    // That it was not seen before is reason enough: nothing of it is read.
    expect(steps(from)).toEqual({ tags: 1, 'manifest-head': 1 })
    const second = await mirrored({ inputs, lock: first.lock, now: later(2) })
    expect(outcomes(second.report.images)).toEqual({ 1: 'held' })
    expect(reasons(second.report.images)['1']).toContain(later(3).toISOString())
    const third = await mirrored({ inputs, lock: second.lock, now: later(3) })
    expect(outcomes(third.report.images)).toEqual({ 1: 'copied' })
    expect(tagsOf(to, 'my/app')).toEqual({ 1: digest })
  })

  test('begins anew when the source shows another digest, and the old image stays meanwhile', async () => {
    const { from, to, line } = await sides()
    const digest = putImage(from, 'up/app', { tag: '1' })
    const inputs = { images: line(), 'min-age': '3d', 'lock-file': 'lock' }
    const seen = await mirrored({ inputs, now: NOW })
    const copied = await mirrored({ inputs, lock: seen.lock, now: later(4) })
    putImage(from, 'up/app', { tag: '1', layers: ['taken over'] })
    const moved = await mirrored({ inputs, lock: copied.lock, now: later(5) })
    expect(outcomes(moved.report.images)).toEqual({ 1: 'held' })
    expect(tagsOf(to, 'my/app')).toEqual({ 1: digest })
  })

  test('makes exceptions by pattern', async () => {
    const { from, line } = await sides()
    for (const tag of ['1', 'urgent']) putImage(from, 'up/app', { tag, created: NOW.toISOString() })
    const inputs = { images: line(), 'min-age': '3d', 'min-age-except': '*/up/app:urgent' }
    const { report } = await mirrored({ inputs, now: NOW })
    expect(outcomes(report.images)).toEqual({ 1: 'held', urgent: 'copied' })
  })

  test.each(['', '1970-01-01T00:00:00Z', 'yesterday'])(
    'takes nothing whose age nobody can tell: %j',
    async (created) => {
      const { from, line } = await sides()
      putImage(from, 'up/app', { tag: '1', created })
      const { report } = await mirrored({ inputs: { images: line(), 'min-age': '3d' }, now: NOW })
      expect(outcomes(report.images)).toEqual({ 1: 'held' })
      expect(reasons(report.images)['1']).toContain('nobody can tell how old')
    },
  )

  test('is no drift', async () => {
    const { from, line } = await sides()
    putImage(from, 'up/app', { tag: '1', created: NOW.toISOString() })
    const { report } = await mirrored({ inputs: { images: line(), 'min-age': '3d', check: 'strict' }, now: NOW })
    expect(report).toMatchObject({ result: 'checked' })
  })
})

describe('the lock', () => {
  test('remembers what was written and of what, and nothing that was there already', async () => {
    const { from, to, line } = await sides()
    const [one, two] = ['1', '2'].map((tag) => putImage(from, 'up/app', { tag }))
    putImage(to, 'my/app', { tag: '2' })
    const { lock } = await mirrored({ inputs: { images: line(), 'lock-file': 'lock' }, now: NOW })
    const seen = NOW.toISOString()
    expect(lock.images).toEqual({
      [`${from.host}/up/app:1`]: {
        digest: one,
        seen,
        targets: { [`${to.host}/my/app:1`]: { digest: one, of: one, written: seen } },
      },
      [`${from.host}/up/app:2`]: { digest: two, seen, targets: {} },
    })
  })
})

describe('prune', () => {
  /** Two tags were mirrored, and one of them has left the source. */
  async function afterOneLeft(more: Readonly<Record<string, string>> = {}) {
    const stage = await sides()
    const { from, to, line } = stage
    for (const tag of ['1', '2']) putImage(from, 'up/app', { tag })
    const theirs = putImage(to, 'my/app', { tag: 'theirs', layers: ['of somebody else'] })
    const inputs = { images: line(), 'lock-file': 'lock', prune: 'true', ...more }
    const { lock } = await mirrored({ inputs: { ...inputs, prune: 'false' } })
    from.repositories.get('up/app')?.tags.delete('2')
    from.reset()
    to.reset()
    return { ...stage, inputs, lock, theirs }
  }

  test('leaves what is still at the source and only no longer chosen', async () => {
    const { from, to, line } = await sides()
    for (const tag of ['1', '2']) putImage(from, 'up/app', { tag })
    const inputs = { images: line(), 'lock-file': 'lock', prune: 'true' }
    const { lock } = await mirrored({ inputs })
    const after = await mirrored({ inputs: { ...inputs, images: line().replace('tags=*', 'tags=1') }, lock })
    expect(outcomes(after.report.images)).toEqual({ 1: 'unchanged' })
    expect(Object.keys(tagsOf(to, 'my/app')).toSorted()).toEqual(['1', '2'])
  })

  test('removes what left the source and was written here, and nothing else', async () => {
    const { to, inputs, lock, theirs } = await afterOneLeft()
    const two = tagsOf(to, 'my/app')['2']
    const after = await mirrored({ inputs, lock })
    expect(after.report).toMatchObject({ result: 'mirrored' })
    expect(outcomes(after.report.images)).toEqual({ 1: 'unchanged', 2: 'pruned' })
    expect(Object.keys(tagsOf(to, 'my/app')).toSorted()).toEqual(['1', 'theirs'])
    expect(tagsOf(to, 'my/app')['theirs']).toBe(theirs)
    expect(to.repositories.get('my/app')?.manifests.has(two ?? '')).toBe(true)
    expect(JSON.stringify(after.lock)).not.toContain(':2"')
    const again = await mirrored({ inputs, lock: after.lock })
    expect(outcomes(again.report.images)).toEqual({ 1: 'unchanged' })
  })

  test.each<[string, Record<string, string>]>([
    ['plan', { prune: 'plan' }],
    ['dry-run', { 'dry-run': 'true' }],
    ['check', { check: 'true' }],
  ])('shows it only: %s', async (_name, more) => {
    const { to, inputs, lock } = await afterOneLeft()
    const { report, lock: after } = await mirrored({ inputs: { ...inputs, ...more }, lock })
    expect(outcomes(report.images)).toEqual({ 1: 'unchanged', 2: 'planned' })
    expect(to.writes()).toEqual([])
    expect(after).toEqual(lock)
    to.repositories.get('my/app')?.tags.delete('2')
    const gone = await mirrored({ inputs: { ...inputs, ...more }, lock })
    expect(outcomes(gone.report.images)).toEqual({ 1: 'unchanged' })
  })

  test('leaves what somebody else has written there since', async () => {
    const { to, inputs, lock } = await afterOneLeft()
    const moved = putImage(to, 'my/app', { tag: '2', layers: ['by hand'] })
    const { report } = await mirrored({ inputs, lock })
    expect(outcomes(report.images)).toEqual({ 1: 'unchanged', 2: 'kept' })
    expect(tagsOf(to, 'my/app')['2']).toBe(moved)
  })

  test('waits while not everything could be mirrored', async () => {
    const { from, to, inputs, lock } = await afterOneLeft()
    putImage(from, 'up/app', { tag: '3' })
    from.fail({ step: 'blob-get', effect: { kind: 'status', status: 403 } })
    const { report, notices } = await mirrored({ inputs, lock })
    expect(outcomes(report.images)).toEqual({ 1: 'unchanged', 3: 'failed' })
    expect(tagsOf(to, 'my/app')['2']).toBeDefined()
    expect(notices.join()).toContain('1 tag left the source and stay for now')
  })

  test('waits while something is held', async () => {
    const { from, inputs, lock } = await afterOneLeft()
    putImage(from, 'up/app', { tag: '3' })
    const { report } = await mirrored({ inputs: { ...inputs, 'min-age': '3d' }, lock })
    expect(outcomes(report.images)).toEqual({ 1: 'unchanged', 3: 'held' })
  })

  test('removes nothing when the list cannot be had', async () => {
    const { from, to, inputs, lock } = await afterOneLeft()
    from.fail({ step: 'tags', effect: { kind: 'status', status: 500 } })
    const { report } = await mirrored({ inputs, lock })
    expect(report.result).toBe('failed')
    expect(to.writes()).toEqual([])
  })

  test.each(['not-there', 'empty'])('removes nothing when the source lists nothing at all: %s', async (how) => {
    const { from, to, line, inputs, lock } = await afterOneLeft()
    if (how === 'empty') from.repositories.get('up/app')?.tags.clear()
    else
      from.fail({ step: 'tags', effect: { kind: 'status', status: 404, body: { errors: [{ code: 'NAME_UNKNOWN' }] } } })
    const images = line('tags=* ; allow-empty')
    const { report, notices } = await mirrored({ inputs: { ...inputs, images }, lock })
    expect(report.failure).toBeUndefined()
    expect(report.images).toEqual([])
    expect(Object.keys(tagsOf(to, 'my/app'))).toEqual(expect.arrayContaining(['1', '2']))
    expect(notices.join()).toContain('lists no tags at all')
  })

  test('that a registry does not allow is a warning, and remembered', async () => {
    const { to, inputs, lock } = await afterOneLeft()
    to.fail({ step: 'manifest-delete', effect: { kind: 'status', status: 403 } })
    const { report, notices, lock: after } = await mirrored({ inputs, lock })
    expect(report.failure).toBeUndefined()
    expect(outcomes(report.images)).toEqual({ 1: 'unchanged', 2: 'kept' })
    expect(notices.join()).toContain('could not be removed')
    expect(after).toEqual(lock)
  })

  test('does nothing without a lock that says so', async () => {
    const { to, inputs } = await afterOneLeft()
    const { report } = await mirrored({ inputs, lock: NO_LOCK })
    expect(outcomes(report.images)).toEqual({ 1: 'unchanged' })
    expect(to.writes()).toEqual([])
  })

  test('is not for entries that do not ask for it', async () => {
    const { to, inputs, lock } = await afterOneLeft({ prune: 'false' })
    await mirrored({ inputs, lock })
    expect(tagsOf(to, 'my/app')['2']).toBeDefined()
  })
})

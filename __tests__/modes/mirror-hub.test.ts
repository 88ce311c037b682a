import { describe, expect, test } from 'vitest'
import { buildkitdConfigOf } from '../../src/report/buildkitd-config.ts'
import type { PullLimit } from '../support/registry/pull-limit.ts'
import { mirrored, outcomes, putImage, putIndex, reasons, registry, steps, tagsOf } from './given-mirror.ts'

/** A stand-in for Docker Hub, and a registry that mirrors it. */
async function sides(limit: Partial<PullLimit> = {}) {
  const hub = await registry({ pullLimit: { limit: 100, remaining: 100, ...limit } })
  const to = await registry()
  const named = { 'docker.io': hub }
  const line = (attributes = 'tags=*') => `node => ${to.host}/library/node ; ${attributes}`
  return { hub, to, named, line }
}

const held = (images: Parameters<typeof outcomes>[0]) =>
  Object.values(outcomes(images)).filter((outcome) => outcome === 'held').length

describe('pulls of Docker Hub', () => {
  test('are one for each manifest of what is new, and none for what is not', async () => {
    const { hub, to, named, line } = await sides()
    for (const tag of ['1', '2', '3']) putIndex(hub, 'library/node', { tag })
    const first = await mirrored({ inputs: { images: line() }, named })
    expect(first.report.pulls).toEqual({ spent: 9, saved: 0 })
    expect(steps(hub)['manifest-get']).toBe(9)
    expect(first.report.rateLimits).toMatchObject([{ registry: 'docker.io', limit: 100, identity: '127.0.0.1' }])
    hub.reset()
    putIndex(hub, 'library/node', { tag: '3', content: 'new' })
    const second = await mirrored({ inputs: { images: line() }, named, lock: first.lock })
    expect(second.report.pulls).toEqual({ spent: 3, saved: 2 })
    expect(steps(hub)['manifest-get']).toBe(3)
    expect(Object.keys(tagsOf(to, 'library/node'))).toEqual(['1', '2', '3'])
  })

  test('that are not left hold an image, and those of other registries go on: the step is green', async () => {
    const { hub, to, named, line } = await sides({ remaining: 5 })
    putIndex(hub, 'library/node', { tag: '22' })
    const other = await registry()
    putImage(other, 'up/app', { tag: '1' })
    const images = `${line()}\n${other.host}/up/app:1 => ${to.host}/my/app`
    const { report } = await mirrored({ inputs: { images }, named, now: new Date('2026-11-21T12:00:00Z') })
    expect(report.failure).toBeUndefined()
    expect(outcomes(report.images)).toEqual({ 22: 'held', 1: 'copied' })
    expect(reasons(report.images)['22']).toBe(
      'Docker Hub has 5 pulls left, and it may need 9; by 2026-11-21T18:00:00.000Z there will be more',
    )
    expect(steps(hub)['manifest-get']).toBeUndefined()
  })

  test('that are kept for others are not touched', async () => {
    const { hub, named, line } = await sides({ remaining: 12 })
    putIndex(hub, 'library/node', { tag: '22' })
    const { report } = await mirrored({ inputs: { images: line(), 'rate-limit-reserve': '10' }, named })
    expect(outcomes(report.images)).toEqual({ 22: 'held' })
    expect(reasons(report.images)['22']).toContain('(10 are kept for others)')
  })

  test('are promised to what is under way, and what was promised too much serves the next one', async () => {
    // Each index is taken for nine, and needs three.
    const { hub, named, line } = await sides({ remaining: 20 })
    for (const tag of ['1', '2', '3', '4']) putIndex(hub, 'library/node', { tag })
    const { report } = await mirrored({ inputs: { images: line() }, named })
    expect(outcomes(report.images)).toEqual({ 1: 'copied', 2: 'copied', 3: 'copied', 4: 'copied' })
    expect(report.failure).toBeUndefined()
    expect(hub.requests.some(({ status }) => status === 429)).toBe(false)
  })

  test('are not promised twice: what is begun is finished, and nothing is refused in the middle', async () => {
    const { hub, named, line } = await sides({ remaining: 12 })
    for (const tag of ['1', '2', '3', '4', '5']) putIndex(hub, 'library/node', { tag })
    const { report } = await mirrored({ inputs: { images: line() }, named })
    expect(Object.values(outcomes(report.images)).toSorted()).toEqual(['copied', 'copied', 'held', 'held', 'held'])
    expect(hub.requests.some(({ status }) => status === 429)).toBe(false)
  })

  test('that ran out are not asked for again by what was not begun yet', async () => {
    const { hub, named, line } = await sides({ remaining: 0 })
    const tags = Array.from({ length: 60 }, (_, at) => String(at))
    for (const tag of tags) putImage(hub, 'library/node', { tag })
    const { report } = await mirrored({ inputs: { images: line(), 'rate-limit': 'off' }, named })
    expect(held(report.images)).toBe(60)
    // As many as are copied at a time.
    expect(steps(hub)['manifest-get']).toBeLessThanOrEqual(16)
  })

  test('that run out in the middle hold the rest with a time; what is done is done, and the next run goes on', async () => {
    // The limit cannot be asked beforehand, as when nobody tells it on a HEAD.
    const { hub, to, named, line } = await sides({ remaining: 4 })
    const tags = ['1', '2', '3', '4', '5', '6', '7']
    for (const tag of tags) putImage(hub, 'library/node', { tag })
    const inputs = { images: line(), 'rate-limit': 'warn' }
    const { report, lock } = await mirrored({ inputs, named })
    expect(report.failure).toBeUndefined()
    expect(held(report.images)).toBe(3)
    for (const image of report.images.filter(({ outcome }) => outcome === 'held')) {
      expect(image.reason).toMatch(/^Docker Hub gives no more pulls; by \S+Z there will be more$/)
    }
    expect(Object.keys(tagsOf(to, 'library/node'))).toHaveLength(4)

    const refilled = await registry()
    for (const tag of tags) putImage(refilled, 'library/node', { tag })
    const next = await mirrored({ inputs, named: { 'docker.io': refilled }, lock })
    expect(steps(refilled)['manifest-get']).toBe(3)
    expect(next.report).toMatchObject({ result: 'mirrored', pulls: { spent: 3, saved: 4 } })
    expect(Object.keys(tagsOf(to, 'library/node')).toSorted()).toEqual(tags)
  })

  test('that run out in the middle of one image move no tag of it', async () => {
    const { hub, to, named, line } = await sides({ remaining: 2 })
    putIndex(hub, 'library/node', { tag: '22' })
    const { report } = await mirrored({ inputs: { images: line(), 'rate-limit': 'off' }, named })
    expect(outcomes(report.images)).toEqual({ 22: 'held' })
    expect(tagsOf(to, 'library/node')).toEqual({})
  })

  test('that run out while it is looked what a part of an image is hold it as well', async () => {
    const { hub, to, named, line } = await sides({ remaining: 0 })
    putIndex(hub, 'library/node', { tag: '22' })
    const { report } = await mirrored({ inputs: { images: line(), platforms: 'linux/amd64' }, named })
    expect(report.failure).toBeUndefined()
    expect(outcomes(report.images)).toEqual({ 22: 'held' })
    expect(to.writes()).toEqual([])
  })

  test('that cannot be asked for are a notice, and no reason to wait', async () => {
    const { hub, named, line } = await sides()
    putImage(hub, 'library/node', { tag: '22' })
    hub.fail({ step: 'manifest-head', repository: /^ratelimitpreview/, effect: { kind: 'status', status: 500 } })
    const { report } = await mirrored({ inputs: { images: line() }, named })
    expect(outcomes(report.images)).toEqual({ 22: 'copied' })
  })

  test('that are spent on a mirror are what a builder with its configuration does not need', async () => {
    const { hub, to, named, line } = await sides()
    putImage(hub, 'library/node', { tag: '22' })
    const planned = await mirrored({ inputs: { images: line(), 'dry-run': 'true' }, named })
    expect(buildkitdConfigOf(planned.report.images)).toBe('')
    const { report } = await mirrored({ inputs: { images: line() }, named })
    expect(buildkitdConfigOf(report.images)).toBe(
      `[registry."docker.io"]\n  mirrors = ["${to.host}"]\n\n[registry."${to.host}"]\n  http = true\n`,
    )
  })
})

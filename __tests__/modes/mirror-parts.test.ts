import { describe, expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import { mirrored, outcomes, putImage, putIndex, putReferrer, registry, steps, tagsOf } from './given-mirror.ts'

async function sides() {
  const [from, to] = [await registry(), await registry()]
  const line = (attributes = 'tags=*') => `${from.host}/up/app => ${to.host}/my/app ; ${attributes}`
  const reset = () => {
    from.reset()
    to.reset()
  }
  return { from, to, line, reset }
}

const manifestsOf = (at: Awaited<ReturnType<typeof registry>>, repository: string) =>
  at.repositories.get(repository)?.manifests ?? new Map<string, unknown>()

describe('platforms', () => {
  test('are all copied by default, byte for byte', async () => {
    const { from, to, line } = await sides()
    const digest = putIndex(from, 'up/app', { tag: '1' })
    await mirrored({ inputs: { images: line() } })
    expect(tagsOf(to, 'my/app')).toEqual({ 1: digest })
    expect(manifestsOf(to, 'my/app').size).toBe(3)
  })

  test('of which some are chosen make another index, which the lock remembers', async () => {
    const { from, to, line, reset } = await sides()
    const whole = putIndex(from, 'up/app', { tag: '1', platforms: ['amd64', 'arm64', 's390x'] })
    const inputs = { images: line(), platforms: 'linux/amd64\nlinux/arm64', 'lock-file': 'lock' }
    const first = await mirrored({ inputs })
    const made = tagsOf(to, 'my/app')['1']
    expect(made).not.toBe(whole)
    expect(first.report.images).toMatchObject([{ outcome: 'copied', digest: made }])
    expect(manifestsOf(to, 'my/app').size).toBe(3)
    reset()
    const second = await mirrored({ inputs, lock: first.lock })
    expect(outcomes(second.report.images)).toEqual({ 1: 'unchanged' })
    expect(steps(from)).toEqual({ tags: 1, 'manifest-head': 1 })
    reset()
    // Without a lock the index is read to know; nothing is written all the same.
    const third = await mirrored({ inputs })
    expect(outcomes(third.report.images)).toEqual({ 1: 'unchanged' })
    expect(steps(from)['manifest-get']).toBe(1)
    expect(to.writes()).toEqual([])
  })

  test('that are chosen anew are copied though the lock knows the former choice', async () => {
    const { from, to, line } = await sides()
    putIndex(from, 'up/app', { tag: '1', platforms: ['amd64', 'arm64', 's390x'] })
    const inputs = { images: line(), 'lock-file': 'lock' }
    const first = await mirrored({ inputs: { ...inputs, platforms: 'linux/amd64' } })
    const one = tagsOf(to, 'my/app')['1']
    const second = await mirrored({ inputs: { ...inputs, platforms: 'linux/amd64\nlinux/s390x' }, lock: first.lock })
    expect(outcomes(second.report.images)).toEqual({ 1: 'copied' })
    expect(tagsOf(to, 'my/app')['1']).not.toBe(one)
    expect(manifestsOf(to, 'my/app').size).toBe(4)
  })

  test('that are chosen for one target are not those of another one', async () => {
    const { from, to } = await sides()
    putIndex(from, 'up/app', { tag: '1' })
    const inputs = {
      images: ['amd64', 'arm64']
        .map((one) => `${from.host}/up/app:1 => ${to.host}/${one}:1 ; platforms=linux/${one}`)
        .join('\n'),
      'lock-file': 'lock',
    }
    const first = await mirrored({ inputs })
    const shown = ['amd64', 'arm64'].map((one) => tagsOf(to, one)['1'])
    expect(new Set(shown).size).toBe(2)
    const second = await mirrored({ inputs, lock: first.lock })
    expect(second.report.result).toBe('unchanged')
  })

  test('that an image does not have are an error', async () => {
    const { from, to, line } = await sides()
    putIndex(from, 'up/app', { tag: '1' })
    const { report } = await mirrored({ inputs: { images: line(), platforms: 'linux/s390x' } })
    expect(report.failure?.code).toBe('NOTHING_MATCHED')
    expect(to.writes()).toEqual([])
  })

  const file = (from: string, to: string, more: string) => ({
    'mirror.yml': `version: 1
sync:
  - source: ${from}/up/app:1
    target: ${to}/my/app:1
    type: image
    ${more}
`,
  })

  test('of which a file names one are pushed in the place of the index', async () => {
    const { from, to, reset } = await sides()
    putIndex(from, 'up/app', { tag: '1' })
    const inputs = { config: 'mirror.yml', 'lock-file': 'lock' }
    const files = file(from.host, to.host, 'platform: linux/arm64')
    const first = await mirrored({ inputs, files })
    expect(manifestsOf(to, 'my/app').size).toBe(1)
    expect(manifestsOf(from, 'up/app').has(tagsOf(to, 'my/app')['1'] ?? '')).toBe(true)
    reset()
    const second = await mirrored({ inputs, files, lock: first.lock })
    expect(second.report.result).toBe('unchanged')
    expect(steps(from)).toEqual({ 'manifest-head': 1 })
  })

  test('that a file leaves out are holes in the same index', async () => {
    const from = await registry()
    const to = await registry({ validate: false })
    const digest = putIndex(from, 'up/app', { tag: '1' })
    const files = file(from.host, to.host, 'platforms: [linux/arm64]')
    const { report } = await mirrored({ inputs: { config: 'mirror.yml' }, files })
    expect(report.failure).toBeUndefined()
    expect(tagsOf(to, 'my/app')).toEqual({ 1: digest })
    expect(manifestsOf(to, 'my/app').size).toBe(2)
    from.reset()
    await mirrored({ inputs: { config: 'mirror.yml' }, files })
    expect(steps(from)).toEqual({ 'manifest-head': 1 })
  })

  test('that a file leaves out are refused with a hint where a registry looks', async () => {
    const { from, to } = await sides()
    putIndex(from, 'up/app', { tag: '1' })
    const files = file(from.host, to.host, 'platforms: [linux/arm64]')
    const { report } = await mirrored({ inputs: { config: 'mirror.yml' }, files })
    expect(report.failure?.hint).toContain('platforms=')
    expect(tagsOf(to, 'my/app')).toEqual({})
  })
})

describe('what belongs to an image', () => {
  const signed = async (options: Parameters<typeof registry>[0] = {}) => {
    const stage = await sides()
    const to = await registry(options)
    const digest = putImage(stage.from, 'up/app', { tag: '1' })
    const signature = putReferrer(stage.from, 'up/app', digest, 'signed')
    const images = `${stage.from.host}/up/app:1 => ${to.host}/my/app`
    return { ...stage, to, digest, signature, images }
  }

  test.each([true, false])('comes along; the target lists it by itself: %s', async (referrers) => {
    const { to, images, digest, signature } = await signed({ referrers })
    const { report, client } = await mirrored({ inputs: { images } })
    expect(report.images).toMatchObject([{ outcome: 'copied', referrers: 1 }])
    const found = await client.remote(`${to.host}/my/app`).referrers(digest)
    expect(found.descriptors.map((one) => one.digest)).toEqual([signature])
    // Nobody who sees the tag looks for a signature in vain.
    const order = to.requests.flatMap(({ step, reference }) =>
      /-put$/.test(step) && step !== 'upload-put' ? [reference] : [],
    )
    expect(order.indexOf(signature)).toBeLessThan(order.lastIndexOf('1'))
  })

  test('stays behind with `referrers: false`', async () => {
    const { from, to, images, signature } = await signed()
    await mirrored({ inputs: { images, referrers: 'false' } })
    expect(manifestsOf(to, 'my/app').has(signature)).toBe(false)
    expect(steps(from)['referrers']).toBeUndefined()
  })

  test('is not looked for while the digest is the same, unless `recheck` asks for it', async () => {
    const { from, to, images, digest } = await signed()
    await mirrored({ inputs: { images } })
    const second = putReferrer(from, 'up/app', digest, 'signed by another one')
    from.reset()
    const plain = await mirrored({ inputs: { images } })
    expect(plain.report.result).toBe('unchanged')
    expect(steps(from)).toEqual({ 'manifest-head': 1 })
    const again = await mirrored({ inputs: { images, referrers: 'recheck' } })
    expect(again.report.images).toMatchObject([{ outcome: 'copied', reason: 'only what belongs to it is new' }])
    expect(manifestsOf(to, 'my/app').has(second)).toBe(true)
    const third = await mirrored({ inputs: { images, referrers: 'recheck' } })
    expect(third.report.result).toBe('unchanged')
  })

  test('is listed by tag once, though the list chose the tags already', async () => {
    const { from, line } = await signed()
    putImage(from, 'up/app', { tag: '2' })
    await mirrored({ inputs: { images: line() } })
    expect(steps(from)['tags']).toBe(1)
  })

  test('that failed is told of the image, which is there', async () => {
    const { from, to, images, signature, digest } = await signed()
    from.fail({ step: 'manifest-get', reference: signature, effect: { kind: 'status', status: 403 } })
    const { report } = await mirrored({ inputs: { images } })
    expect(outcomes(report.images)).toEqual({ 1: 'failed' })
    expect(tagsOf(to, 'my/app')).toEqual({ 1: digest })
    expect(report.failure?.code).not.toBe('PARTLY_COPIED')
  })

  test('stays at the target where it has more signatures, and a notice says so', async () => {
    const { from, to, images, digest } = await signed()
    const tag = `${digest.replace(':', '-')}.sig`
    putImage(from, 'up/app', { tag, layers: ['one signature'] })
    const theirs = putImage(to, 'my/app', { tag, layers: ['another signature'] })
    const { report, notices } = await mirrored({ inputs: { images } })
    expect(report.failure).toBeUndefined()
    expect(tagsOf(to, 'my/app')).toEqual({ 1: digest, [tag]: theirs })
    expect(notices.join()).toContain(`${to.host}/my/app:${tag} stays as it is`)
  })

  test('is looked for in the place that a file names, also for an index', async () => {
    const { from, to } = await sides()
    const digest = putIndex(from, 'up/app', { tag: '1' })
    const signature = putReferrer(from, 'up/signatures', digest, 'signed')
    const files = {
      'mirror.yml': `version: 1
sync:
  - source: ${from.host}/up/app:1
    target: ${to.host}/my/app:1
    type: image
    referrers: true
    referrerSource: ${from.host}/up/signatures
    referrerTarget: ${to.host}/my/signatures
`,
    }
    const { report } = await mirrored({ inputs: { config: 'mirror.yml' }, files })
    expect(report.failure).toBeUndefined()
    expect(manifestsOf(to, 'my/signatures').has(signature)).toBe(true)
    expect(manifestsOf(to, 'my/app').has(signature)).toBe(false)
    expect(to.repositories.get('my/signatures')?.blobs.has(digestOf('signed'))).toBe(true)
  })
})

import { describe, expect, test } from 'vitest'
import { expectGreen, expectRed, layout, registry, runner, shown, tally, unscanned } from './stage.ts'

/** Three registries, one of which refuses every blob until it is healed. */
async function threeRegistries() {
  const on = await runner()
  const image = await layout(on)
  const [one, two, sick] = [await registry(), await registry(), await registry()]
  sick.fail({ step: 'upload-put', effect: { kind: 'status', status: 403 } })
  const images = [one, two, sick].map(({ host }) => `${host}/acme/api`)
  return { on, image, one, two, sick, inputs: { ...unscanned(...images), tags: 'version, latest' } }
}

describe('one registry of three does not take the image', () => {
  test('with abort nothing is tagged anywhere, and the report says so for every reference', async () => {
    const { on, one, two, inputs } = await threeRegistries()
    const end = await on.step({ inputs })
    expectRed(end, 'PUSH_DENIED')
    for (const well of [one, two]) expect(tally(well)['tag-put']).toBeUndefined()
    expect(end.main.report?.references.map(({ outcome }) => outcome)).toEqual([
      ...['refused', 'refused', 'refused', 'refused'],
      ...['failed', 'failed'],
    ])
  })

  test('with continue the others are completed, and the step is red', async () => {
    const { on, image, one, two, inputs } = await threeRegistries()
    const end = await on.step({ inputs: { ...inputs, 'on-registry-failure': 'continue' } })
    expectRed(end, 'PARTLY_PUBLISHED')
    for (const well of [one, two]) expect(shown(well, 'acme/api', 'latest')).toBe(image.root.digest)
    expect(end.main.report?.references.map(({ outcome }) => outcome)).toEqual([
      ...['created', 'created', 'created', 'created'],
      ...['failed', 'failed'],
    ])
    expect(JSON.parse(end.main.outputs['pushed'] ?? '')).toHaveLength(4)
  })

  test('the next run sends only what is still missing', async () => {
    const { on, image, one, sick, inputs } = await threeRegistries()
    await on.step({ inputs: { ...inputs, 'on-registry-failure': 'continue' } })
    sick.heal()
    one.reset()
    expectGreen(await on.step({ inputs }))
    expect(shown(sick, 'acme/api', '1.2.3')).toBe(image.root.digest)
    expect(one.writes()).toEqual([])
  })
})

describe('one registry of two cannot be reached', () => {
  const GONE = '127.0.0.1:9/acme/api'

  test('with abort the step ends before anything is sent', async () => {
    const on = await runner()
    await layout(on)
    const well = await registry()
    const end = await on.step({ inputs: { ...unscanned(`${well.host}/acme/api`, GONE), retries: '0' } })
    expectRed(end, 'REGISTRY_UNREACHABLE')
    expect(well.writes()).toEqual([])
  })

  test('with continue the other one is completed, and the step is red', async () => {
    const on = await runner()
    const image = await layout(on)
    const well = await registry()
    const inputs = { ...unscanned(`${well.host}/acme/api`, GONE), retries: '0', 'on-registry-failure': 'continue' }
    const end = await on.step({ inputs })
    expectRed(end, 'PARTLY_PUBLISHED')
    expect(shown(well, 'acme/api', 'latest')).toBe(image.root.digest)
    expect(end.main.report?.references.filter(({ outcome }) => outcome === 'failed')).toHaveLength(3)
  })

  test('with continue and nobody left the reason is that of the first', async () => {
    const on = await runner()
    await layout(on)
    const end = await on.step({ inputs: { ...unscanned(GONE), retries: '0', 'on-registry-failure': 'continue' } })
    expectRed(end, 'REGISTRY_UNREACHABLE')
  })
})

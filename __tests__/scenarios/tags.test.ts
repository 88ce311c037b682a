import { describe, expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import type { RegistryOptions } from '../support/registry/server.ts'
import type { StepEnd } from '../support/runner.ts'
import {
  expectGreen,
  expectRed,
  layout,
  messagesOf,
  registry,
  runner,
  shown,
  tagsOf,
  twoPlatforms,
  unscanned,
} from './stage.ts'

/** A runner with a layout, and a registry in which these tags show some other image. */
async function prepared(taken: readonly string[], options: RegistryOptions = {}) {
  const on = await runner()
  const one = await registry(options)
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', config: {} }))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const digest = digestOf(config)
  const size = config.length
  const described = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size }
  const manifest = { schemaVersion: 2, mediaType, config: described, layers: [] }
  let old = ''
  for (const tag of taken) old = one.put('acme/api', { blobs: [config], manifest, tag })
  const image = await layout(on, twoPlatforms())
  const inputs = { ...unscanned(`${one.host}/acme/api`), tags: 'version,major-minor,latest' }
  return { on, one, old, image, inputs }
}

const outcomes = ({ main }: StepEnd) => main.report?.references.map(({ outcome }) => outcome)

describe('a version that shows another image', () => {
  test('is TAG_EXISTS, before anything is written, and names what is there', async () => {
    const { on, one, old, inputs } = await prepared(['1.2.3'])
    const end = await on.step({ inputs })
    const alarm = expectRed(end, 'TAG_EXISTS')
    expect(alarm).toContain(`${one.host}/acme/api:1.2.3 exists: ${old}`)
    expect(alarm).toContain('existing-tag')
    expect(one.writes()).toEqual([])
    expect(tagsOf(one, 'acme/api')).toEqual({ '1.2.3': old })
  })

  test.each([
    ['keep', ['kept', 'created', 'created'], 'old'],
    ['overwrite', ['moved', 'created', 'created'], 'new'],
  ] as const)('with existing-tag: %s', async (policy, wanted, which) => {
    const { on, one, old, image, inputs } = await prepared(['1.2.3'])
    const end = await on.step({ inputs: { ...inputs, 'existing-tag': policy } })
    expectGreen(end)
    expect(outcomes(end)).toEqual(wanted)
    expect(shown(one, 'acme/api', '1.2.3')).toBe(which === 'old' ? old : image.root.digest)
    expect(shown(one, 'acme/api', 'latest')).toBe(image.root.digest)
    expect(end.main.outputs['published']).toBe('true')
  })

  test('that somebody else wrote meanwhile is not overwritten, and nothing moves', async () => {
    const notYet = {
      step: 'manifest-head',
      reference: '1.2.3',
      when: { nth: 1 },
      effect: { kind: 'status', status: 404 },
    } as const
    const { on, one, old, inputs } = await prepared(['1.2.3'], { faults: [notYet] })
    const end = await on.step({ inputs })
    expect(expectRed(end, 'TAG_EXISTS')).toContain(old)
    expect(tagsOf(one, 'acme/api')).toEqual({ '1.2.3': old })
    expect(outcomes(end)).toEqual(['failed', 'refused', 'refused'])
  })

  test('with the same image is no news', async () => {
    const { on, inputs } = await prepared([])
    expectGreen(await on.step({ inputs }))
    const again = await on.step({ inputs: { ...inputs, 'existing-tag': 'fail' } })
    expectGreen(again)
    expect(again.main.report).toMatchObject({ result: 'unchanged' })
  })
})

describe('latest', () => {
  test('stays where the list of tags has a higher release, with a notice', async () => {
    const { on, one, old, image, inputs } = await prepared(['1.9.0', 'latest'])
    const end = await on.step({ inputs })
    expectGreen(end)
    expect(outcomes(end)).toEqual(['created', 'created', 'held'])
    expect(shown(one, 'acme/api', 'latest')).toBe(old)
    expect(messagesOf(end.main.log, 'notice').join()).toContain('1.9.0 is newer than 1.2.3')
    expect(end.main.outputs).toMatchObject({ published: 'true', digest: image.root.digest })
    expect(end.main.summary).toContain('held back')
  })

  test('goes back where somebody says so', async () => {
    const { on, one, image, inputs } = await prepared(['1.9.0', 'latest'])
    const end = await on.step({ inputs: { ...inputs, 'moving-tags': 'force' } })
    expectGreen(end)
    expect(outcomes(end)).toEqual(['created', 'created', 'moved'])
    expect(shown(one, 'acme/api', 'latest')).toBe(image.root.digest)
  })

  test('moves with a notice where the list is refused and nothing else tells what is newer', async () => {
    const refused = { step: 'tags', effect: { kind: 'status', status: 403 } } as const
    const { on, one, image, inputs } = await prepared(['latest'], { faults: [refused] })
    const end = await on.step({ inputs })
    expectGreen(end)
    expect(shown(one, 'acme/api', 'latest')).toBe(image.root.digest)
    expect(messagesOf(end.main.log, 'notice').join()).toContain('nothing else tells what is newer')
  })

  test('alone and held back leaves nothing behind, and says why', async () => {
    const { on, one, inputs } = await prepared(['1.9.0', 'latest'])
    const end = await on.step({ inputs: { ...inputs, tags: 'latest' } })
    expectGreen(end)
    expect(one.writes()).toEqual([])
    expect(end.main.report).toMatchObject({
      result: 'not-pushed',
      reason: 'every tag stays with the image that it shows',
    })
    expect(end.main.outputs['published']).toBe('false')
  })
})

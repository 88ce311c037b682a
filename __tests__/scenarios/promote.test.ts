import { describe, expect, test } from 'vitest'
import { fakeTrivy, finding, TRIVY, vulnerability } from './programs.ts'
import {
  expectGreen,
  expectRed,
  guardedRegistry,
  layout,
  login,
  registry,
  runner,
  shown,
  tagsOf,
  tally,
  twoPlatforms,
  unscanned,
} from './stage.ts'

/** A runner, and a registry in which an earlier step has published a candidate. */
async function candidate() {
  const on = await runner()
  const one = await registry()
  const image = await layout(on, { ...twoPlatforms(), attestations: true })
  expectGreen(await on.step({ inputs: { ...unscanned(`${one.host}/acme/staging`), tags: 'rc' } }))
  one.reset()
  const inputs = { from: `${one.host}/acme/staging:rc`, images: `${one.host}/acme/api`, tags: 'version,latest' }
  return { on, one, image, inputs }
}

describe('promote', () => {
  test('gives a candidate its names after a scan of the stored bytes, and post leaves nothing', async () => {
    const { on, one, image, inputs } = await candidate()
    await fakeTrivy(on)
    const end = await on.step({ action: 'promote', inputs: { ...inputs, ...TRIVY } })
    expectGreen(end)
    expect(end.main.log.text).toContain(`promote ${one.host}/acme/staging:rc to 1.2.3 in 1 repository`)
    expect(end.main.log.text).toContain(`Promoted ${image.root.digest}`)
    expect(tagsOf(one, 'acme/api')).toEqual({ '1.2.3': image.root.digest, latest: image.root.digest })
    expect(end.main.outputs).toMatchObject({ published: 'true', digest: image.root.digest, 'scan-result': 'clean' })
    expect(Object.keys(end.main.outputs)).not.toContain('bake-file')
    expect(end.main.summary).toContain('## **Promoted `1.2.3`**')
    expect(end.main.report).toMatchObject({ mode: 'promote', result: 'published', scan: { decision: 'passed' } })
  })

  test('a second time asks for each name once, and starts no program', async () => {
    const { on, one, inputs } = await candidate()
    const step = { action: 'promote', inputs: { ...inputs, scan: 'off' } } as const
    expectGreen(await on.step(step))
    one.reset()
    const again = await on.step({ ...step, inputs: { ...inputs, 'trivy-path': '../bin/missing' } })
    expectGreen(again)
    expect(again.main.report?.result).toBe('unchanged')
    expect(tally(one)).toEqual({ 'manifest-head': 3 })
    expect(await on.calls()).toEqual([])
  })

  test('is refused by the gate without a write', async () => {
    const { on, one, inputs } = await candidate()
    await fakeTrivy(on, { scan: finding(vulnerability(), 'arm64') })
    const end = await on.step({ action: 'promote', inputs: { ...inputs, ...TRIVY } })
    expect(expectRed(end, 'SCAN_FINDINGS')).toContain('CVE-2019-14697')
    expect(one.writes()).toEqual([])
    expect(one.openUploads()).toEqual([])
  })

  test('a tag that would go backwards is red, and goes back by force', async () => {
    const { on, one, image, inputs } = await candidate()
    await layout(on, twoPlatforms('newer'), 'newer')
    const released = { ...unscanned(`${one.host}/acme/api`), layout: 'newer', version: '1.9.0', tags: 'version,latest' }
    expectGreen(await on.step({ inputs: released }))
    const live = shown(one, 'acme/api', 'latest')
    const step = { action: 'promote', inputs: { ...inputs, scan: 'off' } } as const
    const held = await on.step(step)
    const alarm = expectRed(held, 'TAG_HELD')
    expect(alarm).toContain(`${one.host}/acme/api:latest would be held back: it shows ${live}`)
    expect(alarm).toContain('1.9.0 is newer than 1.2.3')
    expect(held.main.report?.references.map(({ outcome }) => outcome)).toEqual(['refused', 'held'])
    expect(tagsOf(one, 'acme/api')).toEqual({ '1.9.0': live, latest: live })
    expectGreen(await on.step({ ...step, inputs: { ...step.inputs, 'moving-tags': 'force' } }))
    expect(shown(one, 'acme/api', 'latest')).toBe(image.root.digest)
  })

  test('knows its own inputs only, and tells all mistakes before any request', async () => {
    const { on, one, inputs } = await candidate()
    const wrong = { ...inputs, from: '', layout: 'layout', 'existing-tag': 'reuse' }
    const alarm = expectRed(await on.step({ action: 'promote', inputs: wrong }), 'INPUT_INVALID')
    for (const words of ['`from`: it is required', '`layout`: this action has no such input', 'reuse is for builds']) {
      expect(alarm).toContain(words)
    }
    expect(one.requests).toEqual([])
  })
})

test('a promotion between registries uses the login of each, and shows neither', async () => {
  const on = await runner()
  const [here, there] = [await guardedRegistry('pull-s3cret'), await guardedRegistry('push-s3cret')]
  const image = await layout(on)
  const published = { ...unscanned(`${here.host}/acme/api`), tags: 'rc' }
  expectGreen(await on.step({ inputs: { ...published, 'registry-auth': login(here.host, 'pull-s3cret') } }))
  const auth = `${login(here.host, 'pull-s3cret', '  use: pull\n')}${login(there.host, 'push-s3cret')}`
  const inputs = { from: `${here.host}/acme/api:rc`, images: `${there.host}/acme/api`, scan: 'off', tags: 'version' }
  const end = await on.step({ action: 'promote', inputs: { ...inputs, 'registry-auth': auth } })
  expectGreen(end)
  expect(shown(there, 'acme/api', '1.2.3')).toBe(image.root.digest)
  const lines = end.main.log.text.split('\n').filter((line) => !line.startsWith('::add-mask::'))
  for (const secret of ['pull-s3cret', 'push-s3cret']) expect(lines.join('\n')).not.toContain(secret)
})

import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { inputsOf } from '../../src/action/input-table.ts'
import { readLog } from '../support/runner/log.ts'
import { fakeTrivy, TRIVY } from './programs.ts'
import { expectGreen, layout, registry, runner, twoPlatforms } from './stage.ts'

test('every output of action.yml is set, and they say what the report says', async () => {
  const on = await runner()
  const [one, other] = [await registry(), await registry()]
  const image = await layout(on, { ...twoPlatforms(), attestations: true })
  await fakeTrivy(on)
  const names = [`${one.host}/acme/api`, `${other.host}/acme/web`]
  const end = await on.step({
    inputs: { ...TRIVY, images: names.join('\n'), layout: 'layout', tags: 'version,latest' },
  })
  expectGreen(end)
  const { outputs, report } = end.main
  const { digest } = image.root
  const references = names.flatMap((name) => [`${name}:1.2.3`, `${name}:latest`])
  expect(outputs).toMatchObject({
    digest,
    version: '1.2.3',
    tags: references.join('\n'),
    'tag-names': '1.2.3\nlatest',
    'image-refs': names.map((name) => `${name}@${digest}`).join('\n'),
    'tag-refs': references.map((reference) => `${reference}@${digest}`).join('\n'),
    published: 'true',
    'scan-result': 'clean',
    'failure-reason': '',
  })
  expect(parsed(outputs['subjects'])).toEqual(names.map((name) => ({ name, digest })))
  expect(parsed(outputs['pushed'])).toEqual(references)
  expect(parsed(outputs['vulnerabilities'])).toEqual({ HIGH: 0, CRITICAL: 0 })
  // Attestations are content, and no platform.
  expect(parsed(outputs['digests'])).toEqual(
    Object.fromEntries(image.platforms.map(({ platform, manifest }) => [platform, manifest.digest])),
  )
  expect(parsed(outputs['json'])).toEqual(parsed(await readFile(outputs['report-file'] ?? '', 'utf8')))
  expect(report?.tags).toEqual(references)
  expect(Object.keys(outputs).toSorted()).toEqual(await declaredOutputs())
})

test('the report counts what travelled', async () => {
  const on = await runner()
  const one = await registry()
  const image = await layout(on)
  const end = await on.step({ inputs: { images: `${one.host}/acme/api`, layout: 'layout', scan: 'off' } })
  expectGreen(end)
  const [first] = end.main.report?.registries ?? []
  const blobs = image.platforms.flatMap(({ config, layers }) => [config, ...layers])
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]))
  expect(first?.uploaded).toEqual({ blobs: sizes.size, bytes: [...sizes.values()].reduce((sum, size) => sum + size) })
  const counts: Record<string, number> = {}
  for (const { method } of one.requests) counts[method] = (counts[method] ?? 0) + 1
  expect(first?.requests).toEqual(counts)
})

test('the summary names references, platforms and a command to pull the image', async () => {
  const on = await runner()
  const one = await registry()
  const image = await layout(on)
  const end = await on.step({ inputs: { images: `${one.host}/acme/api`, layout: 'layout', scan: 'off' } })
  for (const words of [`${one.host}/acme/api:1.2.3`, 'linux/arm64', image.root.digest, 'docker pull', 'scan: off'])
    expect(end.main.summary).toContain(words)
})

test('an input that is empty means its default', async () => {
  const on = await runner()
  const one = await registry()
  await layout(on)
  await fakeTrivy(on)
  const empty = Object.fromEntries(inputsOf('publish').map(({ name }) => [name, '']))
  const end = await on.step({ inputs: { ...empty, ...TRIVY, images: `${one.host}/acme/api`, layout: 'layout' } })
  expectGreen(end)
  expect(end.main.outputs['scan-result']).toBe('clean')
})

test('the first line says what is about to happen', async () => {
  const on = await runner()
  const one = await registry()
  await layout(on)
  const end = await on.step({ inputs: { images: `${one.host}/acme/api`, layout: 'layout', scan: 'off' } })
  expect(end.main.log.text.split('\n')[0]).toMatch(/^Lading \S+: publish acme\/api 1\.2\.3 \(6b1f2c3\)/)
  expect(readLog(end.main.log.text).groups).toEqual([])
})

function parsed(text: string | undefined): unknown {
  return JSON.parse(text ?? '')
}

async function declaredOutputs(): Promise<readonly string[]> {
  const { parse } = await import('yaml')
  const action: unknown = parse(await readFile(new URL('../../action.yml', import.meta.url), 'utf8'))
  if (typeof action !== 'object' || action === null || !('outputs' in action)) throw new Error('no outputs')
  const { outputs } = action
  return typeof outputs === 'object' && outputs !== null ? Object.keys(outputs).toSorted() : []
}

import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { blobPath } from '../support/sample-layout.ts'
import { expectGreen, layer, layout, registry, runner, unscanned } from './stage.ts'

test('a layer of the base that an image names is mounted from the registry it is published to', async () => {
  const on = await runner()
  const one = await registry()
  const image = await layout(on, {
    platforms: [{ platform: 'linux/amd64', layers: [layer('of the base'), layer('own')] }],
    annotations: { 'org.opencontainers.image.base.name': `${one.host}/acme/base:3` },
  })
  const [lowest] = image.platforms[0]?.layers ?? []
  if (lowest === undefined) throw new Error('the sample has no layer')
  one.put('acme/base', { manifest: { layers: [] }, blobs: [await readFile(blobPath(image.directory, lowest.digest))] })
  const end = await on.step({ inputs: unscanned(`${one.host}/acme/api`) })
  expectGreen(end)
  // The configuration and the layer of its own.
  expect(one.requests.filter(({ step }) => step === 'upload-put')).toHaveLength(2)
  const mounted = one.requests.filter(({ step, status }) => step === 'mount' && status === 201)
  expect(mounted.map(({ digest }) => digest)).toEqual([lowest.digest])
})

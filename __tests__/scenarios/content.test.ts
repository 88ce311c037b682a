import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { blobPath, type SampleLayout } from '../support/sample-layout.ts'
import { fakeTrivy, TRIVY } from './programs.ts'
import { expectRed, layout, registry, runner, twoPlatforms, unscanned } from './stage.ts'

type Damage = (image: SampleLayout) => Promise<void>

function layerOf({ directory, platforms }: SampleLayout): string {
  const digest = platforms[1]?.layers[1]?.digest
  if (digest === undefined) throw new Error('the sample has no such layer')
  return blobPath(directory, digest)
}

describe('a layout is CONTENT_INVALID', () => {
  test.each<[what: string, damage: Damage, says: string]>([
    ['with a layer that is missing', (image) => rm(layerOf(image)), 'is missing'],
    ['with a layer that is cut short', (image) => writeFile(layerOf(image), 'short'), 'bytes'],
    [
      'with a layer of other bytes',
      async (image) => {
        const bytes = await readFile(layerOf(image))
        bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
        await writeFile(layerOf(image), bytes)
      },
      'sha256:',
    ],
    [
      'with a manifest that is no JSON',
      (image) => writeFile(blobPath(image.directory, image.root.digest), 'x'.repeat(image.root.size)),
      'sha256:',
    ],
    ['with an index.json that is no JSON', ({ directory }) => writeFile(join(directory, 'index.json'), '{'), 'JSON'],
    [
      'with nothing in it',
      ({ directory }) => writeFile(join(directory, 'index.json'), '{"schemaVersion":2,"manifests":[]}'),
      'is empty',
    ],
  ])('%s', async (_what, damage, says) => {
    const on = await runner()
    const one = await registry()
    await fakeTrivy(on)
    await damage(await layout(on))
    const end = await on.step({ inputs: { ...TRIVY, images: `${one.host}/acme/api`, layout: 'layout' } })
    expect(expectRed(end, 'CONTENT_INVALID')).toContain(says)
    expect(one.writes()).toEqual([])
    // The scanner is looked for meanwhile, and gets to see nothing.
    expect((await on.calls()).map(({ args }) => args[0])).not.toContain('image')
  })

  test('with several unrelated images in it', async () => {
    const on = await runner()
    const one = await registry()
    const first = await layout(on)
    const second = await layout(on, twoPlatforms('two'))
    const manifests = [first.root, second.root]
    await writeFile(join(on.workspace, 'layout', 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
    const message = expectRed(await on.step({ inputs: unscanned(`${one.host}/acme/api`) }), 'CONTENT_INVALID')
    for (const { digest } of manifests) expect(message).toContain(digest)
    expect(one.requests).toEqual([])
  })
})

test('a folder without index.json is SOURCE_MISSING', async () => {
  const on = await runner()
  const one = await registry()
  await layout(on)
  await rm(join(on.workspace, 'layout', 'index.json'))
  expectRed(await on.step({ inputs: unscanned(`${one.host}/acme/api`) }), 'SOURCE_MISSING')
  expect(one.requests).toEqual([])
})

test('a file that is no tar of a layout is refused', async () => {
  const on = await runner()
  await writeFile(join(on.workspace, 'image.tar'), 'this is no tar at all'.repeat(100))
  const end = await on.step({ inputs: { ...unscanned('127.0.0.1:1/acme/api'), layout: 'image.tar' } })
  expectRed(end, 'CONTENT_INVALID')
})

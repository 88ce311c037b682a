import { mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Digest } from '../../src/image/digest.ts'
import { writePlatformLayout } from '../../src/scan/platform-layout.ts'
import { closeWorkroom, openWorkroom } from '../../src/scan/workroom.ts'
import { blobPath, type SampleImage, type SampleLayout, writeSampleLayout } from '../support/sample-layout.ts'
import { INNER_COMMAND, sample } from './samples.ts'
import { failure, temporary } from './world.ts'

async function twoPlatforms() {
  const spec = { platforms: [sample('clean', 'linux/amd64'), sample('vulnerable', 'linux/arm64/v8')] }
  return writeSampleLayout(await temporary(), spec)
}

function first({ platforms: [image] }: SampleLayout): SampleImage {
  if (image === undefined) throw new Error('the layout has no platform')
  return image
}

test('a platform gets a layout with its own manifest only, over the blobs of all', async () => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  const [, arm] = layout.platforms
  if (arm === undefined) throw new Error('no second platform')
  const { input: name, config } = await writePlatformLayout({ layoutDirectory: layout.directory, ...arm, directory })
  expect(name).toBe('linux-arm64-v8')
  expect(config).toBe(arm.config.digest)
  expect(JSON.parse(await readFile(join(directory, name, 'oci-layout'), 'utf8'))).toEqual({
    imageLayoutVersion: '1.0.0',
  })
  const index = JSON.parse(await readFile(join(directory, name, 'index.json'), 'utf8'))
  expect(index.manifests).toEqual([
    { mediaType: arm.manifest.mediaType, digest: arm.manifest.digest, size: arm.manifest.size },
  ])
  expect(await readlink(join(directory, name, 'blobs'))).toBe(join(layout.directory, 'blobs'))
  expect((await stat(blobPath(join(directory, name), arm.config.digest))).size).toBe(arm.config.size)
})

test.each([
  ['linux/arm64', 'linux-arm64'],
  ['../../etc/passwd', 'etc-passwd'],
  ['--input=x', 'input-x'],
  ['linux/a@b:c', 'linux-a-b-c'],
  ['\n//', 'platform'],
  ['x'.repeat(500), 'x'.repeat(60)],
])('the platform %j makes a folder that is safe as a path and as an argument', async (platform, name) => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  const written = await writePlatformLayout({
    ...first(layout),
    layoutDirectory: layout.directory,
    platform,
    directory,
  })
  expect(written.input).toBe(name)
  expect(await readdir(directory)).toEqual([name])
})

test('two images for the same platform get two folders', async () => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  const one = { ...first(layout), layoutDirectory: layout.directory, directory }
  const names = [await writePlatformLayout(one), await writePlatformLayout(one)].map(({ input }) => input)
  expect(names).toEqual(['linux-amd64', 'linux-amd64-2'])
})

test('a layout without blobs is invalid content', async () => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  await rm(join(layout.directory, 'blobs'), { recursive: true })
  const one = { ...first(layout), layoutDirectory: layout.directory, directory }
  expect((await failure(writePlatformLayout(one))).code).toBe('CONTENT_INVALID')
})

test('the room is for us alone, and closing it leaves the layout and a given cache in place', async () => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  const cache = join(directory, 'kept')
  await mkdir(cache)
  const room = await openWorkroom({ directory, undoLater: () => undefined, keep: async () => '' }, cache)
  expect((await stat(room.directory)).mode & 0o077).toBe(0)
  expect(await readdir(room.images)).toEqual([])
  await writePlatformLayout({ ...first(layout), layoutDirectory: layout.directory, directory: room.images })
  await closeWorkroom(room)
  expect(await readdir(directory)).toEqual(['kept'])
  expect((await stat(blobPath(layout.directory, layout.root.digest))).size).toBe(layout.root.size)
})

describe('an image with a CMD below other layers', () => {
  async function write(change: (layout: SampleLayout) => Promise<void> = async () => undefined) {
    const [layout, directory] = [
      await writeSampleLayout(await temporary(), { platforms: [INNER_COMMAND] }),
      await temporary(),
    ]
    await change(layout)
    const image = first(layout)
    const written = await writePlatformLayout({ ...image, layoutDirectory: layout.directory, directory })
    return { image, layout, folder: join(directory, written.input), config: written.config }
  }
  const json = async (folder: string, digest: Digest) => JSON.parse(await readFile(blobPath(folder, digest), 'utf8'))

  test('gets a configuration that differs in the texts of its history alone, over the same files', async () => {
    const { image, layout, folder, config } = await write()
    expect(config).not.toBe(image.config.digest)
    const index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))
    const manifest = await json(folder, index.manifests[0].digest)
    expect(manifest.config.digest).toBe(config)
    const before = await json(layout.directory, image.config.digest)
    const after = await json(folder, config)
    expect({ ...after, history: [] }).toEqual({ ...before, history: [] })
    expect(after.history.map((entry: { created_by: string }) => entry.created_by)).toEqual([
      'COPY secrets /',
      '# CMD ["dev"]',
      'COPY app /',
      '# CMD ["app"]',
    ])
    const original = await json(layout.directory, image.manifest.digest)
    expect({ ...manifest, config: 0 }).toEqual({ ...original, config: 0 })
    for (const { digest } of image.layers) {
      expect((await stat(blobPath(folder, digest))).ino).toBe((await stat(blobPath(layout.directory, digest))).ino)
    }
  })

  test('is invalid content when its configuration is not what its digest says', async () => {
    const swapped = write((layout) => writeFile(blobPath(layout.directory, first(layout).config.digest), '{}'))
    expect(await failure(swapped)).toMatchObject({
      code: 'CONTENT_INVALID',
      message: expect.stringContaining('digest'),
    })
  })

  test('leaves a missing layer missing, so that the scanner misses it', async () => {
    const gone = async (layout: SampleLayout) =>
      rm(blobPath(layout.directory, first(layout).layers[0]?.digest ?? never()))
    const { folder, image } = await write(gone)
    expect(await readdir(join(folder, 'blobs', 'sha256'))).toHaveLength(image.layers.length + 1)
  })
})

function never(): never {
  throw new Error('the sample is not what the test needs')
}

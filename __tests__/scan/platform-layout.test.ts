import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Digest } from '../../src/image/digest.ts'
import { writePlatformLayout } from '../../src/scan/platform-layout.ts'
import { closeWorkroom, openWorkroom } from '../../src/scan/workroom.ts'
import { blobPath, type SampleImage, type SampleLayout, writeSampleLayout } from '../support/sample-layout.ts'
import { sample } from './samples.ts'
import { failure, temporary } from './world.ts'

async function twoPlatforms() {
  const spec = { platforms: [sample('clean', 'linux/amd64'), sample('vulnerable', 'linux/arm64/v8')] }
  return writeSampleLayout(await temporary(), spec)
}

function first({ platforms: [image] }: SampleLayout): SampleImage {
  if (image === undefined) throw new Error('the layout has no platform')
  return image
}

/** Where layouts are made: a folder for them, and one for what they hold. */
async function place() {
  const parent = await temporary()
  const [directory, blobs] = [join(parent, 'images'), join(parent, 'blobs')]
  await mkdir(directory)
  return { directory, blobs }
}

const json = async (folder: string, digest: Digest) => JSON.parse(await readFile(blobPath(folder, digest), 'utf8'))

describe('a platform', () => {
  async function second() {
    const [layout, room] = [await twoPlatforms(), await place()]
    const [, arm] = layout.platforms
    if (arm === undefined) throw new Error('no second platform')
    const written = await writePlatformLayout({ layoutDirectory: layout.directory, ...arm, ...room })
    return { layout, arm, written, folder: join(room.directory, written.input) }
  }

  test('gets a layout of its own, with its manifest only', async () => {
    const { written, folder, arm } = await second()
    expect(written.input).toBe('linux-arm64-v8')
    expect(JSON.parse(await readFile(join(folder, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' })
    const index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))
    expect(index.manifests).toHaveLength(1)
    const manifest = await json(folder, index.manifests[0].digest)
    expect(manifest.config).toMatchObject({ mediaType: arm.config.mediaType, digest: written.config })
    expect(manifest.layers).toEqual(arm.layers)
  })

  test('has its layers named after their blobs there, and it is known what they were called', async () => {
    const { written, folder, arm, layout } = await second()
    const own = await json(layout.directory, arm.config.digest)
    const { rootfs, ...copy } = await json(folder, written.config)
    expect({ ...copy, rootfs: own.rootfs }).toEqual(own)
    expect(rootfs).toEqual({ type: 'layers', diff_ids: arm.layers.map(({ digest }) => digest) })
    expect([...written.diffIds]).toEqual(arm.layers.map(({ digest }, at) => [digest, own.rootfs.diff_ids[at]]))
    expect(written.imageId).toBe(arm.config.digest)
  })

  test('shares the files of the image, and those with other platforms', async () => {
    const { folder, arm, layout } = await second()
    for (const { digest } of arm.layers) {
      expect((await stat(blobPath(folder, digest))).ino).toBe((await stat(blobPath(layout.directory, digest))).ino)
    }
    expect(await readdir(join(folder, 'blobs', 'sha256'))).toHaveLength(arm.layers.length + 2)
  })
})

test('platforms with a layer in common have it once, and so does one that has it twice', async () => {
  const shared = { files: { a: 'what both of them have' } }
  const platforms = [
    { platform: 'linux/amd64', layers: [shared, shared] },
    { platform: 'linux/arm64', layers: [shared] },
  ]
  const [layout, room] = [await writeSampleLayout(await temporary(), { platforms }), await place()]
  for (const platform of layout.platforms) {
    await writePlatformLayout({ layoutDirectory: layout.directory, ...platform, ...room })
  }
  // One layer, and a manifest and a configuration for each.
  expect(await readdir(join(room.blobs, 'sha256'))).toHaveLength(5)
})

test.each([
  ['linux/arm64', 'linux-arm64'],
  ['../../etc/passwd', 'etc-passwd'],
  ['--input=x', 'input-x'],
  ['linux/a@b:c', 'linux-a-b-c'],
  ['\n//', 'platform'],
  ['x'.repeat(500), 'x'.repeat(60)],
])('the platform %j makes a folder that is safe as a path and as an argument', async (platform, name) => {
  const [layout, room] = [await twoPlatforms(), await place()]
  const one = { ...first(layout), layoutDirectory: layout.directory, ...room }
  const written = await writePlatformLayout({ ...one, platform })
  expect(written.input).toBe(name)
  expect(await readdir(room.directory)).toEqual([name])
})

test('two images for the same platform get two folders', async () => {
  const [layout, room] = [await twoPlatforms(), await place()]
  const one = { ...first(layout), layoutDirectory: layout.directory, ...room }
  const names = [await writePlatformLayout(one), await writePlatformLayout(one)].map(({ input }) => input)
  expect(names).toEqual(['linux-amd64', 'linux-amd64-2'])
})

describe('invalid content is', () => {
  async function refused(change: (layout: SampleLayout) => Promise<void>) {
    const [layout, room] = [await twoPlatforms(), await place()]
    await change(layout)
    return failure(writePlatformLayout({ ...first(layout), layoutDirectory: layout.directory, ...room }))
  }

  test('a layout without blobs', async () => {
    const error = await refused((layout) => rm(join(layout.directory, 'blobs'), { recursive: true }))
    expect(error).toMatchObject({ code: 'CONTENT_INVALID', message: expect.stringContaining('no folder') })
  })

  test('a configuration that is not what its digest says', async () => {
    const error = await refused((layout) => writeFile(blobPath(layout.directory, first(layout).config.digest), '{}'))
    expect(error).toMatchObject({ code: 'CONTENT_INVALID', message: expect.stringContaining('digest') })
  })

  test('a configuration that is not there', async () => {
    const error = await refused((layout) => rm(blobPath(layout.directory, first(layout).config.digest)))
    expect(error).toMatchObject({ code: 'CONTENT_INVALID', message: expect.stringContaining('cannot be read') })
  })
})

test('a missing layer is left missing, so that the scanner misses it', async () => {
  const [layout, room] = [await twoPlatforms(), await place()]
  const image = first(layout)
  for (const { digest } of image.layers) await rm(blobPath(layout.directory, digest))
  const { input } = await writePlatformLayout({ ...image, layoutDirectory: layout.directory, ...room })
  expect(await readdir(join(room.directory, input, 'blobs', 'sha256'))).toHaveLength(2)
})

test('a layer that cannot be linked is copied', async () => {
  // What lies on another file system; here there is one that both folders are not on, where there is any.
  const [layout, room] = [await twoPlatforms(), await place()]
  const image = first(layout)
  const elsewhere = await mkdtemp('/dev/shm/platform-layout-').catch(() => undefined)
  if (elsewhere === undefined) return
  onTestFinished(() => rm(elsewhere, { recursive: true }))
  const { input } = await writePlatformLayout({
    ...image,
    layoutDirectory: layout.directory,
    ...room,
    blobs: join(elsewhere, 'blobs'),
  })
  for (const { digest } of image.layers) {
    const copy = await readFile(blobPath(join(room.directory, input), digest))
    expect(copy.equals(await readFile(blobPath(layout.directory, digest)))).toBe(true)
  }
})

test('the room is for us alone, and closing it leaves the layout and a given cache in place', async () => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  const cache = join(directory, 'kept')
  await mkdir(cache)
  const room = await openWorkroom({ directory, undoLater: () => undefined, keep: async () => '' }, cache)
  expect((await stat(room.directory)).mode & 0o077).toBe(0)
  expect(await readdir(room.images)).toEqual([])
  const place = { directory: room.images, blobs: room.blobs }
  await writePlatformLayout({ ...first(layout), layoutDirectory: layout.directory, ...place })
  await closeWorkroom(room)
  expect(await readdir(directory)).toEqual(['kept'])
  expect((await stat(blobPath(layout.directory, layout.root.digest))).size).toBe(layout.root.size)
})

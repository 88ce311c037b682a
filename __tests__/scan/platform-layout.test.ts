import { mkdir, readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writePlatformLayout } from '../../src/scan/platform-layout.ts'
import { closeWorkroom, openWorkroom } from '../../src/scan/workroom.ts'
import { blobPath, writeSampleLayout } from '../support/sample-layout.ts'
import { sample } from './samples.ts'
import { failure, temporary } from './world.ts'

async function twoPlatforms() {
  const spec = { platforms: [sample('clean', 'linux/amd64'), sample('vulnerable', 'linux/arm64/v8')] }
  return writeSampleLayout(await temporary(), spec)
}

test('a platform gets a layout with its own manifest only, over the blobs of all', async () => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  const [, arm] = layout.platforms
  if (arm === undefined) throw new Error('no second platform')
  const name = await writePlatformLayout({ layoutDirectory: layout.directory, ...arm, directory })
  expect(name).toBe('linux-arm64-v8')
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
  const manifest = layout.root
  expect(await writePlatformLayout({ layoutDirectory: layout.directory, platform, manifest, directory })).toBe(name)
  expect(await readdir(directory)).toEqual([name])
})

test('two images for the same platform get two folders', async () => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  const one = { layoutDirectory: layout.directory, platform: 'linux/amd64', manifest: layout.root, directory }
  expect([await writePlatformLayout(one), await writePlatformLayout(one)]).toEqual(['linux-amd64', 'linux-amd64-2'])
})

test('a layout without blobs is invalid content', async () => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  await rm(join(layout.directory, 'blobs'), { recursive: true })
  const one = { layoutDirectory: layout.directory, platform: 'linux/amd64', manifest: layout.root, directory }
  expect((await failure(writePlatformLayout(one))).code).toBe('CONTENT_INVALID')
})

test('the room is for us alone, and closing it leaves the layout and a given cache in place', async () => {
  const [layout, directory] = [await twoPlatforms(), await temporary()]
  const cache = join(directory, 'kept')
  await mkdir(cache)
  const room = await openWorkroom({ directory, undoLater: () => undefined }, cache)
  expect((await stat(room.directory)).mode & 0o077).toBe(0)
  expect(await readdir(room.images)).toEqual([])
  const one = {
    layoutDirectory: layout.directory,
    platform: 'linux/amd64',
    manifest: layout.root,
    directory: room.images,
  }
  await writePlatformLayout(one)
  await closeWorkroom(room)
  expect(await readdir(directory)).toEqual(['kept'])
  expect((await stat(blobPath(layout.directory, layout.root.digest))).size).toBe(layout.root.size)
})

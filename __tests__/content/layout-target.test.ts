import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { copyGraph } from '../../src/content/copy.ts'
import { readImage } from '../../src/content/image.ts'
import { openLayoutTarget, stageLayout } from '../../src/content/layout-target.ts'
import type { Source } from '../../src/content/store.ts'
import { LadingError } from '../../src/error.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf, hasher, hexOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { writePlatformLayout } from '../../src/scan/platform-layout.ts'
import { connected } from '../support/client.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'
import { blobPath } from '../support/sample-layout.ts'
import { testStoreContract } from '../support/store-contract.ts'

const never = new AbortController().signal
const LAYER = 'application/vnd.oci.image.layer.v1.tar'

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'layout-target-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function twoPlatforms(): { readonly store: MemoryStore; readonly root: Descriptor } {
  const store = memoryStore('ghcr.io/acme/api')
  return { store, root: putIndex(store, [putImage(store, 'amd64', ['a', 'b']), putImage(store, 'arm64', ['a', 'c'])]) }
}

async function files(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
}

describe('a layout that is being written', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'layout-contract-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  testStoreContract({
    async open(name) {
      const target = await openLayoutTarget(join(folder, name), name, never)
      return { source: target, target }
    },
    checksReferences: false,
    mounts: false,
    tagsAtOnce: true,
  })

  test('has the names of its root in its index, and those of nothing else', async () => {
    const directory = await temporary()
    const { store, root } = twoPlatforms()
    const target = await openLayoutTarget(directory, 'a test', never)
    const manifest = { ...(await readImage(store, root)).root }
    await target.tagAtOnce(manifest, ['1.0', 'latest'])
    await target.complete(root)
    const { manifests } = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'))
    const { mediaType, digest, size } = root
    expect(manifests).toEqual(
      ['1.0', 'latest'].map((tag) => ({
        ...{ mediaType, digest, size },
        annotations: { 'org.opencontainers.image.ref.name': tag },
      })),
    )
  })

  test('keeps content of either algorithm', async () => {
    const directory = await temporary()
    const target = await openLayoutTarget(directory, 'a test', never)
    const digest = hasher('sha512').update('long').digest()
    await target.push({ mediaType: LAYER, digest, size: 4 }, async () => Readable.from([Buffer.from('long')]))
    expect(await readFile(join(directory, 'blobs/sha512', hexOf(digest)), 'utf8')).toBe('long')
  })
})

describe('stageLayout', () => {
  test('brings an image of a registry whole, for a scan of each of its platforms', async () => {
    const { registry, remote } = await connected()
    const { store, root } = twoPlatforms()
    const image = await readImage(store, root)
    await copyGraph(root, { source: store, target: remote, signal: never })
    registry.reset()
    const directory = join(await temporary(), 'staged')
    const layout = await stageLayout(remote, root, directory, never)
    expect(layout.directory).toBe(directory)
    expect((await layout.root()).digest).toBe(root.digest)
    expect((await readImage(layout, await layout.root())).platforms).toEqual(image.platforms)
    for (const { digest, size } of image.content) {
      const bytes = await readFile(blobPath(directory, digest))
      expect([digestOf(bytes), bytes.length]).toEqual([digest, size])
    }
    expect(await files(directory)).toHaveLength(image.content.length + 2)
    // Each piece once: what two platforms share, and manifests, whose reading is a pull at Docker Hub.
    expect(registry.requests.map(({ method }) => method)).toEqual(image.content.map(() => 'GET'))
    const [platform] = image.platforms
    if (platform === undefined) throw new Error('an image without a platform')
    const room = { directory: await temporary(), blobs: await temporary() }
    const made = { layoutDirectory: directory, ...room, ...platform }
    expect(await writePlatformLayout(made)).toMatchObject({ input: 'linux-amd64' })
  })

  test('leaves nothing for others to read, whoever shares the machine', async () => {
    const directory = join(await temporary(), 'staged')
    const { store, root } = twoPlatforms()
    await stageLayout(store, root, directory, never)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect((await stat(blobPath(directory, root.digest))).mode & 0o777).toBe(0o600)
  })

  test.each([
    ['other bytes of the same size', (bytes: Buffer) => Buffer.alloc(bytes.length, 'x')],
    ['too few bytes', (bytes: Buffer) => bytes.subarray(1)],
    ['too many bytes', (bytes: Buffer) => Buffer.concat([bytes, bytes])],
  ])('that gets %s is refused, and leaves neither them nor a layout', async (_name, change) => {
    const { store, root } = twoPlatforms()
    const wrong = store.put('b', LAYER)
    const source: Source = {
      ...store,
      async fetch(descriptor) {
        if (descriptor.digest !== wrong.digest) return store.fetch(descriptor)
        return Readable.from([change(Buffer.from('b'))])
      },
    }
    const directory = await temporary()
    await expect(stageLayout(source, root, directory, never)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: expect.stringContaining('in ghcr.io/acme/api'),
    })
    const left = await files(directory)
    expect(left).not.toContain(hexOf(wrong.digest))
    expect(left).not.toContain('index.json')
  })

  test('says what its source does not have', async () => {
    const { store, root } = twoPlatforms()
    const gone: Source = { ...store, fetch: async () => Promise.reject(new LadingError('SOURCE_MISSING', 'gone')) }
    await expect(stageLayout(gone, root, await temporary(), never)).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })

  test('says that the disk is full', async () => {
    const { store, root } = twoPlatforms()
    const directory = await temporary()
    const layer = store.put('b', LAYER)
    const source: Source = {
      ...store,
      async fetch(descriptor) {
        // A device that has no space for anything stands where the layer is to be written.
        if (descriptor.digest === root.digest) {
          await mkdir(join(directory, 'blobs/sha256'), { recursive: true })
          await symlink('/dev/full', blobPath(directory, layer.digest))
        }
        return store.fetch(descriptor)
      },
    }
    await expect(stageLayout(source, root, directory, never)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining(directory),
    })
    expect(await files(directory)).not.toContain('index.json')
  })

  test('uses no folder that has something in it', async () => {
    const directory = await temporary()
    await writeFile(join(directory, 'index.json'), '{}')
    const { store, root } = twoPlatforms()
    await expect(stageLayout(store, root, directory, never)).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await files(directory)).toEqual(['index.json'])
  })

  test('ends in the middle of a layer when the step is cancelled, and says so', async () => {
    const { store, root } = twoPlatforms()
    const directory = await temporary()
    const ending = new AbortController()
    const layer = store.put('b', LAYER)
    const stalled = new Readable({ read: () => undefined })
    const source: Source = {
      ...store,
      async fetch(descriptor) {
        if (descriptor.digest !== layer.digest) return store.fetch(descriptor)
        setTimeout(() => ending.abort(new LadingError('CANCELLED', 'the step was cancelled')), 50)
        return stalled
      },
    }
    await expect(stageLayout(source, root, directory, ending.signal)).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(stalled.destroyed).toBe(true)
    expect(await files(directory)).not.toContain(hexOf(layer.digest))
    expect(await files(directory)).not.toContain('index.json')
  })

  test('passes a manifest on as it came, spaces and all', async () => {
    const store = memoryStore()
    const image = putImage(store, 'amd64', ['a'])
    const text = `{ "schemaVersion":2,\n "mediaType":"${MEDIA_TYPE.ociIndex}", "manifests":[${JSON.stringify(image)}] }\n`
    const root = store.put(text, MEDIA_TYPE.ociIndex)
    const directory = await temporary()
    await stageLayout(store, root, directory, never)
    expect(await readFile(blobPath(directory, root.digest), 'utf8')).toBe(text)
  })
})

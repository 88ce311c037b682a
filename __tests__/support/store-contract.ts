import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { copyGraph } from '../../src/content/copy.ts'
import type { Source, Target } from '../../src/content/store.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { parseManifest } from '../../src/image/manifest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from './memory-store.ts'

/** A store under test: what is written to the target is read from the source. */
export type StoreUnderTest = { readonly source: Source; readonly target: Target }

export type Stores = {
  /** an empty place; another one for each name */
  open(name: string): Promise<StoreUnderTest>
  /** whether it refuses a manifest whose blobs are missing */
  readonly checksReferences: boolean
  /** whether two places of it share their blobs */
  readonly mounts: boolean
  /** whether it takes several tags in one request. Default: no */
  readonly tagsAtOnce?: boolean
}

const LAYER = 'application/vnd.oci.image.layer.v1.tar'
const never = new AbortController().signal

/** What every store promises: one list of cases for memory, the in-process registry and the real ones. */
export function testStoreContract(stores: Stores): void {
  testNames(stores)
  testContent(stores)
  testRefusals(stores)
  testCopies(stores)
}

function testNames(stores: Stores): void {
  test('a tag that is not there is undefined', async () => {
    const { source } = await stores.open('absent')
    expect(await source.resolve('1.0')).toBeUndefined()
    expect(await source.resolve(digestOf('nothing'))).toBeUndefined()
  })

  test('a tag shows the manifest it was given, and another one when it is moved', async () => {
    const { source, target } = await stores.open('tags')
    const origin = memoryStore()
    const [one, two] = [putImage(origin, 'amd64', ['one']), putImage(origin, 'amd64', ['two'])]
    for (const image of [one, two]) {
      await copyGraph(image, { source: origin, target, signal: never })
      await target.tag(parseManifest(image, await bytesIn(origin, image)), '1.0')
      expect(await source.resolve('1.0')).toMatchObject({ digest: image.digest, size: image.size })
      expect(await target.resolve('1.0')).toMatchObject({ mediaType: image.mediaType, digest: image.digest })
    }
    expect(await source.resolve(one.digest)).toMatchObject({ digest: one.digest })
  })

  test('several tags at once show the manifest as far as they are said to', async () => {
    const { source, target } = await stores.open('several')
    const origin = memoryStore()
    const image = putImage(origin, 'amd64', ['one'])
    await copyGraph(image, { source: origin, target, signal: never })
    const asked = ['1.0', '1', 'latest']
    const taken = await target.tagAtOnce(parseManifest(image, await bytesIn(origin, image)), asked)
    const shown = await Promise.all(asked.map(async (tag) => (await source.resolve(tag))?.digest))
    expect(shown).toEqual(asked.map((tag) => (taken.includes(tag) ? image.digest : undefined)))
    expect(taken).toEqual(stores.tagsAtOnce === true ? asked : [])
  })
}

function testContent(stores: Stores): void {
  test.each([
    ['a small blob', Buffer.from('a layer')],
    ['an empty blob', Buffer.alloc(0)],
    ['a blob of 20 MB', Buffer.alloc(20_000_000, 'twenty million bytes ')],
  ])('%s comes back byte for byte', async (name, bytes) => {
    const { source, target } = await stores.open(name.replaceAll(' ', '-').toLowerCase())
    const blob = { mediaType: LAYER, digest: digestOf(bytes), size: bytes.length }
    expect(await target.exists(blob)).toBe(false)
    expect(await target.push(blob, async () => streamOf(bytes))).toBe('uploaded')
    expect(await target.exists(blob)).toBe(true)
    expect(digestOf(await bytesIn(source, blob))).toBe(blob.digest)
  })

  test('manifests and indexes come back byte for byte, spaces and all', async () => {
    const { source, target } = await stores.open('manifests')
    const origin = memoryStore()
    const image = putImage(origin, 'amd64', ['one'])
    const index = origin.put(
      `{ "schemaVersion":2,\n  "mediaType":"${MEDIA_TYPE.ociIndex}", "manifests":[${JSON.stringify(image)}] }\n`,
      MEDIA_TYPE.ociIndex,
    )
    await copyGraph(index, { source: origin, target, signal: never })
    for (const manifest of [image, index]) {
      expect(await target.exists(manifest)).toBe(true)
      expect(await source.resolve(manifest.digest)).toMatchObject({ mediaType: manifest.mediaType })
      expect(await bytesIn(source, manifest)).toEqual(await bytesIn(origin, manifest))
    }
  })

  test('what is not there cannot be fetched', async () => {
    const { source } = await stores.open('missing')
    const blob = { mediaType: LAYER, digest: digestOf('nothing'), size: 7 }
    await expect(source.fetch(blob)).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })
}

function testRefusals(stores: Stores): void {
  test('bytes that are not what their digest says are refused', async () => {
    const { target } = await stores.open('wrong')
    const blob = { mediaType: LAYER, digest: digestOf('right'), size: 5 }
    await expect(target.push(blob, async () => streamOf(Buffer.from('wrong')))).rejects.toMatchObject({
      code: expect.stringMatching(/^CONTENT_/),
    })
    expect(await target.exists(blob)).toBe(false)
  })

  if (!stores.checksReferences) return
  test('a manifest before its blobs, and an index before its images, are refused', async () => {
    const { target } = await stores.open('early')
    const origin = memoryStore()
    const image = putImage(origin, 'amd64', ['one'])
    for (const manifest of [image, putIndex(origin, [image])]) {
      const open = () => origin.fetch(manifest)
      await expect(target.push(manifest, open)).rejects.toMatchObject({ code: 'CONTENT_REFUSED' })
    }
  })
}

function testCopies(stores: Stores): void {
  test('an image of two platforms with an attestation arrives whole, and a second copy writes nothing', async () => {
    const { source, target } = await stores.open('graph')
    const origin = memoryStore()
    const root = attested(origin)
    const copied = await copyGraph(root, { source: origin, target, signal: never })
    expect(copied).toHaveLength(11)
    expect(copied.map(({ status }) => status)).not.toContain('present')
    for (const { descriptor } of copied) {
      expect(await bytesIn(source, descriptor)).toEqual(await bytesIn(origin, descriptor))
    }
    const again = await copyGraph(root, { source: origin, target, signal: never })
    expect(again).toEqual([{ descriptor: root, status: 'present' }])
  })

  test('one changed layer is all that travels, with its manifests', async () => {
    const { target } = await stores.open('changed')
    const origin = memoryStore()
    const route = { source: origin, target, signal: never }
    await copyGraph(putIndex(origin, [putImage(origin, 'amd64', ['base', 'old'])]), route)
    const copied = await copyGraph(putIndex(origin, [putImage(origin, 'amd64', ['base', 'new'])]), route)
    const sent = copied.filter(({ status }) => status === 'uploaded').map(({ descriptor }) => descriptor.mediaType)
    expect(sent.toSorted()).toEqual([LAYER, MEDIA_TYPE.ociIndex, MEDIA_TYPE.ociManifest].toSorted())
  })

  if (!stores.mounts) return
  test('a sibling takes its blobs over instead of getting them again', async () => {
    const [one, two] = [await stores.open('sibling-one'), await stores.open('sibling-two')]
    const origin = memoryStore()
    const image = putImage(origin, 'amd64', ['one', 'two'])
    await copyGraph(image, { source: origin, target: one.target, signal: never })
    const copied = await copyGraph(image, { source: origin, target: two.target, signal: never })
    const blobs = copied.filter(({ descriptor }) => descriptor.digest !== image.digest)
    expect(blobs.map(({ status }) => status)).toEqual(['mounted', 'mounted', 'mounted'])
    for (const { descriptor } of blobs) expect(await two.source.fetch(descriptor).then(drain)).toBe(descriptor.size)
  })
}

/** Two platforms that share a layer, and what BuildKit hangs beside them. */
function attested(store: MemoryStore): Descriptor {
  const images = ['amd64', 'arm64'].map((architecture) => putImage(store, architecture, ['shared', architecture]))
  const statement = store.put('{"_type":"https://in-toto.io/Statement/v0.1"}', 'application/vnd.in-toto+json')
  const config = store.put('{"os":"unknown","architecture":"unknown"}', 'application/vnd.oci.image.config.v1+json')
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [statement] }
  const attestation = store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest, {
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  })
  return putIndex(store, [...images, attestation])
}

async function bytesIn(source: Source, descriptor: Descriptor): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await source.fetch(descriptor)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function drain(stream: Readable): Promise<number> {
  let size = 0
  for await (const chunk of stream) size += chunk.length
  return size
}

function streamOf(bytes: Buffer): Readable {
  const chunks: Buffer[] = []
  for (let start = 0; start < bytes.length; start += 65_536) chunks.push(bytes.subarray(start, start + 65_536))
  return Readable.from(chunks)
}

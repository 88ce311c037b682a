import { describe, expect, test } from 'vitest'
import { copyGraph } from '../../src/content/copy.ts'
import { copyToAll } from '../../src/content/fan-out.ts'
import { readManifest } from '../../src/content/image.ts'
import { chooseSubset, leftOutByRegsync } from '../../src/content/subset.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { connected } from '../support/client.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'

const never = new AbortController().signal

/** Three platforms, an attestation for each, annotations, and a member that nobody knows. */
function released(store: MemoryStore) {
  const variant = (image: Descriptor, name: string): Descriptor => ({
    ...image,
    platform: { os: 'linux', architecture: 'arm', variant: name },
  })
  const images = [
    putImage(store, 'amd64', ['amd64']),
    putImage(store, 'arm64', ['arm64']),
    variant(putImage(store, 'arm', ['arm']), 'v7'),
  ]
  const attestations = images.map((image) => ({
    ...putImage(store, 'unknown', [`for ${image.digest}`]),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.digest': image.digest,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
  }))
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociIndex,
    manifests: [...images, ...attestations].map((child) => ({ ...child, data: 'eA==' })),
    annotations: { 'org.opencontainers.image.version': '1.0' },
    unheard: { of: true },
  }
  return { root: store.put(JSON.stringify(index), MEDIA_TYPE.ociIndex), images, attestations }
}

describe('a subset', () => {
  test('is an index of the chosen platforms and their attestations, with all that was said about them', async () => {
    const store = memoryStore()
    const { root, images, attestations } = released(store)
    const subset = await chooseSubset(root, store, ['linux/arm64', 'linux/arm'])
    expect(subset.root.digest).not.toBe(root.digest)
    expect(subset).toMatchObject({ platforms: ['linux/arm64', 'linux/arm/v7'], missing: [] })
    const made = await readManifest(subset.source, subset.root)
    expect(made.descriptor.digest).toBe(digestOf(made.bytes))
    const json: unknown = JSON.parse(new TextDecoder().decode(made.bytes))
    const kept = [images[1], images[2], attestations[1], attestations[2]]
    expect(json).toEqual({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: kept.map((child) => ({ ...child, data: 'eA==' })),
      annotations: { 'org.opencontainers.image.version': '1.0' },
      unheard: { of: true },
    })
  })

  test('is the same each time', async () => {
    const store = memoryStore()
    const { root } = released(store)
    const [one, two] = [
      await chooseSubset(root, store, ['linux/amd64']),
      await chooseSubset(root, store, ['linux/amd64']),
    ]
    expect(one.root).toEqual(two.root)
  })

  test('is copied whole, and nothing of the other platforms', async () => {
    const [store, target] = [memoryStore(), memoryStore()]
    const { root, images } = released(store)
    const subset = await chooseSubset(root, store, ['linux/amd64'])
    const [outcome] = await copyToAll(subset.root, { source: subset.source, targets: [target], signal: never })
    expect(outcome).toMatchObject({ arrived: true })
    expect(await target.exists(subset.root)).toBe(true)
    const there = await Promise.all(images.map((image) => target.exists(image)))
    expect(there).toEqual([true, false, false])
  })

  test('of all platforms is the index as it is, byte for byte', async () => {
    const store = memoryStore()
    const { root } = released(store)
    const { root: same } = await chooseSubset(root, store, ['linux/arm/v7', 'linux/amd64', 'linux/arm64/v8'])
    expect(same).toEqual(root)
  })

  test('says which platforms the image does not have, and throws when it has none', async () => {
    const store = memoryStore()
    const { root } = released(store)
    expect(await chooseSubset(root, store, ['linux/amd64', 'linux/s390x'])).toMatchObject({
      platforms: ['linux/amd64'],
      missing: ['linux/s390x'],
    })
    await expect(chooseSubset(root, store, ['linux/s390x'])).rejects.toMatchObject({ code: 'NOTHING_MATCHED' })
  })

  test('reaches into nested indexes, and leaves out one that has none of them', async () => {
    const store = memoryStore()
    const images = ['amd64', 'arm64', 's390x'].map((name) => putImage(store, name, [name]))
    const [amd64, arm64, s390x] = images
    if (amd64 === undefined || arm64 === undefined || s390x === undefined) throw new Error('three were made')
    const nested = [putIndex(store, [amd64, arm64]), putIndex(store, [s390x])]
    const subset = await chooseSubset(putIndex(store, nested), store, ['linux/amd64'])
    const outer = await readManifest(subset.source, subset.root)
    const [inner] = outer.kind === 'index' ? outer.manifests : []
    expect(outer).toMatchObject({ manifests: [{ mediaType: MEDIA_TYPE.ociIndex }] })
    if (inner === undefined) throw new Error('there is one')
    expect(await readManifest(subset.source, inner)).toMatchObject({ manifests: [{ digest: amd64.digest }] })
  })

  test('of a single manifest is that manifest', async () => {
    const store = memoryStore()
    const image = putImage(store, 'amd64', ['one'])
    expect((await chooseSubset(image, store, ['linux/arm64'])).root).toEqual(image)
  })
})

describe('an index with holes, as regsync leaves it', () => {
  test('keeps its bytes; attestations and what has no platform stay behind unless they are named', async () => {
    const store = memoryStore()
    const { root, images, attestations } = released(store)
    const index = await readManifest(store, root)
    if (index.kind !== 'index') throw new Error('it is one')
    const others = [images[1], images[2]].map((image) => image?.digest)
    expect([...leftOutByRegsync(index, ['linux/amd64'])]).toEqual([
      ...others,
      ...attestations.map(({ digest }) => digest),
    ])
    expect([...leftOutByRegsync(index, ['linux/amd64', 'unknown/unknown'])]).toEqual(others)
  })

  test.each([1, 2])('is taken by a registry that does not look, at %i targets', async (count) => {
    const store = memoryStore()
    const { root, leaveOut } = await holes(store)
    const targets = Array.from({ length: count }, () => memoryStore())
    const outcomes = await copyToAll(root, {
      source: store,
      targets,
      signal: never,
      leaveOut: ({ digest }) => leaveOut.has(digest),
    })
    expect(outcomes.every(({ arrived }) => arrived)).toBe(true)
    for (const target of targets) {
      expect(await target.exists(root)).toBe(true)
      for (const digest of leaveOut) expect(await target.resolve(digest)).toBeUndefined()
    }
  })

  test('is refused by a registry that looks, and the error says why and what to do', async () => {
    const store = memoryStore()
    const { root, leaveOut } = await holes(store)
    const { remote } = await connected()
    const route = { source: store, target: remote, signal: never }
    const copying = copyGraph(root, { ...route, leaveOut: ({ digest }) => leaveOut.has(digest) })
    await expect(copying).rejects.toMatchObject({
      code: 'CONTENT_REFUSED',
      message: expect.stringContaining('left out of this index'),
      hint: expect.stringContaining('makes an index'),
    })
  })
})

async function holes(store: MemoryStore) {
  const { root } = released(store)
  const index = await readManifest(store, root)
  if (index.kind !== 'index') throw new Error('it is one')
  return { root, leaveOut: leftOutByRegsync(index, ['linux/amd64']) }
}

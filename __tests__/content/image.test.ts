import { describe, expect, test } from 'vitest'
import { checkedOnce } from '../../src/content/checked.ts'
import { readImage, verifyImage } from '../../src/content/image.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'

const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const never = new AbortController().signal
const NOWHERE = { os: 'unknown', architecture: 'unknown' }
const ATTESTATION = { 'vnd.docker.reference.type': 'attestation-manifest' }

/** A manifest with one part of a media type, described in an index as one likes. */
function put(
  store: MemoryStore,
  parts: { config?: string; layer: string; content?: string },
  more: Partial<Descriptor>,
) {
  const config = store.put(JSON.stringify({ os: 'linux', architecture: 'riscv64' }), parts.config ?? CONFIG)
  const layers = [store.put(parts.content ?? 'hidden', parts.layer)]
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers }
  return store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest, more)
}

const platformsOf = async (store: MemoryStore, root: Descriptor) =>
  (await readImage(store, root)).platforms.map(({ platform }) => platform)

describe('readImage', () => {
  test('finds the platforms of an index, each piece once', async () => {
    const store = memoryStore()
    const images = ['amd64', 'arm64'].map((name) => putImage(store, name, ['shared', name]))
    const image = await readImage(store, putIndex(store, images))
    expect(image.platforms.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64'])
    expect(new Set(image.content.map(({ digest }) => digest)).size).toBe(image.content.length)
    expect(image.content).toHaveLength(8)
    const [first] = image.platforms
    expect(first?.bytes).toBe((images[0]?.size ?? 0) + (first?.config.size ?? 0) + 'shared'.length + 'amd64'.length)
  })

  test('finds the platforms of an index within an index', async () => {
    const store = memoryStore()
    const inner = putIndex(store, [putImage(store, 'arm64', ['two'])])
    expect(await platformsOf(store, putIndex(store, [putImage(store, 'amd64', ['one']), inner]))).toEqual([
      'linux/amd64',
      'linux/arm64',
    ])
  })

  test('asks the configuration of a single manifest for its platform', async () => {
    const store = memoryStore()
    const { platform: _, ...root } = putImage(store, 's390x', ['one'])
    expect(await platformsOf(store, root)).toEqual(['linux/s390x'])
  })

  test('takes an attestation as content and not as a platform', async () => {
    const store = memoryStore()
    const statement = put(
      store,
      { layer: 'application/vnd.in-toto+json' },
      { platform: NOWHERE, annotations: ATTESTATION },
    )
    const image = await readImage(store, putIndex(store, [putImage(store, 'amd64', ['one']), statement]))
    expect(image.platforms.map(({ platform }) => platform)).toEqual(['linux/amd64'])
    expect(image.content.map(({ digest }) => digest)).toContain(statement.digest)
  })

  // Each of these was a way to bring an image past the scan.
  test.each<[string, Partial<Descriptor>, string]>([
    [
      'is annotated as an attestation',
      { annotations: ATTESTATION, platform: { os: 'linux', architecture: 'amd64' } },
      'linux/amd64',
    ],
    ['says that it runs nowhere', { platform: NOWHERE }, 'linux/riscv64'],
    ['does both', { platform: NOWHERE, annotations: ATTESTATION }, 'linux/riscv64'],
  ])('takes what holds files as a platform, though it %s', async (_name, more, platform) => {
    const store = memoryStore()
    const hidden = put(store, { layer: LAYER }, more)
    expect(await platformsOf(store, putIndex(store, [putImage(store, 'arm64', ['one']), hidden]))).toEqual([
      'linux/arm64',
      platform,
    ])
  })

  test('takes what holds files as a platform, though its configuration has a strange type', async () => {
    const store = memoryStore()
    const hidden = put(store, { config: 'application/vnd.strange+json', layer: LAYER }, {})
    expect(await platformsOf(store, putIndex(store, [hidden]))).toEqual(['linux/riscv64'])
  })

  test('refuses a manifest that hides behind a layer of the same bytes', async () => {
    const store = memoryStore()
    const hidden = putImage(store, 'amd64', ['vulnerable'])
    const { platform: _, ...bare } = hidden
    const layers = [{ ...bare, mediaType: LAYER }]
    const config = store.put('{"os":"linux","architecture":"arm64"}', CONFIG)
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers }
    const cover = store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest, {
      platform: { os: 'linux', architecture: 'arm64' },
    })
    await expect(readImage(store, putIndex(store, [cover, hidden]))).rejects.toThrow('a manifest and a blob at once')
  })

  test('refuses what holds no image', async () => {
    const store = memoryStore()
    await expect(readImage(store, putIndex(store, []))).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
    const chart = put(
      store,
      {
        config: 'application/vnd.cncf.helm.config.v1+json',
        layer: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
      },
      {},
    )
    await expect(readImage(store, chart)).rejects.toThrow('holds no image that could be run')
  })

  test('refuses a configuration that is not JSON', async () => {
    const store = memoryStore()
    const config = store.put('no json', CONFIG)
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [] }
    const root = store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest)
    await expect(readImage(store, root)).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  })
})

describe('verifyImage', () => {
  test('stops when the step is cancelled', async () => {
    const store = memoryStore()
    const image = await readImage(store, putImage(store, 'amd64', ['one']))
    store.fetched.length = 0
    const cancelled = checkedOnce(store, AbortSignal.abort(new Error('cancelled')))
    await expect(verifyImage(cancelled, image)).rejects.toThrow('cancelled')
    expect(store.fetched).toEqual([])
  })

  test('passes what is whole, and names what is not', async () => {
    const store = memoryStore('the layout')
    const image = await readImage(store, putImage(store, 'amd64', ['one', 'two']))
    await verifyImage(checkedOnce(store, never), image)
    const layer = image.platforms[0]?.layers[1]
    if (layer === undefined) throw new Error('there is a second layer')
    const wrong = {
      ...store,
      fetch: async (part: Descriptor) => store.fetch(part.digest === layer.digest ? other(store) : part),
    }
    await expect(verifyImage(checkedOnce(wrong, never), image)).rejects.toThrow(
      `${layer.digest} in the layout holds other bytes`,
    )
  })
})

function other(store: MemoryStore): Descriptor {
  return store.put('TWO', LAYER)
}

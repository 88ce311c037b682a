import { expect, test } from 'vitest'
import { deliver, type Journey, moveTags } from '../../src/content/publish.ts'
import type { Remote } from '../../src/edges.ts'
import { admit } from '../../src/image/admitted.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { connected, openClient } from '../support/client.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'

/**
 * The promised number of requests for each registry: B distinct blobs, K child manifests, T tags. Tokens come on top;
 * these registries want none.
 */
const TAGS = ['1.4.2', '1.4', 'latest']
const T = TAGS.length

/** Two platforms with a layer in common: six blobs (two configs, four layers) and two manifests below the index. */
function sample(source: MemoryStore, last = 'arm64'): { root: Descriptor; B: number; K: number } {
  const images = [putImage(source, 'amd64', ['shared', 'amd64']), putImage(source, 'arm64', ['shared', 'more', last])]
  return { root: putIndex(source, images), B: 6, K: 2 }
}

async function publish(source: MemoryStore, root: Descriptor, target: Remote): Promise<void> {
  const live = await Promise.all(TAGS.map(async (tag) => ({ tag, before: (await target.resolve(tag))?.digest })))
  const tags = live.map((one) => ({ ...one, kind: one.tag === '1.4.2' ? ('fixed' as const) : ('moving' as const) }))
  const { signal } = new AbortController()
  const journey: Journey = { source, signal, now: () => 0, sleep: async () => undefined, onFailure: 'abort' }
  const deliveries = await deliver(admit(root, 'passed'), [{ target, tags }], journey)
  const outcomes = await moveTags(admit(root, 'passed'), deliveries, journey)
  expect(outcomes.filter(({ outcome }) => outcome === 'failed')).toEqual([])
}

test('a first push takes 2B + K + 1 + 4T requests', async () => {
  const { registry, remote } = await connected()
  const source = memoryStore()
  const { root, B, K } = sample(source)
  await publish(source, root, remote)
  expect(registry.requests).toHaveLength(2 * B + K + 1 + 4 * T)
})

test('a first push that an earlier run had begun sends what is missing, and looks once more for each manifest', async () => {
  const { registry, remote } = await connected()
  const source = memoryStore()
  const { root, B, K } = sample(source)
  // The earlier run got as far as one layer, and no tag and no manifest.
  const blob = source.put('shared', 'application/vnd.oci.image.layer.v1.tar')
  await openClient()
    .remote(`${registry.host}/acme/api`)
    .push(blob, () => source.fetch(blob))
  registry.reset()

  await publish(source, root, remote)
  expect(registry.requests.filter(({ step }) => step === 'upload-put')).toHaveLength(B - 1)
  expect(registry.requests).toHaveLength(2 * B - 1 + 2 * (K + 1) + 4 * T)
})

test('one changed layer takes B HEADs at most, one upload, and the manifests above it', async () => {
  const { registry, remote } = await connected()
  const source = memoryStore()
  await publish(source, sample(source).root, remote)
  registry.reset()

  const fresh = openClient().remote(`${registry.host}/acme/api`)
  const { root, B } = sample(source, 'a new layer')
  await publish(source, root, fresh)
  const count = (step: string) => registry.requests.filter((request) => request.step === step).length
  expect(count('blob-head')).toBeLessThanOrEqual(B)
  expect([count('upload-open'), count('upload-put'), count('mount')]).toEqual([1, 1, 0])
  expect([count('manifest-put'), count('tag-put')]).toEqual([2, T])
})

test('nothing to do takes one HEAD for each tag', async () => {
  const { registry, remote } = await connected()
  const source = memoryStore()
  const { root } = sample(source)
  await publish(source, root, remote)
  registry.reset()
  await publish(source, root, openClient().remote(`${registry.host}/acme/api`))
  expect(registry.requests.map(({ method }) => method)).toEqual(Array(T).fill('HEAD'))
})

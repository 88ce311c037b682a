import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deliver, type Journey, moveTags } from '../../src/content/publish.ts'
import type { Remote } from '../../src/edges.ts'
import { admit } from '../../src/image/admitted.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { parseRepository } from '../../src/image/reference.ts'
import { connected, openClient } from '../support/client.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'
import { startRegistry } from '../support/registry/server.ts'

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

async function publish(
  source: MemoryStore,
  root: Descriptor,
  target: Remote,
  bases: readonly string[] = [],
): Promise<void> {
  const live = await Promise.all(TAGS.map(async (tag) => ({ tag, before: (await target.resolve(tag))?.digest })))
  const tags = live.map((one) => ({ ...one, kind: one.tag === '1.4.2' ? ('fixed' as const) : ('moving' as const) }))
  const { signal } = new AbortController()
  const mountFrom = bases.map(parseRepository)
  const journey: Journey = { source, signal, now: () => 0, sleep: async () => undefined, onFailure: 'abort', mountFrom }
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

test('a registry that takes several tags at once saves a request for each but one of a kind', async () => {
  const { registry, remote } = await connected({ apiVersion: 'root', multiTag: true })
  const source = memoryStore()
  const { root, B, K } = sample(source)
  await publish(source, root, remote)
  // One PUT for the fixed tag, and one for the two moving ones.
  expect(registry.requests).toHaveLength(2 * B + K + 1 + 3 * T + 2)
  expect(registry.repositories.get('acme/api')?.tags.size).toBe(T)
})

test('a registry that does not say whether it does costs one request more, however many repositories', async () => {
  const { registry, remote, client } = await connected({ apiVersion: 'root' })
  const source = memoryStore()
  const { root, B, K } = sample(source)
  await publish(source, root, remote)
  expect(registry.requests).toHaveLength(2 * B + K + 1 + 4 * T + 1)
  registry.reset()
  await publish(source, root, client.remote(`${registry.host}/acme/other`))
  // The blobs are mounted by one request each.
  expect(registry.requests).toHaveLength(B + K + 1 + 4 * T)
})

test('a first push on a base of the same registry saves a request for each of its layers', async () => {
  const { registry, remote } = await connected()
  const source = memoryStore()
  const layers = ['base one', 'base two', 'base three', 'own']
  const root = putIndex(source, [putImage(source, 'amd64', layers)])
  registry.put('acme/base', { manifest: { layers: [] }, blobs: layers.slice(0, 3).map((text) => Buffer.from(text)) })
  await publish(source, root, remote, [`${registry.host}/acme/base`])
  expect(registry.requests.filter(({ step }) => step === 'upload-put')).toHaveLength(2)
  // Three requests are saved, and one of them is spent on a look for the own layer.
  expect(registry.requests).toHaveLength(2 * 5 - 3 + 1 + 1 + 1 + 4 * T)
})

test('a changed base is mounted where the repository has older images, without a request more', async () => {
  const { registry, remote } = await connected()
  const source = memoryStore()
  await publish(source, putIndex(source, [putImage(source, 'amd64', ['old base', 'own'])]), remote)
  registry.put('acme/base', { manifest: { layers: [] }, blobs: [Buffer.from('new base')] })
  registry.reset()
  const fresh = openClient().remote(`${registry.host}/acme/api`)
  const root = putIndex(source, [putImage(source, 'amd64', ['new base', 'own, built anew'])])
  await publish(source, root, fresh, [`${registry.host}/acme/base`])
  const count = (step: string) => registry.requests.filter((request) => request.step === step).length
  expect([count('mount'), count('upload-open'), count('upload-put')]).toEqual([2, 0, 1])
})

test('a first push takes no request more for its bases, whatever they have and whatever was there', async () => {
  const texts = Array.from({ length: 6 }, (_, index) => `layer ${index}`)
  const some = fc.subarray(texts)
  const given = fc.record({
    one: some,
    two: some,
    left: some,
    amd64: fc.shuffledSubarray(texts),
    arm64: fc.shuffledSubarray(texts),
  })
  await fc.assert(
    fc.asyncProperty(given, fc.boolean(), async ({ one, two, left, amd64, arm64 }, mount) => {
      await using registry = await startRegistry({ mount })
      await using client = openClient()
      for (const [path, has] of Object.entries({ 'acme/one': one, 'acme/two': two, 'acme/api': left })) {
        registry.put(path, { manifest: { layers: [] }, blobs: has.map((text) => Buffer.from(text)) })
      }
      const source = memoryStore()
      const root = putIndex(source, [putImage(source, 'amd64', amd64), putImage(source, 'arm64', arm64)])
      const bases = ['one', 'two', 'three'].map((name) => `${registry.host}/acme/${name}`)
      await publish(source, root, client.remote(`${registry.host}/acme/api`), bases)
      const B = 2 + new Set([...amd64, ...arm64]).size
      // What an earlier run left of the blobs makes a look for the manifests worth while.
      const looks = left.length > 0 ? 3 : 0
      expect(registry.requests.length).toBeLessThanOrEqual(2 * B + 2 + 1 + 4 * T + looks)
      expect(registry.openUploads()).toEqual([])
    }),
    { numRuns: 60 },
  )
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

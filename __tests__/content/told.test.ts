import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Source } from '../../src/content/store.ts'
import { readTold } from '../../src/content/told.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import type { Told } from '../../src/tags/live.ts'
import { connected } from '../support/client.ts'
import { type MemoryStore, memoryStore } from '../support/memory-store.ts'

type Texts = Readonly<Record<string, unknown>>
type Spec = {
  readonly labels?: unknown
  readonly created?: unknown
  readonly annotations?: Texts
  readonly mediaType?: string
  readonly configType?: string
  readonly platform?: Descriptor['platform']
}

const NOTHING: Told = { source: '', version: '', revision: '', created: '', request: '' }
const OURS = 'https://github.com/acme/api'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LINUX = { os: 'linux', architecture: 'amd64' }

/** Annotations or labels by the last word of their keys. */
function oci(texts: Texts): Texts {
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [`org.opencontainers.image.${key}`, text]))
}

const WHOLE = oci({ source: OURS, version: '1.2.3', revision: 'c0ffee', created: '2026-01-01T00:00:00Z' })
const REQUESTED = { ...WHOLE, 'io.github.lading.request': 'f00d' }
const TOLD: Told = {
  source: OURS,
  version: '1.2.3',
  revision: 'c0ffee',
  created: '2026-01-01T00:00:00Z',
  request: '',
}

function image(store: MemoryStore, spec: Spec = {}): Descriptor {
  const { labels, created, annotations, mediaType = MEDIA_TYPE.ociManifest, configType = CONFIG } = spec
  const config = store.put(JSON.stringify({ ...LINUX, created, config: { Labels: labels } }), configType)
  const manifest = { schemaVersion: 2, mediaType, config, layers: [], annotations }
  return store.put(JSON.stringify(manifest), mediaType, 'platform' in spec ? {} : { platform: LINUX })
}

function index(store: MemoryStore, manifests: readonly Descriptor[], annotations: Texts = {}): Descriptor {
  const json = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests, annotations }
  return store.put(JSON.stringify(json), MEDIA_TYPE.ociIndex)
}

function attestation(store: MemoryStore): Descriptor {
  return {
    ...image(store, { labels: oci({ version: 'of an attestation' }) }),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  }
}

describe('what is told, and how much is read for it', () => {
  type Case = {
    readonly name: string
    readonly make: (store: MemoryStore) => Descriptor
    readonly told: Partial<Told>
    readonly reads: number
  }

  test.each<Case>([
    { name: 'labels of a single image', make: (store) => image(store, { labels: WHOLE }), told: TOLD, reads: 2 },
    {
      name: 'labels of the first platform of an index',
      make: (store) => index(store, [image(store, { labels: WHOLE }), image(store, { labels: oci({ version: '9' }) })]),
      told: TOLD,
      reads: 3,
    },
    {
      name: 'annotations of the index alone, when they tell everything',
      make: (store) => index(store, [image(store, { labels: oci({ version: '9' }) })], REQUESTED),
      told: { ...TOLD, request: 'f00d' },
      reads: 1,
    },
    {
      name: 'annotations of the manifest, without its configuration, when no label could add anything',
      make: (store) => index(store, [image(store, { annotations: WHOLE })]),
      told: TOLD,
      reads: 2,
    },
    {
      name: 'the annotation of the index before that of the manifest before the label',
      make: (store) => {
        const annotations = oci({ source: OURS, version: '2', revision: 'b' })
        const labels = oci({ source: OURS, version: '3', revision: 'c', created: '2003' })
        return index(store, [image(store, { annotations, labels })], oci({ source: OURS, version: '1' }))
      },
      told: { source: OURS, version: '1', revision: 'b', created: '2003' },
      reads: 3,
    },
    {
      name: 'the creation of the configuration, where no label names one',
      make: (store) => image(store, { labels: oci({ source: OURS }), created: '2026-02-02T00:00:00Z' }),
      told: { source: OURS, created: '2026-02-02T00:00:00Z' },
      reads: 2,
    },
    {
      name: 'the creation that a label names, before that of the configuration',
      make: (store) => image(store, { labels: oci({ created: '2001' }), created: '2002' }),
      told: { created: '2001' },
      reads: 2,
    },
    {
      name: 'no version of a base, when annotations name another source',
      make: (store) => {
        const labels = oci({ source: 'https://example.org/base', version: '24.04', created: '2001' })
        return index(store, [image(store, { labels, created: '2002' })], oci({ source: OURS, revision: 'c0ffee' }))
      },
      told: { source: OURS, revision: 'c0ffee', created: '2002' },
      reads: 3,
    },
    {
      name: 'no version of a base that names no source, when annotations name one',
      make: (store) => image(store, { annotations: oci({ source: OURS }), labels: oci({ version: '24.04' }) }),
      told: { source: OURS },
      reads: 2,
    },
    {
      name: 'the labels of a base as they are, when there is nothing else',
      make: (store) => image(store, { labels: oci({ source: 'https://example.org/base', version: '24.04' }) }),
      told: { source: 'https://example.org/base', version: '24.04' },
      reads: 2,
    },
    {
      name: 'annotations of a manifest that names no source, below an index that does',
      make: (store) => {
        const annotations = { ...oci({ version: '1.2.3' }), 'io.github.lading.request': 'f00d' }
        return index(store, [image(store, { annotations })], oci({ source: OURS }))
      },
      told: { source: OURS, version: '1.2.3', request: 'f00d' },
      reads: 3,
    },
    {
      name: 'nothing of a manifest that names another source than its index',
      make: (store) => {
        const annotations = oci({ source: 'https://example.org/other', version: '7', created: '2001' })
        return index(store, [image(store, { annotations })], oci({ source: OURS }))
      },
      told: { source: OURS },
      reads: 3,
    },
    {
      name: 'the hash of the request as an annotation only',
      make: (store) => image(store, { labels: { ...WHOLE, 'io.github.lading.request': 'inherited' } }),
      told: TOLD,
      reads: 2,
    },
    {
      name: 'no attestation, though it comes first',
      make: (store) => index(store, [attestation(store), image(store, { labels: WHOLE })]),
      told: TOLD,
      reads: 3,
    },
    {
      name: 'a platform before what names none',
      make: (store) => {
        const nameless = image(store, { labels: oci({ version: 'nameless' }), platform: undefined })
        return index(store, [nameless, image(store, { labels: WHOLE })])
      },
      told: TOLD,
      reads: 3,
    },
    {
      name: 'the first platform of the first index within that has one',
      make: (store) => {
        const empty = index(store, [attestation(store)])
        return index(store, [empty, index(store, [image(store, { labels: WHOLE })])])
      },
      told: TOLD,
      reads: 5,
    },
    {
      name: 'Docker’s own media types',
      make: (store) => {
        const one = image(store, {
          labels: WHOLE,
          mediaType: MEDIA_TYPE.dockerManifest,
          configType: 'application/vnd.docker.container.image.v1+json',
        })
        const list = { schemaVersion: 2, mediaType: MEDIA_TYPE.dockerList, manifests: [one] }
        return store.put(JSON.stringify(list), MEDIA_TYPE.dockerList)
      },
      told: TOLD,
      reads: 3,
    },
    { name: 'nothing, without labels', make: (store) => image(store), told: {}, reads: 2 },
    {
      name: 'nothing of an artifact, whose configuration is not read',
      make: (store) => image(store, { labels: WHOLE, configType: 'application/vnd.cncf.helm.config.v1+json' }),
      told: {},
      reads: 1,
    },
    { name: 'nothing of an empty index', make: (store) => index(store, []), told: {}, reads: 1 },
    {
      name: 'what an index of attestations says of itself',
      make: (store) => index(store, [attestation(store)], oci({ version: '1' })),
      told: { version: '1' },
      reads: 1,
    },
  ])('$name', async ({ make, told, reads }) => {
    const store = memoryStore()
    expect(await readTold(store, make(store))).toEqual({ ...NOTHING, ...told })
    expect(store.fetched).toHaveLength(reads)
  })

  test('is read from a registry with three requests', async () => {
    const { registry, remote } = await connected()
    const store = memoryStore()
    const [root, ...parts] = await graph(store)
    for (const part of parts) await remote.push(part, () => store.fetch(part))
    await remote.push(root, () => store.fetch(root))
    registry.reset()
    const found = await remote.resolve(root.digest)
    if (found === undefined) throw new Error('the index is not there')
    expect(await readTold(remote, found)).toEqual(TOLD)
    expect(registry.requests.filter(({ method }) => method === 'GET')).toHaveLength(3)
  })
})

/** An index and what lies below it, the index first and the others so that each comes after its parts. */
async function graph(store: MemoryStore): Promise<readonly [Descriptor, ...Descriptor[]]> {
  const one = image(store, { labels: WHOLE })
  const root = index(store, [one])
  const bytes = JSON.stringify({ ...LINUX, config: { Labels: WHOLE } })
  return [root, { mediaType: CONFIG, digest: digestOf(bytes), size: bytes.length }, one]
}

describe('what is wrong', () => {
  test.each([
    ['a label that is no text', { labels: oci({ version: 7, source: { a: 1 } }) }],
    ['labels that are a list', { labels: [1, 2] }],
    ['labels that are null', { labels: null }],
    ['a creation that is a number', { created: 12 }],
    ['a label that is too long to be any', { labels: oci({ version: `1.${'2'.repeat(10_000)}` }) }],
  ])('%s tells nothing', async (_name, spec) => {
    const store = memoryStore()
    expect(await readTold(store, image(store, spec))).toEqual(NOTHING)
  })

  test('a manifest that is not there is missing at the source', async () => {
    const gone = { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf('gone'), size: 4 }
    await expect(readTold(memoryStore(), gone)).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })

  test('a configuration that is no JSON is invalid', async () => {
    const store = memoryStore()
    const config = store.put('no JSON', CONFIG)
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [] }
    const root = store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest)
    await expect(readTold(store, root)).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  })

  test.each([0, 1, 2])('bytes that are not what their digest says are invalid, at read %i', async (at) => {
    const store = memoryStore()
    const root = index(store, [image(store, { labels: WHOLE })])
    let reads = 0
    const source: Source = {
      name: 'a hostile registry',
      resolve: (tag) => store.resolve(tag),
      async fetch(descriptor) {
        reads += 1
        return reads - 1 === at ? Readable.from([Buffer.alloc(descriptor.size, ' ')]) : store.fetch(descriptor)
      },
    }
    await expect(readTold(source, root)).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
    expect(reads).toBe(at + 1)
  })

  test('a configuration that says it is huge is not read', async () => {
    const store = memoryStore()
    const config = { mediaType: CONFIG, digest: digestOf('huge'), size: 1e12 }
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [] }
    const endless = new Readable({ read: () => undefined })
    const root = store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest)
    const source: Source = {
      ...store,
      async fetch(descriptor) {
        if (descriptor.digest === root.digest) return store.fetch(descriptor)
        return endless
      },
    }
    await expect(readTold(source, root)).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
    expect(endless.destroyed).toBe(true)
  })

  test('indexes within indexes without an end are followed six deep', async () => {
    const store = memoryStore()
    let root = image(store, { labels: WHOLE })
    for (let depth = 0; depth < 20; depth += 1) root = index(store, [root], oci({ revision: `depth ${depth}` }))
    expect(await readTold(store, root)).toEqual({ ...NOTHING, revision: 'depth 19' })
    expect(store.fetched).toHaveLength(6)
  })
})

describe('hostile texts', () => {
  const key = fc.constantFrom(...Object.keys(WHOLE), 'io.github.lading.request', '__proto__', 'constructor')
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 700 }), fc.json(), fc.jsonValue())
  const texts = fc.dictionary(key, text)

  test('come out as short plain lines, at the most three reads later', async () => {
    await fc.assert(
      fc.asyncProperty(
        texts,
        texts,
        fc.oneof(texts, fc.jsonValue()),
        text,
        async (above, annotations, labels, created) => {
          const store = memoryStore()
          const told = await readTold(store, index(store, [image(store, { annotations, labels, created })], above))
          expect(Object.keys(told).toSorted()).toEqual(Object.keys(NOTHING).toSorted())
          for (const line of Object.values(told)) {
            expect(typeof line).toBe('string')
            expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
            expect(line.length).toBeLessThanOrEqual(500)
          }
          expect(store.fetched.length).toBeLessThanOrEqual(3)
        },
      ),
    )
  })

  test('any JSON at all in place of a configuration tells lines, and throws nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (json) => {
        const store = memoryStore()
        const config = store.put(JSON.stringify(json), CONFIG)
        const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [] }
        const told = await readTold(store, store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest))
        expect(Object.values(told).every((line) => typeof line === 'string')).toBe(true)
      }),
    )
  })
})

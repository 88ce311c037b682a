import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { findBaseLayers, type Reach } from '../../src/content/base-layers.ts'
import { readImage } from '../../src/content/image.ts'
import type { Source } from '../../src/content/store.ts'
import { asLadingError } from '../../src/error.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { type Digest, digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { formatRepository } from '../../src/image/reference.ts'
import { connected } from '../support/client.ts'
import { type MemoryStore, memoryStore, putIndex } from '../support/memory-store.ts'
import type { Effect } from '../support/registry/effect.ts'

const CONFIG = 'application/vnd.oci.image.config.v1+json'
const BASE = 'org.opencontainers.image.base'

type Made = {
  readonly architecture?: string
  readonly variant?: string
  readonly layers: readonly string[]
  readonly packed?: string
}
type Texts = Readonly<Record<string, string>>

/** An image whose layers are these files; `packed` otherwise, they are other blobs of the same files. */
function image(store: MemoryStore, made: Made, annotations: Texts = {}): Descriptor {
  const variant = made.variant === undefined ? {} : { variant: made.variant }
  const platform = { os: 'linux', architecture: made.architecture ?? 'amd64', ...variant }
  const rootfs = { type: 'layers', diff_ids: made.layers.map((files) => digestOf(`files of ${files}`)) }
  const config = store.put(JSON.stringify({ ...platform, rootfs }), CONFIG)
  const layers = made.layers.map((files) =>
    store.put(`${made.packed ?? 'gzip'} ${files}`, 'application/vnd.oci.image.layer.v1.tar+gzip'),
  )
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers, annotations }
  return store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest, { platform })
}

type Material = { readonly uri: string; readonly digest?: { readonly sha256: string } }

/** What BuildKit hangs into the index for one platform. */
function provenance(store: MemoryStore, of: Descriptor, materials: readonly Material[]): Descriptor {
  const statement = { predicate: { buildDefinition: { resolvedDependencies: materials } } }
  const type = 'https://slsa.dev/provenance/v1'
  const layer = store.put(JSON.stringify(statement), 'application/vnd.in-toto+json', {
    annotations: { 'in-toto.io/predicate-type': type },
  })
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: store.put('{}', CONFIG),
    layers: [layer],
  }
  return store.put(JSON.stringify({ ...manifest, about: of.digest }), MEDIA_TYPE.ociManifest, {
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': of.digest },
  })
}

const material = (name: string, { digest }: { readonly digest: Digest }): Material => ({
  uri: `pkg:docker/${name}?platform=linux%2Famd64`,
  digest: { sha256: digest.slice('sha256:'.length) },
})

/** Repositories by name; those that are asked for and are not there answer as a registry would. */
function hub() {
  const stores = new Map<string, MemoryStore>()
  const asked: string[] = []
  const open = (name: string): MemoryStore => {
    const store = stores.get(name) ?? memoryStore(name)
    stores.set(name, store)
    return store
  }
  const reach: Reach & { readonly said: string[] } = {
    said: [],
    remote(repository) {
      const name = formatRepository(repository)
      asked.push(name)
      return open(name)
    },
    cancelled: new AbortController().signal,
    limitMs: 60_000,
    debug: (line) => void reach.said.push(line),
  }
  return { open, asked, reach }
}

type Hub = ReturnType<typeof hub>

/** Looks for the base of an image with one platform, amd64. */
async function lookedFor(
  { reach }: Pick<Hub, 'reach'>,
  layers: readonly string[],
  said: { readonly annotations?: Texts; readonly materials?: readonly Material[] },
) {
  const source = memoryStore()
  const own = image(source, { layers }, said.annotations)
  const parts = said.materials === undefined ? [own] : [own, provenance(source, own, said.materials)]
  return search(source, putIndex(source, parts), [own], reach)
}

async function search(source: Source, root: Descriptor, platforms: readonly Descriptor[], reach: Reach) {
  const whole = await readImage(source, root)
  const wanted = new Set(platforms.map(({ digest }) => digest))
  const found = await findBaseLayers({ source, image: whole, platforms: wanted }, reach)
  return platforms.map(({ digest }) => {
    const base = found.get(digest)
    return base === undefined ? undefined : `${base.base} ${base.layers.size}`
  })
}

describe('the base', () => {
  test('is what an annotation names, and then nothing else is asked', async () => {
    const world = hub()
    const base = image(world.open('ghcr.io/acme/base'), { layers: ['one', 'two'] })
    const other = image(world.open('docker.io/library/golang'), { layers: ['one', 'two', 'own'] })
    const annotations = { [`${BASE}.name`]: 'ghcr.io/acme/base:3', [`${BASE}.digest`]: base.digest }
    const materials = [material('golang@1', other)]
    expect(await lookedFor(world, ['one', 'two', 'own'], { annotations, materials })).toEqual([
      `ghcr.io/acme/base:3@${base.digest} 2`,
    ])
    expect(world.asked).toEqual(['ghcr.io/acme/base'])
  })

  test('is found by its tag where no digest is named', async () => {
    const world = hub()
    const store = world.open('ghcr.io/acme/base')
    store.tags.set('3', image(store, { layers: ['one'] }))
    const annotations = { [`${BASE}.name`]: 'ghcr.io/acme/base:3' }
    expect(await lookedFor(world, ['one', 'own'], { annotations })).toEqual(['ghcr.io/acme/base:3 1'])
  })

  test('is the longest of what the provenance names: its own base begins as well', async () => {
    const world = hub()
    const alpine = image(world.open('docker.io/library/alpine'), { layers: ['system'] })
    const node = image(world.open('docker.io/library/node'), { layers: ['system', 'node'] })
    const tools = image(world.open('docker.io/library/golang'), { layers: ['other', 'go'] })
    const materials = [material('alpine@3', alpine), material('golang@1', tools), material('node@22-alpine', node)]
    expect(await lookedFor(world, ['system', 'node', 'own'], { materials })).toEqual([
      `node:22-alpine@${node.digest} 2`,
    ])
  })

  test('is all of an image that adds no layer', async () => {
    const world = hub()
    const base = image(world.open('docker.io/library/alpine'), { layers: ['system'] })
    expect(await lookedFor(world, ['system'], { materials: [material('alpine@3', base)] })).toEqual([
      `alpine:3@${base.digest} 1`,
    ])
  })

  test('is known by its files when its layers were packed anew', async () => {
    const world = hub()
    const alpine = image(world.open('docker.io/library/alpine'), { layers: ['system'], packed: 'zstd' })
    const node = image(world.open('docker.io/library/node'), { layers: ['system', 'node'], packed: 'zstd' })
    const materials = [material('alpine@3', alpine), material('node@22', node)]
    expect(await lookedFor(world, ['system', 'node', 'own'], { materials })).toEqual([`node:22@${node.digest} 2`])
  })

  test('is looked for in the provenance when the annotation names another image, or one that is gone', async () => {
    for (const tag of ['other', 'gone']) {
      const world = hub()
      const store = world.open('ghcr.io/acme/base')
      store.tags.set('other', image(store, { layers: ['another'] }))
      const base = image(world.open('docker.io/library/alpine'), { layers: ['system'] })
      const annotations = { [`${BASE}.name`]: `ghcr.io/acme/base:${tag}` }
      const found = await lookedFor(world, ['system', 'own'], { annotations, materials: [material('alpine@3', base)] })
      expect(found).toEqual([`alpine:3@${base.digest} 1`])
    }
  })

  test('is the one for the platform, and what was taken for another one is not asked', async () => {
    const world = hub()
    const base = image(world.open('docker.io/library/alpine'), { layers: ['system'] })
    const cross = { ...material('golang@1', base), uri: 'pkg:docker/golang@1?platform=linux%2Farm64' }
    const found = await lookedFor(world, ['system', 'own'], { materials: [cross, material('alpine@3', base)] })
    expect(found).toEqual([`alpine:3@${base.digest} 1`])
    expect(world.asked).toEqual(['docker.io/library/alpine'])
  })

  test('is the next lower variant where an index has not the platform’s own', async () => {
    const world = hub()
    const store = world.open('docker.io/library/alpine')
    const systems = [
      { layers: ['arm64'], architecture: 'arm64' },
      { layers: ['arm'], architecture: 'arm', variant: 'v6' },
    ].map((made) => image(store, made))
    const index = putIndex(store, systems)
    const source = memoryStore()
    const own = image(source, { layers: ['arm', 'own'], architecture: 'arm', variant: 'v7' })
    const taken = { ...material('alpine@3', index), uri: 'pkg:docker/alpine@3' }
    const root = putIndex(source, [own, provenance(source, own, [taken])])
    expect(await search(source, root, [own], world.reach)).toEqual([`alpine:3@${index.digest} 1`])
  })

  test('is told for each platform by the provenance that is about it', async () => {
    const world = hub()
    const store = world.open('docker.io/library/alpine')
    const bases = [image(store, { layers: ['one'] }), image(store, { layers: ['one', 'two'] })]
    const source = memoryStore()
    const own = ['amd64', 'arm64'].map((architecture) => {
      return image(source, { layers: ['one', 'two', architecture], architecture })
    })
    const told = own.flatMap((of, at) => {
      const taken = bases.slice(at, at + 1).map((base) => ({ ...material('', base), uri: `pkg:docker/alpine@${at}` }))
      return provenance(source, of, taken)
    })
    expect(await search(source, putIndex(source, [...own, ...told]), own, world.reach)).toEqual([
      `alpine:0@${bases[0]?.digest} 1`,
      `alpine:1@${bases[1]?.digest} 2`,
    ])
  })
})

describe('nothing is known', () => {
  type Case = {
    readonly name: string
    readonly make: (world: Hub) => Parameters<typeof lookedFor>[2]
    readonly asked: readonly string[]
    readonly said: string
  }
  const alpine = 'docker.io/library/alpine'
  const named = (world: Hub, layers: readonly string[]) => material('alpine@3', image(world.open(alpine), { layers }))
  const NO_MATCH = 'nothing that is named begins as it does'

  test.each<Case>([
    { name: 'when nothing is named', make: () => ({}), asked: [], said: NO_MATCH },
    { name: 'when the build took no image', make: () => ({ materials: [] }), asked: [], said: NO_MATCH },
    {
      name: 'when the image is not there',
      make: () => ({ materials: [material('alpine@3', { digest: digestOf('gone') })] }),
      asked: [alpine],
      said: 'has no sha256:',
    },
    {
      name: 'when it begins otherwise',
      make: (world) => ({ materials: [named(world, ['another'])] }),
      asked: [alpine],
      said: NO_MATCH,
    },
    {
      name: 'when it has more layers',
      make: (world) => ({ materials: [named(world, ['system', 'own', 'more'])] }),
      asked: [alpine],
      said: NO_MATCH,
    },
    {
      name: 'when it has no layer',
      make: (world) => ({ materials: [named(world, [])] }),
      asked: [alpine],
      said: NO_MATCH,
    },
    {
      name: 'when one of several cannot be seen, since it might be the longer one',
      make: (world) => ({ materials: [named(world, ['system']), material('node@22', { digest: digestOf('gone') })] }),
      asked: [alpine, 'docker.io/library/node'],
      said: 'docker.io/library/node has no sha256:',
    },
    {
      name: 'when the build took an image from a disk',
      make: (world) => ({ materials: [named(world, ['system']), { uri: 'pkg:oci/base?platform=linux%2Famd64' }] }),
      asked: [],
      said: 'its build took an image that cannot be asked for',
    },
    {
      name: 'when more images are named than are looked at',
      make: (world) => ({
        materials: ['a', 'b', 'c', 'd']
          .map((name) => material(`${name}@1`, world.open(name).put(name, CONFIG)))
          .concat(named(world, ['system'])),
      }),
      asked: [],
      said: '5 images are named',
    },
    {
      name: 'when it is no image',
      make: (world) => ({ materials: [material('alpine@3', world.open(alpine).put('{}', MEDIA_TYPE.ociIndex))] }),
      asked: [alpine],
      said: 'has no list of manifests',
    },
    {
      name: 'when an index lies within its index',
      make(world) {
        const store = world.open(alpine)
        const inner = putIndex(store, [image(store, { layers: ['system'] })])
        const platform = { os: 'linux', architecture: 'amd64' }
        return { materials: [material('alpine@3', putIndex(store, [{ ...inner, platform }]))] }
      },
      asked: [alpine],
      said: 'an index within an index',
    },
    {
      name: 'when its index has nothing for the platform',
      make(world) {
        const store = world.open(alpine)
        const index = putIndex(store, [image(store, { layers: ['system'], architecture: 's390x' })])
        return { materials: [material('alpine@3', index)] }
      },
      asked: [alpine],
      said: 'has nothing for linux/amd64',
    },
  ])('$name', async ({ make, asked, said }) => {
    const world = hub()
    expect(await lookedFor(world, ['system', 'own'], make(world))).toEqual([undefined])
    expect(world.asked).toEqual(asked)
    expect(world.reach.said.join('\n')).toContain(said)
  })

  test('when its bytes are others', async () => {
    const world = hub()
    const store = world.open('docker.io/library/alpine')
    const base = image(store, { layers: ['system'] })
    const wrong = { ...store, fetch: () => store.fetch(store.put('{}', MEDIA_TYPE.ociManifest)) }
    const reach = { ...world.reach, remote: () => wrong }
    expect(await lookedFor({ reach }, ['system', 'own'], { materials: [material('alpine@3', base)] })).toEqual([
      undefined,
    ])
    expect(reach.said.join('\n')).toContain('the base of linux/amd64 is not known')
  })

  test('when a proxy shows another image in its place, even one that fits', async () => {
    const world = hub()
    const store = world.open('docker.io/library/alpine')
    const base = image(store, { layers: ['system'] })
    const reach = { ...world.reach, remote: () => ({ ...store, resolve: async () => base }) }
    const materials = [material('alpine@3', { digest: digestOf('what was built on') })]
    expect(await lookedFor({ reach }, ['system', 'own'], { materials })).toEqual([undefined])
    expect(reach.said.join('\n')).toContain('shows another image')
  })

  test('of a repository that is not to be asked', async () => {
    const world = hub()
    const base = image(world.open('docker.io/library/alpine'), { layers: ['system'] })
    const reach = { ...world.reach, remote: () => undefined }
    expect(await lookedFor({ reach }, ['system'], { materials: [material('alpine@3', base)] })).toEqual([undefined])
    expect(reach.said.join('\n')).toContain('docker.io/library/alpine is not to be asked')
  })

  test('of platforms that nobody asks about, and then not even the provenance is read', async () => {
    const world = hub()
    const base = image(world.open('docker.io/library/alpine'), { layers: ['system'] })
    const source = memoryStore()
    const own = image(source, { layers: ['system'] })
    const root = putIndex(source, [own, provenance(source, own, [material('alpine@3', base)])])
    const whole = await readImage(source, root)
    source.fetched.length = 0
    expect((await findBaseLayers({ source, image: whole, platforms: new Set() }, world.reach)).size).toBe(0)
    expect([source.fetched, world.asked]).toEqual([[], []])
  })

  test('after the time is over, and nothing more is asked then', async () => {
    const world = hub()
    const base = image(world.open('docker.io/library/alpine'), { layers: ['system'] })
    const asked: string[] = []
    const resolve: Source['resolve'] = (name) => {
      asked.push(name)
      return asked.length === 1 ? new Promise(() => undefined) : world.open('docker.io/library/alpine').resolve(name)
    }
    const source: Source = { ...world.open('docker.io/library/alpine'), resolve }
    const reach = { ...world.reach, limitMs: 20, remote: () => source }
    const said = { annotations: { [`${BASE}.name`]: 'ghcr.io/acme/silent:3' }, materials: [material('alpine@3', base)] }
    expect(await lookedFor({ reach }, ['system'], said)).toEqual([undefined])
    expect(asked).toEqual(['3'])
    expect(reach.said.join('\n')).toContain('it takes too long')
  })

  test('after a cancel, which is an error', async () => {
    const world = hub()
    const cancel = new AbortController()
    const silent: Source = { ...memoryStore('silent'), resolve: () => new Promise(() => undefined) }
    const reach: Reach = { ...world.reach, cancelled: cancel.signal, remote: () => silent }
    const annotations = { [`${BASE}.name`]: 'ghcr.io/acme/base:3' }
    const found = lookedFor({ reach: { ...world.reach, ...reach } }, ['system'], { annotations })
    await setImmediate()
    cancel.abort()
    expect(await found.catch(asLadingError)).toMatchObject({ code: 'CANCELLED' })
  })
})

describe('in a registry', () => {
  /** A base for two platforms, and an image of both on top of it. */
  async function setting() {
    const { registry, client } = await connected({}, { anonymous: true, use: 'pull', retries: 1 })
    const shelf = memoryStore()
    const children = ['amd64', 'arm64'].map((architecture) => image(shelf, { architecture, layers: [architecture] }))
    const root = putIndex(shelf, children)
    for (const descriptor of [...children, root]) {
      const blobs = await Promise.all(['amd64', 'arm64'].map(async (text) => Buffer.from(`gzip ${text}`)))
      registry.put('acme/base', { manifest: await bytesOf(shelf, descriptor), blobs })
    }
    const source = memoryStore()
    const own = ['amd64', 'arm64'].map((architecture) => image(source, { architecture, layers: [architecture, 'own'] }))
    const name = `${registry.host.replace(':', '%3A')}/acme/base@3`
    const taken: Material = { uri: `pkg:docker/${name}`, digest: { sha256: root.digest.slice(7) } }
    const top = putIndex(source, [...own, ...own.map((of) => provenance(source, of, [taken]))])
    const reach: Reach = { ...hub().reach, remote: (one) => client.remote(formatRepository(one), 'pull') }
    const base = `${registry.host}/acme/base:3@${root.digest}`
    return { registry, source, own, top, reach, base, root, children }
  }

  test('a look costs one HEAD, the index once, and one manifest for each platform that is asked about', async () => {
    const { registry, source, own, top, reach, base, root, children } = await setting()
    const references = () =>
      registry.requests.filter(({ step }) => step !== 'ping').map((one) => `${one.method} ${one.reference}`)
    expect(await search(source, top, own, reach)).toEqual([`${base} 1`, `${base} 1`])
    const [amd64, arm64] = children.map(({ digest }) => digest)
    expect(references()).toEqual([`HEAD ${root.digest}`, `GET ${root.digest}`, `GET ${amd64}`, `GET ${arm64}`])

    registry.reset()
    expect(await search(source, top, own.slice(1), reach)).toEqual([`${base} 1`])
    expect(references()).toEqual([`HEAD ${root.digest}`, `GET ${root.digest}`, `GET ${arm64}`])
  })

  test('that refuses, breaks off or lacks the manifest, nothing is known and nothing fails', async () => {
    const refusals = [401, 403, 404, 429].map((status): Effect => ({ kind: 'status', status }))
    for (const effect of [...refusals, { kind: 'corrupt' }, { kind: 'cut', after: 10 }, { kind: 'reset' }] as const) {
      const { registry, source, own, top, reach } = await setting()
      registry.fail({ step: 'manifest-get', effect })
      expect(await search(source, top, own, reach)).toEqual([undefined, undefined])
      expect(registry.requests.some(({ step }) => step === 'manifest-get')).toBe(true)
    }
  })
})

async function bytesOf(store: MemoryStore, descriptor: Descriptor): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await store.fetch(descriptor)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

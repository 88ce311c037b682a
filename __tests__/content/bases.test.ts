import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readBases } from '../../src/content/bases.ts'
import { readImage } from '../../src/content/image.ts'
import { annotatedBase, provenBases, provenMaterials } from '../../src/image/base.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { parseManifest } from '../../src/image/manifest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { formatRepository, type Repository } from '../../src/image/reference.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'

const DIGEST = digestOf('a base')
const V02 = 'https://slsa.dev/provenance/v0.2'
const V1 = 'https://slsa.dev/provenance/v1'
const names = (bases: readonly Repository[]) => bases.map(formatRepository)
const dependencies = (...uris: readonly unknown[]) => ({
  predicate: {
    buildDefinition: { resolvedDependencies: uris.map((uri) => ({ uri, digest: { sha256: '0'.repeat(64) } })) },
  },
})

/** As `docker buildx build --provenance=mode=min,version=v0.2` writes it (Docker docs, "Provenance attestation"). */
const STATEMENT_V02 = {
  _type: 'https://in-toto.io/Statement/v0.1',
  predicateType: V02,
  subject: [{ name: 'pkg:docker/ghcr.io/acme/api@1.4.2?platform=linux%2Farm64', digest: { sha256: 'e8'.repeat(32) } }],
  predicate: {
    builder: { id: '' },
    buildType: 'https://mobyproject.org/buildkit@v1',
    materials: [
      { uri: 'pkg:docker/docker/dockerfile@1', digest: { sha256: '9b'.repeat(32) } },
      { uri: 'pkg:docker/ghcr.io/acme/base@3?platform=linux%2Farm64', digest: { sha256: 'a9'.repeat(32) } },
      { uri: 'pkg:docker/golang@1.19.4-alpine?platform=linux%2Farm64', digest: { sha256: 'b0'.repeat(32) } },
      { uri: 'https://github.com/acme/api.git#refs/tags/v1.4.2', digest: { sha1: '4b'.repeat(20) } },
    ],
    invocation: {
      configSource: { entryPoint: 'Dockerfile' },
      parameters: { frontend: 'gateway.v0', args: { cmdline: 'docker/dockerfile:1', source: 'docker/dockerfile:1' } },
      environment: { platform: 'linux/arm64' },
    },
  },
}

/** As BuildKit writes it by default (BuildKit docs, "SLSA provenance"). */
const STATEMENT_V1 = {
  _type: 'https://in-toto.io/Statement/v1',
  predicateType: V1,
  subject: [{ name: 'pkg:docker/ghcr.io/acme/api@1.4.2?platform=linux%2Famd64', digest: { sha256: 'e8'.repeat(32) } }],
  predicate: {
    buildDefinition: {
      buildType: 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md',
      externalParameters: { configSource: { path: 'Dockerfile' }, request: { frontend: 'dockerfile.v0', args: {} } },
      internalParameters: { builderPlatform: 'linux/amd64' },
      resolvedDependencies: [
        { uri: 'pkg:docker/alpine@latest?platform=linux%2Famd64', digest: { sha256: '89'.repeat(32) } },
        {
          uri: `pkg:docker/ghcr.io/acme/base@3?digest=${DIGEST}&platform=linux%2Famd64`,
          digest: { sha256: 'a9'.repeat(32) },
        },
      ],
    },
    runDetails: { builder: { id: '' }, metadata: { buildkit_metadata: {} } },
  },
}

describe('the provenance', () => {
  test('of version 0.2 names the images of the build, and not the tools', () => {
    expect(names(provenBases(STATEMENT_V02))).toEqual(['ghcr.io/acme/base', 'docker.io/library/golang'])
  })

  test('of version 1 names them as well', () => {
    expect(names(provenBases(STATEMENT_V1))).toEqual(['docker.io/library/alpine', 'ghcr.io/acme/base'])
  })

  // BuildKit, `util/purl/image_test.go` and `provenance/predicate_test.go`.
  test.each([
    ['pkg:docker/alpine@3.15', 'docker.io/library/alpine'],
    ['pkg:docker/alpine', 'docker.io/library/alpine'],
    ['pkg:docker/library/alpine@3.15', 'docker.io/library/alpine'],
    ['pkg:docker/user/test@v2', 'docker.io/user/test'],
    [`pkg:docker/alpine?digest=${DIGEST}`, 'docker.io/library/alpine'],
    [`pkg:docker/ghcr.io/acme/base@latest?digest=${DIGEST}`, 'ghcr.io/acme/base'],
    [`pkg:docker/ghcr.io/acme/base@${DIGEST}`, 'ghcr.io/acme/base'],
    ['pkg:docker/localhost%3A5000/team/base@1.36?platform=linux%2Farm64', 'localhost:5000/team/base'],
    ['pkg:docker/ghcr.io/acme/base@3?platform=linux%2Farm%2Fv7#etc', 'ghcr.io/acme/base'],
    [`pkg:docker/example.com/ns/repo?digest=${DIGEST}&ref_type=blob`, undefined],
    ['pkg:docker/example.com/ns/repo?ref_type=bundle&vcs_url=https%3A%2F%2Fgithub.com%2Fx', undefined],
    ['pkg:docker/customer/image?repository_url=gcr.io', undefined],
    ['pkg:docker/docker/buildkit-syft-scanner@stable-1', undefined],
    ['pkg:docker/docker/dockerfile-upstream@master', undefined],
    ['pkg:oci/ghcr.io/acme/base@1', undefined],
    ['pkg:docker/Acme/Base@1', undefined],
    ['pkg:docker/../../etc/passwd', undefined],
    ['pkg:docker/ghcr.io/acme/base%2F%2E%2E%2Fsecret', undefined],
    ['pkg:docker/%E0%A4%A', undefined],
    ['pkg:docker/', undefined],
    [`pkg:docker/${'a/'.repeat(600)}a`, undefined],
    ['https://github.com/acme/api.git', undefined],
  ])('takes %s for %s', (uri, repository) => {
    expect(names(provenBases(dependencies(uri)))).toEqual(repository === undefined ? [] : [repository])
  })

  const PLAIN = `sha256:${'0'.repeat(64)}`
  test.each([
    ['pkg:docker/node@22', { digest: PLAIN, name: `node:22@${PLAIN}` }],
    [
      'pkg:docker/node@22?platform=linux%2Farm%2Fv7',
      { digest: PLAIN, name: `node:22@${PLAIN}`, platform: 'linux/arm/v7' },
    ],
    ['pkg:docker/localhost%3A5000/base', { digest: PLAIN, name: `localhost:5000/base@${PLAIN}` }],
  ])('says of %s what was taken', (uri, image) => {
    expect(provenBases(dependencies(uri))).toMatchObject([image])
  })

  test.each([
    ['pkg:docker/node@22', { tag: '22', name: 'node:22' }],
    ['pkg:docker/node', { tag: 'latest', name: 'node' }],
    [`pkg:docker/node@22?digest=${DIGEST}`, { digest: DIGEST, name: `node:22@${DIGEST}` }],
    [`pkg:docker/node@${DIGEST}`, { digest: DIGEST, name: `node@${DIGEST}` }],
  ])('says of %s, without a digest beside it, what it says itself', (uri, image) => {
    expect(provenBases({ predicate: { materials: [{ uri }] } })).toMatchObject([image])
  })

  test.each([
    ['pkg:docker/node@22', true],
    ['pkg:docker/docker/dockerfile@1', true],
    ['https://github.com/acme/api.git', true],
    [`pkg:docker/example.com/ns/repo?digest=${DIGEST}&ref_type=blob`, true],
    ['pkg:oci/base@1?platform=linux%2Famd64', false],
    ['pkg:docker/customer/image?repository_url=gcr.io', false],
    ['pkg:docker/Acme/Base@1', false],
  ])('with %s names all images: %s', (uri, isWhole) => {
    expect(provenMaterials(dependencies('pkg:docker/alpine@3', uri)).isWhole).toBe(isWhole)
  })

  test('that goes on beyond what is read does not name all images', () => {
    const uris = (count: number) => Array(count).fill('https://example.com/')
    expect(provenMaterials(dependencies(...uris(1000))).isWhole).toBe(true)
    expect(provenMaterials(dependencies(...uris(1001))).isWhole).toBe(false)
  })

  test('is read as far as a build could reach', () => {
    const uris = [...Array(999).fill('https://example.com/'), 'pkg:docker/last', 'pkg:docker/one-too-many']
    expect(names(provenBases(dependencies(...uris)))).toEqual(['docker.io/library/last'])
  })

  test('is passed over where it is something else, and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (statement) => {
        expect(Array.isArray(provenBases(statement))).toBe(true)
      }),
    )
    const shapes = fc.oneof(fc.jsonValue(), fc.array(fc.record({ uri: fc.oneof(fc.jsonValue(), purls()) })))
    fc.assert(
      fc.property(shapes, shapes, (materials, resolvedDependencies) => {
        const bases = provenBases({ predicate: { materials, buildDefinition: { resolvedDependencies } } })
        // Whatever comes out goes into a path of a registry's API.
        for (const { path } of bases) expect(path).toMatch(/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/)
        // And before people.
        for (const { name } of bases) expect(name).toMatch(/^[a-zA-Z0-9._:@/[\]-]{1,600}$/)
      }),
    )
  })
})

const purls = () =>
  fc
    .string({ unit: fc.constantFrom('a', 'Z', '/', '%', '2', 'F', '.', ':', '@', '?', '=', '#', ' ') })
    .map((text) => `pkg:docker/${text}`)

describe('the annotation', () => {
  test.each([
    ['ghcr.io/acme/base:3', 'ghcr.io/acme/base'],
    [`ghcr.io/acme/base:3@${DIGEST}`, 'ghcr.io/acme/base'],
    ['alpine', 'docker.io/library/alpine'],
    ['', undefined],
    ['ghcr.io/Acme/Base', undefined],
    ['ghcr.io/acme/base@sha256:short', undefined],
  ])('“%s” names %s', (text, repository) => {
    const base = annotatedBase({ 'org.opencontainers.image.base.name': text })
    expect(base === undefined ? undefined : formatRepository(base)).toBe(repository)
  })

  test.each([
    ['node:22', DIGEST, { digest: DIGEST, name: `node:22@${DIGEST}` }],
    ['node:22', 'sha256:short', { tag: '22', name: 'node:22' }],
    [`node:22@${DIGEST}`, digestOf('another'), { digest: DIGEST, name: `node:22@${DIGEST}` }],
  ])('“%s” with the digest %s is one image', (name, digest, image) => {
    const key = 'org.opencontainers.image.base'
    expect(annotatedBase({ [`${key}.name`]: name, [`${key}.digest`]: digest })).toMatchObject(image)
  })

  test('names nothing when it is missing', () => {
    expect(annotatedBase({ 'org.opencontainers.image.base.digest': DIGEST })).toBeUndefined()
  })
})

describe('readImage', () => {
  const STATEMENT = 'application/vnd.in-toto+json'
  const NOWHERE = { os: 'unknown', architecture: 'unknown' }

  function attest(store: MemoryStore, layers: readonly Descriptor[], type = 'attestation-manifest'): Descriptor {
    const config = store.put('{}', 'application/vnd.oci.image.config.v1+json')
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers }
    const annotations = { 'vnd.docker.reference.type': type }
    return store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest, { platform: NOWHERE, annotations })
  }

  const statement = (store: MemoryStore, content: unknown, predicate = V1) =>
    store.put(JSON.stringify(content), STATEMENT, { annotations: { 'in-toto.io/predicate-type': predicate } })

  const basesOf = async (store: MemoryStore, parts: readonly Descriptor[]) =>
    names((await readImage(store, putIndex(store, [putImage(store, 'amd64', ['one']), ...parts]))).bases)

  test('finds what the provenance of each platform names, each once', async () => {
    const store = memoryStore()
    const [one, two] = [statement(store, STATEMENT_V1), statement(store, STATEMENT_V02, V02)]
    const bases = await basesOf(store, [attest(store, [one]), attest(store, [two])])
    expect(bases).toEqual(['docker.io/library/alpine', 'ghcr.io/acme/base', 'docker.io/library/golang'])
  })

  test('puts what is annotated first: it is the base itself', async () => {
    const store = memoryStore()
    const config = store.put('{"os":"linux","architecture":"arm64"}', 'application/vnd.oci.image.config.v1+json')
    const layers = [store.put('two', 'application/vnd.oci.image.layer.v1.tar')]
    const annotations = { 'org.opencontainers.image.base.name': 'ghcr.io/acme/base:3' }
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers, annotations }
    const platform = { os: 'linux', architecture: 'arm64' }
    const image = store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest, { platform })
    const bases = await basesOf(store, [attest(store, [statement(store, STATEMENT_V1)]), image])
    expect(bases).toEqual(['ghcr.io/acme/base', 'docker.io/library/alpine'])
  })

  test('reads no SBOM, nothing larger than a provenance is, and no manifest that is no attestation', async () => {
    const store = memoryStore()
    const sbom = statement(store, { ...STATEMENT_V1, is: 'an SBOM' }, 'https://spdx.dev/Document')
    const padding = ' '.repeat(4 * 1024 * 1024)
    const large = statement(store, { ...STATEMENT_V1, padding })
    const other = attest(store, [statement(store, STATEMENT_V1)], 'something-else')
    store.fetched.length = 0
    expect(await basesOf(store, [attest(store, [sbom, large]), other])).toEqual([])
    expect(store.fetched).not.toContain(sbom.digest)
    expect(store.fetched).not.toContain(large.digest)
  })

  test.each<[string, (store: MemoryStore) => Descriptor]>([
    ['is missing', () => ({ mediaType: STATEMENT, digest: digestOf('nowhere'), size: 7 })],
    ['has other bytes', (store) => ({ ...statement(store, STATEMENT_V1), digest: store.put('x', STATEMENT).digest })],
    ['is not JSON', (store) => store.put('{"predicate":', STATEMENT)],
    ['is a number', (store) => store.put('17', STATEMENT)],
    ['is nested without an end', (store) => store.put('['.repeat(100_000), STATEMENT)],
  ])('goes on when a provenance %s', async (_name, broken) => {
    const store = memoryStore()
    expect(await basesOf(store, [attest(store, [broken(store), statement(store, STATEMENT_V1)])])).toEqual([
      'docker.io/library/alpine',
      'ghcr.io/acme/base',
    ])
  })

  test('bounds what it reads and what it names', async () => {
    const store = memoryStore()
    const uris = Array.from({ length: 100 }, (_, index) => `pkg:docker/ghcr.io/acme/base-${index}@1`)
    expect(await basesOf(store, [attest(store, [statement(store, dependencies(...uris))])])).toHaveLength(16)
    const many = Array.from({ length: 50 }, (_, index) => statement(store, { index }))
    const attestation = attest(store, many)
    const bytes = await collect(store, attestation)
    store.fetched.length = 0
    expect(await readBases(store, [parseManifest(attestation, bytes)])).toEqual([])
    expect(store.fetched).toHaveLength(32)
  })
})

async function collect(store: MemoryStore, descriptor: Descriptor): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await store.fetch(descriptor)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

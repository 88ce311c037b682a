import { describe, expect, onTestFinished, test } from 'vitest'
import { copyGraph } from '../../src/content/copy.ts'
import { copyReferrers, type ReferrerCopy, type ReferrerTarget } from '../../src/content/referrers.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf, hexOf, parseDigest } from '../../src/image/digest.ts'
import { fallbackTag } from '../../src/image/referrer.ts'
import { type Client, openClient } from '../support/client.ts'
import { type InProcessRegistry, type RegistryOptions, startRegistry } from '../support/registry/server.ts'

const never = new AbortController().signal
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const EMPTY = 'application/vnd.oci.empty.v1+json'
const ALL = { filters: [], digestTags: true }
const PATH = 'acme/api'

type World = {
  readonly source: InProcessRegistry
  readonly targets: readonly InProcessRegistry[]
  readonly client: Client
  readonly image: Descriptor
  readonly child: Descriptor
  /** Carries to all targets, the image itself first. */
  run(more?: Partial<ReferrerCopy>): ReturnType<typeof copyReferrers>
}

/** An index of one image at the source, and empty targets. */
async function world(source: RegistryOptions = {}, ...targets: readonly RegistryOptions[]): Promise<World> {
  const started = await Promise.all([source, ...targets].map(startRegistry))
  const [origin, ...others] = started
  if (origin === undefined) throw new Error('a source was started')
  const client = openClient({ retries: 1 })
  onTestFinished(async () => {
    await client.close()
    await Promise.all(started.map((registry) => registry.stop()))
  })
  const child = put(origin, { layers: ['the image'] })
  const index = { schemaVersion: 2, mediaType: INDEX, manifests: [child] }
  const image = described(origin, origin.put(PATH, { manifest: index, mediaType: INDEX, tag: '1.0' }))
  const from = client.remote(`${origin.host}/${PATH}`, 'pull')
  const to = others.map(({ host }) => client.remote(`${host}/${PATH}`))
  return {
    source: origin,
    targets: others,
    client,
    image,
    child,
    async run(more) {
      for (const target of to) await copyGraph(image, { source: from, target, signal: never })
      for (const registry of started) registry.reset()
      const copy = { source: from, targets: to, wish: ALL, signal: never, sleep: async () => undefined }
      return copyReferrers(image, { ...copy, ...more })
    },
  }
}

type Made = {
  readonly layers?: readonly string[]
  readonly subject?: Descriptor
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly tag?: string
}

function put(registry: InProcessRegistry, { layers = [], tag, ...rest }: Made): Descriptor {
  const blobs = ['{}', ...layers].map((text) => Buffer.from(text))
  const [config, ...content] = blobs.map((bytes, at) => ({
    mediaType: at === 0 ? EMPTY : 'application/octet-stream',
    digest: digestOf(bytes),
    size: bytes.length,
  }))
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers: content, ...rest }
  return described(registry, registry.put(PATH, { manifest, blobs, ...(tag === undefined ? {} : { tag }) }))
}

function described(registry: InProcessRegistry, digest: string): Descriptor {
  const found = registry.repositories.get(PATH)?.manifests.get(digest)
  if (found === undefined) throw new Error('it was just put there')
  return { mediaType: found.mediaType, digest: parseDigest(digest), size: found.bytes.length }
}

function sigTag({ digest }: Descriptor, suffix: string): string {
  return `sha256-${hexOf(digest)}.${suffix}`
}

/** Writes the list of referrers as a client of a registry without one does. */
function putList(registry: InProcessRegistry, subject: Descriptor, manifests: readonly object[]): void {
  const manifest = { schemaVersion: 2, mediaType: INDEX, manifests }
  registry.put(PATH, { manifest, mediaType: INDEX, tag: fallbackTag(subject.digest) })
}

function has(registry: InProcessRegistry, { digest }: Descriptor): boolean {
  return registry.repositories.get(PATH)?.manifests.has(digest) === true
}

/** What a client of the target finds. */
async function found({ client }: World, registry: InProcessRegistry, subject: Descriptor) {
  const { descriptors, from } = await client.remote(`${registry.host}/${PATH}`, 'pull').referrers(subject.digest)
  return { from, digests: descriptors.map(({ digest }) => digest).toSorted(), descriptors }
}

function signAll({ source, image, child }: World) {
  const signature = put(source, { subject: image, artifactType: 'signature', layers: ['signed'] })
  const sbom = put(source, { subject: child, artifactType: 'sbom', layers: ['sbom'], annotations: { format: 'spdx' } })
  const countersigned = put(source, { subject: sbom, artifactType: 'signature', layers: ['sbom signed'] })
  putList(source, image, [{ ...signature, artifactType: 'signature' }])
  putList(source, child, [{ ...sbom, artifactType: 'sbom', annotations: { format: 'spdx' } }])
  putList(source, sbom, [countersigned])
  return { signature, sbom, countersigned }
}

describe('what refers to an image', () => {
  test.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])('is found at the target as at the source: lists at the source %s, at the target %s', async (one, other) => {
    const all = await world({ referrers: one }, { referrers: other })
    const { signature, sbom, countersigned } = signAll(all)
    const [target] = all.targets
    if (target === undefined) throw new Error('one was started')
    const [carried] = await all.run()
    expect(carried).toMatchObject({ referrers: 3, tags: [], passedOver: [], lists: other ? 0 : 3 })
    expect(carried?.error).toBeUndefined()
    for (const [subject, referrer] of [
      [all.image, signature],
      [all.child, sbom],
      [sbom, countersigned],
    ] as const) {
      expect(await found(all, target, subject)).toMatchObject({
        from: other ? 'api' : 'tag',
        digests: [referrer.digest],
      })
      const bytes = (registry: InProcessRegistry) =>
        registry.repositories.get(PATH)?.manifests.get(referrer.digest)?.bytes
      expect(bytes(target)).toEqual(bytes(all.source))
    }
    const listed = (await found(all, target, all.child)).descriptors
    expect(listed).toMatchObject([{ artifactType: 'sbom', annotations: { format: 'spdx' } }])
  })

  test('is not carried again, and a second time nothing is written or read that was read before', async () => {
    for (const referrers of [true, false]) {
      const all = await world({}, { referrers })
      signAll(all)
      await all.run()
      const [carried] = await all.run()
      expect(carried).toMatchObject({ referrers: 3, lists: 0 })
      expect(carried?.copied.every(({ status }) => status === 'present')).toBe(true)
      expect(all.targets[0]?.writes()).toEqual([])
      expect(all.source.requests.filter(({ step }) => step === 'blob-get')).toEqual([])
    }
  })

  test('is pushed and nothing more where the registry says that it lists it', async () => {
    const all = await world({}, {})
    put(all.source, { subject: all.image, artifactType: 'signature', layers: ['signed'] })
    await all.run()
    const [target] = all.targets
    expect(target?.requests.filter(({ step }) => step === 'manifest-put')).toHaveLength(1)
    expect(target?.requests.filter(({ step }) => step === 'tag-put' || step === 'referrers')).toEqual([])
  })

  test('is left to the registry where it has a list, though it does not say so and shows it late', async () => {
    const all = await world({}, {})
    signAll(all)
    const [target] = all.targets
    target?.fail({ step: 'manifest-put', effect: { kind: 'headers', set: { 'oci-subject': undefined } } })
    target?.fail({ step: 'referrers', effect: { kind: 'json', set: { manifests: [] } } })
    const [carried] = await all.run()
    expect(carried).toMatchObject({ referrers: 3, lists: 0 })
    expect(target?.create(PATH).tags.size).toBe(0)
  })

  test('is read once for several targets, and one that fails does not disturb the others', async () => {
    const all = await world({}, {}, { referrers: false }, {})
    const { signature } = signAll(all)
    const { run, targets, source } = all
    await run({ wish: { filters: [{ artifactType: 'none' }], digestTags: false } })
    targets[2]?.fail({ step: 'upload-put', effect: { kind: 'status', status: 403 } })
    const carried = await run()
    expect(carried.map(({ error }) => error?.code)).toEqual([undefined, undefined, expect.any(String)])
    expect(targets.map((target) => has(target, signature))).toEqual([true, true, false])
    const gets = source.requests.filter(({ step }) => step === 'blob-get')
    // The empty config belongs to the image too, and is there already.
    expect(gets).toHaveLength(3)
  })

  test.each([
    [[{ artifactType: 'sbom' }], 'sbom'],
    [[{ annotations: { format: 'spdx' } }], 'sbom'],
    [[{ annotations: { format: '' } }], 'sbom'],
    [[{ artifactType: 'signature', annotations: { format: 'spdx' } }], ''],
    [[{ artifactType: 'none' }, { artifactType: 'signature' }], 'signature'],
  ])('is carried as far as a filter means it: %j', async (filters, meant) => {
    const all = await world({}, {})
    const { signature, sbom } = signAll(all)
    await all.run({ wish: { filters, digestTags: false } })
    const [target] = all.targets
    if (target === undefined) throw new Error('one was started')
    expect([has(target, signature), has(target, sbom)]).toEqual([meant === 'signature', meant === 'sbom'])
  })

  test('does not travel when only the list says that it refers to it', async () => {
    const all = await world({ referrers: false }, {})
    const stranger = put(all.source, { artifactType: 'signature', layers: ['of something else'] })
    putList(all.source, all.image, [stranger])
    const [carried] = await all.run()
    expect(carried).toMatchObject({ referrers: 0, passedOver: [expect.stringContaining(stranger.digest)] })
    expect(all.targets.map((target) => has(target, stranger))).toEqual([false])
  })

  test('is not put into a list of another image, though the source lists it there', async () => {
    const all = await world({ referrers: false }, { referrers: false })
    const signature = put(all.source, { subject: all.child, artifactType: 'signature', layers: ['signed'] })
    putList(all.source, all.child, [signature])
    putList(all.source, all.image, [signature])
    const [carried] = await all.run()
    expect(carried).toMatchObject({ referrers: 1, lists: 1, passedOver: [expect.stringContaining(all.image.digest)] })
    const [target] = all.targets
    expect(target?.create(PATH).tags.has(fallbackTag(all.image.digest))).toBe(false)
    expect(target?.create(PATH).tags.has(fallbackTag(all.child.digest))).toBe(true)
  })

  test('is refused when there is no end to it', async () => {
    const all = await world({}, {})
    let subject = all.image
    for (let at = 0; at < 7; at += 1) subject = put(all.source, { subject, artifactType: `signature ${at}` })
    await expect(all.run()).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: expect.stringContaining('deeper'),
    })
  })
})

describe('the list under the fallback tag', () => {
  const OLD = { referrers: false } as const

  async function withOwn() {
    const all = await world({}, OLD)
    const [target] = all.targets
    if (target === undefined) throw new Error('one was started')
    const own = put(target, { subject: all.image, artifactType: 'own', layers: ['own'] })
    putList(target, all.image, [{ ...own, artifactType: 'own', unheard: 'of' }])
    const signature = put(all.source, { subject: all.image, artifactType: 'signature', layers: ['signed'] })
    return { ...all, target, own, signature }
  }

  function listAt(target: InProcessRegistry, subject: Descriptor): unknown {
    const { tags, manifests } = target.create(PATH)
    const bytes = manifests.get(tags.get(fallbackTag(subject.digest)) ?? '')?.bytes
    return bytes === undefined ? undefined : JSON.parse(Buffer.from(bytes).toString())
  }

  test('keeps what the target has in it, to the letter', async () => {
    const { run, target, image, own, signature } = await withOwn()
    const [carried] = await run()
    expect(carried).toMatchObject({ lists: 1 })
    expect(listAt(target, image)).toMatchObject({
      manifests: [
        { digest: own.digest, unheard: 'of' },
        { digest: signature.digest, artifactType: 'signature' },
      ],
    })
  })

  test('is written after the manifests it lists', async () => {
    const { run, target, signature } = await withOwn()
    await run()
    const puts = target.requests.filter(({ method }) => method === 'PUT').map(({ reference }) => reference)
    expect(puts.indexOf(signature.digest)).toBeLessThan(puts.findIndex((reference) => reference?.startsWith('sha256-')))
    expect(puts.at(-1)).toMatch(/^sha256-/)
  })

  test('keeps what somebody else adds at the same time', async () => {
    const { run, target, image, own, signature, client } = await withOwn()
    const late = put(target, { subject: image, artifactType: 'late', layers: ['late'] })
    const remote = client.remote(`${target.host}/${PATH}`)
    let looks = 0
    let writes = 0
    // Between the reading and the look before the write.
    const racing: ReferrerTarget = {
      ...remote,
      async resolve(tag) {
        if (tag.startsWith('sha256-')) looks += 1
        if (looks === 2) putList(target, image, [own, late])
        return remote.resolve(tag)
      },
      async tag(manifest, tag) {
        writes += 1
        return remote.tag(manifest, tag)
      },
    }
    const [carried] = await run({ targets: [racing] })
    expect(carried?.error).toBeUndefined()
    // What the other one wrote was never overwritten by a list without it.
    expect(writes).toBe(1)
    expect(listAt(target, image)).toMatchObject({
      manifests: [{ digest: own.digest }, { digest: late.digest }, { digest: signature.digest }],
    })
  })

  test('is written again when it was overwritten before it was read back, and given up when it always is', async () => {
    const { run, target, image, own, signature, client } = await withOwn()
    const remote = client.remote(`${target.host}/${PATH}`)
    const overwritten = (times: number): ReferrerTarget => {
      let writes = 0
      return {
        ...remote,
        async tag(manifest, tag) {
          await remote.tag(manifest, tag)
          writes += 1
          if (writes <= times) putList(target, image, [{ ...own, artifactType: `own ${writes}` }])
        },
      }
    }
    const [once] = await run({ targets: [overwritten(1)] })
    expect(once?.error).toBeUndefined()
    expect(listAt(target, image)).toMatchObject({ manifests: [{ digest: own.digest }, { digest: signature.digest }] })
    putList(target, image, [own])
    const [always] = await run({ targets: [overwritten(100)] })
    expect(always?.error).toMatchObject({ code: 'DIGEST_MISMATCH' })
  })

  test('loses what is not there any more, where the registry looks', async () => {
    const { run, target, image, own, signature } = await withOwn()
    target.create(PATH).manifests.delete(own.digest)
    const [carried] = await run()
    expect(carried?.error).toBeUndefined()
    expect(listAt(target, image)).toMatchObject({ manifests: [{ digest: signature.digest }] })
  })

  test('is not written over something that is no list', async () => {
    const { run, target, image } = await withOwn()
    const other = put(target, { layers: ['an image'], tag: fallbackTag(image.digest) })
    const [carried] = await run()
    expect(carried?.error).toMatchObject({ code: 'TAG_EXISTS' })
    expect(target.create(PATH).tags.get(fallbackTag(image.digest))).toBe(other.digest)
  })
})

describe('an image of which not all is copied, or not from here', () => {
  test('leaves what belongs to the rest where it is', async () => {
    const all = await world({}, {})
    const { signature, sbom } = signAll(all)
    const [target] = all.targets
    if (target === undefined) throw new Error('one was started')
    const [carried] = await all.run({ leaveOut: ({ digest }) => digest === all.child.digest })
    expect(carried).toMatchObject({ referrers: 1 })
    expect([has(target, signature), has(target, sbom)]).toEqual([true, false])
  })

  test('is read where it lies, and what belongs to it in the place that is named', async () => {
    const all = await world({}, {})
    const { source, image, child, client } = all
    const [target] = all.targets
    if (target === undefined) throw new Error('one was started')
    const apart = await startRegistry()
    onTestFinished(() => apart.stop())
    const signature = put(apart, { subject: child, artifactType: 'signature', layers: ['signed'] })
    const lying = client.remote(`${source.host}/${PATH}`, 'pull')
    const [carried] = await all.run({ source: client.remote(`${apart.host}/${PATH}`, 'pull'), image: lying })
    expect(carried).toMatchObject({ referrers: 1 })
    expect(has(target, signature)).toBe(true)
    expect(has(apart, image)).toBe(false)
  })
})

describe("cosign's tags", () => {
  test('of an image, of its children and of each other are carried, with one list of tags', async () => {
    const all = await world({}, {})
    const { source, image, child, run } = all
    const sig = put(source, { layers: ['signature'], tag: sigTag(image, 'sig') })
    const att = put(source, { layers: ['attestation'], tag: sigTag(child, 'att') })
    const attSig = put(source, { layers: ['attestation signed'], tag: sigTag(att, 'sig') })
    put(source, { layers: ['of another image'], tag: `sha256-${'0'.repeat(64)}.sig` })
    const [carried] = await run()
    expect(carried?.tags.toSorted((a, b) => (a.tag < b.tag ? -1 : 1))).toEqual(
      [
        { tag: sigTag(image, 'sig'), digest: sig.digest, outcome: 'created' },
        { tag: sigTag(child, 'att'), digest: att.digest, outcome: 'created' },
        { tag: sigTag(att, 'sig'), digest: attSig.digest, outcome: 'created' },
      ].toSorted((a, b) => (a.tag < b.tag ? -1 : 1)),
    )
    const tags = all.targets[0]?.create(PATH).tags
    expect(tags?.get(sigTag(image, 'sig'))).toBe(sig.digest)
    expect(tags?.size).toBe(3)
    expect(source.requests.filter(({ step }) => step === 'tags')).toHaveLength(1)
    const [again] = await run()
    expect(again?.tags.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged', 'unchanged'])
    expect(all.targets[0]?.writes()).toEqual([])
  })

  test('with more signatures than before are moved; with other ones than the source has they are kept', async () => {
    const { source, targets, image, run } = await world({}, {}, {})
    const [behind, other] = targets
    if (behind === undefined || other === undefined) throw new Error('two were started')
    const tag = sigTag(image, 'sig')
    const own = put(other, { layers: ['one', 'its own'], tag })
    put(behind, { layers: ['one'], tag })
    const sig = put(source, { layers: ['one', 'two'], tag })
    const carried = await run()
    expect(carried.map(({ tags }) => tags[0]?.outcome)).toEqual(['moved', 'kept'])
    expect(behind.create(PATH).tags.get(tag)).toBe(sig.digest)
    expect(other.create(PATH).tags.get(tag)).toBe(own.digest)
  })

  test('are looked for by their names where the list of tags is cut off', async () => {
    const { source, targets, image, run } = await world({}, {})
    put(source, { layers: ['signature'], tag: sigTag(image, 'sig') })
    const link = '<http://other.example/>; rel="next"'
    source.fail({ step: 'tags', effect: { kind: 'status', status: 200, headers: { link }, body: { tags: [] } } })
    const [carried] = await run()
    expect(carried?.tags).toMatchObject([{ tag: sigTag(image, 'sig'), outcome: 'created' }])
    expect(targets[0]?.create(PATH).tags.size).toBe(1)
  })

  test('stay where they are when they are not meant, and the list of tags is not asked for', async () => {
    const { source, targets, image, run } = await world({}, {})
    put(source, { layers: ['signature'], tag: sigTag(image, 'sig') })
    await run({ wish: { filters: [], digestTags: false } })
    expect(targets[0]?.create(PATH).tags.size).toBe(0)
    expect(source.requests.filter(({ step }) => step === 'tags')).toEqual([])
  })

  test('a registry that has learnt to list: what only its old list under the tag knows is carried too', async () => {
    const { source, targets, image, run } = await world({}, {})
    const old = put(source, { subject: image, artifactType: 'old', layers: ['old'] })
    putList(source, image, [old])
    source.fail({ step: 'referrers', effect: { kind: 'json', set: { manifests: [] } } })
    const [carried] = await run()
    expect(carried).toMatchObject({ referrers: 1 })
    expect(targets.map((target) => has(target, old))).toEqual([true])
  })
})

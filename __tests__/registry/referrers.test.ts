import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { Digest } from '../../src/image/digest.ts'
import { digestOf, parseDigest } from '../../src/image/digest.ts'
import { fallbackTag } from '../../src/image/referrer.ts'
import { connected } from '../support/client.ts'
import type { Fault } from '../support/registry/fault.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 }
const SUBJECT = digestOf('the image')
const TOKENS = { kind: 'token', users: { user: { password: 'pass-word' } } } as const

/** A manifest that refers to the subject; `name` makes it another one. */
function put(registry: InProcessRegistry, artifactType: string, name: string): Digest {
  const subject = { mediaType: MANIFEST, digest: SUBJECT, size: 9 }
  const annotations = { name }
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    artifactType,
    config: EMPTY,
    layers: [],
    subject,
    annotations,
  }
  return parseDigest(registry.put('acme/api', { manifest, blobs: [Buffer.from('{}')] }))
}

function putFallback(registry: InProcessRegistry, manifests: readonly object[]): void {
  const manifest = { schemaVersion: 2, mediaType: INDEX, manifests }
  registry.put('acme/api', { manifest, mediaType: INDEX, tag: fallbackTag(SUBJECT) })
}

function asked(registry: InProcessRegistry): readonly string[] {
  return registry.requests.map(
    ({ method, path }) => `${method} ${path.replace('/v2/acme/api/', '').replace(SUBJECT, 'S')}`,
  )
}

const TAG = `GET manifests/${fallbackTag(SUBJECT)}`

describe('the list of referrers', () => {
  test('is read from the registry by one request, with types and annotations', async () => {
    const { registry, remote } = await connected()
    const [signature, sbom] = [put(registry, 'signature', 'a'), put(registry, 'sbom', 'b')]
    const { descriptors, from } = await remote.referrers(SUBJECT)
    expect(from).toBe('api')
    expect(descriptors.map(({ digest }) => digest).toSorted()).toEqual([signature, sbom].toSorted())
    expect(descriptors.find(({ digest }) => digest === sbom)).toMatchObject({
      mediaType: MANIFEST,
      artifactType: 'sbom',
      annotations: { name: 'b' },
    })
    expect(asked(registry)).toEqual(['GET referrers/S'])
  })

  test('without entries is one request, and nothing is looked for under the tag', async () => {
    const { registry, remote } = await connected()
    registry.create('acme/api')
    expect(await remote.referrers(SUBJECT)).toEqual({ descriptors: [], from: 'api' })
    expect(asked(registry)).toEqual(['GET referrers/S'])
  })

  test('is followed along its pages, with a token', async () => {
    const { registry, remote } = await connected({ pageSize: 2, auth: TOKENS })
    for (let at = 0; at < 5; at += 1) put(registry, 'signature', String(at))
    expect((await remote.referrers(SUBJECT)).descriptors).toHaveLength(5)
    expect(registry.requests.filter(({ step, status }) => step === 'referrers' && status === 200)).toHaveLength(3)
  })

  test.each([true, 'unfiltered'] as const)(
    'of one type holds nothing else, whether the registry filters or not: %s',
    async (referrers) => {
      const { registry, remote } = await connected({ referrers })
      put(registry, 'signature', 'a')
      const sbom = put(registry, 'sbom', 'b')
      const { descriptors } = await remote.referrers(SUBJECT, 'sbom')
      expect(descriptors.map(({ digest }) => digest)).toEqual([sbom])
      expect(asked(registry)).toEqual(['GET referrers/S?artifactType=sbom'])
    },
  )

  test('that is null is empty', async () => {
    const fault: Fault = { step: 'referrers', effect: { kind: 'json', set: { manifests: null } } }
    const { registry, remote } = await connected({ faults: [fault] })
    registry.create('acme/api')
    expect(await remote.referrers(SUBJECT)).toEqual({ descriptors: [], from: 'api' })
  })

  test('of a registry that is busy is asked for again', async () => {
    const fault: Fault = { step: 'referrers', when: { first: 1 }, effect: { kind: 'status', status: 503 } }
    const { registry, remote } = await connected({ faults: [fault] })
    put(registry, 'signature', 'a')
    expect((await remote.referrers(SUBJECT)).descriptors).toHaveLength(1)
  })

  test.each<readonly [string, Fault['effect'], string]>([
    ['refused', { kind: 'status', status: 403 }, 'LOGIN_FAILED'],
    ['broken', { kind: 'status', status: 500 }, 'REGISTRY_BUSY'],
    ['no index', { kind: 'json', set: { manifests: { a: 1 } } }, 'CONTENT_INVALID'],
    ['without digests', { kind: 'json', set: { manifests: [{ size: 1 }] } }, 'CONTENT_INVALID'],
  ])('that is %s throws, and is not taken for an empty one', async (_name, effect, code) => {
    const { registry, remote } = await connected({ faults: [{ step: 'referrers', effect }] }, { retries: 0 })
    registry.create('acme/api')
    await expect(remote.referrers(SUBJECT)).rejects.toMatchObject({ code })
  })

  test('that goes round in a circle throws, and is not taken for a whole one', async () => {
    const link = `</v2/acme/api/referrers/${SUBJECT}>; rel="next"`
    const fault: Fault = { step: 'referrers', effect: { kind: 'headers', set: { link } } }
    const { registry, remote } = await connected({ faults: [fault] })
    put(registry, 'signature', 'a')
    await expect(remote.referrers(SUBJECT)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: expect.stringContaining('circle'),
    })
  })

  test('that leads to another host is not followed', async () => {
    const fault: Fault = {
      step: 'referrers',
      effect: { kind: 'headers', set: { link: '<http://other.example/x>; rel="next"' } },
    }
    const { registry, remote } = await connected({ faults: [fault] })
    put(registry, 'signature', 'a')
    await expect(remote.referrers(SUBJECT)).rejects.toThrow('another host')
  })
})

describe('where a registry has no list of referrers', () => {
  test('the index under the fallback tag is read, and the list is not asked for again', async () => {
    const { registry, remote } = await connected({ referrers: false })
    const signature = put(registry, 'signature', 'a')
    putFallback(registry, [{ mediaType: MANIFEST, digest: signature, size: 10, artifactType: 'signature' }])
    const { descriptors, from } = await remote.referrers(SUBJECT)
    expect(from).toBe('tag')
    expect(descriptors).toEqual([{ mediaType: MANIFEST, digest: signature, size: 10, artifactType: 'signature' }])
    expect((await remote.referrers(SUBJECT, 'sbom')).descriptors).toEqual([])
    expect(asked(registry)).toEqual(['GET referrers/S', TAG, TAG])
  })

  test('and no tag, there are none', async () => {
    const { registry, remote } = await connected({ referrers: false })
    registry.create('acme/api')
    expect(await remote.referrers(SUBJECT)).toEqual({ descriptors: [], from: 'none' })
    expect(asked(registry)).toEqual(['GET referrers/S', TAG])
  })

  test('an image under the tag is no list', async () => {
    const { registry, remote } = await connected({ referrers: false })
    const manifest = { schemaVersion: 2, mediaType: MANIFEST, config: EMPTY, layers: [] }
    registry.put('acme/api', { manifest, tag: fallbackTag(SUBJECT) })
    expect(await remote.referrers(SUBJECT)).toEqual({ descriptors: [], from: 'none' })
  })

  test.each([400, 405, 406])('and says so with status %i, the tag is read', async (status) => {
    const { registry, remote } = await connected({
      faults: [{ step: 'referrers', effect: { kind: 'status', status } }],
    })
    putFallback(registry, [])
    expect(await remote.referrers(SUBJECT)).toEqual({ descriptors: [], from: 'tag' })
  })

  test('and a web page comes back in its place, the tag is read', async () => {
    const { registry, remote } = await connected({ faults: [{ step: 'referrers', effect: { kind: 'html' } }] })
    putFallback(registry, [])
    expect((await remote.referrers(SUBJECT)).from).toBe('tag')
  })

  test('a repository that is not there yet does not tell whether there will be one', async () => {
    const unknown = { errors: [{ code: 'NAME_UNKNOWN' }] }
    const fault: Fault = {
      step: 'referrers',
      when: { first: 1 },
      effect: { kind: 'status', status: 404, body: unknown },
    }
    const { registry, remote } = await connected({ faults: [fault] })
    expect((await remote.referrers(SUBJECT)).from).toBe('none')
    put(registry, 'signature', 'a')
    expect((await remote.referrers(SUBJECT)).from).toBe('api')
  })

  test('an index whose bytes are not those of its digest is refused', async () => {
    const fault: Fault = {
      step: 'manifest-get',
      effect: { kind: 'headers', set: { 'docker-content-digest': digestOf('other') } },
    }
    const { registry, remote } = await connected({ referrers: false, faults: [fault] })
    putFallback(registry, [])
    await expect(remote.referrers(SUBJECT)).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  })
})

test.each([true, false])('a registry that lists a referrer says so when it is pushed: %s', async (referrers) => {
  const { registry, remote } = await connected({ referrers })
  registry.put('acme/api', { manifest: {}, blobs: [Buffer.from('{}')] })
  const subject = { mediaType: MANIFEST, digest: SUBJECT, size: 9 }
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: EMPTY, layers: [], subject }),
  )
  const descriptor = { mediaType: MANIFEST, digest: digestOf(bytes), size: bytes.length }
  expect(remote.listsReferrer(descriptor.digest)).toBe(false)
  await remote.push(descriptor, async () => Readable.from([bytes]))
  expect(remote.listsReferrer(descriptor.digest)).toBe(referrers)
})

import { describe, expect, test } from 'vitest'
import { LadingError } from '../../src/error.ts'
import { digestOf } from '../../src/image/digest.ts'
import type { Manifest } from '../../src/image/manifest.ts'
import { parseManifest } from '../../src/image/manifest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { connected } from '../support/client.ts'
import type { Effect } from '../support/registry/effect.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'

/** What zot does: it names its API at the root alone, and takes several tags at once. */
const ZOT = { apiVersion: 'root', multiTag: true } as const
/** A registry that nobody knows: it does not name its API, and has never heard of several tags at once. */
const STRANGER = { apiVersion: 'root' } as const

const manifest = sample()
const TAGS = ['1.4', '1', 'latest']

describe('several tags at once', () => {
  test('are one PUT under the digest where the registry answers with their names', async () => {
    const { registry, remote } = await connected(ZOT)
    expect(await remote.tagAtOnce(manifest, TAGS)).toEqual(TAGS)
    const path = `/v2/acme/api/manifests/${manifest.descriptor.digest}?tag=1.4&tag=1&tag=latest`
    expect(registry.requests).toMatchObject([{ method: 'PUT', path, status: 201, requestBytes: manifest.bytes.length }])
    expect(tagsOf(registry)).toEqual(TAGS)
  })

  test.each([
    ['in one field', '1.4, 1, latest', TAGS],
    ['without a space', '1.4,1,latest', TAGS],
    ['in a field each', TAGS, TAGS],
    ['as in the example of the specification', ['1.4, 1', 'latest'], TAGS],
    ['of which one was not taken', ['1.4', 'latest'], ['1.4', 'latest']],
    ['that nobody asked for', '1.4, other, 1.4.2', ['1.4']],
    ['in an empty field', '', []],
  ])('are believed by their names %s', async (_, names, taken) => {
    const { registry, remote } = await connected(ZOT)
    registry.fail({ step: 'manifest-put', effect: { kind: 'headers', set: { 'oci-tag': names } } })
    expect(await remote.tagAtOnce(manifest, TAGS)).toEqual(taken)
  })

  test('go ten at a time, and one that is left over goes by itself', async () => {
    const { registry, remote } = await connected(ZOT)
    const many = Array.from({ length: 21 }, (_, index) => `t${index}`)
    expect(await remote.tagAtOnce(manifest, many)).toEqual(many.slice(0, 20))
    expect(registry.requests.map(({ path }) => new URL(path, registry.url).searchParams.getAll('tag'))).toEqual([
      many.slice(0, 10),
      many.slice(10, 20),
    ])
  })

  test('are not asked for when there is only one', async () => {
    const { registry, remote } = await connected(ZOT)
    expect(await remote.tagAtOnce(manifest, ['latest'])).toEqual([])
    expect(registry.requests).toEqual([])
  })

  test('are finished although the step was cancelled', async () => {
    const cancelled = AbortSignal.abort(new LadingError('CANCELLED', 'the step was cancelled'))
    const { registry, remote } = await connected(ZOT, { signal: cancelled })
    expect(await remote.tagAtOnce(manifest, TAGS)).toEqual(TAGS)
    expect(tagsOf(registry)).toEqual(TAGS)
  })

  test('are not believed when the registry stored other bytes', async () => {
    const { registry, remote } = await connected(ZOT)
    const set = { 'docker-content-digest': digestOf('something else') }
    registry.fail({ step: 'manifest-put', effect: { kind: 'headers', set } })
    expect(await remote.tagAtOnce(manifest, TAGS)).toEqual([])
  })
})

describe('a registry that does not know several tags at once', () => {
  test('is tried once and never again', async () => {
    const { registry, remote, client } = await connected(STRANGER)
    expect(await remote.tagAtOnce(manifest, TAGS)).toEqual([])
    expect(await remote.tagAtOnce(manifest, TAGS)).toEqual([])
    expect(await client.remote(`${registry.host}/acme/other`).tagAtOnce(manifest, TAGS)).toEqual([])
    expect(registry.requests.map(({ step }) => step)).toEqual(['manifest-put'])
  })

  test('is tried once when two of its repositories come at the same time', async () => {
    const { registry, remote, client } = await connected(STRANGER)
    const repositories = [remote, client.remote(`${registry.host}/acme/other`)]
    expect(await Promise.all(repositories.map((one) => one.tagAtOnce(manifest, TAGS)))).toEqual([[], []])
    expect(registry.requests).toHaveLength(1)
  })

  test.each([
    ['400', { kind: 'status', status: 400 }],
    ['404', { kind: 'status', status: 404 }],
    ['405', { kind: 'status', status: 405 }],
    ['414', { kind: 'status', status: 414 }],
    ['431', { kind: 'status', status: 431 }],
    ['500', { kind: 'status', status: 500 }],
    ['503', { kind: 'status', status: 503, headers: { 'retry-after': '60' } }],
    ['500 and their names', { kind: 'status', status: 500, headers: { 'oci-tag': TAGS } }],
    ['a web page', { kind: 'html' }],
    ['nothing', { kind: 'reset' }],
  ] satisfies readonly [string, Effect][])('is left in peace after it answered with %s', async (_, effect) => {
    const { registry, remote, client } = await connected(STRANGER)
    registry.fail({ step: 'manifest-put', effect })
    expect(await remote.tagAtOnce(manifest, TAGS)).toEqual([])
    expect(await remote.tagAtOnce(manifest, TAGS)).toEqual([])
    expect(registry.requests).toHaveLength(1)
    expect(client.waits).toEqual([])
  })

  test.each([
    ['the look at a tag', async ({ resolve }) => expect(await resolve('1.4')).toBeUndefined()],
    ['the write of a tag', ({ tag }) => tag(manifest, '1.4')],
  ] satisfies readonly [string, (remote: Connected['remote']) => Promise<unknown>][])(
    'is not tried at all when it named its API in the answer to %s',
    async (_, ask) => {
      const { registry, remote } = await connected()
      await ask(remote)
      registry.reset()
      expect(await remote.tagAtOnce(manifest, TAGS)).toEqual([])
      expect(registry.requests).toEqual([])
    },
  )
})

describe('a registry that knows several tags at once', () => {
  test('is asked again after it has refused some', async () => {
    const { registry, remote } = await connected(ZOT)
    await remote.tagAtOnce(manifest, TAGS)
    registry.fail({ step: 'manifest-put', when: { first: 1 }, effect: { kind: 'status', status: 400 } })
    expect(await remote.tagAtOnce(manifest, ['a', 'b'])).toEqual([])
    expect(await remote.tagAtOnce(manifest, ['a', 'b'])).toEqual(['a', 'b'])
  })

  test('is known to all its repositories', async () => {
    const { registry, remote, client } = await connected(ZOT)
    const other = client.remote(`${registry.host}/acme/other`)
    expect(await Promise.all([remote, other].map((one) => one.tagAtOnce(manifest, TAGS)))).toEqual([TAGS, TAGS])
    expect(registry.requests).toHaveLength(2)
  })

  test('is known although it names its API at the root and asks for a token', async () => {
    const auth = { kind: 'token', users: { user: { password: 'pass-word' } } } as const
    const { registry, remote } = await connected({ ...ZOT, auth })
    expect(await remote.resolve('latest')).toBeUndefined()
    expect(await remote.tagAtOnce(manifest, TAGS)).toEqual(TAGS)
    expect(tagsOf(registry)).toEqual(TAGS)
  })
})

type Connected = Awaited<ReturnType<typeof connected>>

/** A manifest that points at nothing, so that it may come first. */
function sample(): Manifest {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] }))
  return parseManifest({ mediaType: MEDIA_TYPE.ociIndex, digest: digestOf(bytes), size: bytes.length }, bytes)
}

function tagsOf(registry: InProcessRegistry): readonly string[] {
  return [...(registry.repositories.get('acme/api')?.tags.keys() ?? [])]
}

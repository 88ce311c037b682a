import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { parseManifest } from '../../src/image/manifest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { connected } from '../support/client.ts'
import { memoryStore, putImage } from '../support/memory-store.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'

const TOKENS = { kind: 'token', users: { user: { password: 'pass-word' } } } as const
const source = memoryStore()
const image = putImage(source, 'amd64', ['a layer'])

/** The image in the registry, without a request. */
async function seed(registry: InProcessRegistry, tag = '1.0'): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await source.fetch(image)) chunks.push(chunk)
  const manifest = Buffer.concat(chunks)
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64' }))
  registry.put('acme/api', { manifest, blobs: [config, Buffer.from('a layer')], tag })
  return manifest
}

const steps = (registry: InProcessRegistry) => registry.requests.map(({ step, status }) => `${step} ${status}`)

describe('resolve', () => {
  test('takes one HEAD and no pull', async () => {
    const { registry, remote } = await connected()
    await seed(registry)
    expect(await remote.resolve('1.0')).toEqual({ mediaType: image.mediaType, digest: image.digest, size: image.size })
    expect(steps(registry)).toEqual(['manifest-head 200'])
  })

  test.each([
    ['no digest', { kind: 'headers', set: { 'docker-content-digest': undefined } }],
    ['a digest that is none', { kind: 'headers', set: { 'docker-content-digest': 'sha256:zz' } }],
    ['405', { kind: 'status', status: 405 }],
  ] as const)('reads the manifest itself when a HEAD says %s', async (_name, effect) => {
    const { registry, remote } = await connected({ faults: [{ step: 'manifest-head', effect }] })
    await seed(registry)
    expect(await remote.resolve('1.0')).toMatchObject({ digest: image.digest, size: image.size })
    expect(steps(registry).at(-1)).toBe('manifest-get 200')
  })

  test.each([
    ['404', 'push', 404],
    ['403 for what is hidden from a push', 'push', 403],
    ['404 of a pull', 'pull', 404],
  ] as const)('is undefined after %s', async (_name, use, status) => {
    const fault = { step: 'manifest-head', effect: { kind: 'status', status } } as const
    const { remote } = await connected({ faults: [fault] }, { use })
    expect(await remote.resolve('1.0')).toBeUndefined()
  })

  test('is not undefined for who is asked too much: a fixed tag would seem to be free', async () => {
    const body = { errors: [{ code: 'DENIED', message: 'You have exceeded a secondary rate limit' }] }
    const faults = [{ step: ['manifest-head', 'manifest-get'], effect: { kind: 'status', status: 403, body } }] as const
    const { remote } = await connected({ faults })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'REGISTRY_BUSY' })
  })

  test('fails where a web page answers every request', async () => {
    const faults = [{ step: ['manifest-head', 'manifest-get'], effect: { kind: 'html' } }] as const
    const { remote } = await connected({ faults })
    await expect(remote.resolve('1.0')).rejects.toThrow('answers with text/html, which is no manifest')
  })

  test('asks for the words that a HEAD does not have', async () => {
    const body = { errors: [{ code: 'DENIED', message: 'go away' }] }
    const faults = [{ step: ['manifest-head', 'manifest-get'], effect: { kind: 'status', status: 403, body } }] as const
    const { remote } = await connected({ faults }, { use: 'pull' })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({
      code: 'LOGIN_FAILED',
      message: expect.stringContaining('DENIED: go away'),
    })
  })

  test('does not ask again when a pull quota is used up', async () => {
    const headers = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' }
    const faults = [{ step: 'manifest-head', effect: { kind: 'status', status: 429, headers } }] as const
    const { registry, remote } = await connected({ faults })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    expect(registry.requests).toHaveLength(1)
  })

  test('is REGISTRY_BUSY when a 429 does not end', async () => {
    const faults = [{ step: 'manifest-head', effect: { kind: 'status', status: 429 } }] as const
    const { registry, remote, client } = await connected({ faults }, { retries: 3 })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'REGISTRY_BUSY' })
    expect(registry.requests).toHaveLength(4)
    expect(client.waits).toEqual([188, 375, 750])
  })

  test('is a matter of TLS when plain http meets a TLS port', async () => {
    const body = 'Client sent an HTTP request to an HTTPS server.'
    const faults = [{ step: ['manifest-head', 'manifest-get'], effect: { kind: 'status', status: 400, body } }] as const
    const { remote } = await connected({ faults })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'TLS_FAILED' })
  })
})

describe('exists', () => {
  test('does not believe an answer about another manifest', async () => {
    const { registry, remote } = await connected()
    await seed(registry)
    expect(await remote.exists(image)).toBe(true)
    const set = { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }
    registry.fail({ step: 'manifest-head', effect: { kind: 'headers', set } })
    expect(await remote.exists(image, 'again')).toBe(false)
  })

  test.each([404, 403])('takes a %i for a blob that is not there', async (status) => {
    const { remote } = await connected({ faults: [{ step: 'blob-head', effect: { kind: 'status', status } }] })
    expect(await remote.exists(source.put('a layer', 'application/vnd.oci.image.layer.v1.tar'))).toBe(false)
  })
})

describe('writing a manifest', () => {
  test('passes its bytes on as they are', async () => {
    const { registry, remote } = await connected()
    const bytes = await seed(registry)
    registry.repositories.get('acme/api')?.manifests.clear()
    await remote.push(image, async () => Readable.from([bytes]))
    expect(registry.repositories.get('acme/api')?.manifests.get(image.digest)).toEqual({
      mediaType: image.mediaType,
      bytes,
    })
    expect(registry.writes()).toMatchObject([{ step: 'manifest-put', reference: image.digest, status: 201 }])
  })

  test.each([
    ['manifest before its blobs', {}, 'CONTENT_REFUSED', 'MANIFEST_BLOB_UNKNOWN'],
    ['tag that may not move', { immutableTags: /^1/ }, 'TAG_IMMUTABLE', 'cannot be overwritten'],
    ['repository that is not made by pushing', { createOnPush: false }, 'REPOSITORY_MISSING', 'NAME_UNKNOWN'],
    ['manifest that is too large', { manifestLimit: 10 }, 'CONTENT_REFUSED', 'status 413'],
  ] as const)('is refused for a %s', async (name, rules, code, text) => {
    const { registry, remote } = await connected(rules)
    if (name.startsWith('tag')) registry.put('acme/api', { manifest: { old: true }, tag: '1.0' })
    if (name.startsWith('tag')) await seed(registry, 'other')
    const manifest = parseManifest(image, await manifestBytes())
    await expect(remote.tag(manifest, '1.0')).rejects.toMatchObject({ code, message: expect.stringContaining(text) })
  })

  test('fails when the registry stores other bytes', async () => {
    const set = { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }
    const { registry, remote } = await connected({ faults: [{ step: 'tag-put', effect: { kind: 'headers', set } }] })
    await seed(registry)
    const manifest = parseManifest(image, await manifestBytes())
    await expect(remote.tag(manifest, '2.0')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  })

  test('is repeated after a reset', async () => {
    const faults = [{ step: 'tag-put', when: { first: 2 }, effect: { kind: 'reset' } }] as const
    const { registry, remote } = await connected({ faults })
    await seed(registry)
    await remote.tag(parseManifest(image, await manifestBytes()), '2.0')
    expect(registry.repositories.get('acme/api')?.tags.get('2.0')).toBe(image.digest)
    expect(remote.traffic().retries).toBe(2)
  })

  test('is refused with GHCR’s abuse limit as busy and not as a missing right', async () => {
    const body = 'You have exceeded a secondary rate limit.'
    const { registry, remote } = await connected({
      faults: [{ step: 'tag-put', effect: { kind: 'status', status: 403, body } }],
    })
    await seed(registry)
    const manifest = parseManifest(image, await manifestBytes())
    await expect(remote.tag(manifest, '2.0')).rejects.toMatchObject({ code: 'REGISTRY_BUSY' })
  })
})

describe('pullLimit', () => {
  const limit = { limit: 100, remaining: 76, windowSeconds: 21_600, source: '203.0.113.7' }

  test('is read from a HEAD, which costs nothing', async () => {
    const { registry, remote } = await connected(
      { auth: { ...TOKENS, anonymous: 'pull' }, pullLimit: limit },
      { use: 'pull' },
    )
    expect(await remote.pullLimit()).toEqual(limit)
    expect(await remote.pullLimit()).toEqual(limit)
    expect(registry.requests.map(({ method }) => method)).toEqual(['HEAD', 'GET', 'HEAD', 'HEAD'])
  })

  test.each([
    ['no headers', {}, undefined],
    ['empty headers', { 'ratelimit-limit': '', 'ratelimit-remaining': '' }, undefined],
    ['only one of them', { 'ratelimit-limit': '100;w=21600' }, undefined],
    [
      'no window',
      { 'ratelimit-limit': '100', 'ratelimit-remaining': '3' },
      { limit: 100, remaining: 3, windowSeconds: 0, source: '' },
    ],
  ])('with %s', async (_name, headers, wanted) => {
    const faults = [{ step: 'manifest-head', effect: { kind: 'status', status: 200, headers } }] as const
    const { remote } = await connected({ faults }, { use: 'pull' })
    expect(await remote.pullLimit()).toEqual(wanted)
  })

  test('is used up when even HEAD is refused, and is asked once', async () => {
    const faults = [{ step: 'manifest-head', effect: { kind: 'status', status: 429 } }] as const
    const { registry, remote } = await connected({ faults }, { use: 'pull' })
    expect(await remote.pullLimit()).toEqual({ limit: 0, remaining: 0, windowSeconds: 0, source: '' })
    expect(registry.requests).toHaveLength(1)
  })

  test.each([500, 403])('cannot be asked where the registry answers %i', async (status) => {
    const faults = [{ step: 'manifest-head', effect: { kind: 'status', status } }] as const
    const { remote } = await connected({ faults }, { use: 'pull' })
    await expect(remote.pullLimit()).rejects.toThrow('for its pull limit')
  })
})

test('a repository that is never asked costs nothing, and knows its account', async () => {
  const { registry, remote, client, name } = await connected()
  expect(remote.traffic()).toEqual({ requests: {}, retries: 0 })
  expect(await remote.account()).toBe('user')
  expect(client.remote(name)).toBe(remote)
  expect(registry.requests).toEqual([])
})

async function manifestBytes(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await source.fetch(image)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('the index types are asked for, so that an index is found as one', async () => {
  const { registry, remote } = await connected()
  const digest = registry.put('acme/api', {
    manifest: { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] },
    tag: 'all',
  })
  expect(await remote.resolve('all')).toMatchObject({ mediaType: MEDIA_TYPE.ociIndex, digest })
})

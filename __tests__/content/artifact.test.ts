import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { fetchArtifact, findArtifact } from '../../src/content/artifact.ts'
import { LadingError } from '../../src/error.ts'
import { digestOf } from '../../src/image/digest.ts'
import { failure, temporary } from '../scan/world.ts'
import { type ClientOptions, connected } from '../support/client.ts'
import type { RegistryOptions } from '../support/registry/server.ts'

const TYPE = 'application/vnd.example.file.v1.tar+gzip'
const FILE = Buffer.alloc(300_000, 'a file of an artifact; ')

type Layers = readonly { readonly mediaType: string; readonly bytes: Buffer }[]

/** A registry with an artifact under the tag `2`, and a client that may only pull. */
async function holding(
  layers: Layers = [{ mediaType: TYPE, bytes: FILE }],
  options: RegistryOptions = {},
  client: ClientOptions = { retries: 0 },
) {
  const on = await connected(options, { ...client, use: 'pull' })
  const config = Buffer.from('{}')
  const described = layers.map(({ mediaType, bytes }) => describing(mediaType, bytes))
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: describing('application/vnd.example.config.v1+json', config),
    layers: described,
  }
  const blobs = [config, ...layers.map(({ bytes }) => bytes)]
  const digest = on.registry.put('acme/api', { manifest, blobs, tag: '2' })
  const signal = new AbortController().signal
  const find = (changes: object = {}) =>
    findArtifact(on.remote, { tagOrDigest: '2', mediaType: TYPE, signal, ...changes })
  const steps = () => on.registry.requests.map(({ step }) => step)
  return { ...on, digest, find, steps, signal }
}

function describing(mediaType: string, bytes: Buffer) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length }
}

const USER: RegistryOptions = { auth: { kind: 'token', users: { user: { password: 'pass-word' } } } }

describe('findArtifact', () => {
  test('tells what the file is and reads nothing of it: a question, a token, the look-up, the manifest', async () => {
    const { find, steps } = await holding(undefined, USER)
    expect(await find()).toEqual({ mediaType: TYPE, digest: digestOf(FILE), size: FILE.length })
    expect(steps()).toEqual(['manifest-head', 'token', 'manifest-head', 'manifest-get'])
  })

  test('takes two requests where nobody asks who we are, and goes by a digest as well', async () => {
    const { find, digest, steps } = await holding()
    expect((await find({ tagOrDigest: digest })).digest).toBe(digestOf(FILE))
    expect(steps()).toEqual(['manifest-head', 'manifest-get'])
  })

  test('does not find what is not there', async () => {
    const { find, name } = await holding()
    expect(await failure(find({ tagOrDigest: '3' }))).toMatchObject({
      code: 'SOURCE_MISSING',
      message: `${name} has no 3`,
    })
  })

  test.each<[what: string, layers: Layers]>([
    ['no file', []],
    [
      'two files',
      [
        { mediaType: TYPE, bytes: FILE },
        { mediaType: TYPE, bytes: Buffer.from('two') },
      ],
    ],
    ['a file of another kind', [{ mediaType: 'application/x-tar', bytes: FILE }]],
  ])('takes nothing with %s', async (_what, layers) => {
    const { find, steps } = await holding(layers)
    expect((await failure(find())).code).toBe('CONTENT_INVALID')
    expect(steps()).toEqual(['manifest-head', 'manifest-get'])
  })

  test('takes no index for a file', async () => {
    const { registry, find } = await holding()
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    registry.put('acme/api', { manifest: { schemaVersion: 2, mediaType, manifests: [] }, tag: '2' })
    expect((await failure(find())).message).toContain('no artifact of one layer')
  })

  test('believes no manifest that is not what its digest says', async () => {
    const { registry, find } = await holding()
    registry.fail({ step: 'manifest-get', effect: { kind: 'corrupt' } })
    expect((await failure(find())).code).toBe('CONTENT_INVALID')
  })

  test.each(['manifest-head', 'manifest-get'] as const)('ends with the signal while %s is silent', async (step) => {
    const { registry, find } = await holding()
    const stop = new AbortController()
    registry.fail({ step, effect: { kind: 'delay', ms: 60_000 } })
    const finding = failure(find({ signal: stop.signal }))
    await expect.poll(() => registry.requests.some((request) => request.step === step)).toBe(true)
    stop.abort(new LadingError('REGISTRY_UNREACHABLE', 'silent for too long'))
    expect((await finding).message).toBe('silent for too long')
  })
})

describe('fetchArtifact', () => {
  test('writes the file by one request, and tells how much has come', async () => {
    const { remote, find, registry, steps, signal } = await holding()
    const layer = await find()
    registry.reset()
    const path = join(await temporary(), 'file')
    const seen: [number, number][] = []
    await fetchArtifact(remote, layer, {
      path,
      limit: FILE.length,
      signal,
      onProgress: (bytes, total) => seen.push([bytes, total]),
    })
    expect(FILE.equals(await readFile(path))).toBe(true)
    expect(seen.at(-1)).toEqual([FILE.length, FILE.length])
    expect(steps()).toEqual(['blob-get'])
  })

  test('asks for nothing that is larger than what is taken', async () => {
    const { remote, find, registry, signal } = await holding()
    const layer = await find()
    registry.reset()
    const order = { path: join(await temporary(), 'file'), limit: FILE.length - 1, signal }
    expect((await failure(fetchArtifact(remote, layer, order))).code).toBe('CONTENT_INVALID')
    expect(registry.requests).toEqual([])
  })

  test.each([
    ['other bytes', { kind: 'corrupt' }, /CONTENT_INVALID .*hash/],
    ['half of it', { kind: 'cut', after: 1000 }, /./],
    ['a web page', { kind: 'html' }, /CONTENT_INVALID/],
    ['a refusal', { kind: 'status', status: 403 }, /403/],
  ] as const)('takes no file when what comes is %s', async (_what, effect, why) => {
    const { remote, find, registry, signal } = await holding()
    const layer = await find()
    registry.fail({ step: 'blob-get', effect })
    const order = { path: join(await temporary(), 'file'), limit: FILE.length, signal }
    const { code, message } = await failure(fetchArtifact(remote, layer, order))
    expect(`${code} ${message}`).toMatch(why)
  })

  test.each([
    ['before the file begins', { kind: 'delay', ms: 60_000 }],
    ['within the file', { kind: 'stall', after: 1000 }],
  ] as const)('ends with the signal %s', async (_when, effect) => {
    const { remote, find, registry } = await holding()
    const layer = await find()
    registry.fail({ step: 'blob-get', effect })
    const stop = new AbortController()
    const order = { path: join(await temporary(), 'file'), limit: FILE.length, signal: stop.signal }
    const fetching = failure(fetchArtifact(remote, layer, order))
    await expect.poll(() => registry.requests.some(({ step }) => step === 'blob-get')).toBe(true)
    stop.abort(new LadingError('REGISTRY_UNREACHABLE', 'silent for too long'))
    expect((await fetching).message).toBe('silent for too long')
  })

  test('lets go of a body that comes when nobody waits for it any more, whatever that says', async () => {
    const coming = Promise.withResolvers<Readable>()
    const source = { name: 'a registry', resolve: async () => undefined, fetch: () => coming.promise }
    const layer = { mediaType: TYPE, digest: digestOf(FILE), size: FILE.length }
    const stop = new AbortController()
    const order = { path: join(await temporary(), 'file'), limit: FILE.length, signal: stop.signal }
    const fetching = failure(fetchArtifact(source, layer, order))
    stop.abort(new LadingError('CANCELLED', 'the step was cancelled'))
    expect((await fetching).code).toBe('CANCELLED')
    // As undici's bodies do, which would end the process if nobody listened.
    const body = new Readable({ read: () => undefined, destroy: (_why, done) => done(new Error('aborted')) })
    coming.resolve(body)
    await expect.poll(() => body.destroyed).toBe(true)
    expect(body.listenerCount('error')).toBe(1)
  })
})

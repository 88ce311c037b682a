import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeDockerConfig } from '../../src/build/docker-config.ts'
import { deliver, type Journey, moveTags, type TagToMove } from '../../src/content/publish.ts'
import type { LadingError } from '../../src/error.ts'
import { admit } from '../../src/image/admitted.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import type { Send } from '../../src/net/send.ts'
import { makeWorld, quickClock, runProgram } from '../build/world.ts'
import { connected } from '../support/client.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'
import type { Fault } from '../support/registry/fault.ts'
import type { InProcessRegistry, RegistryOptions } from '../support/registry/server.ts'
import { layer, steps, stored } from '../support/sample-blob.ts'
import { responseOf } from '../support/scripted-send.ts'

const TOKENS = { kind: 'token', users: { user: { password: 'pass-word' } } } as const
const FIXED: TagToMove = { tag: '1.4.2', kind: 'fixed', before: undefined }
const MOVING: TagToMove = { tag: 'latest', kind: 'moving', before: undefined }

function twoPlatforms() {
  const source = memoryStore('the layout')
  const children = [putImage(source, 'amd64', ['one']), putImage(source, 'arm64', ['two'])]
  return { source, children, root: putIndex(source, children) }
}

/** A publish as the step does it, without its look before. */
async function publish(
  target: Parameters<typeof deliver>[1][number]['target'],
  { source, root }: { readonly source: MemoryStore; readonly root: Descriptor },
  tags: readonly TagToMove[] = [FIXED],
) {
  const signal = new AbortController().signal
  const journey: Journey = { source, signal, now: () => 0, sleep: async () => undefined, onFailure: 'abort' }
  const [delivery] = await deliver(admit(root, 'passed'), [{ target, tags }], journey)
  if (delivery === undefined) throw new Error('nothing was delivered')
  const outcomes = await moveTags(admit(root, 'passed'), [delivery], journey)
  const failed = outcomes.find((outcome) => outcome.outcome === 'failed')
  const error: LadingError | undefined = failed?.outcome === 'failed' ? failed.error : undefined
  return { delivery, outcomes: outcomes.map(({ tag, outcome }) => `${tag} ${outcome}`), error }
}

function count(registry: InProcessRegistry, ...wanted: readonly string[]): number {
  return registry.requests.filter(({ step }) => wanted.includes(step)).length
}

type Refusal = { readonly status: number; readonly code: string; readonly message: string }

function refusing(step: Fault['step'], { status, code, message }: Refusal, more: Partial<Fault> = {}): Fault {
  return { step, ...more, effect: { kind: 'status', status, body: { errors: [{ code, message }] } } }
}

describe('content that a registry loses', () => {
  test.each([
    ['MANIFEST_BLOB_UNKNOWN', 404],
    ['BLOB_UNKNOWN', 400],
  ])(
    'row 9: a passing %s at the manifest costs a look at each part, and the manifest is put again',
    async (code, status) => {
      const image = twoPlatforms()
      const [child] = image.children
      if (child === undefined) throw new Error('an image without a child')
      const fault = refusing(
        'manifest-put',
        { status, code, message: 'unknown blob' },
        {
          reference: child.digest,
          when: { first: 1 },
        },
      )
      const { registry, remote } = await connected({ faults: [fault] })
      const { outcomes } = await publish(remote, image)
      expect(outcomes).toEqual(['1.4.2 created'])
      expect(
        registry.requests.filter(({ reference, step }) => step === 'manifest-put' && reference === child.digest),
      ).toHaveLength(2)
      // Everything had arrived, so nothing is sent a second time: two configs and two layers.
      expect(count(registry, 'upload-put')).toBe(4)
    },
  )

  test('row 9: a registry that says so for ever is asked twice, and its words are the reason', async () => {
    const fault = refusing('manifest-put', {
      status: 404,
      code: 'MANIFEST_BLOB_UNKNOWN',
      message: 'blob unknown to registry',
    })
    const source = memoryStore()
    const { registry, remote } = await connected({ faults: [fault] })
    const { outcomes, error } = await publish(remote, { source, root: putImage(source, 'amd64', ['one']) })
    expect(outcomes).toEqual(['1.4.2 failed'])
    expect(error?.code).toBe('CONTENT_REFUSED')
    expect(error?.message).toContain('MANIFEST_BLOB_UNKNOWN: blob unknown to registry')
    expect(count(registry, 'manifest-put')).toBe(2)
    expect(count(registry, 'tag-put')).toBe(0)
  })

  test('row 10: a blob that is collected before its manifest comes is sent again, and only that one', async () => {
    const source = memoryStore()
    const root = putImage(source, 'amd64', ['one', 'two'])
    const lost = source.put('two', 'application/vnd.oci.image.layer.v1.tar')
    const lose = { kind: 'lose-blobs', digest: lost.digest } as const
    const { registry, remote } = await connected({
      faults: [{ step: 'manifest-put', when: { first: 1 }, effect: lose }],
    })
    const { outcomes } = await publish(remote, { source, root })
    expect(outcomes).toEqual(['1.4.2 created'])
    const sent = registry.requests.filter(({ step }) => step === 'upload-put').map(({ digest }) => digest)
    expect(sent).toHaveLength(4)
    expect(sent.filter((digest) => digest === lost.digest)).toHaveLength(2)
    expect(stored(registry, lost)).toBe('two')
  })

  test('row 10: a blob that was there when it was asked for, and then was not, is sent', async () => {
    const source = memoryStore()
    const root = putImage(source, 'amd64', ['one'])
    const blob = source.put('one', 'application/vnd.oci.image.layer.v1.tar')
    const lose = { kind: 'lose-blobs', digest: blob.digest } as const
    const { registry, remote } = await connected({
      faults: [{ step: 'manifest-put', when: { first: 1 }, effect: lose }],
    })
    registry.put('acme/api', { manifest: {}, blobs: [Buffer.from('one')], tag: 'old' })
    expect((await publish(remote, { source, root })).outcomes).toEqual(['1.4.2 created'])
    expect(stored(registry, blob)).toBe('one')
  })

  test('row 13: children come before their index, where a registry insists on it', async () => {
    const image = twoPlatforms()
    const { registry, remote } = await connected()
    expect((await publish(remote, image)).outcomes).toEqual(['1.4.2 created'])
    const puts = registry.requests.filter(({ step }) => step === 'manifest-put').map(({ reference }) => reference)
    expect(puts.at(-1)).toBe(image.root.digest)
    expect(puts.slice(0, -1).toSorted()).toEqual(image.children.map(({ digest }) => digest).toSorted())
  })
})

describe('a repository that is missing', () => {
  test('row 11: shows as a reset at the upload, and is told apart by a look at its tags', async () => {
    const { registry, remote } = await connected({
      createOnPush: false,
      faults: [{ step: ['upload-open', 'mount'], effect: { kind: 'reset' } }],
    })
    const error = await failureOf(remote.push(layer(), layer().open))
    expect(error).toMatchObject({ code: 'REPOSITORY_MISSING', hint: expect.stringContaining('Create the repository') })
    expect(error.message).toContain('NAME_UNKNOWN')
    expect(count(registry, 'tags')).toBe(1)
    expect(await remote.pushRight({ session: true })).toMatchObject({ granted: false, code: 'REPOSITORY_MISSING' })
  })

  test('row 11: a reset of a repository that is there stays trouble of the network', async () => {
    const { registry, remote } = await connected({
      faults: [{ step: ['upload-open', 'mount'], effect: { kind: 'reset' } }],
    })
    registry.create('acme/api')
    expect(await failureOf(remote.push(layer(), layer().open))).toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
  })
})

describe('a tag that may not move', () => {
  const immutable = { immutableTags: /^1\./ }

  test('row 12: shows the image already: nothing is written, and that is success', async () => {
    const image = twoPlatforms()
    const { registry, remote, client, name } = await connected(immutable)
    await publish(remote, image)
    registry.reset()
    const again = await publish(client.remote(name, 'push'), image)
    expect(again.outcomes).toEqual(['1.4.2 unchanged'])
    expect(count(registry, 'tag-put')).toBe(0)
  })

  test('row 12: shows another image: TAG_IMMUTABLE with what the registry says, and the children went by digest', async () => {
    const image = twoPlatforms()
    const { registry, remote } = await connected(immutable)
    const old = registry.put('acme/api', { manifest: { old: true }, tag: '1.4.2' })
    const { error, outcomes } = await publish(remote, image, [FIXED, MOVING])
    expect(outcomes).toEqual(['1.4.2 failed', 'latest refused'])
    expect(error).toMatchObject({ code: 'TAG_IMMUTABLE', message: expect.stringContaining('cannot be overwritten') })
    expect(registry.repositories.get('acme/api')?.tags).toEqual(new Map([['1.4.2', old]]))
    const references = registry.requests
      .filter(({ method }) => method === 'PUT')
      .flatMap(({ reference }) => reference ?? [])
    expect(references.filter((reference) => !reference.startsWith('sha256:'))).toEqual(['1.4.2'])
  })
})

describe('a registry with a strict eye for manifests', () => {
  test('row 14: gets a manifest without mediaType byte for byte, under the type that its parent gives it', async () => {
    const source = memoryStore()
    const config = source.put('{"os":"linux","architecture":"amd64"}', 'application/vnd.oci.image.config.v1+json')
    const text = `{ "schemaVersion": 2,\n "config": ${JSON.stringify(config)}, "layers": [] }`
    const root = source.put(text, MEDIA_TYPE.ociManifest)
    const { registry, remote } = await connected()
    expect((await publish(remote, { source, root })).outcomes).toEqual(['1.4.2 created'])
    const kept = registry.repositories.get('acme/api')?.manifests.get(root.digest)
    expect(kept).toEqual({ mediaType: MEDIA_TYPE.ociManifest, bytes: Buffer.from(text) })
  })

  test.each([
    ['14', 'UNSUPPORTED', 'Invalid JSON syntax'],
    ['15', 'MANIFEST_INVALID', 'manifest schema: unknown config type application/vnd.example'],
  ])('row %s: that refuses with %s is quoted', async (_row, code, message) => {
    const image = twoPlatforms()
    const { remote } = await connected({ faults: [refusing('manifest-put', { status: 400, code, message })] })
    const { error } = await publish(remote, image)
    expect(error).toMatchObject({ code: 'CONTENT_REFUSED' })
    expect(error?.message).toContain(`${code}: ${message}`)
  })
})

describe('what tokens are asked for', () => {
  test('row 16: is never the right to delete, which Quay answers with no token at all', async () => {
    const { registry, remote } = await connected({ auth: { ...TOKENS, cancelNeeds: 'delete' } })
    await remote.pushRight({ session: true })
    const fault: Fault = { step: 'upload-put', effect: { kind: 'status', status: 400 } }
    registry.fail(fault)
    // The session is to be cancelled then, which would need `delete` here.
    await failureOf(remote.push(layer(), layer().open))
    registry.heal()
    await publish(remote, twoPlatforms())
    const asked = scopesAsked(registry)
    expect(asked.length).toBeGreaterThan(0)
    expect(asked.filter((scope) => !/:(?:pull|pull,push)$/.test(scope))).toEqual([])
  })

  test('row 32: one repository comes first, and a mount that its token refuses is given up for a plain upload', async () => {
    const grants = ({ name }: { name: string }) => (name === 'acme/api' ? ['pull', 'push'] : [])
    const { registry, client } = await connected({
      auth: { kind: 'token', users: { user: { password: 'pass-word', grants } } },
    })
    const [sibling, own] = ['acme/sibling', 'acme/api'].map((path) => client.remote(`${registry.host}/${path}`))
    registry.put('acme/sibling', { manifest: {}, blobs: [Buffer.from('a layer')] })
    // A registry may let a repository be read and not be mounted from.
    registry.fail({
      step: 'blob-head',
      repository: 'acme/sibling',
      beforeAuth: true,
      effect: { kind: 'status', status: 200 },
    })
    const blob = layer()
    await sibling?.exists(blob)
    expect(await own?.push(blob, blob.open)).toBe('uploaded')
    expect(scopesOf(registry).map((scopes) => scopes[0])).toEqual(
      scopesOf(registry).map(() => 'repository:acme/api:pull,push'),
    )
  })

  test('row 32: a token service that says DENIED to two repositories is asked for one (pytorch#184664)', async () => {
    const body = '{"errors":[{"code":"DENIED","message":"installation not allowed to Write"}]}'
    const asked: (readonly string[])[] = []
    const around = (send: Send): Send => {
      return async (request) => {
        const scopes = request.url.searchParams.getAll('scope')
        if (scopes.length > 0) asked.push(scopes)
        return scopes.length > 1 ? responseOf({ status: 403, body }, request.url) : send(request)
      }
    }
    const { registry, client } = await connected({ auth: TOKENS }, { around })
    const [sibling, own] = ['acme/sibling', 'acme/api'].map((path) => client.remote(`${registry.host}/${path}`))
    registry.put('acme/sibling', { manifest: {}, blobs: [Buffer.from('a layer')] })
    const blob = layer()
    expect(await sibling?.exists(blob)).toBe(true)
    expect(await own?.push(blob, blob.open)).toBe('uploaded')
    expect(stored(registry, blob)).toBe('a layer')
    const [api, other] = ['repository:acme/api:pull,push', 'repository:acme/sibling:pull']
    expect(asked.slice(1)).toEqual([[api, other], [api]])
  })
})

describe('a proxy before the registry', () => {
  const oldProxies: readonly (readonly [string, Fault])[] = [
    ['no digest', { step: 'manifest-head', effect: { kind: 'headers', set: { 'docker-content-digest': undefined } } }],
    ['no length', { step: 'manifest-head', effect: { kind: 'headers', set: { 'content-length': undefined } } }],
    ['405', { step: 'manifest-head', effect: { kind: 'status', status: 405 } }],
  ]
  test.each(oldProxies)('row 17: that answers a HEAD with %s is asked for the bytes', async (_what, fault) => {
    const image = twoPlatforms()
    const { registry, remote } = await connected({ faults: [fault] })
    expect((await publish(remote, image)).outcomes).toEqual(['1.4.2 created'])
    expect((await remote.resolve('1.4.2'))?.digest).toBe(image.root.digest)
    expect(count(registry, 'manifest-get')).toBeGreaterThan(0)
  })

  test('row 17: that answers everything with a web page has nothing, and takes nothing', async () => {
    const all = [
      'manifest-head',
      'manifest-get',
      'blob-head',
      'upload-open',
      'mount',
      'upload-put',
      'manifest-put',
    ] as const
    const { remote } = await connected({ faults: [{ step: all, effect: { kind: 'html' } }] })
    expect((await publish(remote, twoPlatforms())).outcomes).toEqual(['1.4.2 failed'])
  })

  test('row 17: that answers the manifest with a web page is not believed, and no tag is moved', async () => {
    const { registry, remote } = await connected({ faults: [{ step: 'manifest-put', effect: { kind: 'html' } }] })
    const { outcomes, error } = await publish(remote, twoPlatforms())
    expect(outcomes).toEqual(['1.4.2 failed'])
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', message: expect.stringContaining('web page') })
    expect(count(registry, 'tag-put')).toBe(0)
  })

  const bodies: readonly (readonly [string, string | object, string])[] = [
    ['text', 'Service refuses this', 'Service refuses this'],
    ['a web page', '<html><h1>403 Forbidden</h1>cloudfront</html>', '403 Forbidden cloudfront'],
    ['Artifactory’s own JSON', { errors: [{ status: 403, message: 'Forbidden by policy' }] }, 'Forbidden by policy'],
    ['`details`', { details: 'not here' }, 'not here'],
    ['nothing', '', 'status 403'],
    ['more than anybody reads', 'x'.repeat(3_000_000), 'status 403, “xxx'],
  ]
  test.each(bodies)('row 18: that refuses with %s is quoted, and bounded', async (_what, body, says) => {
    const { remote } = await connected({
      faults: [{ step: ['upload-open', 'mount'], effect: { kind: 'status', status: 403, body } }],
    })
    const error = await failureOf(remote.push(layer(), layer().open))
    expect(error).toMatchObject({ code: 'PUSH_DENIED' })
    expect(error.message).toContain(says)
    expect(error.message.length).toBeLessThan(1000)
  })

  test('row 20: that says 403 for what is missing hinders no push', async () => {
    const faults: Fault[] = [
      { step: 'blob-head', effect: { kind: 'status', status: 403 } },
      { step: 'manifest-head', when: { first: 4 }, effect: { kind: 'status', status: 403 } },
    ]
    const { remote } = await connected({ faults })
    expect((await publish(remote, twoPlatforms())).outcomes).toEqual(['1.4.2 created'])
  })
})

describe('lists of tags', () => {
  test.each([
    ['row 19: no list is read to publish, so none can be odd (Nexus’ null, Artifactory’s digests, pages of ECR)', {}],
  ])('%s', async (_name, options: RegistryOptions) => {
    const { registry, remote } = await connected(options)
    await remote.pushRight({ session: true })
    await publish(remote, twoPlatforms(), [FIXED, MOVING])
    expect(count(registry, 'tags', 'catalog', 'referrers')).toBe(0)
  })
})

describe('a 401', () => {
  const silent = (step: Fault['step'], more: Partial<Fault> = {}): Fault => ({
    step,
    beforeAuth: true,
    ...more,
    effect: { kind: 'headers', set: { 'www-authenticate': undefined } },
  })

  test.each(['token', 'basic'] as const)(
    'row 24: that names no way in is asked for one at /v2/, once (%s)',
    async (kind) => {
      const users = { user: { password: 'pass-word' } }
      const { registry, remote } = await connected({
        auth: { kind, users },
        faults: [silent(['manifest-head', 'upload-open', 'mount', 'upload-put'])],
      })
      registry.put('acme/api', { manifest: { old: true }, tag: '1.0' })
      expect(await Promise.all([remote.resolve('1.0'), remote.resolve('1.1')])).toMatchObject([{ size: 12 }, undefined])
      expect(count(registry, 'ping')).toBe(1)
    },
  )

  test('row 24: whose /v2/ is silent too is LOGIN_FAILED, after one request each', async () => {
    const { registry, remote } = await connected({ auth: TOKENS, faults: [silent(['manifest-head', 'ping'])] })
    expect(await failureOf(remote.resolve('1.0'))).toMatchObject({ code: 'LOGIN_FAILED' })
    expect(steps(registry)).toEqual(['manifest-head 401', 'ping 401'])
  })
})

describe('a right that a token does not hold', () => {
  const wider = (registry: InProcessRegistry) =>
    `Bearer realm="${registry.url.origin}/token",service="x",scope="repository:acme/api:pull,push",error="insufficient_scope"`

  test.each([401, 403])('told by a %i with insufficient_scope is asked for once more', async (status) => {
    const { registry, remote } = await connected({ auth: TOKENS })
    await remote.resolve('1.0')
    const headers = { 'www-authenticate': wider(registry) }
    registry.fail({ step: 'mount', when: { first: 1 }, effect: { kind: 'status', status, headers } })
    registry.reset()
    expect(await remote.pushRight({ session: false })).toMatchObject({ granted: true })
    const blob = layer()
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(stored(registry, blob)).toBe('a layer')
    expect(count(registry, 'token')).toBe(1)
  })

  test.each([401, 403])('told by a %i again after that is PUSH_DENIED, and no loop', async (status) => {
    const { registry, remote } = await connected({ auth: TOKENS })
    await remote.resolve('1.0')
    registry.create('acme/api')
    const headers = { 'www-authenticate': wider(registry) }
    registry.fail({ step: ['upload-open', 'mount'], effect: { kind: 'status', status, headers } })
    registry.reset()
    expect(await failureOf(remote.push(layer(), layer().open))).toMatchObject({ code: 'PUSH_DENIED' })
    expect(count(registry, 'token')).toBeLessThanOrEqual(2)
    expect(count(registry, 'upload-open')).toBe(2)
  })

  test('is not asked for where somebody else’s realm is named in a 403', async () => {
    const { registry, remote } = await connected({ auth: TOKENS })
    await remote.resolve('1.0')
    registry.fail({ step: ['upload-open', 'mount'], effect: { kind: 'status', status: 403 } })
    registry.reset()
    expect(await failureOf(remote.push(layer(), layer().open))).toMatchObject({ code: 'PUSH_DENIED' })
    expect(count(registry, 'token')).toBe(0)
  })

  test('is never looked for as nobody', async () => {
    const grants = () => ['pull']
    const auth = { kind: 'token', users: { user: { password: 'pass-word', grants } }, anonymous: 'pull' } as const
    const { registry, remote } = await connected({ auth })
    expect(await failureOf(remote.push(layer(), layer().open))).toMatchObject({ code: 'PUSH_DENIED' })
    const asked = registry.requests.filter(({ step }) => step === 'token')
    expect(asked.map(({ authorization }) => authorization)).toEqual(asked.map(() => 'Basic'))
  })
})

// More of it in build/docker-config.test.ts: “makeDockerConfig makes a private folder and a private file”, and the others.
test('row 33: docker and its plugins get a configuration of their own, and the user’s is not written', async () => {
  await using world = await makeWorld()
  const user = join(world.directory, 'user')
  const own = join(world.directory, 'own')
  await Promise.all([mkdir(user), mkdir(own)])
  await writeFile(join(user, 'config.json'), '{"auths":{"ghcr.io":{"auth":"eDp5"}}}')
  const before = await readFile(join(user, 'config.json'), 'utf8')
  const env = await makeDockerConfig({
    directory: own,
    user: { configDirectory: user, variables: world.env },
    seed: [{ server: 'ghcr.io', auth: 'YTpi' }],
    logins: [],
    exec: runProgram,
    clock: quickClock(),
  })
  expect(env['DOCKER_CONFIG']?.startsWith(own)).toBe(true)
  expect([await readdir(user), await readFile(join(user, 'config.json'), 'utf8')]).toEqual([['config.json'], before])
})

async function failureOf(work: Promise<unknown>): Promise<LadingError> {
  const [result] = await Promise.allSettled([work])
  if (result.status === 'fulfilled') throw new Error('it went well')
  return result.reason
}

function scopesOf(registry: InProcessRegistry): readonly (readonly string[])[] {
  return registry.requests
    .filter(({ step }) => step === 'token')
    .map(({ path }) => new URL(path, 'http://registry').searchParams.getAll('scope'))
}

function scopesAsked(registry: InProcessRegistry): readonly string[] {
  return scopesOf(registry).flat()
}

import { createHash } from 'node:crypto'
import { Agent, request } from 'node:http'
import { get } from 'node:https'
import { afterEach, describe, expect, it } from 'vitest'
import { bytesOf } from './registry/blob.ts'
import { selfSignedCertificate } from './registry/certificate.ts'
import type { Effect, LocationForm } from './registry/effect.ts'
import type { Fault } from './registry/fault.ts'
import { type InProcessRegistry, type RegistryOptions, startRegistry } from './registry/server.ts'

const manifestType = 'application/vnd.oci.image.manifest.v1+json'
const indexType = 'application/vnd.oci.image.index.v1+json'
const layer = Buffer.from('the layer of a small image')
const config = Buffer.from('{"os":"linux"}')
const foreignBlob = Buffer.from('a blob of another repository')
const image = imageOf([layer])
const imageBytes = Buffer.from(JSON.stringify(image))

const running: InProcessRegistry[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((registry) => registry.stop()))
})

describe('reading', () => {
  it.each([
    ['ping', 'GET', '/v2/', 200, 'application/json'],
    ['manifest by tag', 'GET', '/v2/team/app/manifests/1.0', 200, manifestType],
    ['manifest by digest', 'GET', `/v2/team/app/manifests/${digest(imageBytes)}`, 200, manifestType],
    ['manifest HEAD', 'HEAD', '/v2/team/app/manifests/1.0', 200, manifestType],
    ['blob', 'GET', `/v2/team/app/blobs/${digest(layer)}`, 200, 'application/octet-stream'],
    ['blob HEAD', 'HEAD', `/v2/team/app/blobs/${digest(layer)}`, 200, 'application/octet-stream'],
    ['tags', 'GET', '/v2/team/app/tags/list', 200, 'application/json'],
    ['catalog', 'GET', '/v2/_catalog', 200, 'application/json'],
    ['no referrers', 'GET', `/v2/team/app/referrers/${digest(imageBytes)}`, 200, indexType],
  ])('%s: %s %s', async (...[_name, method, path, status, type]) => {
    const registry = await seeded()
    const response = await ask(registry, method, path)
    expect([response.status, response.headers.get('content-type')]).toEqual([status, type])
  })

  it.each([
    ['unknown tag', 'GET', '/v2/team/app/manifests/2.0', 404, 'MANIFEST_UNKNOWN'],
    ['unknown repository', 'GET', '/v2/team/none/manifests/2.0', 404, 'NAME_UNKNOWN'],
    ['unknown blob', 'GET', `/v2/team/app/blobs/${digest(Buffer.from('none'))}`, 404, 'BLOB_UNKNOWN'],
    ['malformed digest', 'GET', '/v2/team/app/blobs/sha256:abc', 400, 'DIGEST_INVALID'],
    ['malformed name', 'GET', '/v2/Team/app/manifests/1.0', 400, 'NAME_INVALID'],
    ['tags of nothing', 'GET', '/v2/team/none/tags/list', 404, 'NAME_UNKNOWN'],
    ['unknown path', 'GET', '/v2/team/app/else/1', 404, 'UNSUPPORTED'],
    ['malformed path', 'GET', '/v2/team/app/manifests/%zz', 404, 'UNSUPPORTED'],
    ['unknown method', 'POST', '/v2/team/app/manifests/1.0', 405, 'UNSUPPORTED'],
    ['unknown upload', 'GET', '/v2/team/app/blobs/uploads/none', 404, 'BLOB_UPLOAD_UNKNOWN'],
  ])('%s: %s %s → %i %s', async (...[_name, method, path, status, code]) => {
    const registry = await seeded()
    const response = await ask(registry, method, path)
    expect([response.status, await errorCode(response)]).toEqual([status, code])
  })

  it.each(['HEAD', 'GET'])('says digest and length on %s', async (method) => {
    const registry = await seeded()
    const { headers } = await ask(registry, method, '/v2/team/app/manifests/1.0')
    expect(headers.get('docker-content-digest')).toBe(digest(imageBytes))
    expect(headers.get('content-length')).toBe(String(imageBytes.length))
  })

  it('gives an index only to a client that accepts one', async () => {
    const registry = await start()
    registry.put('team/app', { manifest: { schemaVersion: 2, mediaType: indexType, manifests: [] }, tag: 'all' })
    const refused = await ask(registry, 'GET', '/v2/team/app/manifests/all', { headers: { accept: manifestType } })
    const accepted = await ask(registry, 'GET', '/v2/team/app/manifests/all', {
      headers: { accept: `${manifestType}, ${indexType}` },
    })
    expect([refused.status, accepted.status]).toEqual([404, 200])
  })

  it.each([
    ['bytes=4-8', 206, 'layer', 'bytes 4-8/26'],
    ['bytes=21-', 206, 'image', 'bytes 21-25/26'],
    ['bytes=-5', 206, 'image', 'bytes 21-25/26'],
    ['bytes=0-999', 206, layer.toString(), 'bytes 0-25/26'],
    ['lines=1-2', 200, layer.toString(), null],
  ])('range %s → %i', async (range, status, text, contentRange) => {
    const registry = await seeded()
    const response = await ask(registry, 'GET', `/v2/team/app/blobs/${digest(layer)}`, { headers: { range } })
    expect([response.status, await response.text(), response.headers.get('content-range')]).toEqual([
      status,
      text,
      contentRange,
    ])
  })

  it('refuses a range past the end', async () => {
    const registry = await seeded()
    const response = await ask(registry, 'GET', `/v2/team/app/blobs/${digest(layer)}`, {
      headers: { range: 'bytes=26-' },
    })
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */26'])
  })

  it.each([
    ['', ['a', 'b', 'c'], null],
    ['?n=2', ['a', 'b'], '</v2/team/app/tags/list?last=b&n=2>; rel="next"'],
    ['?n=2&last=b', ['c'], null],
    ['?last=a', ['b', 'c'], null],
    ['?n=0', [], null],
  ])('tags/list%s', async (query, tags, link) => {
    const registry = await start()
    for (const tag of ['c', 'a', 'b']) registry.put('team/app', { manifest: image, tag })
    const response = await ask(registry, 'GET', `/v2/team/app/tags/list${query}`)
    expect(await response.json()).toEqual({ name: 'team/app', tags })
    expect(response.headers.get('link')).toBe(link)
  })

  it('cuts the catalog into pages', async () => {
    const registry = await start({ pageSize: 1 })
    registry.create('b')
    registry.create('a')
    const response = await ask(registry, 'GET', '/v2/_catalog')
    expect(await response.json()).toEqual({ repositories: ['a'] })
    expect(response.headers.get('link')).toContain('last=a')
  })
})

describe('uploading a blob', () => {
  it('POST, then PUT', async () => {
    const registry = await start()
    const { status, headers } = await close(registry, await open(registry), layer)
    expect([status, headers.get('docker-content-digest')]).toEqual([201, digest(layer)])
    expect(headers.get('location')).toBe(`${registry.url.origin}/v2/team/app/blobs/${digest(layer)}`)
    expect(await (await ask(registry, 'GET', `/v2/team/app/blobs/${digest(layer)}`)).text()).toBe(layer.toString())
    expect(registry.openUploads()).toEqual([])
  })

  it('POST, PATCH without a range, PUT without a body', async () => {
    const registry = await start()
    const patched = await patch(registry, await open(registry), layer)
    expect([patched.status, patched.headers.get('range')]).toEqual([202, '0-25'])
    expect((await close(registry, location(patched), layer, Buffer.alloc(0))).status).toBe(201)
  })

  it('chunks, the last one with the PUT, and the status between', async () => {
    const registry = await start({ chunkMinimum: 4 })
    const opened = await ask(registry, 'POST', '/v2/team/app/blobs/uploads/')
    expect(opened.headers.get('oci-chunk-min-length')).toBe('4')
    const first = await patch(registry, location(opened), layer.subarray(0, 10), '0-9')
    const status = await ask(registry, 'GET', location(opened))
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-9'])
    const closed = await close(registry, location(first), layer, layer.subarray(10), '10-25')
    expect(closed.status).toBe(201)
  })

  it('takes sha512 and an empty blob', async () => {
    const registry = await start()
    const named = digest(layer, 'sha512')
    const response = await ask(registry, 'PUT', `${await open(registry)}&digest=${named}`, { body: layer })
    expect([response.status, response.headers.get('docker-content-digest')]).toEqual([201, named])
    expect((await close(registry, await open(registry), Buffer.alloc(0))).status).toBe(201)
  })

  it('refuses a chunk out of order, of the wrong size, or above the limit', async () => {
    const registry = await start({ chunkLimit: 20 })
    const late = await patch(registry, await open(registry), layer.subarray(5, 10), '5-9')
    const short = await patch(registry, await open(registry), layer.subarray(0, 5), '0-9')
    const large = await patch(registry, await open(registry), layer, '0-25')
    expect([late.status, short.status, large.status]).toEqual([416, 400, 416])
    expect(location(late)).toContain('/blobs/uploads/')
  })

  it('refuses an upload URL without its state, with an old one, or of another repository', async () => {
    const registry = await start()
    const opened = await open(registry)
    await patch(registry, opened, layer)
    const bare = opened.replace(/\?.*/, '?')
    const statuses = [
      (await close(registry, bare, layer)).status,
      (await close(registry, opened, layer)).status,
      (await close(registry, opened.replace('team/app', 'team/other'), layer)).status,
    ]
    expect(statuses).toEqual([404, 416, 404])
  })

  it('refuses a wrong or missing digest, and keeps nothing', async () => {
    const registry = await start()
    const wrong = await ask(registry, 'PUT', `${await open(registry)}&digest=${digest(config)}`, { body: layer })
    const none = await ask(registry, 'PUT', await open(registry), { body: layer })
    expect([await errorCode(wrong), await errorCode(none)]).toEqual(['DIGEST_INVALID', 'DIGEST_INVALID'])
    expect(registry.repositories.size).toBe(0)
  })

  it('does not hash when told so', async () => {
    const registry = await start({ verifyBlobs: false })
    const response = await ask(registry, 'PUT', `${await open(registry)}&digest=${digest(config)}`, { body: layer })
    expect(response.status).toBe(201)
  })

  it.each([
    [false, 202, 1],
    [true, 201, 0],
  ])('one POST with singlePost %s → %i', async (singlePost, status, left) => {
    const registry = await start({ singlePost })
    const response = await ask(registry, 'POST', `/v2/team/app/blobs/uploads/?digest=${digest(layer)}`, { body: layer })
    expect([response.status, registry.openUploads().length]).toEqual([status, left])
  })

  it.each<[string, RegistryOptions, string, number]>([
    ['from a repository that has it', {}, '&from=team/app', 201],
    ['from one that does not', {}, '&from=team/none', 202],
    ['without from', {}, '', 202],
    ['without from, anywhere', { mountAnywhere: true }, '', 201],
    ['when mounting is off', { mount: false }, '&from=team/app', 202],
  ])('mounts %s', async (_name, options, from, status) => {
    const registry = await seeded(options)
    const path = `/v2/team/other/blobs/uploads/?mount=${digest(layer)}${from}`
    const response = await ask(registry, 'POST', path)
    expect(response.status).toBe(status)
    expect(registry.repositories.get('team/other')?.blobs.has(digest(layer)) ?? false).toBe(status === 201)
  })

  it.each([
    [true, 204, 0],
    [false, 405, 1],
  ])('cancels: %s → %i', async (cancel, status, left) => {
    const registry = await start({ cancel })
    const opened = await open(registry)
    expect(registry.openUploads()).toMatchObject([{ repository: 'team/app', size: 0 }])
    expect((await ask(registry, 'DELETE', opened)).status).toBe(status)
    expect(registry.openUploads()).toHaveLength(left)
  })

  it('refuses an unknown repository when it does not make them', async () => {
    const registry = await start({ createOnPush: false })
    const path = '/v2/team/app/blobs/uploads/'
    const before = await ask(registry, 'POST', path)
    registry.create('team/app')
    const after = await ask(registry, 'POST', path)
    expect([await errorCode(before), after.status]).toEqual(['NAME_UNKNOWN', 202])
  })
})

describe('putting a manifest', () => {
  it('by tag and by digest, byte for byte', async () => {
    const registry = await seeded()
    const spaced = Buffer.from(JSON.stringify(image, null, 3))
    const byTag = await putManifest(registry, 'new', spaced)
    const byDigest = await putManifest(registry, digest(spaced), spaced)
    expect([byTag.status, byDigest.status]).toEqual([201, 201])
    expect(byTag.headers.get('docker-content-digest')).toBe(digest(spaced))
    expect(await (await ask(registry, 'GET', '/v2/team/app/manifests/new')).text()).toBe(spaced.toString())
    expect(registry.repositories.get('team/app')?.tags.get('new')).toBe(digest(spaced))
  })

  it.each<[string, string, object, string, number, string]>([
    ['another digest', digest(layer), image, manifestType, 400, 'DIGEST_INVALID'],
    ['another Content-Type', 'new', image, indexType, 400, 'MANIFEST_INVALID'],
    ['no Content-Type', 'new', image, '', 400, 'MANIFEST_INVALID'],
    ['an array', 'new', [], manifestType, 400, 'MANIFEST_INVALID'],
    ['an impossible tag', '-new', image, manifestType, 400, 'TAG_INVALID'],
    ['a missing layer', 'new', imageOf([Buffer.from('gone')]), manifestType, 400, 'MANIFEST_BLOB_UNKNOWN'],
    ['a missing child', 'new', indexOf([imageOf([Buffer.from('gone')])]), indexType, 400, 'MANIFEST_BLOB_UNKNOWN'],
    [
      'too many bytes',
      'new',
      { mediaType: manifestType, annotations: { long: 'x'.repeat(5000) } },
      manifestType,
      413,
      'MANIFEST_INVALID',
    ],
  ])('refuses %s', async (...[_name, reference, manifest, type, status, code]) => {
    const registry = await seeded({ manifestLimit: 4096 })
    const response = await putManifest(registry, reference, Buffer.from(JSON.stringify(manifest)), type)
    expect([response.status, await errorCode(response)]).toEqual([status, code])
    expect([...(registry.repositories.get('team/app')?.tags.keys() ?? [])]).toEqual(['1.0'])
  })

  it('does not look for foreign layers, for subjects, or for anything when validation is off', async () => {
    const registry = await seeded()
    const foreign = { ...image, layers: [{ ...descriptor(Buffer.from('gone')), urls: ['https://example.com/layer'] }] }
    const attached = { ...image, subject: descriptor(Buffer.from('later')) }
    const lenient = await start({ validate: false })
    const statuses = [
      (await putManifest(registry, 'foreign', Buffer.from(JSON.stringify(foreign)))).status,
      (await putManifest(registry, 'attached', Buffer.from(JSON.stringify(attached)))).status,
      (await putManifest(lenient, 'empty', imageBytes)).status,
    ]
    expect(statuses).toEqual([201, 201, 201])
  })

  it.each([
    [true, 'a, b', ['1.0', 'a', 'b']],
    [/^b/, 'b', ['1.0', 'b']],
    [false, null, ['1.0']],
  ])('several tags at once: multiTag %s', async (multiTag, header, tags) => {
    const registry = await seeded({ multiTag })
    const response = await putManifest(registry, `${digest(imageBytes)}?tag=a&tag=b`, imageBytes)
    expect([response.status, response.headers.get('oci-tag')]).toEqual([201, header])
    expect([...(registry.repositories.get('team/app')?.tags.keys() ?? [])]).toEqual(tags)
  })

  it.each([
    ['everywhere', ['registry/2.0', 'registry/2.0']],
    ['root', ['registry/2.0', null]],
  ] as const)('names its API %s', async (apiVersion, named) => {
    const registry = await seeded({ apiVersion })
    const answers = await Promise.all(['/v2/', '/v2/team/app/manifests/1.0'].map((path) => ask(registry, 'HEAD', path)))
    expect(answers.map(({ headers }) => headers.get('docker-distribution-api-version'))).toEqual(named)
  })

  it('does not move an immutable tag', async () => {
    const registry = await seeded({ immutableTags: /^\d/ })
    const other = Buffer.from(JSON.stringify({ ...image, annotations: { a: 'b' } }))
    const same = await putManifest(registry, '1.0', imageBytes)
    const moved = await putManifest(registry, '1.0', other)
    const latest = await putManifest(registry, 'latest', other)
    expect([same.status, moved.status, latest.status]).toEqual([201, 400, 201])
    expect(await moved.text()).toContain("The image tag '1.0' already exists in the 'team/app' repository")
  })

  it.each([true, false])('referrers: %s', async (referrers) => {
    const registry = await seeded({ referrers })
    const signature = {
      ...image,
      artifactType: 'application/x-signature',
      subject: descriptor(imageBytes),
      annotations: { by: 'me' },
    }
    const put = await putManifest(registry, 'signature', Buffer.from(JSON.stringify(signature)))
    expect(put.headers.get('oci-subject')).toBe(referrers ? digest(imageBytes) : null)
    const list = `/v2/team/app/referrers/${digest(imageBytes)}`
    const all = await ask(registry, 'GET', list)
    expect(all.status).toBe(referrers ? 200 : 404)
    if (!referrers) return
    expect(await all.json()).toMatchObject({
      manifests: [{ mediaType: manifestType, artifactType: 'application/x-signature', annotations: { by: 'me' } }],
    })
    const none = await ask(registry, 'GET', `${list}?artifactType=other`)
    expect(await none.json()).toMatchObject({ manifests: [] })
    expect(none.headers.get('oci-filters-applied')).toBe('artifactType')
  })

  it('referrers come in pages, and unfiltered where nobody filters', async () => {
    const registry = await seeded({ referrers: 'unfiltered', pageSize: 2 })
    for (const by of ['one', 'two', 'three']) {
      registry.put('team/app', { manifest: { ...image, artifactType: by, subject: descriptor(imageBytes) } })
    }
    const path = `/v2/team/app/referrers/${digest(imageBytes)}?artifactType=one`
    const first = await ask(registry, 'GET', path)
    expect(await first.json()).toMatchObject({ manifests: [{ artifactType: 'one' }, { artifactType: 'two' }] })
    expect(first.headers.get('oci-filters-applied')).toBeNull()
    const next = /<(.+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
    const second = await ask(registry, 'GET', next)
    expect(await second.json()).toMatchObject({ manifests: [{ artifactType: 'three' }] })
    expect(second.headers.get('link')).toBeNull()
  })

  it('parts of blobs can be withheld', async () => {
    const registry = await seeded({ ranges: false })
    const response = await ask(registry, 'GET', `/v2/team/app/blobs/${digest(layer)}`, {
      headers: { range: 'bytes=4-' },
    })
    expect(response.status).toBe(200)
    expect(Buffer.from(await response.arrayBuffer())).toEqual(layer)
  })
})

describe('deleting', () => {
  it('a tag leaves its manifest, a digest takes its tags, a blob goes', async () => {
    const registry = await seeded()
    registry.put('team/app', { manifest: image, tag: '1.1' })
    const remaining = async () => [...(registry.repositories.get('team/app')?.tags.keys() ?? [])]
    expect((await ask(registry, 'DELETE', '/v2/team/app/manifests/1.0')).status).toBe(202)
    expect(await remaining()).toEqual(['1.1'])
    expect((await ask(registry, 'DELETE', `/v2/team/app/manifests/${digest(imageBytes)}`)).status).toBe(202)
    expect(await remaining()).toEqual([])
    expect((await ask(registry, 'DELETE', `/v2/team/app/blobs/${digest(layer)}`)).status).toBe(202)
    expect((await ask(registry, 'HEAD', `/v2/team/app/blobs/${digest(layer)}`)).status).toBe(404)
  })

  it.each(['manifests/1.0', `blobs/${digest(layer)}`])('%s can be refused', async (path) => {
    const registry = await seeded({ deletes: false })
    expect((await ask(registry, 'DELETE', `/v2/team/app/${path}`)).status).toBe(405)
  })

  it('tags alone can be refused, as by distribution 2', async () => {
    const registry = await seeded({ deletes: 'digests' })
    expect((await ask(registry, 'DELETE', '/v2/team/app/manifests/1.0')).status).toBe(400)
    expect((await ask(registry, 'DELETE', `/v2/team/app/manifests/${digest(imageBytes)}`)).status).toBe(202)
  })
})

const users = {
  writer: { password: 'secret' },
  reader: { password: 'secret', grants: () => ['pull'] },
}
const basic = (name: string, password = 'secret') => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

describe('basic credentials', () => {
  it.each<[string, string | undefined, string, string, number]>([
    ['none', undefined, 'GET', '/v2/', 401],
    ['a wrong password', basic('writer', 'guess'), 'GET', '/v2/', 401],
    ['a stranger', basic('toString'), 'GET', '/v2/', 401],
    ['a reader who reads', basic('reader'), 'GET', '/v2/team/app/tags/list', 200],
    ['a reader who writes', basic('reader'), 'POST', '/v2/team/app/blobs/uploads/', 403],
    ['a writer', basic('writer'), 'POST', '/v2/team/app/blobs/uploads/', 202],
  ])('%s', async (...[_name, authorization, method, path, status]) => {
    const registry = await seeded({ auth: { kind: 'basic', users } })
    const response = await ask(registry, method, path, { headers: authorization ? { authorization } : {} })
    expect(response.status).toBe(status)
    if (status === 401) expect(response.headers.get('www-authenticate')).toMatch(/^Basic realm=/)
  })
})

describe('tokens', () => {
  const push = 'repository:team/app:pull,push'

  it('challenges with realm, service and scope', async () => {
    const registry = await seeded({ auth: { kind: 'token', users } })
    const { status, headers } = await ask(registry, 'POST', '/v2/team/app/blobs/uploads/?mount=sha256:1&from=team/base')
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toBe(
      `Bearer realm="${registry.url.origin}/token",service="${registry.host}",scope="${push} repository:team/base:pull"`,
    )
    const ping = await ask(registry, 'GET', '/v2/')
    expect(ping.headers.get('www-authenticate')).not.toContain('scope')
  })

  it('gives a writer a token whose claims can be read', async () => {
    const registry = await seeded({ auth: { kind: 'token', users } })
    const issued = await tokenFor(registry, basic('writer'), push)
    expect(issued).toMatchObject({ token: issued['access_token'], expires_in: 300 })
    const payload: unknown = JSON.parse(
      Buffer.from(String(issued['token']).split('.')[1] ?? '', 'base64url').toString(),
    )
    expect(payload).toMatchObject({ access: [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }] })
    expect((await withToken(registry, issued, 'POST', '/v2/team/app/blobs/uploads/')).status).toBe(202)
  })

  it('can be opaque', async () => {
    const registry = await seeded({ auth: { kind: 'token', users, opaque: true } })
    const issued = await tokenFor(registry, basic('writer'), push)
    expect(String(issued['token'])).not.toContain('.')
    expect((await withToken(registry, issued, 'GET', '/v2/team/app/tags/list')).status).toBe(200)
  })

  it('grants less than asked with 200, and the registry then says insufficient_scope', async () => {
    const registry = await seeded({ auth: { kind: 'token', users } })
    const issued = await tokenFor(registry, basic('reader'), push)
    const read = await withToken(registry, issued, 'GET', '/v2/team/app/tags/list')
    const written = await withToken(registry, issued, 'POST', '/v2/team/app/blobs/uploads/')
    expect([read.status, written.status]).toEqual([200, 401])
    expect(written.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
  })

  it('is for the repositories that it names only', async () => {
    const registry = await seeded({ auth: { kind: 'token', users } })
    const issued = await tokenFor(registry, basic('writer'), push)
    expect((await withToken(registry, issued, 'POST', '/v2/team/other/blobs/uploads/')).status).toBe(401)
  })

  it('ends', async () => {
    const registry = await seeded({ auth: { kind: 'token', users, expiresIn: 0.05 } })
    const issued = await tokenFor(registry, basic('writer'), push)
    await new Promise((resolve) => setTimeout(resolve, 80))
    const response = await withToken(registry, issued, 'GET', '/v2/team/app/tags/list')
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('invalid_token'),
    ])
  })

  it('ends before its time where a fault says so, for all that were issued', async () => {
    const registry = await seeded({ auth: { kind: 'token', users } })
    const old = await tokenFor(registry, basic('writer'), push)
    registry.fail({ step: 'tags', beforeAuth: true, when: { nth: 2 }, effect: { kind: 'expire-tokens' } })
    const list = async (token: typeof old) => (await withToken(registry, token, 'GET', '/v2/team/app/tags/list')).status
    const statuses = [await list(old), await list(old), await list(old)]
    expect([...statuses, await list(await tokenFor(registry, basic('writer'), push))]).toEqual([200, 401, 401, 200])
  })

  it.each<['pull' | 'none', number, number]>([
    ['pull', 200, 401],
    ['none', 401, 401],
  ])('without credentials: %s', async (anonymous, read, written) => {
    const registry = await seeded({ auth: { kind: 'token', users, anonymous } })
    const response = await ask(registry, 'GET', `/token?scope=${push}`)
    expect(response.status).toBe(read)
    if (read === 401) return
    const issued = record(await response.json())
    expect((await withToken(registry, issued, 'GET', '/v2/team/app/tags/list')).status).toBe(read)
    expect((await withToken(registry, issued, 'POST', '/v2/team/app/blobs/uploads/')).status).toBe(written)
  })

  it('does not take wrong credentials for none', async () => {
    const registry = await seeded({ auth: { kind: 'token', users, anonymous: 'pull' } })
    const headers = { authorization: basic('writer', 'guess') }
    expect((await ask(registry, 'GET', `/token?scope=${push}`, { headers })).status).toBe(401)
  })

  it.each<[string, Record<string, string>, number]>([
    ['password', { grant_type: 'password', username: 'writer', password: 'secret' }, 200],
    ['wrong password', { grant_type: 'password', username: 'writer', password: 'guess' }, 401],
    ['refresh token', { grant_type: 'refresh_token', refresh_token: 'identity' }, 200],
    ['unknown refresh token', { grant_type: 'refresh_token', refresh_token: 'other' }, 401],
    ['nothing known', { grant_type: 'code' }, 401],
  ])('by POST with a %s', async (_name, form, status) => {
    const registry = await seeded({ auth: { kind: 'token', users, identityTokens: { identity: 'writer' } } })
    const body = new URLSearchParams({ ...form, scope: `${push} repository:team/base:pull` })
    const response = await ask(registry, 'POST', '/token', { body })
    expect(response.status).toBe(status)
    if (status !== 200) return
    const issued = record(await response.json())
    expect(issued).toMatchObject({ scope: `${push} repository:team/base:pull` })
    expect(issued).not.toHaveProperty('token')
    expect((await withToken(registry, { token: issued['access_token'] }, 'GET', '/v2/')).status).toBe(200)
  })

  it.each<['push' | 'delete', number]>([
    ['push', 204],
    ['delete', 401],
  ])('cancelling needs %s', async (cancelNeeds, status) => {
    const registry = await seeded({ auth: { kind: 'token', users, cancelNeeds } })
    const issued = await tokenFor(registry, basic('writer'), push)
    const opened = await withToken(registry, issued, 'POST', '/v2/team/app/blobs/uploads/')
    expect((await withToken(registry, issued, 'DELETE', location(opened))).status).toBe(status)
  })

  it.each(['elsewhere', 'https://auth.example/token'])('realm %s', async (realm) => {
    const registry = await start({ auth: { kind: 'token', users, realm } })
    const challenge = (await ask(registry, 'GET', '/v2/')).headers.get('www-authenticate')
    const expected = realm === 'elsewhere' ? `${registry.storage.origin}/token` : realm
    expect(challenge).toContain(`realm="${expected}"`)
    if (realm === 'elsewhere') expect((await ask(registry, 'GET', expected)).status).toBe(401)
  })
})

describe('the second host', () => {
  const auth = { kind: 'basic', users } as const
  const headers = { authorization: basic('writer') }

  it('serves blobs by signed URL, and not to a client that brings its credentials along', async () => {
    const registry = await seeded({ auth, storage: { blobs: true } })
    const blob = `/v2/team/app/blobs/${digest(layer)}`
    const redirected = await ask(registry, 'GET', blob, { headers, redirect: 'manual' })
    expect([redirected.status, new URL(location(redirected)).origin]).toEqual([307, registry.storage.origin])
    expect(await (await ask(registry, 'GET', location(redirected))).text()).toBe(layer.toString())
    expect((await ask(registry, 'GET', location(redirected), { headers })).status).toBe(400)
    expect((await ask(registry, 'GET', `${registry.storage.origin}${blob}`)).status).toBe(403)
    expect((await ask(registry, 'POST', `${registry.storage.origin}/v2/team/app/blobs/uploads/`)).status).toBe(403)
    expect(registry.requests.map(({ origin }) => origin)).toEqual(['registry', ...Array(4).fill('storage')])
  })

  it('takes uploads by signed URL', async () => {
    const registry = await start({ auth, storage: { uploads: true } })
    const opened = location(await ask(registry, 'POST', '/v2/team/app/blobs/uploads/', { headers }))
    expect(new URL(opened).origin).toBe(registry.storage.origin)
    expect((await close(registry, opened, layer)).status).toBe(201)
  })
})

describe('the pull limit', () => {
  it('tells with HEAD, counts with GET, and ends in 429', async () => {
    const registry = await start({ pullLimit: { limit: 100, remaining: 1, source: '192.0.2.1' } })
    registry.put('ratelimitpreview/test', { manifest: image, tag: 'latest' })
    const path = '/v2/ratelimitpreview/test/manifests/latest'
    const seen = []
    for (const method of ['HEAD', 'GET', 'GET', 'HEAD']) {
      const { status, headers } = await ask(registry, method, path)
      seen.push([status, headers.get('ratelimit-remaining')])
      expect([headers.get('ratelimit-limit'), headers.get('docker-ratelimit-source')]).toEqual([
        '100;w=21600',
        '192.0.2.1',
      ])
    }
    expect(seen).toEqual([
      [200, '1;w=21600'],
      [200, '0;w=21600'],
      [429, '0;w=21600'],
      [200, '0;w=21600'],
    ])
  })

  it.each<['quota' | 'abuse', RegExp, string | null]>([
    ['quota', /You have reached your pull rate limit/, '0;w=60'],
    ['abuse', /Too Many Requests/, null],
  ])('429 by %s', async (exhausted, text, remaining) => {
    const registry = await seeded({ pullLimit: { limit: 10, remaining: 0, windowSeconds: 60, exhausted } })
    const response = await ask(registry, 'GET', '/v2/team/app/manifests/1.0')
    expect([response.status, response.headers.get('ratelimit-remaining')]).toEqual([429, remaining])
    expect(await response.text()).toMatch(text)
  })
})

describe('TLS and time', () => {
  it('speaks TLS with the certificate it is given', async () => {
    const tls = selfSignedCertificate()
    const registry = await start({ tls, hostname: 'localhost' })
    expect(registry.url.protocol).toBe('https:')
    const status = await new Promise((resolve, reject) => {
      get(new URL('/v2/', registry.url), { ca: tls.cert }, (response) => resolve(response.resume().statusCode)).on(
        'error',
        reject,
      )
    })
    expect(status).toBe(200)
  })

  it('waits before each request', async () => {
    const registry = await start({ latency: 50 })
    await ask(registry, 'GET', '/v2/')
    const [{ startedAt, endedAt } = { startedAt: 0, endedAt: 0 }] = registry.requests
    expect((endedAt ?? 0) - startedAt).toBeGreaterThan(45)
  })

  it('stops at once, whatever is under way', async () => {
    const registry = await start({ faults: [{ step: 'ping', effect: { kind: 'delay', ms: 60_000 } }] })
    const pending = ask(registry, 'GET', '/v2/').catch(() => 'closed')
    while (registry.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await registry.stop()
    expect(await pending).toBe('closed')
  })

  it('stops in the middle of an answer, and commits nothing afterwards', async () => {
    const registry = await seeded({
      faults: [
        { step: 'blob-get', effect: { kind: 'stall', after: 1 } },
        { step: 'upload-put', effect: { kind: 'slow-commit', ms: 50 } },
      ],
    })
    const stalled = await ask(registry, 'GET', `/v2/team/app/blobs/${digest(layer)}`)
    const pending = close(registry, await open(registry), foreignBlob).catch(() => 'closed')
    while (registry.openUploads().length > 0) await new Promise((resolve) => setTimeout(resolve, 2))
    await registry.stop()
    await expect(stalled.text()).rejects.toThrow()
    expect(await pending).toBe('closed')
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect(registry.repositories.get('team/app')?.blobs.has(digest(foreignBlob))).toBe(false)
  })

  it('reads what a refused request still sends, so that its connection serves the next one', async () => {
    const registry = await start({ manifestLimit: 10 })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const put = (body: Buffer) =>
      new Promise((resolve, reject) => {
        const options = { agent, method: 'PUT', headers: { 'content-type': manifestType } }
        const sent = request(new URL('/v2/team/app/manifests/new', registry.url), options, (response) => {
          response.resume().on('end', () => resolve([response.statusCode, sent.socket?.localPort]))
        })
        sent.on('error', reject).end(body)
      })
    const first = await put(Buffer.alloc(4_000_000, ' '))
    expect(await put(Buffer.alloc(4_000_000, ' '))).toEqual(first)
    agent.destroy()
  })
})

describe('faults', () => {
  const putFault = (effect: Effect): Fault => ({ step: 'upload-put', effect })
  const getFault = (effect: Effect): Fault => ({ step: 'blob-get', effect })
  const blob = `/v2/team/app/blobs/${digest(layer)}`
  const holds = (registry: InProcessRegistry) =>
    registry.repositories.get('team/app')?.blobs.has(digest(layer)) ?? false

  it.each<[string, Effect, number, boolean]>([
    ['status', { kind: 'status', status: 503, headers: { 'retry-after': '1' } }, 503, false],
    ['early status', { kind: 'status', status: 401, early: true }, 401, false],
    ['html', { kind: 'html' }, 200, false],
    ['another success', { kind: 'answer', status: 204 }, 204, true],
    ['kept, but 504', { kind: 'answer', status: 504, body: '<html>Gateway Timeout</html>' }, 504, true],
    [
      'kept, but unknown upload',
      { kind: 'answer', status: 404, body: { errors: [{ code: 'BLOB_UPLOAD_UNKNOWN' }] } },
      404,
      true,
    ],
    ['lost commit', { kind: 'forget' }, 201, false],
    ['delay', { kind: 'delay', ms: 10 }, 201, true],
    ['slow commit', { kind: 'slow-commit', ms: 10 }, 201, true],
    ['slow answer', { kind: 'slow-answer', ms: 10 }, 201, true],
    ['headers', { kind: 'headers', set: { 'Docker-Content-Digest': undefined, warning: '299 - "soon"' } }, 201, true],
  ])('upload: %s', async (_name, effect, status, kept) => {
    const registry = await start({ faults: [putFault(effect)] })
    const response = await close(registry, await open(registry), layer)
    expect([response.status, holds(registry)]).toEqual([status, kept])
    if (effect.kind === 'status' && effect.headers) expect(response.headers.get('retry-after')).toBe('1')
    if (effect.kind === 'headers') expect(response.headers.get('warning')).toBe('299 - "soon"')
    if (effect.kind === 'headers') expect(response.headers.has('docker-content-digest')).toBe(false)
  })

  it.each<[string, Effect, boolean]>([
    ['at once', { kind: 'reset' }, false],
    ['in the middle', { kind: 'reset', afterBytes: 1000 }, false],
    ['after the commit', { kind: 'reset-after-commit' }, true],
  ])('reset %s', async (_name, effect, kept) => {
    const registry = await start({ faults: [putFault(effect)] })
    const large = Buffer.alloc(300_000, 'x')
    await expect(close(registry, await open(registry), large)).rejects.toThrow()
    expect(registry.repositories.get('team/app')?.blobs.has(digest(large)) ?? false).toBe(kept)
    expect(registry.requests.at(-1)).not.toHaveProperty('status')
    const received = effect.kind === 'reset' ? (effect.afterBytes ?? 0) : large.length
    expect(registry.openUploads()[0]?.size ?? large.length).toBe(received)
  })

  it('a reset on TLS as well', async () => {
    const tls = selfSignedCertificate()
    const registry = await start({ tls, faults: [{ step: 'ping', effect: { kind: 'reset' } }] })
    const failed = new Promise((_, reject) => get(new URL('/v2/', registry.url), { ca: tls.cert }).on('error', reject))
    await expect(failed).rejects.toThrow(/socket hang up|ECONNRESET/)
  })

  it('during a slow commit neither the session nor the blob is there', async () => {
    const registry = await start({ faults: [putFault({ kind: 'slow-commit', ms: 100 })] })
    const opened = await open(registry)
    const first = close(registry, opened, layer)
    while (registry.openUploads().length > 0) await new Promise((resolve) => setTimeout(resolve, 2))
    const again = await close(registry, opened, layer)
    const head = await ask(registry, 'HEAD', blob)
    expect([await errorCode(again), head.status]).toEqual(['BLOB_UPLOAD_UNKNOWN', 404])
    expect([(await first).status, holds(registry)]).toEqual([201, true])
  })

  it('a forgotten PATCH ends in DIGEST_INVALID', async () => {
    const registry = await start({ faults: [{ step: 'upload-patch', when: { nth: 2 }, effect: { kind: 'forget' } }] })
    const first = await patch(registry, await open(registry), layer.subarray(0, 10))
    const second = await patch(registry, location(first), layer.subarray(10))
    expect(second.headers.get('range')).toBe('0-25')
    expect(await errorCode(await close(registry, location(second), layer, Buffer.alloc(0)))).toBe('DIGEST_INVALID')
  })

  it.each<[string, Fault['step'], string, string]>([
    ['a tag', 'tag-put', 'PUT', 'manifests/new'],
    ['a deleted tag', 'manifest-delete', 'DELETE', 'manifests/1.0'],
    ['a deleted blob', 'blob-delete', 'DELETE', `blobs/${digest(layer)}`],
    ['a mount', 'mount', 'POST', `blobs/uploads/?mount=${digest(foreignBlob)}&from=team/base`],
  ])('forgets %s', async (_name, step, method, path) => {
    const registry = await seeded({ faults: [{ step, effect: { kind: 'forget' } }] })
    registry.put('team/base', { manifest: image, blobs: [foreignBlob] })
    const init = method === 'PUT' ? { body: imageBytes, headers: { 'content-type': manifestType } } : {}
    const response = await ask(registry, method, `/v2/team/app/${path}`, init)
    expect(response.status).toBe(method === 'DELETE' ? 202 : 201)
    const { tags, blobs } = registry.create('team/app')
    expect([[...tags.keys()], [...blobs.keys()]]).toEqual([['1.0'], [digest(layer), digest(config)]])
  })

  it('blobs lost before the manifest', async () => {
    const registry = await seeded({
      faults: [{ step: 'tag-put', when: { first: 1 }, effect: { kind: 'lose-blobs', digest: digest(layer) } }],
    })
    expect(await errorCode(await putManifest(registry, 'new', imageBytes))).toBe('MANIFEST_BLOB_UNKNOWN')
    await close(registry, await open(registry), layer)
    expect((await putManifest(registry, 'new', imageBytes)).status).toBe(201)
    registry.fail({ step: 'tag-put', effect: { kind: 'lose-blobs' } })
    await putManifest(registry, 'new', imageBytes)
    expect(registry.repositories.get('team/app')?.blobs.size).toBe(0)
  })

  it.each([0, 5])('a body cut short after %i bytes', async (after) => {
    const registry = await seeded({ faults: [getFault({ kind: 'cut', after })] })
    const response = await ask(registry, 'GET', blob)
    await expect(response.text()).rejects.toThrow()
    expect(registry.requests.at(-1)?.responseBytes).toBe(after)
  })

  it('a body that stalls', async () => {
    const registry = await seeded({ faults: [getFault({ kind: 'stall', after: 5 })] })
    const response = await ask(registry, 'GET', blob, { signal: AbortSignal.timeout(100) })
    await expect(response.text()).rejects.toThrow(/abort|timeout/i)
  })

  it('a body with another byte', async () => {
    const registry = await seeded({ faults: [getFault({ kind: 'corrupt' })] })
    const bytes = Buffer.from(await (await ask(registry, 'GET', blob)).arrayBuffer())
    expect([bytes.length, bytes.equals(layer)]).toEqual([layer.length, false])
    const kept = registry.repositories.get('team/app')?.blobs.get(digest(layer))
    expect(kept && bytesOf(kept)).toEqual(layer)
  })

  it.each<['HEAD' | 'GET', 'manifest-head' | 'manifest-get']>([
    ['HEAD', 'manifest-head'],
    ['GET', 'manifest-get'],
  ])('%s without digest and length', async (method, step) => {
    const set = { 'docker-content-digest': undefined, 'content-length': undefined }
    const registry = await seeded({ faults: [{ step, effect: { kind: 'headers', set } }] })
    const { status, headers } = await ask(registry, method, '/v2/team/app/manifests/1.0')
    expect([status, headers.get('docker-content-digest'), headers.get('content-length')]).toEqual([200, null, null])
  })

  it('null where a list belongs', async () => {
    const registry = await seeded({
      faults: [
        { step: 'tags', effect: { kind: 'json', set: { tags: null } } },
        { step: 'referrers', effect: { kind: 'json', set: { manifests: null } } },
      ],
    })
    expect(await (await ask(registry, 'GET', '/v2/team/app/tags/list')).json()).toEqual({
      name: 'team/app',
      tags: null,
    })
    const referrers = await ask(registry, 'GET', `/v2/team/app/referrers/${digest(imageBytes)}`)
    expect(await referrers.json()).toMatchObject({ manifests: null })
  })

  it.each<[LocationForm, RegExp]>([
    ['relative', /^\/v2\/team/],
    ['absolute', /^http:\/\/127\.0\.0\.1:\d+\/v2/],
    ['scheme-less', /^\/\/127\.0\.0\.1:\d+\/v2/],
    ['http', /^http:\/\/127\.0\.0\.1:\d+\/v2/],
    ['no-port', /^http:\/\/127\.0\.0\.1\/v2/],
    [{ host: 'storage.example:8443' }, /^http:\/\/storage\.example:8443\/v2/],
  ])('Location %j', async (form, pattern) => {
    const registry = await start({ faults: [{ step: 'upload-open', effect: { kind: 'location', form } }] })
    const opened = await ask(registry, 'POST', '/v2/team/app/blobs/uploads/')
    expect(location(opened)).toMatch(pattern)
    expect(location(opened)).toContain('_state=')
  })

  const failing: Effect = { kind: 'status', status: 500 }
  it.each<[string, Omit<Fault, 'effect'>, number[]]>([
    ['always', { step: 'tags' }, [500, 500, 500]],
    ['first two', { step: ['ping', 'tags'], when: { first: 2 } }, [500, 500, 200]],
    ['the second', { step: 'tags', when: { nth: 2 } }, [200, 500, 200]],
    ['another step', { step: 'ping' }, [200, 200, 200]],
    ['another repository', { step: 'tags', repository: 'team/other' }, [200, 200, 200]],
    ['a pattern', { step: 'tags', repository: /^team\// }, [500, 500, 500]],
    ['another method', { step: 'tags', method: 'HEAD' }, [200, 200, 200]],
    ['requests with a body', { step: 'tags', withBody: true }, [200, 200, 200]],
    ['more than one at a time', { step: 'tags', when: { above: 1 } }, [200, 200, 200]],
  ])('strikes: %s', async (_name, fault, statuses) => {
    const registry = await seeded()
    registry.fail({ ...fault, effect: failing })
    const seen = []
    for (const _ of statuses) seen.push((await ask(registry, 'GET', '/v2/team/app/tags/list')).status)
    expect(seen).toEqual(statuses)
  })

  it('by tag and by digest', async () => {
    const registry = await seeded()
    registry.fail({ step: 'manifest-get', reference: '1.0', effect: failing })
    registry.fail({ step: 'blob-get', digest: digest(config), effect: failing })
    const paths = [
      'manifests/1.0',
      `manifests/${digest(imageBytes)}`,
      `blobs/${digest(config)}`,
      `blobs/${digest(layer)}`,
    ]
    const responses = await Promise.all(paths.map((path) => ask(registry, 'GET', `/v2/team/app/${path}`)))
    expect(responses.map(({ status }) => status)).toEqual([500, 200, 500, 200])
  })

  it('refuses bodies with a PUT, so that PATCH is needed', async () => {
    const registry = await start({
      faults: [{ step: 'upload-put', withBody: true, effect: { kind: 'status', status: 405 } }],
    })
    expect((await close(registry, await open(registry), layer)).status).toBe(405)
    const patched = await patch(registry, await open(registry), layer)
    expect((await close(registry, location(patched), layer, Buffer.alloc(0))).status).toBe(201)
  })

  it('above a number of requests at once', async () => {
    const registry = await seeded({ faults: [{ step: 'tags', when: { above: 2 }, effect: failing }] })
    registry.fail({ step: 'tags', effect: { kind: 'delay', ms: 50 } })
    const responses = await Promise.all([1, 2, 3].map(() => ask(registry, 'GET', '/v2/team/app/tags/list')))
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 200, 500])
  })

  it('in front of the credentials check, or behind it', async () => {
    const registry = await start({ auth: { kind: 'basic', users } })
    registry.fail({ step: 'ping', effect: failing })
    expect((await ask(registry, 'GET', '/v2/')).status).toBe(401)
    registry.fail({ step: 'ping', beforeAuth: true, effect: failing })
    expect((await ask(registry, 'GET', '/v2/')).status).toBe(500)
    registry.heal()
    expect((await ask(registry, 'GET', '/v2/')).status).toBe(401)
  })

  it('on the token service, by method', async () => {
    const registry = await start({ auth: { kind: 'token', users, anonymous: 'pull' } })
    registry.fail({ step: 'token', method: 'POST', effect: { kind: 'status', status: 404 } })
    registry.fail({ step: 'token', method: 'GET', effect: { kind: 'json', set: { token: undefined } } })
    expect((await ask(registry, 'POST', '/token', { body: new URLSearchParams() })).status).toBe(404)
    expect(await (await ask(registry, 'GET', '/token')).json()).not.toHaveProperty('token')
  })
})

describe('the record', () => {
  it('keeps what was asked, and of credentials only their kind', async () => {
    const registry = await seeded()
    const headers = { authorization: basic('writer'), 'user-agent': 'lading-test' }
    const response = await ask(registry, 'GET', '/v2/team/app/manifests/1.0?x=1', { headers })
    await response.text()
    expect(registry.requests).toMatchObject([
      {
        origin: 'registry',
        method: 'GET',
        path: '/v2/team/app/manifests/1.0?x=1',
        step: 'manifest-get',
        repository: 'team/app',
        reference: '1.0',
        userAgent: 'lading-test',
        authorization: 'Basic',
        credentials: true,
        requestBytes: 0,
        responseBytes: imageBytes.length,
        status: 200,
      },
    ])
    expect(JSON.stringify(registry.requests)).not.toContain(basic('writer').slice(6))
  })

  it('tells writes from questions', async () => {
    const registry = await seeded()
    await ask(registry, 'DELETE', await open(registry))
    await ask(registry, 'HEAD', '/v2/team/app/manifests/1.0')
    expect(registry.writes()).toEqual([])
    const patched = await patch(registry, await open(registry), layer)
    await close(registry, location(patched), layer, Buffer.alloc(0))
    await ask(registry, 'POST', `/v2/team/app/blobs/uploads/?digest=${digest(layer)}`, { body: layer })
    await ask(registry, 'POST', `/v2/team/app/blobs/uploads/?mount=${digest(layer)}&from=team/app`)
    await putManifest(registry, digest(imageBytes), imageBytes)
    await putManifest(registry, 'new', imageBytes)
    await ask(registry, 'DELETE', '/v2/team/app/manifests/new')
    await ask(registry, 'DELETE', `/v2/team/app/blobs/${digest(layer)}`)
    expect(registry.writes().map(({ step }) => step)).toEqual([
      'upload-patch',
      'upload-put',
      'upload-single',
      'mount',
      'manifest-put',
      'tag-put',
      'manifest-delete',
      'blob-delete',
    ])
    expect(registry.writes()[0]?.requestBytes).toBe(layer.length)
    registry.reset()
    expect(registry.requests).toEqual([])
  })
})

async function start(options: RegistryOptions = {}): Promise<InProcessRegistry> {
  const registry = await startRegistry(options)
  running.push(registry)
  return registry
}

async function seeded(options: RegistryOptions = {}): Promise<InProcessRegistry> {
  const registry = await start(options)
  registry.put('team/app', { manifest: image, blobs: [layer, config], tag: '1.0' })
  return registry
}

function ask(registry: InProcessRegistry, method: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(new URL(path, registry.url), { ...init, method })
}

async function open(registry: InProcessRegistry): Promise<string> {
  return location(await ask(registry, 'POST', '/v2/team/app/blobs/uploads/'))
}

function patch(registry: InProcessRegistry, url: string, body: Buffer<ArrayBuffer>, range?: string): Promise<Response> {
  return ask(registry, 'PATCH', url, { body, headers: range === undefined ? {} : { 'content-range': range } })
}

type Closing = [
  registry: InProcessRegistry,
  url: string,
  blob: Buffer<ArrayBuffer>,
  body?: Buffer<ArrayBuffer>,
  range?: string,
]

function close(...[registry, url, blob, body = blob, range]: Closing): Promise<Response> {
  const headers = range === undefined ? {} : { 'content-range': range }
  return ask(registry, 'PUT', `${url}&digest=${digest(blob)}`, { body, headers })
}

function putManifest(
  registry: InProcessRegistry,
  reference: string,
  body: Buffer<ArrayBuffer>,
  type = manifestType,
): Promise<Response> {
  const headers = type === '' ? {} : { 'content-type': type }
  return ask(registry, 'PUT', `/v2/team/app/manifests/${reference}`, { body, headers })
}

async function tokenFor(
  registry: InProcessRegistry,
  authorization: string,
  scope: string,
): Promise<Record<string, unknown>> {
  const response = await ask(registry, 'GET', `/token?service=${registry.host}&scope=${scope}`, {
    headers: { authorization },
  })
  expect(response.status).toBe(200)
  return record(await response.json())
}

function withToken(
  registry: InProcessRegistry,
  issued: Record<string, unknown>,
  method: string,
  path: string,
): Promise<Response> {
  return ask(registry, method, path, { headers: { authorization: `Bearer ${String(issued['token'])}` } })
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('not an object')
  return Object.fromEntries(Object.entries(value))
}

function location({ headers }: Response): string {
  return headers.get('location') ?? ''
}

async function errorCode(response: Response): Promise<string | undefined> {
  return /"code":"([A-Z_]+)"/.exec(await response.text())?.[1]
}

function imageOf(layers: readonly Buffer[]) {
  return { schemaVersion: 2, mediaType: manifestType, config: descriptor(config), layers: layers.map(descriptor) }
}

function indexOf(manifests: readonly object[]) {
  const children = manifests.map((manifest) => descriptor(Buffer.from(JSON.stringify(manifest))))
  return { schemaVersion: 2, mediaType: indexType, manifests: children }
}

function descriptor(bytes: Buffer) {
  return { mediaType: 'application/octet-stream', digest: digest(bytes), size: bytes.length }
}

function digest(bytes: Uint8Array, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

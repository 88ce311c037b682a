import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tryParseDigest } from '../../src/image/digest.ts'
import { parseManifest } from '../../src/image/manifest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import type { Request } from '../../src/net/send.ts'
import { type ClientOptions, connected, loginAt, openClient } from '../support/client.ts'
import { openProxy } from '../support/proxy.ts'
import { digestOf } from '../support/registry/blob.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { startRegistry } from '../support/registry/server.ts'
import { layer, steps } from '../support/sample-blob.ts'
import { responseOf, type Scripted, scripted } from '../support/scripted-send.ts'

const USERS = { user: { password: 'pass-word' } }
const TOKENS = { kind: 'token', users: USERS } as const

/** A host of a stranger on loopback that keeps what it was sent, and answers 404. */
async function stranger(): Promise<{ readonly url: URL; readonly seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers)
    request.resume().on('end', () => response.writeHead(404, { 'www-authenticate': 'Basic realm="mine"' }).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: new URL(`http://127.0.0.1:${portOf(server)}`), seen }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A registry that is not there: answers come from a list, and what goes out is kept. */
function farRegistry(answers: readonly Scripted[], options: ClientOptions = {}) {
  const send = scripted(...answers)
  const client = openClient({ logins: [loginAt('registry.example')], retries: 0, around: () => send, ...options })
  onTestFinished(() => client.close())
  return { send, remote: client.remote('registry.example/acme/api') }
}

const challenge = (realm: string) => ({ status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}"` } })
const hostsOf = (requests: readonly Request[]) => requests.map(({ url }) => url.host)
const proofs = (requests: readonly Request[]) =>
  requests.map(({ headers }) => headers?.['authorization']?.split(' ')[0])

const PLACES = [
  ...['169.254.169.254', '2852039166', '0xa9fea9fe', '[::ffff:169.254.169.254]', '[fe80::1]'],
  ...['10.0.0.1', '172.16.0.1', '192.168.0.1', '[fd00::1]'],
  ...['127.0.0.1', '127.1:8443', '0.0.0.0', '[::1]', 'localhost'],
].map((host) => `https://${host}`)

describe('a registry out there cannot send us into our own network', () => {
  test.each(PLACES)('by a token service at %s', async (place) => {
    const { send, remote } = farRegistry([challenge(`${place}/token`), { status: 200, body: '{"token":"t"}' }])
    await expect(remote.resolve('1.0')).rejects.toMatchObject({
      code: 'LOGIN_FAILED',
      message: expect.stringMatching(/names a token service at .*; the login was not sent/),
    })
    expect(hostsOf(send.requests)).toEqual(['registry.example'])
  })

  test.each(PLACES)('by a redirect to %s', async (place) => {
    const { send, remote } = farRegistry([{ status: 307, headers: { location: `${place}/x` } }, { status: 200 }])
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
    expect(hostsOf(send.requests)).toEqual(['registry.example'])
  })

  test.each(PLACES)('by an upload at %s', async (place) => {
    const { send, remote } = farRegistry([{ status: 202, headers: { location: `${place}/x` } }, { status: 201 }])
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toThrow('nothing is sent there')
    expect([hostsOf(send.requests), blob.opened]).toEqual([['registry.example'], 0])
  })

  test('by a token service that redirects', async () => {
    const redirect = { status: 307, headers: { location: 'https://169.254.169.254/latest/meta-data' } }
    const { send, remote } = farRegistry([challenge('https://auth.example/token'), redirect, { status: 200 }])
    await expect(remote.resolve('1.0')).rejects.toThrow('169.254.169.254, a link-local address')
    expect(hostsOf(send.requests)).toEqual(['registry.example', 'auth.example'])
  })

  test('by what is no web address', async () => {
    const { send, remote } = farRegistry([{ status: 202, headers: { location: 'file:///etc/passwd' } }])
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toThrow('file://, which is no web address')
    expect(send.requests).toHaveLength(1)
  })
})

describe('a name that a registry gives us', () => {
  /** Every name leads to this machine, but for `metadata.example`. */
  const dns: LookupFunction = (host, options, callback) => {
    const address = host === 'metadata.example' ? '169.254.169.254' : '127.0.0.1'
    if (options.all === true) callback(null, [{ address, family: 4 }])
    else callback(null, address, 4)
  }

  /** `registry.example` out there, as far as we know: we see no more of it than a proxy, which sees none of our own. */
  async function farAway() {
    const registry = await startRegistry()
    const proxy = await openProxy({ routes: { 'registry.example': registry.url } })
    const client = openClient({
      proxy: { http: proxy.url, except: 'own.example' },
      address: (name) => new URL(`http://${name}`),
      lookup: dns,
      retries: 2,
    })
    onTestFinished(async () => {
      await Promise.all([client.close(), registry.stop()])
    })
    return { registry, proxy, remote: client.remote('registry.example/acme/api'), client }
  }

  const toNoAvail = expect.stringMatching(
    /sends us to own\.example, which leads to 127\.0\.0\.1, this machine; nothing is/,
  )

  test('is not followed to this machine by a redirect', async () => {
    const [{ registry, remote }, other] = await Promise.all([farAway(), stranger()])
    const headers = { location: `http://own.example:${other.url.port}/blob` }
    registry.fail({ step: 'blob-head', effect: { kind: 'status', status: 307, headers } })
    await expect(remote.exists(layer())).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', message: toNoAvail })
    expect([registry.requests.length, other.seen]).toEqual([1, []])
  })

  test('is not followed there by an upload', async () => {
    const [{ registry, remote }, other] = await Promise.all([farAway(), stranger()])
    const set = { location: `http://own.example:${other.url.port}/upload` }
    registry.fail({ step: 'upload-open', effect: { kind: 'headers', set } })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({ message: toNoAvail })
    expect([steps(registry), other.seen]).toEqual([['upload-open 202'], []])
  })

  test('is not followed there though we were there for ourselves before', async () => {
    const [{ registry, remote, client }, own] = await Promise.all([
      farAway(),
      startRegistry({ hostname: 'own.example' }),
    ])
    onTestFinished(() => own.stop())
    // Whose connection stays open; it is of the same host and port.
    expect(await client.remote(`${own.host}/acme/api`).resolve('1.0')).toBeUndefined()
    registry.fail({ step: 'blob-head', effect: { kind: 'status', status: 307, headers: { location: own.url.href } } })
    await expect(remote.exists(layer())).rejects.toMatchObject({ message: toNoAvail })
    expect(steps(own)).toEqual(['manifest-head 404'])
    expect(client.waits).toEqual([])
  })

  test('is left to the proxy that goes there for us', async () => {
    const [{ registry, proxy, remote }, other] = await Promise.all([farAway(), stranger()])
    const headers = { location: `http://elsewhere.example:${other.url.port}/blob` }
    registry.fail({ step: 'blob-head', effect: { kind: 'status', status: 307, headers } })
    await expect(remote.exists(layer())).rejects.toMatchObject({ code: expect.any(String) })
    expect(proxy.asked).toContain(`HEAD http://elsewhere.example:${other.url.port}/blob`)
    expect(other.seen).toEqual([])
  })

  test('is followed from this machine to this machine, and no further inwards', async () => {
    const [registry, other] = await Promise.all([startRegistry({ hostname: 'registry.example' }), stranger()])
    const client = openClient({ lookup: dns, address: () => registry.url, retries: 0 })
    onTestFinished(async () => {
      await Promise.all([client.close(), registry.stop()])
    })
    const remote = client.remote('registry.example/acme/api')
    const redirect = (host: string) => ({
      step: 'blob-head' as const,
      effect: { kind: 'status' as const, status: 307, headers: { location: `http://${host}:${other.url.port}/blob` } },
    })
    registry.fail(redirect('own.example'))
    expect(await remote.exists(layer())).toBe(false)
    expect(other.seen).toHaveLength(1)
    registry.heal()
    registry.fail(redirect('metadata.example'))
    await expect(remote.exists(layer('another'))).rejects.toThrow('leads to 169.254.169.254, a link-local address')
  })
})

describe('the login', () => {
  test('goes to the token service that the registry names, also on another host', async () => {
    const token = { status: 200, body: '{"token":"t"}' }
    const { send, remote } = farRegistry([challenge('https://auth.example/token'), token, { status: 404 }])
    expect(await remote.resolve('1.0')).toBeUndefined()
    expect(hostsOf(send.requests)).toEqual(['registry.example', 'auth.example', 'registry.example'])
    expect(proofs(send.requests)).toEqual([undefined, 'Basic', 'Bearer'])
  })

  test.each(['http://auth.example/token', 'http://registry.example/token', 'http://127.0.0.1/token'])(
    'does not go to %s',
    async (realm) => {
      const { send, remote } = farRegistry([challenge(realm), { status: 200, body: '{"token":"t"}' }])
      await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
      expect(proofs(send.requests)).toEqual([undefined])
    },
  )

  test('goes over http where an insecure registry is its own token service, and no further', async () => {
    const address = () => new URL('http://registry.example')
    const token = { status: 200, body: '{"token":"t"}' }
    const own = farRegistry([challenge('http://registry.example:5001/token'), token, { status: 404 }], { address })
    expect(await own.remote.resolve('1.0')).toBeUndefined()
    expect(proofs(own.send.requests)).toEqual([undefined, 'Basic', 'Bearer'])
    const other = farRegistry([challenge('http://auth.example/token'), token], { address })
    await expect(other.remote.resolve('1.0')).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
    expect(proofs(other.send.requests)).toEqual([undefined])
  })

  test('goes from a registry with TLS on this machine to its neighbour over http', async () => {
    const tls = selfSignedCertificate()
    const plain = await startRegistry({ auth: TOKENS })
    const registry = await startRegistry({ tls, auth: { ...TOKENS, realm: `${plain.url.origin}/token` } })
    const client = openClient({
      logins: [loginAt(registry.host)],
      settings: [{ registry: registry.host, insecure: false, ca: tls.cert }],
      retries: 0,
    })
    onTestFinished(async () => {
      await Promise.all([client.close(), registry.stop(), plain.stop()])
    })
    // The neighbour's token means nothing here; that it was asked for is what counts.
    await client
      .remote(`${registry.host}/acme/api`)
      .resolve('1.0')
      .catch(() => undefined)
    expect(plain.requests).toMatchObject([{ step: 'token', authorization: 'Basic', status: 200 }])
  })

  test('and the token stay behind when a blob is elsewhere', async () => {
    const { registry, remote } = await connected({ auth: TOKENS })
    const other = await stranger()
    const blob = layer()
    registry.put('acme/api', { manifest: {}, blobs: [Buffer.from('a layer')] })
    const location = `${other.url.origin}/blob?signature=x`
    registry.fail({ step: 'blob-head', effect: { kind: 'status', status: 307, headers: { location } } })
    await remote.exists(blob)
    expect(other.seen).toHaveLength(1)
    expect(Object.keys(other.seen[0] ?? {})).not.toContain('authorization')
  })

  test('and the token stay behind when an upload goes elsewhere, whatever is asked there', async () => {
    const { registry, remote } = await connected({ auth: TOKENS }, { retries: 0 })
    const other = await stranger()
    const blob = layer()
    const set = { location: `${other.url.origin}/upload?signature=x` }
    registry.fail({ step: 'upload-open', effect: { kind: 'headers', set } })
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({ code: expect.any(String) })
    expect(other.seen.length).toBeGreaterThan(0)
    for (const headers of other.seen) expect(Object.keys(headers)).not.toContain('authorization')
  })
})

describe('what is read', () => {
  test('of a token service is 64 KiB at most', async () => {
    const fits = `{"token":"${'t'.repeat(60_000)}"}`
    const long = `{"token":"t","more":"${'x'.repeat(64 * 1024)}"}`
    const realm = challenge('https://auth.example/token')
    const good = farRegistry([realm, { status: 200, body: fits }, { status: 404 }])
    expect(await good.remote.resolve('1.0')).toBeUndefined()
    const bad = farRegistry([realm, { status: 200, body: long }, { status: 404 }])
    await expect(bad.remote.resolve('1.0')).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
    expect(hostsOf(bad.send.requests)).toEqual(['registry.example', 'auth.example'])
  })

  test('of an error is its beginning, though it never ends', async () => {
    let given = 0
    function* endless() {
      for (;;) {
        given += 1024
        yield Buffer.alloc(1024, 'x')
      }
    }
    const refusal = { ...responseOf({ status: 400 }), body: Readable.from(endless()) }
    const client = openClient({ retries: 0, around: () => async () => refusal })
    onTestFinished(() => client.close())
    const blob = layer()
    await expect(client.remote('registry.example/acme/api').push(blob, blob.open)).rejects.toThrow('xxx')
    expect(given).toBeLessThan(256 * 1024)
  })

  test('of headers is no more than a page: beyond, the answer is no answer', async () => {
    const set = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, 'x'.repeat(1000)]))
    const fault = { step: 'manifest-head', effect: { kind: 'headers', set } } as const
    const { remote } = await connected({ faults: [fault] }, { retries: 0 })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
  })

  test('as a digest is a digest and nothing like a path', () => {
    for (const text of [
      'sha256:../../../etc/passwd',
      'sha256:',
      '../x:00',
      `sha256:${'A'.repeat(64)}`,
      'sha256:00/..',
    ]) {
      expect(tryParseDigest(text)).toBeUndefined()
    }
  })
})

test('an address in a manifest is never asked (CVE-2020-15157)', async () => {
  const { registry, remote } = await connected({ auth: TOKENS }, { use: 'pull' })
  const other = await stranger()
  const bytes = Buffer.from('a layer')
  const urls = [`${other.url.origin}/layer`]
  const described = (mediaType: string) => ({ mediaType, digest: digestOf([bytes]), size: bytes.length, urls })
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: described('application/vnd.oci.image.config.v1+json'),
    layers: [described('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip')],
  }
  const digest = registry.put('acme/api', { manifest, tag: '1.0', blobs: [bytes] })
  const text = Buffer.from(JSON.stringify(manifest))
  const parsed = parseManifest({ ...layer(text), mediaType: MEDIA_TYPE.ociManifest }, text)
  expect(JSON.stringify({ ...parsed, bytes: '' })).not.toContain('urls')
  const found = parsed.kind === 'image' ? parsed.layers : []
  expect(found).toHaveLength(1)
  for (const descriptor of found) expect(String(await read(await remote.fetch(descriptor)))).toBe('a layer')
  registry.fail({ step: ['blob-get', 'blob-head'], effect: { kind: 'status', status: 404 } })
  for (const descriptor of found) await expect(remote.fetch(descriptor).then(read)).rejects.toBeDefined()
  expect(await remote.resolve('1.0')).toMatchObject({ digest })
  expect(other.seen).toEqual([])
})

async function read(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

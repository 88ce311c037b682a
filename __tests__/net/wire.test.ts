import { createServer, type Server } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { limitTo } from '../../src/net/limit.ts'
import { readBytes, readStart } from '../../src/net/read.ts'
import { redactUrl, withTrace } from '../../src/net/trace.ts'
import { networkTrouble } from '../../src/net/trouble.ts'
import { connected, openClient } from '../support/client.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { startRegistry } from '../support/registry/server.ts'
import { responseOf, scripted } from '../support/scripted-send.ts'

async function registryWithTls(hostname?: string) {
  const tls = selfSignedCertificate()
  const registry = await startRegistry({ tls, ...(hostname === undefined ? {} : { hostname }) })
  onTestFinished(() => registry.stop())
  return { registry, ca: tls.cert }
}

function clientWith(settings: Parameters<typeof openClient>[0]) {
  const client = openClient({ retries: 0, ...settings })
  onTestFinished(() => client.close())
  return client
}

describe('a registry with TLS', () => {
  test('of an unknown authority is refused, with the way out', async () => {
    const { registry } = await registryWithTls()
    const client = clientWith({ address: () => registry.url, retries: 3 })
    const asked = client.remote('registry.example/acme/api').resolve('1.0')
    await expect(asked).rejects.toMatchObject({
      code: 'TLS_FAILED',
      hint: expect.stringContaining('ca: path/to/ca.pem'),
    })
    expect(client.waits).toEqual([])
  })

  test('of a named authority is trusted, on loopback too', async () => {
    const { registry, ca } = await registryWithTls()
    const client = clientWith({ settings: [{ registry: registry.host, insecure: false, ca }] })
    expect(await client.remote(`${registry.host}/acme/api`).resolve('1.0')).toBeUndefined()
    expect(registry.requests).toMatchObject([{ status: 404 }])
  })

  test('is spoken to without a check where the user says so', async () => {
    const { registry } = await registryWithTls()
    const client = clientWith({ settings: [{ registry: registry.host, insecure: true }] })
    expect(await client.remote(`${registry.host}/acme/api`).resolve('1.0')).toBeUndefined()
    expect(registry.requests).toMatchObject([{ step: 'ping' }, { step: 'manifest-head' }])
  })

  test.each(['http', 'no-port', 'scheme-less'] as const)(
    'keeps TLS and its port for an upload that it names %s',
    async (form) => {
      const { registry, ca } = await registryWithTls()
      registry.fail({ step: 'upload-open', effect: { kind: 'location', form } })
      const client = clientWith({ settings: [{ registry: registry.host, insecure: false, ca }] })
      expect(await client.remote(`${registry.host}/acme/api`).pushRight({ session: true })).toMatchObject({
        granted: true,
      })
      expect(registry.openUploads()).toEqual([])
    },
  )

  test('does not take an upload elsewhere without TLS', async () => {
    const { registry, ca } = await registryWithTls()
    const set = { location: 'http://storage.example/upload' }
    registry.fail({ step: 'upload-open', effect: { kind: 'headers', set } })
    const client = clientWith({ settings: [{ registry: registry.host, insecure: false, ca }] })
    await expect(client.remote(`${registry.host}/acme/api`).pushRight({ session: true })).rejects.toMatchObject({
      code: 'TLS_FAILED',
    })
  })

  test('is not there where plain http is spoken', async () => {
    const { registry } = await connected()
    const client = clientWith({ address: () => new URL(registry.url.href.replace('http:', 'https:')) })
    const asked = client.remote('registry.example/acme/api').resolve('1.0')
    await expect(asked).rejects.toMatchObject({ code: 'TLS_FAILED', hint: expect.stringContaining('insecure: true') })
  })

  test('is not tried where the user calls a registry insecure and it speaks plain http', async () => {
    const { registry } = await connected()
    const client = clientWith({ settings: [{ registry: registry.host, insecure: true }] })
    expect(await client.remote(`${registry.host}/acme/api`).resolve('1.0')).toBeUndefined()
  })
})

describe('no connection', () => {
  test('because nothing listens is said so', async () => {
    const server = createServer()
    const port = await listening(server)
    await new Promise((resolve) => server.close(resolve))
    const asked = clientWith({}).remote(`127.0.0.1:${port}/acme/api`).resolve('1.0')
    await expect(asked).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('connection refused'),
    })
  })

  test('because it breaks off is said so, after all attempts', async () => {
    let connections = 0
    const server = createServer((socket) => {
      connections += 1
      socket.on('error', () => undefined)
      socket.once('data', () => socket.destroy())
    })
    const port = await listening(server)
    onTestFinished(() => new Promise((resolve) => server.close(() => resolve())))
    const asked = clientWith({ retries: 2 }).remote(`127.0.0.1:${port}/acme/api`).resolve('1.0')
    await expect(asked).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
    expect(connections).toBe(3)
  })

  test('because there is no such host is not tried again', async () => {
    const client = clientWith({ retries: 3 })
    const asked = client.remote('no-such-host.invalid/acme/api').resolve('1.0')
    await expect(asked).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('(DNS)'),
    })
  })
})

describe('looks', () => {
  const DIGEST = `sha256:${'a'.repeat(64)}`
  const HEAD_OF_ANSWER = [
    'HTTP/1.1 200 OK',
    `Docker-Content-Digest: ${DIGEST}`,
    'Content-Type: application/vnd.oci.image.manifest.v1+json',
    'Content-Length: 12',
    '\r\n',
  ].join('\r\n')

  /** Answers each request like Go's server, which does not say that it keeps the connection, with this body. */
  async function answering(body: string) {
    const seen = { connections: 0, requests: 0 }
    const server = createServer((socket) => {
      seen.connections += 1
      socket.on('error', () => undefined)
      socket.on('data', () => {
        seen.requests += 1
        socket.write(`${HEAD_OF_ANSWER}${body}`)
      })
    })
    const port = await listening(server)
    onTestFinished(() => new Promise((resolve) => server.close(() => resolve())))
    return { seen, remote: clientWith({ retries: 2 }).remote(`127.0.0.1:${port}/acme/api`) }
  }

  test('one after the other take one connection', async () => {
    const { seen, remote } = await answering('')
    for (const tag of ['a', 'b', 'c']) expect(await remote.resolve(tag)).toMatchObject({ digest: DIGEST, size: 12 })
    expect(seen).toEqual({ connections: 1, requests: 3 })
  })

  test('are right also where a server sends what it should not, a body', async () => {
    const { seen, remote } = await answering('twelve bytes')
    for (const tag of ['a', 'b', 'c']) expect(await remote.resolve(tag)).toMatchObject({ digest: DIGEST, size: 12 })
    expect(seen.connections).toBeGreaterThan(1)
  })
})

test('an answer that breaks off in the middle is trouble of the network', async () => {
  const { registry, remote } = await connected()
  registry.put('acme/api', { manifest: { much: 'x'.repeat(1000) }, tag: '1.0' })
  registry.fail({ step: 'manifest-head', effect: { kind: 'status', status: 405 } })
  registry.fail({ step: 'manifest-get', effect: { kind: 'cut', after: 100 } })
  await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
})

test('readBytes stops at its limit, and readStart gives what there is', async () => {
  const answer = { status: 200, body: 'twelve bytes' }
  expect(String(await readBytes(responseOf(answer), 12))).toBe('twelve bytes')
  await expect(readBytes(responseOf(answer), 11)).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  expect(await readStart(responseOf(answer), 6)).toBe('twelve')
})

test.each([
  ['ENOTFOUND', 'REGISTRY_UNREACHABLE', 'no such host'],
  ['EAI_AGAIN', 'REGISTRY_UNREACHABLE', 'could not be looked up just now'],
  ['ECONNRESET', 'REGISTRY_UNREACHABLE', 'was reset'],
  ['UND_ERR_CONNECT_TIMEOUT', 'REGISTRY_UNREACHABLE', 'no connection within'],
  ['UND_ERR_HEADERS_TIMEOUT', 'REGISTRY_UNREACHABLE', 'did not answer in time'],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'CONTENT_INVALID', 'another size'],
  ['CERT_HAS_EXPIRED', 'TLS_FAILED', 'has expired'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS_FAILED', 'for another name'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'TLS_FAILED', 'authority that this machine does not know'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_FAILED', 'does not speak TLS'],
])('%s is %s', (code, wanted, text) => {
  const url = new URL('https://registry.example/')
  const error = Object.assign(new Error('inner'), { code })
  for (const thrown of [error, new Error('outer', { cause: error }), new AggregateError([error], 'several')]) {
    const trouble = networkTrouble(thrown, url)
    expect(trouble).toMatchObject({ code: wanted, message: expect.stringContaining(text) })
    expect(trouble.message).toContain('registry.example')
  }
})

test('a URL is shown without what signs it, and without a user', () => {
  const url = new URL('https://me:secret@s3.example/b?X-Amz-Signature=secret&digest=sha256:1&token=secret')
  expect(redactUrl(url)).toBe('https://s3.example/b?X-Amz-Signature=…&digest=sha256:1&token=…')
})

test('withTrace counts what was sent, failed or not', async () => {
  const lines: string[] = []
  const counted: string[] = []
  const observer = {
    count: (method: string) => void counted.push(method),
    note: (line: string) => void lines.push(line),
    now: () => 0,
  }
  const send = withTrace(scripted({ status: 200 }, new Error('reset')), observer)
  const request = { method: 'GET', url: new URL('https://a.example/b'), headers: { authorization: 'secret' } } as const
  await send(request)
  await expect(send(request)).rejects.toThrow('reset')
  expect(counted).toEqual(['GET', 'GET'])
  expect(lines).toEqual(['GET https://a.example/b 200 0 ms', 'GET https://a.example/b failed after 0 ms: reset'])
})

test('limitTo runs so many at a time, and a failure gives its place back', async () => {
  const limit = limitTo(2)
  let [running, most] = [0, 0]
  const work = async (index: number) => {
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setImmediate(resolve))
    running -= 1
    if (index === 1) throw new Error('one failed')
    return index
  }
  const results = await Promise.allSettled([0, 1, 2, 3, 4, 5].map((index) => limit(() => work(index))))
  expect(most).toBe(2)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
})

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

import type { Readable } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Send } from '../../src/net/send.ts'
import { type Client, type ClientOptions, dockerWith, loginAt, openClient } from '../support/client.ts'
import { memoryStore } from '../support/memory-store.ts'
import { type InProcessRegistry, type RegistryOptions, startRegistry } from '../support/registry/server.ts'

const USERS = { user: { password: 'pass-word' } }
const TOKENS = { kind: 'token', users: USERS } as const

async function registryWith(options: RegistryOptions): Promise<InProcessRegistry> {
  const registry = await startRegistry(options)
  onTestFinished(() => registry.stop())
  return registry
}

function clientOf(options: ClientOptions): Client {
  const client = openClient(options)
  onTestFinished(() => client.close())
  return client
}

const steps = (registry: InProcessRegistry) => registry.requests.map(({ step, status }) => `${step} ${status}`)

/** Tags in the order in which their look-ups ended. */
async function orderOf(remote: ReturnType<Client['remote']>, tags: readonly string[]): Promise<readonly string[]> {
  const ended: string[] = []
  await Promise.all(tags.map((tag) => remote.resolve(tag).then(() => ended.push(tag))))
  return ended
}

describe('the first requests', () => {
  test('cost one challenge and one token, however many there are', async () => {
    const registry = await registryWith({ auth: TOKENS })
    const remote = clientOf({ logins: [loginAt(registry.host)] }).remote(`${registry.host}/acme/api`)
    await Promise.all(Array.from({ length: 12 }, (_, index) => remote.resolve(`tag-${index}`)))
    expect(steps(registry).filter((step) => step === 'manifest-head 401')).toHaveLength(1)
    expect(steps(registry).filter((step) => step === 'token 200')).toHaveLength(1)
    expect(registry.requests).toHaveLength(14)
    expect(remote.traffic().requests).toEqual({ HEAD: 13, GET: 1 })
  })

  test('wait for nobody in an open registry without a login', async () => {
    const late = { step: 'manifest-head', when: { nth: 1 }, effect: { kind: 'delay', ms: 400 } } as const
    const registry = await registryWith({ faults: [late] })
    const ended = await orderOf(clientOf({}).remote(`${registry.host}/acme/api`), ['first', 'second', 'third'])
    expect(ended.at(-1)).toBe('first')
  })

  test('wait for the one that goes ahead where there is a login', async () => {
    const late = { step: 'manifest-head', when: { nth: 1 }, effect: { kind: 'delay', ms: 400 } } as const
    const registry = await registryWith({ faults: [late] })
    const remote = clientOf({ logins: [loginAt(registry.host)] }).remote(`${registry.host}/acme/api`)
    expect((await orderOf(remote, ['first', 'second', 'third']))[0]).toBe('first')
  })

  test('without a login collect a challenge each, and one token for all', async () => {
    const registry = await registryWith({ auth: { ...TOKENS, anonymous: 'pull' }, latency: 20 })
    const remote = clientOf({}).remote(`${registry.host}/acme/api`)
    await Promise.all(['a', 'b', 'c'].map((tag) => remote.resolve(tag)))
    expect(steps(registry).filter((step) => step === 'manifest-head 401')).toHaveLength(3)
    expect(steps(registry).filter((step) => step === 'token 200')).toHaveLength(1)
    expect(registry.requests).toHaveLength(7)
  })

  test('ask for no token where none is wanted, and send no ping', async () => {
    const registry = await registryWith({})
    const remote = clientOf({ logins: [loginAt(registry.host)] }).remote(`${registry.host}/acme/api`)
    await remote.resolve('1.0')
    expect(registry.requests).toMatchObject([{ step: 'manifest-head', credentials: false }])
  })

  test('answer a basic challenge with the password, once', async () => {
    const registry = await registryWith({ auth: { kind: 'basic', users: USERS } })
    const remote = clientOf({ logins: [loginAt(registry.host)] }).remote(`${registry.host}/acme/api`)
    await remote.resolve('1.0')
    await remote.resolve('1.1')
    expect(registry.requests.map(({ status, authorization }) => [status, authorization])).toEqual([
      [401, undefined],
      [404, 'Basic'],
      [404, 'Basic'],
    ])
  })
})

describe('a login that is refused', () => {
  test('is not sent a second time with the same password', async () => {
    const registry = await registryWith({ auth: { kind: 'basic', users: USERS } })
    const remote = clientOf({ logins: [loginAt(registry.host, 'user', 'wrong')] }).remote(`${registry.host}/acme/api`)
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
    expect(registry.requests.filter(({ credentials }) => credentials)).toHaveLength(1)
    await expect(remote.resolve('1.1')).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
    expect(registry.requests.filter(({ credentials }) => credentials)).toHaveLength(2)
  })

  test('asks the token service once for all requests, and never falls back to nobody', async () => {
    const registry = await registryWith({ auth: { ...TOKENS, anonymous: 'pull' } })
    const remote = clientOf({ logins: [loginAt(registry.host, 'user', 'wrong')] }).remote(`${registry.host}/acme/api`)
    const results = await Promise.allSettled(['a', 'b', 'c'].map((tag) => remote.resolve(tag)))
    expect(results.map((result) => result.status === 'rejected' && result.reason.code)).toEqual(
      Array(3).fill('LOGIN_FAILED'),
    )
    expect(registry.requests.filter(({ step }) => step === 'token')).toMatchObject([
      { status: 401, authorization: 'Basic' },
    ])
  })

  test('names registry and user, and not the password', async () => {
    const registry = await registryWith({ auth: TOKENS })
    const remote = clientOf({ logins: [loginAt(registry.host, 'user', 'wrong-one')] }).remote(`${registry.host}/a/b`)
    const error = await remote.resolve('1.0').catch((thrown: unknown) => thrown)
    expect(String(error)).toContain(`${registry.host} refuses the login of “user” (status 401`)
    expect(JSON.stringify(error) + String(error)).not.toContain('wrong-one')
  })
})

describe('a token', () => {
  test('is renewed a little before it ends', async () => {
    const registry = await registryWith({ auth: { ...TOKENS, expiresIn: 300 } })
    const client = clientOf({ logins: [loginAt(registry.host)] })
    const remote = client.remote(`${registry.host}/acme/api`)
    await remote.resolve('1.0')
    client.pass(289_000)
    await remote.resolve('1.0')
    expect(registry.requests.filter(({ step }) => step === 'token')).toHaveLength(1)
    client.pass(2000)
    await Promise.all([remote.resolve('1.0'), remote.resolve('1.1')])
    expect(registry.requests.filter(({ step }) => step === 'token')).toHaveLength(2)
    expect(registry.requests.filter(({ status }) => status === 401)).toHaveLength(1)
  })

  test('that the registry suddenly refuses is replaced once for all that held it', async () => {
    const registry = await registryWith({ auth: { ...TOKENS, expiresIn: 0.05 } })
    const remote = clientOf({ logins: [loginAt(registry.host)] }).remote(`${registry.host}/acme/api`)
    await remote.resolve('1.0')
    await new Promise((resolve) => setTimeout(resolve, 60))
    registry.reset()
    await Promise.all([remote.resolve('1.0'), remote.resolve('1.1'), remote.resolve('1.2')])
    expect(registry.requests.filter(({ step }) => step === 'token')).toHaveLength(1)
    expect(registry.requests.filter(({ status }) => status === 404)).toHaveLength(3)
  })

  test('refused once more right away is final', async () => {
    const registry = await registryWith({ auth: TOKENS })
    registry.fail({
      step: 'manifest-head',
      effect: {
        kind: 'status',
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="${registry.url.origin}/token",service="x"` },
      },
    })
    const remote = clientOf({ logins: [loginAt(registry.host)] }).remote(`${registry.host}/acme/api`)
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'PUSH_DENIED' })
    expect(steps(registry)).toEqual(['manifest-head 401', 'token 200', 'manifest-head 401'])
  })

  test('is masked before it is used', async () => {
    const registry = await registryWith({ auth: { ...TOKENS, opaque: true } })
    const used: string[] = []
    const around =
      (send: Send): Send =>
      (request) => {
        const text = request.headers?.['authorization'] ?? ''
        if (text.startsWith('Bearer ')) used.push(text.slice('Bearer '.length))
        return send(request)
      }
    const client = clientOf({ logins: [loginAt(registry.host)], around })
    await client.remote(`${registry.host}/acme/api`).resolve('1.0')
    expect(used).toHaveLength(1)
    expect(client.masks).toEqual(used)
    expect(client.debug.join('\n')).not.toContain(used[0])
  })

  test('is asked for with an identity token by POST', async () => {
    const registry = await registryWith({ auth: { ...TOKENS, identityTokens: { 'refresh-me': 'user' } } })
    const docker = dockerWith({ [registry.host]: { kind: 'identity-token', token: 'refresh-me' } })
    await clientOf({ docker }).remote(`${registry.host}/acme/api`).resolve('1.0')
    expect(registry.requests.map(({ method, step, status }) => `${method} ${step} ${status}`)).toEqual([
      'HEAD manifest-head 401',
      'POST token 200',
      'HEAD manifest-head 404',
    ])
  })

  test('of Docker’s `registrytoken` is used as it is', async () => {
    const registry = await registryWith({ auth: TOKENS })
    const docker = dockerWith({ [registry.host]: { kind: 'registry-token', token: 'mine' } })
    const remote = clientOf({ docker }).remote(`${registry.host}/acme/api`)
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
    expect(steps(registry)).toEqual(['manifest-head 401', 'manifest-head 401'])
    expect(registry.requests[1]).toMatchObject({ authorization: 'Bearer' })
  })

  test('is anonymous only where nobody is logged in', async () => {
    const registry = await registryWith({ auth: { ...TOKENS, anonymous: 'pull' } })
    await clientOf({}).remote(`${registry.host}/acme/api`, 'pull').resolve('1.0')
    expect(registry.requests[1]).toMatchObject({ step: 'token', status: 200, credentials: false })
  })
})

describe('credentials stay with their registry', () => {
  test('an upload that is sent to signed storage carries none', async () => {
    const registry = await registryWith({ auth: TOKENS, storage: { uploads: true } })
    const store = memoryStore()
    const blob = store.put('some layer', 'application/vnd.oci.image.layer.v1.tar')
    const remote = clientOf({ logins: [loginAt(registry.host)] }).remote(`${registry.host}/acme/api`)
    await remote.push(blob, () => store.fetch(blob))
    const elsewhere = registry.requests.filter(({ origin }) => origin === 'storage')
    expect(elsewhere).toMatchObject([{ step: 'upload-put', status: 201, credentials: false }])
  })

  test('a blob that is read from signed storage carries none', async () => {
    const registry = await registryWith({ auth: TOKENS, storage: { blobs: true } })
    registry.put('acme/api', { manifest: {}, blobs: [Buffer.from('some layer')] })
    const blob = memoryStore().put('some layer', 'application/vnd.oci.image.layer.v1.tar')
    const remote = clientOf({ logins: [loginAt(registry.host)] }).remote(`${registry.host}/acme/api`, 'pull')
    expect(await textOf(await remote.fetch(blob))).toBe('some layer')
    expect(registry.requests.at(-1)).toMatchObject({ origin: 'storage', status: 200, credentials: false })
  })

  test('a challenge from where a redirect leads is not answered', async () => {
    const [registry, thief] = await Promise.all([registryWith({ auth: TOKENS }), registryWith({ auth: TOKENS })])
    const blob = memoryStore().put('some layer', 'application/vnd.oci.image.layer.v1.tar')
    const location = `${thief.url.origin}/v2/acme/api/blobs/${blob.digest}`
    // By what stands in front of the registry, so that nothing has been learnt yet.
    registry.fail({
      step: 'blob-get',
      beforeAuth: true,
      effect: { kind: 'status', status: 307, headers: { location } },
    })
    const remote = clientOf({ logins: [loginAt(registry.host)] }).remote(`${registry.host}/acme/api`, 'pull')
    await expect(remote.fetch(blob)).rejects.toThrow('status 401')
    expect(thief.requests).toMatchObject([{ step: 'blob-get', status: 401, credentials: false }])
    // Nor does what was learnt there come back to the registry.
    registry.heal()
    await remote.resolve('1.0')
    expect(thief.requests).toHaveLength(1)
  })

  test('two logins of one user in one registry are kept apart', async () => {
    const grants = () => ['pull']
    const users = { user: { password: 'reads', grants } }
    const registry = await registryWith({ auth: { kind: 'basic', users } })
    const logins = [
      loginAt(registry.host, 'user', 'reads', { use: 'pull' }),
      loginAt(registry.host, 'user', 'wrong', { use: 'push' }),
    ]
    const client = clientOf({ logins })
    await client.remote(`${registry.host}/acme/api`, 'pull').resolve('1.0')
    await expect(client.remote(`${registry.host}/acme/api`, 'push').resolve('1.0')).rejects.toMatchObject({
      code: 'LOGIN_FAILED',
    })
  })
})

async function textOf(stream: Readable): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

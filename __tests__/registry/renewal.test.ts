import { expect, onTestFinished, test } from 'vitest'
import type { Credential, Mint } from '../../src/access.ts'
import type { ClientOptions } from '../support/client.ts'
import { dockerWith, openClient } from '../support/client.ts'
import type { RegistryOptions } from '../support/registry/server.ts'
import { startRegistry } from '../support/registry/server.ts'

/** What ECR says of a token that was good once. */
const RUN_OUT = {
  kind: 'status',
  status: 403,
  body: {
    errors: [{ code: 'DENIED', message: 'Your authorization token has expired. Reauthenticate and try again.' }],
  },
} as const

/** Logins `token-1`, `token-2`, …: the next one whenever one is refused. */
function numbered(): Mint & { readonly refused: Credential[] } {
  const refused: Credential[] = []
  const made: Credential[] = []
  return {
    refused,
    async get() {
      const at = refused.length
      made[at] ??= { kind: 'password', username: 'AWS', password: `token-${at + 1}` }
      return made[at]
    },
    refuse: (credential) => void refused.push(credential),
  }
}

async function minted(options: RegistryOptions, more: ClientOptions = {}, mint = numbered()) {
  const registry = await startRegistry(options)
  registry.put('acme/api', { manifest: { schemaVersion: 2 }, tag: '1.0' })
  const login = { registry: registry.host, prefix: '', use: 'both', mint } as const
  const client = openClient({ logins: [login], ...more })
  onTestFinished(async () => {
    await Promise.all([client.close(), registry.stop()])
  })
  return { registry, mint, client, remote: client.remote(`${registry.host}/acme/api`) }
}

/** A user whose password can be another one from now on. */
const changing = () => ({ AWS: { password: 'token-1' } })

test('a login that is refused is made anew: a password that is sent with each request', async () => {
  const users = changing()
  const { registry, mint, remote } = await minted({ auth: { kind: 'basic', users } })
  await remote.resolve('1.0')
  users.AWS.password = 'token-2'
  registry.reset()
  expect(await remote.resolve('1.0')).toBeDefined()
  expect(mint.refused).toMatchObject([{ password: 'token-1' }])
  expect(registry.requests.map(({ step, status }) => `${step} ${status}`)).toEqual([
    'manifest-head 401',
    'manifest-head 200',
  ])
})

test('a login that is refused is made anew: a password that a token service wants', async () => {
  const users = changing()
  const { registry, mint, client, remote } = await minted({ auth: { kind: 'token', users } })
  await remote.resolve('1.0')
  users.AWS.password = 'token-2'
  client.pass(3600_000)
  registry.reset()
  expect(await remote.resolve('1.0')).toBeDefined()
  expect(mint.refused).toMatchObject([{ password: 'token-1' }])
  expect(registry.requests.map(({ step, status }) => `${step} ${status}`)).toEqual([
    'token 401',
    'token 200',
    'manifest-head 200',
  ])
})

test('requests that are refused at the same time cost one new login', async () => {
  const users = changing()
  const { mint, remote } = await minted({ auth: { kind: 'basic', users } })
  await remote.resolve('1.0')
  users.AWS.password = 'token-2'
  await Promise.all(['1.0', '2.0', '3.0', '4.0'].map((tag) => remote.resolve(tag)))
  expect(mint.refused).toMatchObject([{ password: 'token-1' }])
})

test('a 403 that says that the token has run out is one for a new token', async () => {
  const users = changing()
  const { registry, mint, remote } = await minted({ auth: { kind: 'basic', users } })
  await remote.resolve('1.0')
  registry.fail({ step: 'tags', when: { nth: 1 }, beforeAuth: true, effect: RUN_OUT })
  users.AWS.password = 'token-2'
  expect(await remote.listTags({ limit: 10 })).toMatchObject({ tags: ['1.0'] })
  expect(mint.refused).toMatchObject([{ password: 'token-1' }])
})

test('a 403 about a right costs no login', async () => {
  const users = { AWS: { password: 'token-1', grants: () => ['pull'] } }
  const { mint, remote } = await minted({ auth: { kind: 'basic', users } })
  await remote.resolve('1.0')
  expect(await remote.pushRight({ session: true })).toMatchObject({ granted: false, code: 'PUSH_DENIED' })
  expect(mint.refused).toEqual([])
})

test('a new login that is refused too is the last one', async () => {
  const { registry, mint, remote } = await minted({ auth: { kind: 'basic', users: {} } })
  await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
  expect(mint.refused.length).toBeLessThan(2)
  expect(registry.requests.length).toBeLessThan(4)
})

const open = { kind: 'basic', users: { AWS: { password: 'token-1' }, robot: { password: 'of docker' } } } as const

test.each([
  [false, 'robot'],
  [true, 'AWS'],
])('a login that nobody named goes before that of docker: %s', async (isFirst, account) => {
  const mint = numbered()
  const unnamed = () => ({ mint, who: 'job', isFirst })
  const { registry } = await minted({ auth: open })
  const docker = dockerWith({ [registry.host]: { kind: 'password', username: 'robot', password: 'of docker' } })
  const client = openClient({ docker, unnamed })
  onTestFinished(() => client.close())
  const remote = client.remote(`${registry.host}/acme/api`)
  expect(await remote.resolve('1.0')).toBeDefined()
  expect(await remote.account()).toBe(account)
})

test('where docker knows nobody, the login that is made is used; where it is nobody either, none is', async () => {
  const { registry } = await minted({ auth: open })
  const nobody: Mint = { get: async () => undefined, refuse: () => undefined }
  const ask = async (mint: Mint) => {
    const client = openClient({ unnamed: () => ({ mint, who: 'job', isFirst: false }) })
    onTestFinished(() => client.close())
    const remote = client.remote(`${registry.host}/acme/api`)
    await remote.resolve('1.0').catch(() => undefined)
    return remote.account()
  }
  expect(await ask(numbered())).toBe('AWS')
  expect(await ask(nobody)).toBe('')
})

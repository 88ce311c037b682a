import { expect, test } from 'vitest'
import { connected } from '../support/client.ts'
import type { InProcessRegistry, RegistryOptions } from '../support/registry/server.ts'

async function asked(options: RegistryOptions, login = true) {
  const { registry, remote } = await connected(options, { anonymous: !login })
  const live = await remote.resolve('1.0').catch((error: unknown) => error)
  return { registry, live, right: await remote.pushRight({ session: true }).catch((error: unknown) => error) }
}

const pulls = () => ['pull']
const steps = (registry: InProcessRegistry) => registry.requests.map(({ step }) => step)

test('pushRight believes a token that tells, without another request', async () => {
  const { registry, right } = await asked({ auth: { kind: 'token', users: { user: { password: 'pass-word' } } } })
  expect(right).toEqual({ granted: true, shownBy: 'token' })
  expect(steps(registry)).toEqual(['manifest-head', 'token', 'manifest-head'])
})

test('pushRight says what a token grants when it is less than a push', async () => {
  const users = { user: { password: 'pass-word', grants: pulls } }
  const { registry, right } = await asked({ auth: { kind: 'token', users } })
  expect(right).toMatchObject({
    granted: false,
    code: 'PUSH_DENIED',
    why: `${registry.host}/acme/api: this login may pull and not push`,
  })
  expect(steps(registry)).not.toContain('upload-open')
})

test('pushRight opens an upload and cancels it where the token is opaque', async () => {
  const users = { user: { password: 'pass-word' } }
  const { registry, right } = await asked({ auth: { kind: 'token', users, opaque: true } })
  expect(right).toEqual({ granted: true, shownBy: 'session' })
  expect(steps(registry).slice(3)).toEqual(['upload-open', 'upload-cancel'])
  expect(registry.openUploads()).toEqual([])
  expect(registry.writes()).toEqual([])
})

test('pushRight does not mind a registry that cannot cancel an upload', async () => {
  const { registry, right } = await asked({ cancel: false })
  expect(right).toEqual({ granted: true, shownBy: 'session' })
  expect(registry.requests.at(-1)).toMatchObject({ step: 'upload-cancel', status: 405 })
})

test.each([
  [
    'an opaque token without the right',
    { kind: 'token', users: { user: { password: 'pass-word', grants: pulls } }, opaque: true },
    true,
  ],
  [
    'a basic login without the right',
    { kind: 'basic', users: { user: { password: 'pass-word', grants: pulls } } },
    true,
  ],
] as const)('pushRight is PUSH_DENIED for %s', async (_name, auth, login) => {
  const { right, registry } = await asked({ auth }, login)
  expect(right).toMatchObject({ granted: false, code: 'PUSH_DENIED' })
  expect(registry.writes()).toEqual([])
})

test('pushRight is LOGIN_FAILED where nobody is logged in', async () => {
  const { right } = await asked({ auth: { kind: 'token', users: {}, anonymous: 'pull' } }, false)
  expect(right).toMatchObject({
    granted: false,
    code: 'LOGIN_FAILED',
    hint: expect.stringContaining('Nobody is logged in'),
  })
})

test('pushRight is granted to nobody where anybody may push', async () => {
  const { right } = await asked({}, false)
  expect(right).toEqual({ granted: true, shownBy: 'session' })
})

test('pushRight is REPOSITORY_MISSING where repositories are not made by pushing', async () => {
  const { right } = await asked({ createOnPush: false })
  expect(right).toMatchObject({ granted: false, code: 'REPOSITORY_MISSING' })
})

test('a token service that answers 403 tells of a right and not of the login', async () => {
  const { live } = await asked({
    auth: { kind: 'token', users: { user: { password: 'pass-word' } } },
    faults: [{ step: 'token', effect: { kind: 'status', status: 403, body: { errors: [{ code: 'DENIED' }] } } }],
  })
  expect(live).toMatchObject({ code: 'PUSH_DENIED' })
})

import { describe, expect, test } from 'vitest'
import type { Credential } from '../../src/access.ts'
import { readBytes } from '../../src/net/read.ts'
import { isWorthRepeating } from '../../src/net/retry.ts'
import { fetchToken, withWholeTokens } from '../../src/registry/token.ts'
import { type Scripted, scripted } from '../support/scripted-send.ts'

const NOW = new Date('2026-11-21T12:00:00Z')
const PASSWORD: Credential = { kind: 'password', username: 'us:er', password: 'pässword' }
const scopes = [
  { path: 'acme/api', actions: 'pull,push' },
  { path: 'acme/two', actions: 'pull' },
] as const

type Given = { origin?: string; realm?: string; service?: string; credential?: Credential }

async function ask(answer: Scripted, given: Given = {}) {
  const { origin = 'https://registry.example', realm = 'https://auth.example/token?x=1', credential } = given
  const send = scripted(answer)
  const parameters = { realm, ...(given.service === undefined ? {} : { service: given.service }) }
  const registry = { name: 'registry.example', origin: new URL(origin) }
  const request = { registry, challenge: { scheme: 'bearer', parameters }, scopes, credential, now: NOW }
  const result: unknown = await fetchToken(request, send).catch((error: unknown) => error)
  return { result, requests: send.requests }
}

const ok = (body: object) => ({ status: 200, body: JSON.stringify(body) })
const at = (seconds: number) => NOW.getTime() + seconds * 1000

describe('the question', () => {
  test('goes by GET with the login, each scope for itself, and keeps the query of the realm', async () => {
    const { requests } = await ask(ok({ token: 't' }), { credential: PASSWORD, service: 'a service' })
    expect(requests).toHaveLength(1)
    expect(requests[0]).toMatchObject({
      method: 'GET',
      headers: { authorization: `Basic ${Buffer.from('us:er:pässword').toString('base64')}` },
    })
    expect([...(requests[0]?.url.searchParams ?? [])]).toEqual([
      ['x', '1'],
      ['service', 'a service'],
      ['scope', 'repository:acme/api:pull,push'],
      ['scope', 'repository:acme/two:pull'],
    ])
  })

  test('goes by POST for an identity token, which is in no URL', async () => {
    const { requests } = await ask(ok({ access_token: 't' }), {
      credential: { kind: 'identity-token', token: 'se&cret' },
      service: 's',
    })
    expect(requests[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(requests[0]?.url.href).toBe('https://auth.example/token?x=1')
    const body = requests[0]?.body
    const form = new URLSearchParams(body?.kind === 'bytes' ? String(body.bytes) : '')
    expect(Object.fromEntries(form)).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'se&cret',
      client_id: 'lading',
      service: 's',
      scope: 'repository:acme/api:pull,push repository:acme/two:pull',
    })
  })

  test('is anonymous without a login', async () => {
    expect((await ask(ok({ token: 't' }))).requests[0]?.headers).toEqual({})
  })

  test.each([
    ['over plain http', { realm: 'http://auth.example/token' }],
    ['over plain http to the registry’s own host', { realm: 'http://registry.example/token' }],
    ['to this machine', { realm: 'https://127.0.0.1/token' }],
    ['to no web address', { realm: 'ftp://auth.example/token' }],
    ['to what cannot be read', { realm: 'https://' }],
    [
      'from an http registry to another http host',
      { origin: 'http://registry.example', realm: 'http://auth.example/token' },
    ],
    ['from an http registry to this machine', { origin: 'http://registry.example', realm: 'http://127.0.0.1/token' }],
  ])('with a login is not sent %s', async (_name, given) => {
    const { result, requests } = await ask(ok({ token: 't' }), { ...given, credential: PASSWORD })
    expect(result).toMatchObject({ code: 'LOGIN_FAILED' })
    expect(requests).toEqual([])
  })

  test.each([
    ['another https host', 'https://registry.example', 'https://auth.example/token'],
    ['a path of the registry', 'https://registry.example', '/token'],
    ['the host of an http registry', 'http://registry.example:5000', 'http://registry.example:5001/token'],
    ['this machine, from this machine', 'http://127.0.0.1:5000', 'http://localhost:5001/token'],
  ])('with a login may go to %s', async (_name, origin, realm) => {
    expect((await ask(ok({ token: 't' }), { origin, realm, credential: PASSWORD })).result).toMatchObject({ text: 't' })
  })
})

describe('withWholeTokens', () => {
  const request = { method: 'GET', url: new URL('https://auth.example/token') } as const

  test.each([
    ['a token', '{"token":"t"}'],
    ['what is no JSON', '<html>'],
    ['nothing', ''],
  ])('hands on %s as it came', async (_name, body) => {
    const response = await withWholeTokens(scripted({ status: 200, body }))(request)
    expect(String(await readBytes(response, 100))).toBe(body)
  })

  test('leaves a refusal unread', async () => {
    const response = await withWholeTokens(scripted({ status: 403, body: '{"det' }))(request)
    expect(String(await readBytes(response, 100))).toBe('{"det')
  })

  test('takes half an answer for trouble of the network, which is worth repeating', async () => {
    const sent = withWholeTokens(scripted({ status: 200, body: ' {"token":"t' }))(request)
    const error: unknown = await sent.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', message: expect.stringContaining('auth.example') })
    expect(isWorthRepeating(error)).toBe(true)
  })

  test('reads no more than fits', async () => {
    const sent = withWholeTokens(scripted({ status: 200, body: `{"token":"${'x'.repeat(70_000)}"}` }))(request)
    await expect(sent).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  })
})

describe('the answer', () => {
  test.each<[string, object, object]>([
    ['a token without a life: 60 s', { token: 't' }, { text: 't', expires: at(60) }],
    ['an access token', { access_token: 't', expires_in: 300 }, { text: 't', expires: at(300) }],
    [
      'both, the older name first',
      { token: 'one', access_token: 'two', expires_in: 300 },
      { text: 'one', expires: at(300) },
    ],
    ['an empty token beside a good one', { token: '', access_token: 'two' }, { text: 'two', expires: at(60) }],
    ['a life that is absurdly long', { token: 't', expires_in: 1e12 }, { text: 't', expires: at(86_400) }],
    ['a life that is shorter than the spec allows', { token: 't', expires_in: -5 }, { text: 't', expires: at(60) }],
    ['a life that is no number', { token: 't', expires_in: 'soon' }, { text: 't', expires: at(60) }],
  ])('%s', async (_name, body, wanted) => {
    expect((await ask(ok(body))).result).toEqual(wanted)
  })

  test.each([
    ['without a token', ok({})],
    ['with a token that is no text', ok({ token: 7 })],
    ['that is no JSON', { status: 200, body: '<html>' }],
    ['that is null', { status: 200, body: 'null' }],
  ])('%s is LOGIN_FAILED', async (_name, answer) => {
    expect((await ask(answer)).result).toMatchObject({
      code: 'LOGIN_FAILED',
      message: expect.stringContaining('without a token'),
    })
  })

  test.each([
    ['with a login', PASSWORD],
    ['without one', undefined],
  ])('403 of GHCR’s abuse limit is no missing right, %s', async (_name, credential) => {
    const body = `${'x '.repeat(400)} You have exceeded a\n secondary rate limit`
    const { result } = await ask({ status: 403, body }, credential === undefined ? {} : { credential })
    expect(result).toMatchObject({ code: 'REGISTRY_BUSY' })
  })

  test('larger than 64 KiB is not read', async () => {
    const answer = ok({ token: 'x'.repeat(70_000) })
    expect((await ask(answer)).result).toMatchObject({ code: 'CONTENT_INVALID' })
  })

  test.each<[number, Credential | undefined, string]>([
    [401, PASSWORD, 'LOGIN_FAILED'],
    [401, undefined, 'LOGIN_FAILED'],
    [400, PASSWORD, 'LOGIN_FAILED'],
    [403, PASSWORD, 'PUSH_DENIED'],
    [403, undefined, 'LOGIN_FAILED'],
    [429, PASSWORD, 'REGISTRY_BUSY'],
    [503, PASSWORD, 'REGISTRY_BUSY'],
  ])('%i is told as what it is, and with it what the service said', async (status, credential, code) => {
    const { result } = await ask({ status, body: 'no\n such   luck' }, credential === undefined ? {} : { credential })
    expect(result).toMatchObject({ code, message: expect.stringContaining('no such luck') })
    expect(String(result)).not.toContain('pässword')
  })
})

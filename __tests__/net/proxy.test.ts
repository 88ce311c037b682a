import { describe, expect, onTestFinished, test } from 'vitest'
import { proxyFor, readProxySettings, secretsOfProxies } from '../../src/net/proxy.ts'
import { isWorthRepeating } from '../../src/net/retry.ts'
import { networkTrouble } from '../../src/net/trouble.ts'
import { loginAt, openClient } from '../support/client.ts'
import { openProxy } from '../support/proxy.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { type RegistryOptions, startRegistry } from '../support/registry/server.ts'

const BOTH = { http: new URL('http://plain.proxy:1'), https: new URL('http://secure.proxy:2') }

test.each([
  ['https://a.example/', '', 'secure.proxy:2'],
  ['http://a.example/', '', 'plain.proxy:1'],
  ['https://localhost:5000/', '', undefined],
  ['http://127.0.0.1:5000/', '', undefined],
  ['http://[::1]:5000/', '', undefined],
  ['https://10.0.0.1/', '', 'secure.proxy:2'],
  ['https://a.example/', '*', undefined],
  ['https://a.example/', 'b.example, *', undefined],
  ['https://a.example/', 'a.example', undefined],
  ['https://A.EXAMPLE/', 'a.Example', undefined],
  ['https://a.example./', 'a.example', undefined],
  ['https://x.a.example/', 'a.example', undefined],
  ['https://xa.example/', 'a.example', 'secure.proxy:2'],
  ['https://x.a.example/', '.a.example', undefined],
  ['https://a.example/', '.a.example', 'secure.proxy:2'],
  ['https://x.a.example/', '*.a.example', undefined],
  ['https://a.example/', '*.a.example', 'secure.proxy:2'],
  ['https://a.example/', 'a.example:443', undefined],
  ['https://a.example:8443/', 'a.example:443', 'secure.proxy:2'],
  ['http://a.example/', 'a.example:80', undefined],
  ['https://a.example:8443/', '*:8443', undefined],
  ['https://10.1.2.3/', '10.0.0.0/8', undefined],
  ['https://11.1.2.3/', '10.0.0.0/8', 'secure.proxy:2'],
  ['https://10.1.2.3/', '10.0.0.0/99', 'secure.proxy:2'],
  ['https://10.1.2.3/', '2.3', 'secure.proxy:2'],
  ['https://[2001:db8::1]/', '2001:db8::1', undefined],
  ['https://[2001:db8::1]:8443/', '[2001:db8::1]:8443', undefined],
  ['https://[2001:db8::1]/', '2001:db8::/32', undefined],
])('%s with NO_PROXY “%s” goes by %s', (url, except, wanted) => {
  expect(proxyFor(new URL(url), { ...BOTH, except })?.host).toBe(wanted)
})

test('a proxy for https is none for http, and the other way round', () => {
  expect(proxyFor(new URL('http://a.example/'), { https: BOTH.https, except: '' })).toBeUndefined()
  expect(proxyFor(new URL('https://a.example/'), { http: BOTH.http, except: '' })).toBeUndefined()
})

describe('the variables', () => {
  test('are read in upper and in lower case, and lower case wins', () => {
    const upper = { HTTP_PROXY: 'http://a:1', HTTPS_PROXY: 'b:2', NO_PROXY: 'c' }
    const settings = readProxySettings(upper)
    expect([settings.http?.host, settings.https?.href, settings.except]).toEqual(['a:1', 'http://b:2/', 'c'])
    const lower = readProxySettings({ ...upper, http_proxy: 'http://d:3', https_proxy: '', no_proxy: 'e' })
    expect([lower.http?.host, lower.https, lower.except]).toEqual(['d:3', undefined, 'e'])
  })

  test.each(['http://', 'ftp://proxy.example', 'http://user:planted@', 'http://us er:planted@[bad'])(
    '“%s” is a mistake that is not quoted',
    (text) => {
      expect(() => readProxySettings({ HTTPS_PROXY: text })).toThrow('the variable HTTPS_PROXY holds no address')
      expect(() => readProxySettings({ HTTPS_PROXY: text })).not.toThrow('planted')
    },
  )

  test('give up their secrets to the masks in every form', () => {
    const settings = readProxySettings({ HTTPS_PROXY: 'http://us%40er:pass%2Fword@proxy.example', HTTP_PROXY: 'a:1' })
    const login = Buffer.from('us@er:pass/word').toString('base64')
    expect(secretsOfProxies(settings)).toEqual(['pass%2Fword', 'pass/word', login])
  })
})

const LOGIN = 'us%40er:pa%2Fss'
const USERS = { user: { password: 'pass-word' } }

/** `registry.example` behind a proxy, and a client that has heard of that proxy. */
async function behindProxy(more: { tls: boolean; login?: string; given?: string; except?: string; retries?: number }) {
  const tls = selfSignedCertificate(['registry.example'])
  const scheme = more.tls ? 'https' : 'http'
  const auth = { kind: 'token', users: USERS, realm: `${scheme}://registry.example/token` } as const
  const options: RegistryOptions = { auth, ...(more.tls ? { tls } : {}) }
  const registry = await startRegistry(options)
  const routes = { 'registry.example': registry.url }
  const proxy = await openProxy({ routes, ...(more.login === undefined ? {} : { login: more.login }) })
  const way = new URL(`http://${more.given === undefined ? '' : `${more.given}@`}${proxy.url.host}`)
  const client = openClient({
    logins: [loginAt('registry.example')],
    settings: [{ registry: 'registry.example', insecure: false, ca: tls.cert }],
    proxy: { http: way, https: way, except: more.except ?? '' },
    retries: more.retries ?? 0,
    address: () => new URL(`${scheme}://registry.example`),
  })
  onTestFinished(async () => {
    await Promise.all([client.close(), registry.stop()])
  })
  return { registry, proxy, client, remote: client.remote('registry.example/acme/api') }
}

describe('a proxy', () => {
  test('is tunnelled through for https, with its own login, for the registry and its token service alike', async () => {
    const { registry, proxy, remote } = await behindProxy({ tls: true, login: 'us@er:pa/ss', given: LOGIN })
    expect(await remote.resolve('1.0')).toBeUndefined()
    expect(registry.requests.map(({ step, status }) => [step, status])).toEqual([
      ['manifest-head', 401],
      ['token', 200],
      ['manifest-head', 404],
    ])
    expect(new Set(proxy.asked)).toEqual(new Set(['CONNECT registry.example:443']))
    expect([...proxy.logins]).toEqual([`Basic ${Buffer.from('us@er:pa/ss').toString('base64')}`])
  })

  test('is asked plainly for http', async () => {
    const { registry, proxy, remote } = await behindProxy({ tls: false, login: 'us@er:pa/ss', given: LOGIN })
    expect(await remote.resolve('1.0')).toBeUndefined()
    expect(registry.requests).toHaveLength(3)
    expect(proxy.asked.map((line) => line.split('?')[0])).toEqual([
      'HEAD http://registry.example/v2/acme/api/manifests/1.0',
      'GET http://registry.example/token',
      'HEAD http://registry.example/v2/acme/api/manifests/1.0',
    ])
  })

  test.each([true, false])('that wants another login is asked once and no more (TLS %s)', async (tls) => {
    const { registry, proxy, remote, client } = await behindProxy({ tls, login: 'a:b', given: 'a:c', retries: 3 })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('status 407 of the proxy'),
      hint: expect.stringContaining('a user and a password that the proxy knows'),
    })
    expect([registry.requests.length, proxy.asked.length, client.waits]).toEqual([0, 1, []])
  })

  // Of a login that it does not know; tinyproxy says 407 only where there is none.
  test.each(['Proxy response (401) !== 200 when HTTP Tunneling', 'Proxy Authentication Required (407)'])(
    'that says “%s” is not asked again',
    (text) => {
      const trouble = networkTrouble(new Error(text), new URL('https://registry.example/'))
      expect(trouble).toMatchObject({ hint: expect.stringContaining('that the proxy knows') })
      expect(isWorthRepeating(trouble)).toBe(false)
    },
  )

  test('that cannot lead there is trouble that may pass', async () => {
    const proxy = await openProxy({ routes: {} })
    const client = openClient({ proxy: { https: proxy.url, except: '' }, retries: 2 })
    onTestFinished(() => client.close())
    await expect(client.remote('registry.example/acme/api').resolve('1.0')).rejects.toThrow('status 502 of the proxy')
    expect([proxy.asked.length, client.waits.length]).toEqual([3, 2])
  })

  test('is left aside for what NO_PROXY names', async () => {
    const { proxy, remote } = await behindProxy({ tls: true, except: 'registry.example' })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
    expect(proxy.asked).toEqual([])
  })

  test('never sees what is for this machine', async () => {
    const registry = await startRegistry()
    const proxy = await openProxy({ routes: {} })
    const client = openClient({ proxy: { http: proxy.url, https: proxy.url, except: '' } })
    onTestFinished(async () => {
      await Promise.all([client.close(), registry.stop()])
    })
    expect(await client.remote(`${registry.host}/acme/api`).resolve('1.0')).toBeUndefined()
    expect([registry.requests.length, proxy.asked]).toEqual([1, []])
  })
})

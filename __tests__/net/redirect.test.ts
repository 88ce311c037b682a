import { expect, test } from 'vitest'
import { isSameOrigin, withoutCredentials, withRedirects } from '../../src/net/redirect.ts'
import { scripted } from '../support/scripted-send.ts'

const request = (url: string, method: 'GET' | 'HEAD' | 'PUT' = 'GET') => ({
  method,
  url: new URL(url),
  headers: { authorization: 'Bearer secret', accept: 'a/b' },
})
const to = (location: string, status = 307) => ({ status, headers: { location } })

test.each([301, 302, 303, 307, 308])('a %i is followed, also when it is relative', async (status) => {
  const send = scripted(to('../other', status), { status: 200 })
  const response = await withRedirects(send)(request('https://one.example/a/b'))
  expect(response.url.href).toBe('https://one.example/other')
  expect(send.requests[1]?.headers).toEqual({ authorization: 'Bearer secret', accept: 'a/b' })
})

test.each([
  ['another host', 'https://two.example/'],
  ['another port', 'https://one.example:8443/'],
  ['a host below', 'https://storage.one.example/'],
])('credentials do not go to %s', async (_name, location) => {
  const send = scripted(to(location), { status: 200 })
  await withRedirects(send)(request('https://one.example/'))
  expect(send.requests[1]?.headers).toEqual({ accept: 'a/b' })
})

test('credentials do not come back when a later hop returns', async () => {
  const send = scripted(to('https://two.example/'), to('https://one.example/'), { status: 200 })
  await withRedirects(send)(request('https://one.example/'))
  expect(send.requests[2]?.headers).toEqual({ accept: 'a/b' })
})

test.each([
  ['from https to http', 'https://one.example/', 'http://one.example/', 'TLS_FAILED'],
  ['to a file', 'http://one.example/', 'file:///etc/passwd', 'REGISTRY_UNREACHABLE'],
  ['to this machine', 'https://one.example/', 'https://127.0.0.1:8443/', 'REGISTRY_UNREACHABLE'],
  ['to this machine, otherwise written', 'https://one.example/', 'https://127.1/', 'REGISTRY_UNREACHABLE'],
  ['to this machine by its name', 'https://one.example/', 'https://LOCALHOST/', 'REGISTRY_UNREACHABLE'],
  ['to nothing that can be read', 'https://one.example/', 'https://', 'REGISTRY_UNREACHABLE'],
])('a redirect %s is not followed', async (...[_name, from, location, code]) => {
  const send = scripted(to(location), { status: 200 })
  await expect(withRedirects(send)(request(from))).rejects.toMatchObject({ code })
  expect(send.requests).toHaveLength(1)
})

test('a registry on this machine may redirect to this machine', async () => {
  const send = scripted(to('http://127.0.0.1:9000/blob'), { status: 200 })
  expect((await withRedirects(send)(request('http://localhost:5000/'))).status).toBe(200)
})

test('a redirect without an end is given up', async () => {
  const send = scripted(to('https://one.example/'))
  await expect(withRedirects(send)(request('https://one.example/'))).rejects.toThrow('redirects more than 5 times')
  expect(send.requests).toHaveLength(6)
})

test('a redirect of what is written is left to whoever writes', async () => {
  const send = scripted(to('https://two.example/'))
  expect((await withRedirects(send)(request('https://one.example/', 'PUT'))).status).toBe(307)
})

test('a redirect without a place is an answer', async () => {
  expect((await withRedirects(scripted({ status: 307 }))(request('https://one.example/'))).status).toBe(307)
})

test.each([
  ['https://a.example/', 'https://a.example:443/x', true],
  ['https://a.example/', 'http://a.example/', false],
  ['https://a.example/', 'https://b.example/', false],
  ['http://a.example:1/', 'http://a.example:2/', false],
])('isSameOrigin of %s and %s is %s', (one, other, wanted) => {
  expect(isSameOrigin(new URL(one), new URL(other))).toBe(wanted)
})

test('withoutCredentials takes all of them away', () => {
  const headers = { authorization: 'x', cookie: 'x', 'proxy-authorization': 'x', accept: 'y' }
  expect(withoutCredentials(headers)).toEqual({ accept: 'y' })
  expect(withoutCredentials(undefined)).toEqual({})
})

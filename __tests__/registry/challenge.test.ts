import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bestChallenge, parseChallenges } from '../../src/registry/challenge.ts'
import { formatScope, grantedActions } from '../../src/registry/scope.ts'

const realm = 'https://auth.example/token'

describe('parseChallenges', () => {
  test.each<[string, readonly string[], readonly object[]]>([
    ['nothing', [], []],
    [
      'a bearer challenge',
      [`Bearer realm="${realm}",service="a b",scope="repository:x:pull,push"`],
      [{ scheme: 'bearer', parameters: { realm, service: 'a b', scope: 'repository:x:pull,push' } }],
    ],
    [
      'spaces everywhere',
      [`  BEARER   Realm = "${realm}" ,  service=x `],
      [{ scheme: 'bearer', parameters: { realm, service: 'x' } }],
    ],
    [
      'two schemes in one header',
      [`Negotiate, Basic realm="x", Bearer realm="${realm}"`],
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'x' } },
        { scheme: 'bearer', parameters: { realm } },
      ],
    ],
    [
      'two headers',
      ['Basic realm="x"', `Bearer realm="${realm}"`],
      [
        { scheme: 'basic', parameters: { realm: 'x' } },
        { scheme: 'bearer', parameters: { realm } },
      ],
    ],
    ['escaped quotes', ['Basic realm="say \\"hi\\""'], [{ scheme: 'basic', parameters: { realm: 'say "hi"' } }]],
    [
      'a parameter twice: the first word stands',
      ['Basic realm="one",realm="two"'],
      [{ scheme: 'basic', parameters: { realm: 'one' } }],
    ],
    ['a parameter of nobody', ['realm="x"'], []],
    ['a quote that does not end', ['Basic realm="x'], [{ scheme: 'basic', parameters: { realm: '"x' } }]],
  ])('reads %s', (_name, headers, wanted) => {
    expect(parseChallenges(headers)).toEqual(wanted)
  })

  test('reads what it can of anything, and comes to an end', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^(?:Bearer|Basic|[a-z="\\, ]){0,20}$/))
    fc.assert(fc.property(fc.array(text), (headers) => Array.isArray(parseChallenges(headers))))
  })

  test('reads back any quoted value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (value) => {
        const quoted = value.replace(/["\\]/g, '\\$&')
        const header = `Digest nonce="1", Bearer realm="${quoted}",service="${quoted}", Basic realm="x"`
        expect(parseChallenges([header])[1]).toEqual({ scheme: 'bearer', parameters: { realm: value, service: value } })
      }),
    )
  })
})

test.each([
  [`Basic realm="x", Bearer realm="${realm}"`, 'bearer'],
  ['Bearer service="x", Basic realm="x"', 'basic'],
  ['Negotiate, Digest nonce="x"', undefined],
  ['', undefined],
])('the best answer to %s is %s', (header, scheme) => {
  expect(bestChallenge(parseChallenges([header]))?.scheme).toBe(scheme)
})

describe('what a token grants', () => {
  const jwt = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`
  const access = (name: string, actions: unknown, type = 'repository') => ({ type, name, actions })

  test.each<[string, string, readonly string[] | undefined]>([
    ['both rights', jwt({ access: [access('acme/api', ['pull', 'push'])] }), ['pull', 'push']],
    ['one right', jwt({ access: [access('acme/api', ['pull'])] }), ['pull']],
    [
      'rights in two places',
      jwt({ access: [access('acme/api', ['pull']), access('acme/api', ['push'])] }),
      ['pull', 'push'],
    ],
    ['nothing at all', jwt({ access: [] }), []],
    ['rights elsewhere', jwt({ access: [access('acme/api2', ['push']), access('acme/api', ['*'], 'registry')] }), []],
    ['rubbish', jwt({ access: [null, 'x', access('acme/api', 'push'), { name: 'acme/api' }] }), []],
    ['no claim', jwt({ sub: 'user' }), undefined],
    ['a claim of another form', jwt({ access: 'all' }), undefined],
    ['no claims', jwt(null), undefined],
    ['no JSON', 'a.b.c', undefined],
    ['no JWT', 'opaque', undefined],
  ])('is known of a token with %s', (_name, token, wanted) => {
    expect(grantedActions(token, 'acme/api')).toEqual(wanted)
  })

  test('is asked for anything without an error', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (text, claims) => {
        grantedActions(text, 'acme/api')
        expect(grantedActions(jwt({ access: [claims] }), 'acme/api') ?? []).toBeInstanceOf(Array)
      }),
    )
  })
})

test('a scope never asks for more than pull and push', () => {
  expect(formatScope({ path: 'acme/api', actions: 'pull,push' })).toBe('repository:acme/api:pull,push')
})

import { expect, test } from 'vitest'
import { masksOf } from '../../src/action/masks.ts'
import { withInputs } from './given.ts'

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

test('nothing secret, nothing masked', async () => {
  expect(await masksOf(withInputs({ images: 'a/b', 'build-args': 'A=1' }))).toEqual([])
})

test('passwords, tokens and build secrets are masked, and the Basic credentials of them', async () => {
  const masks = await masksOf({
    ...withInputs({
      username: 'u',
      password: 'pass-1',
      token: 'tok-1',
      secrets: 'npm=sec-1\n"key=line one\nline two\n}\n"',
      'registry-auth': '- registry: a.b\n  username: v\n  password: "pass-2"\n- registry: c.d\n  pasword: pass-3',
    }),
    GITHUB_ACTOR: 'octocat',
  })
  expect(new Set(masks)).toEqual(
    new Set([
      'tok-1',
      'pass-1',
      'pass-2',
      'pass-3',
      'sec-1',
      'line one',
      'line two',
      base64('u:pass-1'),
      base64('octocat:tok-1'),
      base64('v:pass-2'),
    ]),
  )
})

test('the token of the services of the runner is masked', async () => {
  const variables = { ...withInputs({}), ACTIONS_RUNTIME_TOKEN: 'runtime-1' }
  expect(await masksOf(variables)).toEqual(['runtime-1'])
})

test.each([
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
])('%s is masked', async (name) => {
  expect(await masksOf({ ...withInputs({}), [name]: 'planted-1', AWS_ACCESS_KEY_ID: 'AKIA1' })).toEqual(['planted-1'])
})

test('a role is no secret', async () => {
  const auth = '- registry: public.ecr.aws\n  role-to-assume: arn:aws:iam::123456789012:role/publish'
  expect(await masksOf(withInputs({ 'registry-auth': auth }))).toEqual([])
})

test('a password of several lines is masked line by line', async () => {
  const key = '{\n  "private_key": "abc",\n}\n'
  const masks = await masksOf(withInputs({ username: '_json_key', password: key }))
  expect(masks).toContain('"private_key": "abc",')
  expect(masks).not.toContain('}')
  expect(masks).toContain(base64(`_json_key:${key.trim()}`))
  const block = `- registry: a.b\n  username: _json_key\n  password: |\n${key.replace(/^(?=.)/gm, '    ')}`
  const listed = await masksOf(withInputs({ 'registry-auth': block }))
  expect(listed).toContain('"private_key": "abc",')
  expect(listed).toContain(base64(`_json_key:${key.trim()}`))
})

test.each([
  ['a quote that stays open', '- registry: a.b\n  password: "hunter-two\n  use: [', 'hunter-two'],
  ['a map in a line', '- registry: a.b username: u password: hunter-two', 'hunter-two'],
  ['a tab', "- registry: a.b\n\tpassword: 'hunter-two'", 'hunter-two'],
  ['no list', 'password: hunter-two', 'hunter-two'],
  ['a nested value', '- registry: a.b\n  password: [hunter-two]', '[hunter-two]'],
])('a password in YAML with %s is masked', async (_name, text, secret) => {
  expect(await masksOf(withInputs({ 'registry-auth': text }))).toContain(secret)
})

test('secrets in a list with an open quote are masked', async () => {
  expect(await masksOf(withInputs({ secrets: 'a=one-one\n"b=two-two' }))).toEqual(
    expect.arrayContaining(['one-one', 'two-two']),
  )
})

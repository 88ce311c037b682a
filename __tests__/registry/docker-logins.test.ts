import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeExec } from '../../src/action/exec.ts'
import { HUB_SERVER } from '../../src/registry/docker-config-file.ts'
import { dockerLogins } from '../../src/registry/docker-logins.ts'
import { chooseLogin } from '../../src/registry/login-choice.ts'
import { loginAt, openClient } from '../support/client.ts'
import { startRegistry } from '../support/registry/server.ts'

const encoded = (username: string, password: string) => Buffer.from(`${username}:${password}`).toString('base64')
const password = (username: string, secret: string) => ({ kind: 'password', username, password: secret })

type Given = { config?: unknown; authConfig?: string; helpers?: Readonly<Record<string, string>> }

/** Docker's folder, helpers as little programs, and what they were asked. */
async function docker({ config, authConfig, helpers = {} }: Given) {
  const directory = await mkdtemp(join(tmpdir(), 'docker-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const bin = join(directory, 'bin')
  await mkdir(bin)
  const log = join(directory, 'asked')
  await writeFile(log, '')
  for (const [name, body] of Object.entries(helpers)) {
    const path = join(bin, `docker-credential-${name}`)
    await writeFile(path, `#!/bin/sh\nread -r server\necho "${name} $1 $server" >> '${log}'\n${body}\n`)
    await chmod(path, 0o755)
  }
  if (config !== undefined)
    await writeFile(join(directory, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  const masks: string[] = []
  const logins = dockerLogins({
    directory,
    authConfig,
    exec: makeExec(new AbortController().signal),
    env: { PATH: `${bin}:/usr/bin:/bin` },
    mask: (secret) => masks.push(secret),
  })
  return { logins, masks, asked: async () => (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '') }
}

const answers = (username: string, secret: string) =>
  `echo '{"ServerURL":"x","Username":"${username}","Secret":"${secret}"}'`
const NOT_FOUND = 'echo "credentials not found in native keychain"; exit 1'

test('nothing is found where there is nothing', async () => {
  const { logins } = await docker({})
  expect(await logins.for('ghcr.io')).toBeUndefined()
  expect(await logins.all()).toEqual([])
})

test.each<[string, string, unknown, unknown]>([
  ['a password', 'ghcr.io', { 'ghcr.io': { auth: encoded('me', 'se:cret') } }, password('me', 'se:cret')],
  [
    'an old padding',
    'ghcr.io',
    { 'ghcr.io': { auth: Buffer.from('me:secret\0\0').toString('base64') } },
    password('me', 'secret'),
  ],
  [
    'a key with scheme and path',
    'ghcr.io',
    { 'https://ghcr.io/v2/': { auth: encoded('me', 'secret') } },
    password('me', 'secret'),
  ],
  [
    'Docker Hub under its own name',
    'docker.io',
    { [HUB_SERVER]: { auth: encoded('me', 'secret') } },
    password('me', 'secret'),
  ],
  [
    'user and password apart',
    'ghcr.io',
    { 'ghcr.io': { username: 'me', password: 'secret' } },
    password('me', 'secret'),
  ],
  [
    'an identity token',
    'ghcr.io',
    { 'ghcr.io': { auth: encoded('me', ''), identitytoken: 'idt' } },
    { kind: 'identity-token', token: 'idt' },
  ],
  ['a registry token', 'ghcr.io', { 'ghcr.io': { registrytoken: 'rt' } }, { kind: 'registry-token', token: 'rt' }],
  ['no login in it', 'ghcr.io', { 'ghcr.io': {}, 'quay.io': 'x' }, undefined],
  ['another registry', 'ghcr.io', { 'ghcr.io.evil.example': { auth: encoded('me', 'secret') } }, undefined],
  ['another port', 'ghcr.io', { 'ghcr.io:8443': { auth: encoded('me', 'secret') } }, undefined],
])('the file with %s', async (...[_name, registry, auths, wanted]) => {
  const { logins } = await docker({ config: { auths } })
  expect(await logins.for(registry)).toEqual(wanted)
})

test('DOCKER_AUTH_CONFIG goes before helpers and file', async () => {
  const authConfig = JSON.stringify({ auths: { 'ghcr.io': { auth: encoded('variable', 'one') } } })
  const config = {
    auths: { 'ghcr.io': { auth: encoded('file', 'two') }, 'quay.io': { auth: encoded('file', 'three') } },
    credHelpers: { 'ghcr.io': 'test' },
  }
  const { logins, asked } = await docker({ config, authConfig, helpers: { test: answers('helper', 'four') } })
  expect(await logins.for('ghcr.io')).toEqual(password('variable', 'one'))
  expect(await logins.for('quay.io')).toEqual(password('file', 'three'))
  expect(await asked()).toEqual([])
})

test('the helper of a registry goes before the store, and is asked once', async () => {
  const config = {
    credHelpers: { 'ghcr.io': 'own' },
    credsStore: 'all',
    auths: { 'ghcr.io': { auth: encoded('file', 'x') } },
  }
  const { logins, asked, masks } = await docker({
    config,
    helpers: { own: answers('helper', 'secret'), all: answers('store', 'other') },
  })
  expect(await Promise.all([logins.for('ghcr.io'), logins.for('ghcr.io')])).toEqual(
    Array(2).fill(password('helper', 'secret')),
  )
  expect(await logins.for('docker.io')).toEqual(password('store', 'other'))
  expect(await asked()).toEqual(['own get ghcr.io', `all get ${HUB_SERVER}`])
  expect(masks).toEqual(['secret', encoded('helper', 'secret'), 'other', encoded('store', 'other')])
})

test('a store that knows nothing leaves the file, a helper that knows nothing has the last word', async () => {
  const auths = { 'ghcr.io': { auth: encoded('file', 'x') }, 'quay.io': { auth: encoded('file', 'y') } }
  const config = { credHelpers: { 'ghcr.io': 'own' }, credsStore: 'all', auths }
  const { logins } = await docker({ config, helpers: { own: NOT_FOUND, all: NOT_FOUND } })
  expect(await logins.for('quay.io')).toEqual(password('file', 'y'))
  expect(await logins.for('ghcr.io')).toBeUndefined()
})

test('the user name <token> says that a secret is an identity token', async () => {
  const { logins } = await docker({ config: { credsStore: 'all' }, helpers: { all: answers('<token>', 'idt') } })
  expect(await logins.for('ghcr.io')).toEqual({ kind: 'identity-token', token: 'idt' })
})

test('everything is listed by Docker’s own names', async () => {
  const list = `if [ "$1" = list ]; then echo '{"https://index.docker.io/v1/":"me"}'; else ${answers('me', 'secret')}; fi`
  const { logins } = await docker({ config: { credsStore: 'all', auths: { 'ghcr.io': {} } }, helpers: { all: list } })
  expect((await logins.all()).map(({ server }) => server)).toEqual([HUB_SERVER])
  const files = await docker({
    config: { auths: { 'ghcr.io': { auth: encoded('a', 'b') }, [HUB_SERVER]: { auth: encoded('c', 'd') } } },
  })
  expect((await files.logins.all()).map(({ server }) => server)).toEqual(['ghcr.io', HUB_SERVER])
})

test.each<[string, unknown, Readonly<Record<string, string>>, string]>([
  ['is not there', { credsStore: 'absent' }, {}, 'docker-credential-absent is not on PATH'],
  ['fails', { credsStore: 'all' }, { all: 'echo "the keychain is locked" >&2; exit 2' }, 'the keychain is locked'],
  ['says no JSON', { credsStore: 'all' }, { all: 'echo secret-in-text' }, 'docker-credential-all is not JSON'],
  ['has a path for a name', { credsStore: '../../bin/sh' }, {}, 'that is no helper'],
])('a helper that %s is LOGIN_FAILED', async (_name, config, helpers, message) => {
  const { logins } = await docker({ config, helpers })
  const error = await logins.for('ghcr.io').catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'LOGIN_FAILED', message: expect.stringContaining(message) })
  expect(String(error)).not.toContain('secret-in-text')
})

test('a file that is no JSON is told without its text', async () => {
  const { logins } = await docker({ config: '{"auths": my-secret' })
  const error = await logins.for('ghcr.io').catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'LOGIN_FAILED' })
  expect(JSON.stringify([error, String(error)])).not.toContain('my-secret')
})

test.each([
  ['acme/api', 'push', 'api'],
  ['acme/api/sub', 'push', 'api'],
  ['acme/api2', 'push', 'acme'],
  ['acme', 'push', 'acme'],
  ['acme-evil/api', 'push', 'all'],
  ['acme/api', 'pull', 'reader'],
  ['other/x', 'pull', 'all'],
] as const)('for %s and a %s the login with the longest prefix is %s', (path, use, username) => {
  const logins = [
    loginAt('ghcr.io', 'all', 'x'),
    loginAt('ghcr.io', 'api', 'x', { prefix: 'acme/api', use: 'push' }),
    loginAt('ghcr.io', 'acme', 'x', { prefix: 'acme', use: 'push' }),
    loginAt('ghcr.io', 'reader', 'x', { prefix: 'acme', use: 'pull' }),
    loginAt('quay.io', 'elsewhere', 'x', { prefix: path }),
  ]
  expect(chooseLogin(logins, 'ghcr.io', path, use)?.username).toBe(username)
})

test('no login is chosen where none fits', () => {
  const logins = [loginAt('ghcr.io', 'u', 'p', { prefix: 'acme' }), loginAt('ghcr.io:8443')]
  expect(chooseLogin(logins, 'ghcr.io', 'acme-evil/api', 'push')).toBeUndefined()
})

test('a login for a path is taken for what lies below it, the longest first, and for nothing else', async () => {
  const auths = (...places: readonly string[]) =>
    Object.fromEntries(places.map((place) => [place, { auth: encoded('me', place) }]))
  const { logins, asked } = await docker({
    config: {
      auths: auths('a.example/acme', 'a.example/acme/api', 'b.example:5000/x'),
      credHelpers: { 'a.example': 'one' },
    },
    authConfig: JSON.stringify({ auths: auths('a.example/acme/web/', 'docker.io/acme', 'https://c.example/v1/') }),
    helpers: { one: answers('helped', 'secret') },
  })
  const found = async (registry: string, path: string) => {
    const credential = await logins.for(await logins.placeOf(registry, path))
    return credential?.kind === 'password' ? credential.password : undefined
  }
  expect(await found('a.example', 'acme/api')).toBe('a.example/acme/api')
  expect(await found('a.example', 'acme/api/deep')).toBe('a.example/acme/api')
  expect(await found('a.example', 'acme/web')).toBe('a.example/acme/web/')
  expect(await found('a.example', 'acme/apix')).toBe('a.example/acme')
  expect(await found('b.example:5000', 'x/y')).toBe('b.example:5000/x')
  expect(await found('b.example:5000', 'y')).toBeUndefined()
  expect(await found('docker.io', 'acme/api')).toBe('docker.io/acme')
  expect(await found('docker.io', 'library/alpine')).toBeUndefined()
  expect(await found('c.example', 'any/thing')).toBe('https://c.example/v1/')
  expect(await asked()).toEqual([])
  expect(await found('a.example', 'acme-evil/api')).toBe('secret')
  expect(await asked()).toEqual(['one get a.example'])
})

test('of two repositories of one registry each has the login of its own path', async () => {
  const users = { one: { password: 'first' }, two: { password: 'second' } }
  const registry = await startRegistry({ auth: { kind: 'basic', users } })
  const config = {
    auths: {
      [`${registry.host}/a`]: { auth: encoded('one', 'first') },
      [`${registry.host}/b`]: { auth: encoded('two', 'second') },
    },
  }
  const { logins } = await docker({ config })
  const client = openClient({ docker: logins, retries: 0 })
  onTestFinished(async () => {
    await Promise.all([client.close(), registry.stop()])
  })
  const accounts = ['a/x', 'b/x', 'a/y'].map((path) => client.remote(`${registry.host}/${path}`))
  for (const remote of accounts) expect(await remote.resolve('1.0')).toBeUndefined()
  expect(await Promise.all(accounts.map((remote) => remote.account()))).toEqual(['one', 'two', 'one'])
  // The third repository shares the connection of the first, and with it what was learnt.
  expect(registry.requests.map(({ status }) => status)).toEqual([401, 404, 401, 404, 404])
})

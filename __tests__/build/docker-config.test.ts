import { mkdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Login } from '../../src/access.ts'
import { type DockerConfigRequest, makeDockerConfig } from '../../src/build/docker-config.ts'
import { makeWorld, quickClock, rejection, runProgram, type World } from './world.ts'

const GHCR: Login = { registry: 'ghcr.io', prefix: '', username: 'me', password: 'geheim', use: 'both' }

async function request(world: World, changes: Partial<DockerConfigRequest> = {}): Promise<DockerConfigRequest> {
  const directory = join(world.directory, 'scratch')
  const configDirectory = join(world.directory, 'user')
  await mkdir(directory)
  await mkdir(configDirectory, { recursive: true })
  const user = { configDirectory, variables: { ...world.env, INPUT_PASSWORD: 'geheim', GITHUB_TOKEN: 'geheim' } }
  return { directory, user, seed: [], logins: [], exec: runProgram, clock: quickClock(), ...changes }
}

async function configOf(env: Readonly<Record<string, string>>): Promise<unknown> {
  return JSON.parse(await readFile(join(env['DOCKER_CONFIG'] ?? '', 'config.json'), 'utf8'))
}

test('makeDockerConfig makes a private folder and a private file', async () => {
  await using world = await makeWorld()
  const env = await makeDockerConfig(await request(world))
  expect((await stat(env['DOCKER_CONFIG'] ?? '')).mode & 0o777).toBe(0o700)
  expect((await stat(join(env['DOCKER_CONFIG'] ?? '', 'config.json'))).mode & 0o777).toBe(0o600)
})

test('makeDockerConfig gives docker its own environment and nothing else of the step', async () => {
  await using world = await makeWorld()
  const asked = await request(world)
  const env = await makeDockerConfig(asked)
  expect(env).toEqual({
    ...world.env,
    DOCKER_CONFIG: join(asked.directory, 'docker-config'),
    BUILDX_CONFIG: join(asked.user.configDirectory, 'buildx'),
  })
})

test('makeDockerConfig keeps the folder of builders that the user names', async () => {
  await using world = await makeWorld()
  const asked = await request(world)
  const user = { ...asked.user, variables: { ...asked.user.variables, BUILDX_CONFIG: '/else' } }
  expect((await makeDockerConfig({ ...asked, user }))['BUILDX_CONFIG']).toBe('/else')
})

test('makeDockerConfig carries settings over and leaves credentials and their stores behind', async () => {
  await using world = await makeWorld()
  const asked = await request(world)
  const settings = {
    proxies: { default: { httpProxy: 'http://p' } },
    currentContext: 'far',
    plugins: { a: { b: 'c' } },
  }
  const secrets = { auths: { 'x.io': { auth: 'eDp5' } }, CredsStore: 'pass', credHelpers: { 'y.io': 'z' } }
  const file = join(asked.user.configDirectory, 'config.json')
  await writeFile(file, JSON.stringify({ ...settings, ...secrets }))
  const before = await readFile(file, 'utf8')
  const config = await configOf(await makeDockerConfig(asked))
  expect(config).toEqual({ ...settings, auths: { 'lading.invalid': {} } })
  expect(await readFile(file, 'utf8')).toBe(before)
})

test.each(['not json', '[1]', 'null', '"text"'])(
  'makeDockerConfig goes on without a configuration like %s',
  async (text) => {
    await using world = await makeWorld()
    const asked = await request(world)
    await writeFile(join(asked.user.configDirectory, 'config.json'), text)
    expect(await configOf(await makeDockerConfig(asked))).toEqual({ auths: { 'lading.invalid': {} } })
  },
)

test('makeDockerConfig seeds what the user is logged in to, Docker Hub under its own key', async () => {
  await using world = await makeWorld()
  const seed = [
    { server: 'ghcr.io', auth: 'YTpi' },
    { server: 'docker.io', auth: 'Yzpk' },
    { server: 'acme.azurecr.io', auth: '', identityToken: 'refresh' },
  ]
  const config = await configOf(await makeDockerConfig(await request(world, { seed })))
  expect(config).toEqual({
    auths: {
      'ghcr.io': { auth: 'YTpi' },
      'https://index.docker.io/v1/': { auth: 'Yzpk' },
      'acme.azurecr.io': { identitytoken: 'refresh' },
    },
  })
})

test('makeDockerConfig links plugins and contexts of the user, when there are any', async () => {
  await using world = await makeWorld()
  const asked = await request(world)
  await mkdir(join(asked.user.configDirectory, 'cli-plugins'))
  const env = await makeDockerConfig(asked)
  const link = join(env['DOCKER_CONFIG'] ?? '', 'cli-plugins')
  expect(await readlink(link)).toBe(join(asked.user.configDirectory, 'cli-plugins'))
  await expect(readlink(join(env['DOCKER_CONFIG'] ?? '', 'contexts'))).rejects.toThrow('ENOENT')
})

test('makeDockerConfig logs in over standard input, with the private configuration', async () => {
  await using world = await makeWorld()
  await world.program('docker', `cat > '${world.directory}/stdin'; echo "$DOCKER_CONFIG" > '${world.directory}/config'`)
  const env = await makeDockerConfig(await request(world, { logins: [GHCR] }))
  expect(await world.calls()).toEqual(['docker login --username me --password-stdin ghcr.io'])
  expect(await readFile(join(world.directory, 'stdin'), 'utf8')).toBe('geheim')
  expect(await readFile(join(world.directory, 'config'), 'utf8')).toBe(`${env['DOCKER_CONFIG']}\n`)
})

test('makeDockerConfig logs in once for each host that is pulled from, most general first, Docker Hub without a host', async () => {
  await using world = await makeWorld()
  await world.program('docker', 'cat > /dev/null')
  const logins: Login[] = [
    { ...GHCR, prefix: 'acme/api', username: 'special' },
    { ...GHCR, prefix: 'acme', username: 'general' },
    { ...GHCR, registry: 'quay.io', use: 'push' },
    { ...GHCR, registry: 'docker.io', use: 'pull' },
  ]
  await makeDockerConfig(await request(world, { logins }))
  expect(await world.calls()).toEqual([
    'docker login --username general --password-stdin ghcr.io',
    'docker login --username me --password-stdin',
  ])
})

const failing = (message: string) => `cat > /dev/null; echo '${message}' >&2; exit 1`

test.each([
  'Error response from daemon: Get "https://ghcr.io/v2/": denied: denied',
  'Error response from daemon: login attempt to https://x/v2/ failed with status: 401 Unauthorized',
  'unauthorized: incorrect username or password (503 in a text)',
])('makeDockerConfig asks once only after the refusal “%s”', async (message) => {
  await using world = await makeWorld()
  await world.program('docker', failing(message))
  const error = await rejection(makeDockerConfig(await request(world, { logins: [GHCR] })))
  expect(error).toMatchObject({
    code: 'LOGIN_FAILED',
    message: `logging in to ghcr.io as me for the build: ${message}`,
  })
  expect(await world.calls()).toHaveLength(1)
})

test.each([
  'net/http: TLS handshake timeout',
  'dial tcp 1.2.3.4:443: connect: connection refused',
  'received unexpected HTTP status: 503 Service Unavailable',
])('makeDockerConfig tries three times more after “%s”', async (message) => {
  await using world = await makeWorld()
  const clock = quickClock()
  await world.program('docker', failing(message))
  const error = await rejection(makeDockerConfig(await request(world, { logins: [GHCR], clock })))
  expect(error.code).toBe('LOGIN_FAILED')
  expect(error.hint).toContain('can reach ghcr.io')
  expect(await world.calls()).toHaveLength(4)
  expect(clock.waits).toEqual([2000, 4000, 8000])
})

test('makeDockerConfig goes on when a later try succeeds', async () => {
  await using world = await makeWorld()
  const mark = join(world.directory, 'mark')
  await world.program(
    'docker',
    `cat > /dev/null; test -e '${mark}' || { touch '${mark}'; echo 'i/o timeout' >&2; exit 1; }`,
  )
  await makeDockerConfig(await request(world, { logins: [GHCR] }))
  expect(await world.calls()).toHaveLength(2)
})

test('makeDockerConfig never repeats a password that docker prints', async () => {
  await using world = await makeWorld()
  await world.program('docker', 'echo "denied: $(cat)" >&2; exit 1')
  const error = await rejection(makeDockerConfig(await request(world, { logins: [GHCR] })))
  expect(error.message).toBe('logging in to ghcr.io as me for the build: denied: ***')
})

test('makeDockerConfig says when there is no docker to log in with', async () => {
  await using world = await makeWorld()
  const asked = await request(world, { logins: [GHCR] })
  const user = { ...asked.user, variables: { PATH: world.directory } }
  expect((await rejection(makeDockerConfig({ ...asked, user }))).code).toBe('BUILDER_MISSING')
})

test('makeDockerConfig is cancelled with the step', async () => {
  await using world = await makeWorld()
  const exec = async () => ({ kind: 'stopped', why: 'cancelled', stderr: '' }) as const
  expect((await rejection(makeDockerConfig(await request(world, { logins: [GHCR], exec })))).code).toBe('CANCELLED')
})

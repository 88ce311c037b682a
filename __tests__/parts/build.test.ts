import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { need, pushBuilderImage, requirePart, startEngine, startRegistry } from '../../scripts/part/index.ts'
import { buildImage } from '../../src/build/build.ts'
import { type Builder, chooseBuilder, removeBuilder } from '../../src/build/builder.ts'
import { makeDockerConfig } from '../../src/build/docker-config.ts'
import { type Bases, baseImages } from '../../src/build/dockerfile.ts'
import type { Variables } from '../../src/edges.ts'
import type { BuildRequest } from '../../src/plan/request.ts'
import {
  buildRequest,
  listeningReporter,
  makeWorld,
  quickClock,
  rejection,
  rememberingScratch,
  runProgram,
  type World,
} from '../build/world.ts'

const LIMIT = { timeout: 120_000 }
const USER = { username: 'me', password: 'geheim' }
const BOTH = ['linux/amd64', 'linux/arm64']
const NOTHING: Bases = { known: true, images: [] }

async function world(): Promise<World> {
  const made = await makeWorld()
  onTestFinished(() => made[Symbol.asyncDispose]())
  return made
}

async function engine(kind: 'containerd' | 'graph') {
  const started = await startEngine(kind)
  onTestFinished(() => started.stop())
  return { ...started, variables: { ...started.env, PATH: `${started.path}:/usr/bin:/bin` } }
}

async function registry() {
  const started = await startRegistry(2, { htpasswd: USER })
  onTestFinished(() => started.stop())
  return started
}

/** A configuration for docker as a step makes it, over the one in which the test's client finds buildx. */
function config(place: World, variables: Record<string, string>, logins: readonly string[] = []): Promise<Variables> {
  const user = { configDirectory: variables['DOCKER_CONFIG'] ?? '', variables: { ...variables, HOME: place.directory } }
  const both = logins.map((host) => ({ registry: host, prefix: '', use: 'both' as const, ...USER }))
  return makeDockerConfig({
    directory: place.directory,
    user,
    seed: [],
    logins: both,
    exec: runProgram,
    clock: quickClock(),
  })
}

async function context(place: World, dockerfile: string): Promise<string> {
  const directory = join(place.directory, 'context')
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'Dockerfile'), dockerfile)
  await writeFile(join(directory, 'hello'), 'hello\n')
  return directory
}

const choose = (place: World, build: BuildRequest, env: Variables, bases = NOTHING) =>
  chooseBuilder(build, {
    exec: runProgram,
    env,
    bases,
    reporter: listeningReporter(),
    scratch: rememberingScratch(place.directory),
  })

async function run(place: World, build: BuildRequest, env: Variables, builder: Builder) {
  const reporter = listeningReporter()
  const metadataFile = join(place.directory, 'meta.json')
  const layout = {
    directory: join(place.directory, 'layout'),
    metadataFile,
    labels: { 'a.label': 'with, comma' },
    annotations: {},
  }
  const world = { exec: runProgram, reporter, clock: quickClock() }
  const { directory } = await buildImage(build, { ...world, ...layout, env, builder: builder.name })
  return { directory, lines: reporter.lines, metadata: await readJson(metadataFile) }
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'))
}

describe.skipIf(!(await need(['engine', 'buildx'])))('an engine with the containerd store', LIMIT, () => {
  test('builds two platforms to one layout, without noise in the log', async () => {
    const place = await world()
    const env = await config(place, (await engine('containerd')).variables)
    const build = buildRequest({ context: await context(place, 'FROM scratch\nCOPY hello /\n'), platforms: BOTH })
    const builder = await choose(place, build, env)
    expect(builder).toMatchObject({ driver: 'docker', created: false })
    const built = await run(place, build, env, builder)
    expect((await readdir(built.directory)).sort()).toEqual(
      expect.arrayContaining(['blobs', 'index.json', 'oci-layout']),
    )
    const index = await readJson(join(built.directory, 'index.json'))
    expect(index).toMatchObject({ manifests: [{ mediaType: 'application/vnd.oci.image.index.v1+json' }] })
    expect(built.metadata).toHaveProperty(['containerimage.digest'])
    expect(built.lines.filter((line) => /Write failed|\p{Cc}/u.test(line))).toEqual([])
    expect(built.lines.join('\n')).toContain('exporting to')
  })

  test('tells why a build failed', async () => {
    const place = await world()
    const env = await config(place, (await engine('containerd')).variables)
    const build = buildRequest({ context: await context(place, 'FROM scratch\nCOPY absent /\n') })
    const error = await rejection(run(place, build, env, await choose(place, build, env)))
    expect(error.code).toBe('BUILD_FAILED')
    expect(error.message.split('\n')[0]).toMatch(/^building the image with the builder default: failed to .*absent/)
    expect(error.message).not.toContain('Write failed')
  })
})

describe.skipIf(!(await need(['engine', 'buildx', 'registry2', 'crane'])))('the private configuration', LIMIT, () => {
  test('lets a build take a base image that needs a login', async () => {
    const place = await world()
    const started = await engine('containerd')
    const { host } = await registry()
    const env = await config(place, started.variables, [host])
    const base = buildRequest({
      context: await context(place, 'FROM scratch\nCOPY hello /\n'),
      platforms: BOTH,
      provenance: 'false',
    })
    const builder = await choose(place, base, env)
    const layout = join(place.directory, 'base')
    await cp((await run(place, base, env, builder)).directory, layout, { recursive: true })
    const pushed = await runProgram({
      program: await requirePart('crane'),
      args: ['push', '--insecure', layout, `${host}/base:1`],
      env,
    })
    expect(pushed).toMatchObject({ kind: 'exited', code: 0 })
    const again = await world()
    const build = { ...base, context: await context(again, `ARG R=${host}\nFROM $R/base:1\nCOPY hello /again\n`) }
    expect(await baseImages(build, (path) => readFile(path, 'utf8'))).toMatchObject({
      images: [{ text: `${host}/base:1`, platforms: 2 }],
    })
    await expect(run(again, build, await config(again, started.variables), builder)).rejects.toThrow(
      /40[13]|no basic auth|authorization/i,
    )
    expect((await run(again, build, env, builder)).directory).toContain('layout')
  })

  test('keeps a login away from the credential stores of the machine', async () => {
    const place = await world()
    const { host } = await registry()
    const { path, host: socket } = await engine('containerd')
    for (const name of ['pass', 'docker-credential-pass', 'docker-credential-secretservice'])
      await place.program(name, 'exit 0')
    await symlink(join(path, 'docker'), join(place.directory, 'bin', 'docker'))
    const env = await config(
      place,
      { ...place.env, DOCKER_CONFIG: join(place.directory, 'nothing'), DOCKER_HOST: socket },
      [host],
    )
    expect(await place.calls()).toEqual([])
    const auth = Buffer.from('me:geheim').toString('base64')
    expect(await readJson(join(env['DOCKER_CONFIG'] ?? '', 'config.json'))).toMatchObject({
      auths: { [host]: { auth } },
    })
  })

  test('names a wrong password as what it is', async () => {
    const place = await world()
    const { host } = await registry()
    const { variables } = await engine('containerd')
    const user = { configDirectory: place.directory, variables }
    const login = { registry: host, prefix: '', username: 'me', password: 'wrong', use: 'both' as const }
    const clock = quickClock()
    const request = { directory: place.directory, user, seed: [], logins: [login], exec: runProgram, clock }
    const error = await rejection(makeDockerConfig(request))
    expect(error.code).toBe('LOGIN_FAILED')
    expect(error.message).toContain(`logging in to ${host} as me`)
    expect(clock.waits).toEqual([])
  })
})

describe.skipIf(!(await need(['engine-graph', 'buildx', 'registry2', 'crane', 'builder-image'])))(
  'an engine without the containerd store',
  LIMIT,
  () => {
    test('gets a builder of its own, which builds a layout and can be removed', async () => {
      const place = await world()
      const { variables } = await engine('graph')
      const open = await startRegistry(2)
      onTestFinished(() => open.stop())
      const env = await config(place, variables)
      const build = buildRequest({
        context: await context(place, 'FROM scratch\nCOPY hello /\n'),
        platforms: BOTH,
        buildkitImage: await pushBuilderImage(open.host),
      })
      const builder = await choose(place, build, env)
      onTestFinished(async () => void (await removeBuilder(builder.name, { exec: runProgram, env })))
      expect(builder).toMatchObject({ driver: 'docker-container', created: true })
      const { directory } = await run(place, build, env, builder)
      expect(await readJson(join(directory, 'index.json'))).toHaveProperty(['manifests', 0])
      expect(await removeBuilder(builder.name, { exec: runProgram, env })).toMatchObject({ code: 0 })
      expect((await rejection(choose(place, { ...build, builder: builder.name }, env))).message).toContain('no builder')
    })
  },
)

describe.skipIf(!(await need(['engine-graph', 'buildx'])))(
  'an engine without the containerd store and a builder that cannot be made',
  LIMIT,
  () => {
    test('leaves no builder behind', async () => {
      const place = await world()
      const env = await config(place, (await engine('graph')).variables)
      const error = await rejection(choose(place, buildRequest({ buildkitImage: '127.0.0.1:1/nothing:1' }), env))
      expect(error.code).toBe('BUILDER_MISSING')
      const list = await runProgram({ program: 'docker', args: ['buildx', 'ls'], env })
      expect(list).toMatchObject({ code: 0, stdout: expect.not.stringContaining('lading-') })
    })

    test('refuses the named builder of the engine itself', async () => {
      const place = await world()
      const env = await config(place, (await engine('graph')).variables)
      const error = await rejection(choose(place, buildRequest({ builder: 'default' }), env))
      expect(error.message).toContain('cannot export an OCI layout')
    })
  },
)

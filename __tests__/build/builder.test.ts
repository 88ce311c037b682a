import { describe, expect, test } from 'vitest'
import { type BuilderWorld, chooseBuilder } from '../../src/build/builder.ts'
import type { Bases } from '../../src/build/dockerfile.ts'
import { readInspect } from '../../src/build/inspect.ts'
import type { Ended } from '../../src/edges.ts'
import { parseReference } from '../../src/image/reference.ts'
import {
  buildRequest,
  listeningReporter,
  makeWorld,
  rejection,
  rememberingScratch,
  runProgram,
  type World,
} from './world.ts'

// As buildx 0.36 prints them.
const DOCKER =
  'Name:          default\nDriver:        docker\n\nNodes:\nName:             default\nEndpoint:         default\nStatus:           running\n'
const CONTAINER =
  'Name:   mine\nDriver: docker-container\n\nNodes:\nName:      mine0\nEndpoint:  unix:///var/run/docker.sock\nStatus:    inactive\n'
const DOWN = 'Name:   default\nDriver: \nError:  failed to connect to the docker API\n'
const NODE_DOWN =
  'Name:   far\nDriver: remote\n\nNodes:\nName:     far0\nEndpoint: tcp://far:1\nError:    no route to host\n'
const CONTAINERD = '[["driver-type","io.containerd.snapshotter.v1"]]'
const GRAPH = '[["Backing Filesystem","extfs"]]'

type Docker = { inspect?: string; info?: string; create?: string; rm?: string }

/** A `docker` with an answer of its own for each command. */
async function docker(world: World, answers: Docker): Promise<void> {
  const answer = (text: string) => (text.startsWith('!') ? text.slice(1) : `cat <<'EOF'\n${text}\nEOF`)
  const script = [
    'case "$*" in',
    `"buildx inspect"*) ${answer(answers.inspect ?? DOCKER)}\n;;`,
    `*info*) ${answer(answers.info ?? GRAPH)}\n;;`,
    `"buildx create"*) ${answer(answers.create ?? '')}\n;;`,
    `"buildx rm"*) ${answers.rm ?? ':'} ;;`,
    'esac',
  ]
  await world.program('docker', script.join('\n'))
}

function around(world: World, changes: Partial<BuilderWorld> = {}): BuilderWorld {
  const bases: Bases = { known: true, images: [] }
  const scratch = rememberingScratch(world.directory)
  return { exec: runProgram, env: world.env, scratch, reporter: listeningReporter(), bases, ...changes }
}

const failing = (message: string) => `!echo '${message}' >&2; exit 1`

describe('chooseBuilder takes', () => {
  test('the current builder when its engine keeps images in containerd', async () => {
    await using world = await makeWorld()
    await docker(world, { info: CONTAINERD })
    expect(await chooseBuilder(buildRequest(), around(world))).toMatchObject({
      name: 'default',
      driver: 'docker',
      created: false,
    })
    expect(await world.calls()).toEqual([
      'docker buildx inspect',
      'docker --context default info --format {{json .DriverStatus}}',
    ])
  })

  test('the current builder of another driver without asking further', async () => {
    await using world = await makeWorld()
    await docker(world, { inspect: CONTAINER })
    expect(await chooseBuilder(buildRequest(), around(world))).toMatchObject({ name: 'mine', created: false })
    expect(await world.calls()).toEqual(['docker buildx inspect'])
  })

  test('the named builder', async () => {
    await using world = await makeWorld()
    await docker(world, { inspect: CONTAINER })
    expect(await chooseBuilder(buildRequest({ builder: 'mine' }), around(world))).toMatchObject({ name: 'mine' })
    expect(await world.calls()).toEqual(['docker buildx inspect mine'])
  })

  test('a new builder when the current one cannot export, to be removed by post', async () => {
    await using world = await makeWorld()
    await docker(world, {})
    const scratch = rememberingScratch(world.directory)
    const builder = await chooseBuilder(buildRequest(), around(world, { scratch }))
    expect(builder).toMatchObject({ driver: 'docker-container', created: true })
    expect(builder.name).toMatch(/^lading-[0-9a-f]{12}$/)
    expect(scratch.undone).toEqual([{ kind: 'builder', name: builder.name, env: world.env }])
    expect((await world.calls()).at(-1)).toBe(
      `docker buildx create --name ${builder.name} --driver docker-container --driver-opt image=moby/buildkit:buildx-stable-1 --bootstrap`,
    )
  })

  test.each([
    ['a base image', '127.0.0.1:5000/base', 'moby/buildkit'],
    ['the builder’s own image', 'alpine', 'localhost:5000/buildkit:1'],
  ])('a new builder on the machine’s network when %s is on a loopback registry', async (_name, base, buildkitImage) => {
    await using world = await makeWorld()
    await docker(world, {})
    const bases: Bases = { known: true, images: [{ reference: parseReference(base), text: base, platforms: 1 }] }
    await chooseBuilder(buildRequest({ buildkitImage }), around(world, { bases }))
    expect((await world.calls()).at(-1)).toContain('--driver-opt network=host --bootstrap')
  })
})

test('chooseBuilder says what to undo before it creates', async () => {
  await using world = await makeWorld()
  await docker(world, {})
  const order: string[] = []
  const exec: BuilderWorld['exec'] = (command) => {
    order.push(command.args[1] ?? '')
    return runProgram(command)
  }
  const scratch = { directory: world.directory, undoLater: () => void order.push('undo'), keep: async () => '' }
  await chooseBuilder(buildRequest(), around(world, { exec, scratch }))
  expect(order.slice(-2)).toEqual(['undo', 'create'])
})

describe('chooseBuilder refuses with BUILDER_MISSING', () => {
  test.each<[string, Docker, string, string]>([
    ['without the plugin', { inspect: failing('docker: unknown command: docker buildx') }, '', 'no plugin buildx'],
    ['without the plugin of old', { inspect: failing('docker: is not a docker command.') }, '', 'no plugin buildx'],
    [
      'an unknown builder',
      { inspect: failing('ERROR: no builder "mine" found') },
      'mine',
      'looking for the builder mine: ERROR: no builder "mine" found',
    ],
    ['an engine that is down', { inspect: DOWN }, '', 'failed to connect to the docker API'],
    ['a builder whose node is down', { inspect: NODE_DOWN }, 'far', 'looking at the builder far: no route to host'],
    ['a named builder that cannot export', {}, 'default', 'the builder default cannot export an OCI layout'],
    ['an engine that fails when asked', { info: failing('permission denied') }, '', 'permission denied'],
    [
      'a builder that cannot be made',
      { create: failing('ERROR: no such host') },
      '',
      'creating a builder from moby/buildkit:buildx-stable-1: ERROR: no such host',
    ],
  ])('%s', async (_name, answers, builder, message) => {
    await using world = await makeWorld()
    await docker(world, answers)
    const error = await rejection(chooseBuilder(buildRequest({ builder }), around(world)))
    expect(error.code).toBe('BUILDER_MISSING')
    expect(error.message).toContain(message)
  })

  test('no docker at all', async () => {
    await using world = await makeWorld()
    const env = { PATH: world.directory }
    const error = await rejection(chooseBuilder(buildRequest(), around(world, { env })))
    expect(error).toMatchObject({
      code: 'BUILDER_MISSING',
      message: 'looking for a builder: there is no program docker on PATH',
    })
  })

  test('an engine that keeps silent', async () => {
    await using world = await makeWorld()
    await docker(world, { inspect: '!sleep 60' })
    const limits: (number | undefined)[] = []
    const exec: BuilderWorld['exec'] = (command) => {
      limits.push(command.timeoutMs)
      return runProgram({ ...command, timeoutMs: 50 })
    }
    const error = await rejection(chooseBuilder(buildRequest(), around(world, { exec })))
    expect(error).toMatchObject({
      code: 'BUILDER_MISSING',
      message: 'looking for a builder: the Docker engine does not answer',
    })
    expect(limits).toEqual([40_000])
  })
})

test('chooseBuilder removes a builder whose bootstrap failed', async () => {
  await using world = await makeWorld()
  await docker(world, { create: failing('ERROR: unable to apply caps') })
  const scratch = rememberingScratch(world.directory)
  await rejection(chooseBuilder(buildRequest(), around(world, { scratch })))
  expect((await world.calls()).at(-1)).toBe(`docker buildx rm --force ${scratch.undone[0]?.name}`)
})

test('chooseBuilder tells a used-up pull limit from other troubles', async () => {
  await using world = await makeWorld()
  await docker(world, {
    create: failing('ERROR: toomanyrequests: You have reached your unauthenticated pull rate limit.'),
  })
  expect((await rejection(chooseBuilder(buildRequest(), around(world)))).code).toBe('RATE_LIMITED')
})

test('chooseBuilder is cancelled with the step', async () => {
  await using world = await makeWorld()
  const exec = async (): Promise<Ended> => ({ kind: 'stopped', why: 'cancelled', stderr: '' })
  expect((await rejection(chooseBuilder(buildRequest(), around(world, { exec })))).code).toBe('CANCELLED')
})

test.each<[string, string, ReturnType<typeof readInspect>]>([
  ['a running builder', DOCKER, { name: 'default', driver: 'docker', trouble: '' }],
  ['an inactive builder', CONTAINER, { name: 'mine', driver: 'docker-container', trouble: '' }],
  [
    'one node of two down',
    `${NODE_DOWN}\nName: far1\nEndpoint: tcp://b\nStatus: running\n`,
    { name: 'far', driver: 'remote', trouble: '' },
  ],
  ['nothing', '', { name: '', driver: '', trouble: 'docker buildx inspect names no driver' }],
])('readInspect reads %s', (_name, text, expected) => {
  expect(readInspect(text)).toEqual(expected)
})

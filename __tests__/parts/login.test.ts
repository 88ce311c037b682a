import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, type StartedEngine, type StartedRegistry, startEngine, startRegistry } from '../../scripts/part/index.ts'
import { changes, snapshot, writeFiles } from '../support/runner/files.ts'
import type { StepEnd } from '../support/runner.ts'
import { configurationFor, craneAs, type Machine, machineWith, pushBase, toldBy } from './stage.ts'

const ready = await need(['engine', 'buildx', 'registry2', 'registry3', 'crane'])
const USER = { username: 'reader', password: 'correct horse' }
const STORES = ['docker-credential-secretservice', 'docker-credential-pass', 'pass']

describe.skipIf(!ready)('the login for a private base image', () => {
  let engine: StartedEngine
  let closed: StartedRegistry
  let open: StartedRegistry
  let base: string

  beforeAll(async () => {
    engine = await startEngine('containerd')
    closed = await startRegistry(2, { htpasswd: USER })
    open = await startRegistry(3)
    const configuration = await configurationFor(await mkdtemp(join(tmpdir(), 'lading-login-')), closed.host, USER)
    base = await pushBase(closed, craneAs(configuration))
    await rm(configuration, { recursive: true })
  })

  afterAll(async () => {
    await Promise.all([engine, closed, open].map((part) => part?.stop()))
  })

  /** A user with a configuration of his own in the usual place, and every store that docker would pick on its PATH. */
  async function machineOf(user: object): Promise<Machine> {
    const { DOCKER_HOST = '', DOCKER_CONFIG = '' } = engine.env
    const machine = await machineWith({ path: engine.path, env: { DOCKER_HOST } })
    for (const name of STORES) await machine.program(name, 'process.exit(0)')
    await writeFiles(join(machine.home, '.docker'), { 'config.json': JSON.stringify(user, null, '\t') })
    await symlink(join(DOCKER_CONFIG, 'cli-plugins'), join(machine.home, '.docker', 'cli-plugins'))
    await writeFiles(machine.workspace, { Dockerfile: `FROM ${base}\nCOPY hello /\n`, hello: 'hello\n' })
    return machine
  }

  let runs = 0

  async function publish(machine: Machine, login: object | undefined): Promise<StepEnd> {
    const before = await snapshot(machine.home, [machine.home])
    // A repository of its own: an image that is there already would be taken, and nothing built.
    runs += 1
    const inputs = { images: `${open.host}/acme/app-${runs}`, scan: 'off' }
    const step = await machine.publish({
      ...inputs,
      ...(login === undefined ? {} : { 'registry-auth': JSON.stringify([login]) }),
    })
    // Buildx keeps notes on its builders there, whoever calls it.
    const changed = changes(before, await snapshot(machine.home, [machine.home]))
    expect(changed.filter((path) => !/^\.docker\/buildx(\/|$)/.test(path))).toEqual([])
    expect((await machine.calls()).map(({ program }) => program)).toEqual([])
    expect(
      step.leftovers.filter(
        (path) => path.startsWith('temp/') && !/lading-(?:(?:report|bake)\.json|scan\.sarif)$/.test(path),
      ),
    ).toEqual([])
    expect(toldBy(step)).not.toContain(USER.password)
    return step
  }

  const settings = { psFormat: 'table {{.ID}}' }

  test('reaches the build when it is for pulling, and no store of the machine', async () => {
    const machine = await machineOf(settings)
    const { main } = await publish(machine, { registry: closed.host, ...USER, use: 'pull' })
    expect(main, main.log.text).toMatchObject({ exitCode: 0, outputs: { published: 'true' } })
  })

  test('is taken from the configuration of the user when the step names none', async () => {
    const auth = Buffer.from(`${USER.username}:${USER.password}`).toString('base64')
    const machine = await machineOf({ ...settings, auths: { [closed.host]: { auth } } })
    const { main } = await publish(machine, undefined)
    expect(main, main.log.text).toMatchObject({ exitCode: 0, outputs: { published: 'true' } })
  })

  test('does not reach the build when it is for pushing', async () => {
    const machine = await machineOf(settings)
    const { main } = await publish(machine, { registry: closed.host, ...USER, use: 'push' })
    expect(main, main.log.text).toMatchObject({ exitCode: 1, outputs: { 'failure-reason': 'BUILD_FAILED' } })
  })

  test('is LOGIN_FAILED with a wrong password', async () => {
    const machine = await machineOf(settings)
    const { main } = await publish(machine, { registry: closed.host, ...USER, password: 'wrong', use: 'pull' })
    expect(main, main.log.text).toMatchObject({ exitCode: 1, outputs: { 'failure-reason': 'LOGIN_FAILED' } })
  })
})

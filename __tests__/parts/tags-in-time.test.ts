import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mustRun } from '../../scripts/part/command.ts'
import {
  type AccessLine,
  need,
  type StartedEngine,
  type StartedRegistry,
  startEngine,
  startRegistry,
} from '../../scripts/part/index.ts'
import type { StepEnd } from '../support/runner.ts'
import {
  askedDuring,
  type Crane,
  craneAs,
  expectGreen,
  expectRed,
  isWrite,
  type Machine,
  makeMachine,
} from './stage.ts'

const ready = await need(['engine', 'buildx', 'registry2', 'registry3', 'crane'])

type Publishing = {
  /** `v1.2.3`, or a branch */
  readonly ref: string
  readonly sha: string
  readonly event?: string
  readonly inputs?: Readonly<Record<string, string>>
  /** what is built; another text is another image */
  readonly content?: string
  readonly env?: Readonly<Record<string, string>>
}

describe.skipIf(!ready)('tags in the course of time, in two real registries', () => {
  let engine: StartedEngine
  let two: StartedRegistry
  let three: StartedRegistry
  let machine: Machine
  let api: Server
  let crane: Crane
  /** where branches stand, as the API tells it */
  const heads: Record<string, string> = {}
  const commits: Record<string, string> = {}

  beforeAll(async () => {
    engine = await startEngine('containerd')
    two = await startRegistry(2)
    three = await startRegistry(3)
    machine = await makeMachine(engine)
    crane = craneAs()
    await writeFile(join(machine.workspace, 'Dockerfile'), 'FROM scratch\nCOPY content /content\n')
    await git('init', '--quiet', '--initial-branch=main')
    for (const name of ['first', 'second', 'third']) commits[name] = await commit(name)
    await git('checkout', '--quiet', '-b', 'fix', commitOf('first'))
    commits['fix'] = await commit('fix')
    await git('checkout', '--quiet', 'main')
    api = await serveHeads()
  })

  afterAll(async () => {
    await Promise.all([engine, two, three].map((part) => part?.stop()))
    await machine?.[Symbol.asyncDispose]()
    api?.close()
  })

  const names = (repository: string) => [`${two.host}/${repository}`, `${three.host}/${repository}`]
  const commitOf = (name: string) => commits[name] ?? ''
  const short = (name: string) => commitOf(name).slice(0, 7)

  function git(...args: readonly string[]): Promise<string> {
    const who = ['-c', 'user.name=octocat', '-c', 'user.email=octocat@example.com']
    return mustRun(`git ${args.join(' ')}`, 'git', ['-C', machine.workspace, ...who, ...args])
  }

  async function commit(name: string): Promise<string> {
    await writeFile(join(machine.workspace, 'content'), name)
    await git('add', '.')
    await git('commit', '--quiet', '--message', name)
    return (await git('rev-parse', 'HEAD')).trim()
  }

  /** The one question of the API that these stories need. */
  async function serveHeads(): Promise<Server> {
    const server = createServer((request, response) => {
      const branch = /^\/repos\/acme\/api\/git\/ref\/heads\/(.+)$/.exec(request.url ?? '')?.[1] ?? ''
      const sha = heads[branch]
      response.statusCode = sha === undefined ? 404 : 200
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify(sha === undefined ? {} : { ref: `refs/heads/${branch}`, object: { type: 'commit', sha } }),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return server
  }

  function apiUrl(): string {
    const address = api.address()
    return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : ''
  }

  async function publish(repository: string, publishing: Publishing): Promise<StepEnd> {
    const { ref, sha, event = 'push', content = sha } = publishing
    await writeFile(join(machine.workspace, 'content'), content)
    const isTag = /^v\d/.test(ref)
    return machine.publish(
      {
        images: names(repository),
        tags: ['version', 'version-commit', 'major-minor', 'latest'],
        scan: 'off',
        provenance: 'false',
        ...publishing.inputs,
      },
      {
        event: {
          name: event,
          ref: isTag ? `refs/tags/${ref}` : `refs/heads/${ref}`,
          payload: {
            repository: { name: 'api', full_name: 'acme/api', default_branch: 'main' },
            head_commit: { id: sha, timestamp: '2026-11-20T12:00:00Z' },
          },
        },
        env: { GITHUB_SHA: sha, GITHUB_API_URL: apiUrl(), ...publishing.env },
      },
    )
  }

  async function shown(repository: string, tag: string): Promise<readonly string[]> {
    return Promise.all(names(repository).map((name) => crane('digest', `${name}:${tag}`)))
  }

  const outcomes = ({ main }: StepEnd) =>
    Object.fromEntries(
      (main.report?.references ?? []).map(({ reference, outcome }) => [reference.split(':').at(-1) ?? '', outcome]),
    )

  const wasBuilt = ({ main }: StepEnd) => main.report?.phases.some(({ name }) => name === 'build')

  function writes(asked: readonly (readonly AccessLine[])[]): readonly AccessLine[] {
    return asked.flat().filter(isWrite)
  }

  describe('releases', () => {
    const REPOSITORY = 'acme/releases'

    test('1.2.3, then 1.3.0: what moves goes forward', async () => {
      const old = await publish(REPOSITORY, { ref: 'v1.2.3', sha: commitOf('first') })
      expectGreen(old)
      const next = await publish(REPOSITORY, { ref: 'v1.3.0', sha: commitOf('second') })
      expectGreen(next)
      expect(outcomes(next)).toEqual({
        '1.3.0': 'created',
        [`1.3.0-${short('second')}`]: 'created',
        '1.3': 'created',
        latest: 'moved',
      })
      expect(await shown(REPOSITORY, 'latest')).toEqual([next.main.outputs['digest'], next.main.outputs['digest']])
      expect(await shown(REPOSITORY, '1.2')).toEqual([old.main.outputs['digest'], old.main.outputs['digest']])
    })

    test('then a patch for the old line: 1.2 moves, latest stays with 1.3.0', async () => {
      const latest = await shown(REPOSITORY, 'latest')
      const patch = await publish(REPOSITORY, { ref: 'v1.2.4', sha: commitOf('fix') })
      expectGreen(patch)
      expect(outcomes(patch)).toMatchObject({ '1.2.4': 'created', '1.2': 'moved', latest: 'held' })
      expect(patch.main.log.annotations.map(({ message }) => message)).toContain(
        'latest stays at 1.3.0, which is newer than 1.2.4',
      )
      expect(patch.main.outputs).toMatchObject({ published: 'true' })
      expect(await shown(REPOSITORY, 'latest')).toEqual(latest)
    })

    test('a re-run of 1.2.3 at its commit is green, builds nothing and writes nothing', async () => {
      const { result, asked } = await askedDuring([two, three], () =>
        publish(REPOSITORY, { ref: 'v1.2.3', sha: commitOf('first') }),
      )
      expectGreen(result)
      expect(wasBuilt(result)).toBe(false)
      expect(writes(asked)).toEqual([])
      expect(outcomes(result)).toEqual({
        '1.2.3': 'unchanged',
        [`1.2.3-${short('first')}`]: 'unchanged',
        '1.2': 'held',
        latest: 'held',
      })
      expect(result.main.outputs).toMatchObject({ published: 'true', digest: (await shown(REPOSITORY, '1.2.3'))[0] })
      expect(result.main.log.text).toContain('1.2.3 was published from this commit')
    })

    test('1.3.0 from another commit is refused before the build', async () => {
      const { result, asked } = await askedDuring([two, three], () =>
        publish(REPOSITORY, { ref: 'v1.3.0', sha: commitOf('third') }),
      )
      const alarm = expectRed(result, 'TAG_EXISTS')
      for (const commit of [short('second'), short('third')]) expect(alarm).toContain(commit)
      expect(alarm).toContain((await shown(REPOSITORY, '1.3.0'))[0])
      expect(wasBuilt(result)).toBe(false)
      expect(writes(asked)).toEqual([])
    })

    test('a nightly build of the same commit moves latest, and 1.3.0 stays', async () => {
      const before = await shown(REPOSITORY, '1.3.0')
      const nightly = await publish(REPOSITORY, {
        ref: 'main',
        sha: commitOf('second'),
        event: 'schedule',
        content: 'with new bases',
        inputs: { version: '1.3.0' },
      })
      expectGreen(nightly)
      expect(outcomes(nightly)).toMatchObject({ '1.3.0': 'kept', '1.3': 'moved', latest: 'moved' })
      expect(await shown(REPOSITORY, '1.3.0')).toEqual(before)
      expect(await shown(REPOSITORY, 'latest')).toEqual([
        nightly.main.outputs['digest'],
        nightly.main.outputs['digest'],
      ])
    })

    test('overwrite replaces a released version, where somebody says so', async () => {
      const end = await publish(REPOSITORY, {
        ref: 'v1.3.0',
        sha: commitOf('third'),
        inputs: { 'existing-tag': 'overwrite' },
      })
      expectGreen(end)
      expect(outcomes(end)).toMatchObject({ '1.3.0': 'moved' })
    })
  })

  describe('builds of a branch', () => {
    const REPOSITORY = 'acme/branch'
    const inputs = { tags: 'version\nversion-commit' }

    test('the earlier of two merges finishes last, and does not take the branch back', async () => {
      heads['main'] = commitOf('second')
      const later = await publish(REPOSITORY, { ref: 'main', sha: commitOf('second'), inputs })
      expectGreen(later)
      const earlier = await publish(REPOSITORY, { ref: 'main', sha: commitOf('first'), inputs })
      expectGreen(earlier)
      expect(outcomes(earlier)).toEqual({ main: 'held', [`main-${short('first')}`]: 'created' })
      expect(earlier.main.log.text).toContain(
        `main stays at ${short('second')}, which is 1 commit ahead of ${short('first')}`,
      )
      expect(await shown(REPOSITORY, 'main')).toEqual([later.main.outputs['digest'], later.main.outputs['digest']])
    })

    test('a force-push to an older commit takes its tag along', async () => {
      heads['main'] = commitOf('first')
      const end = await publish(REPOSITORY, {
        ref: 'main',
        sha: commitOf('first'),
        content: 'after the force-push',
        inputs: { tags: 'version' },
      })
      expectGreen(end)
      expect(outcomes(end)).toEqual({ main: 'moved' })
    })
  })

  test('labels that an image has from its base say nothing about it', async () => {
    const repository = 'acme/based'
    const foreign =
      'FROM scratch\nCOPY content /content\nLABEL org.opencontainers.image.version=24.04 org.opencontainers.image.source=https://github.com/ubuntu/images\n'
    await writeFile(join(machine.workspace, 'Base'), foreign)
    const [, there = ''] = names(repository)
    const base = await machine.publish(
      { images: names(repository), tags: 'type=raw,value=latest', file: 'Base', scan: 'off', provenance: 'false' },
      { event: { ref: 'refs/heads/main', payload: {} }, env: { GITHUB_REPOSITORY: '', GITHUB_SHA: '' } },
    )
    expectGreen(base)
    const end = await publish(repository, { ref: 'v1.0.0', sha: commitOf('first') })
    expectGreen(end)
    expect(await crane('digest', `${there}:latest`)).toBe(end.main.outputs['digest'])
    expect(outcomes(end)).toMatchObject({ '1.0.0': 'created', latest: 'moved' })
  })

  test('a registry that is behind is completed from the one that is not, without a build', async () => {
    const repository = 'acme/behind'
    const [behind = '', ahead = ''] = names(repository)
    const release = { ref: 'v2.0.0', sha: commitOf('third') }
    const first = await publish(repository, { ...release, inputs: { images: ahead } })
    expectGreen(first)
    const { result, asked } = await askedDuring([three], () => publish(repository, release))
    expectGreen(result)
    expect(wasBuilt(result)).toBe(false)
    expect(result.main.report).toMatchObject({ result: 'reused', digest: first.main.outputs['digest'] })
    expect(await crane('digest', `${behind}:2.0.0`)).toBe(first.main.outputs['digest'])
    expect(writes(asked)).toEqual([])
  })
})

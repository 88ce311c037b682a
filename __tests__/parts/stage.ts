import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { mustRun } from '../../scripts/part/command.ts'
import { type AccessLine, requirePart, type StartedEngine, type StartedRegistry } from '../../scripts/part/index.ts'
import { sample } from '../scan/samples.ts'
import { writeFiles } from '../support/runner/files.ts'
import { withoutMasks } from '../support/runner/log.ts'
import { makeRunner, type Runner, SHA, type Step, type StepEnd } from '../support/runner.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'

export const BOTH = 'linux/amd64,linux/arm64'

/** The release whose tag was pushed, at a moment that is the same in every build. */
const RELEASE = {
  ref: 'refs/tags/v1.4.2',
  payload: {
    repository: { name: 'api', full_name: 'acme/api', html_url: 'https://github.com/acme/api' },
    head_commit: { id: SHA, timestamp: '2026-11-20T12:00:00Z' },
  },
}

export const TAGS = ['1.4.2', `1.4.2-${SHA.slice(0, 7)}`, 'latest']

type Inputs = Readonly<Record<string, string | readonly string[]>>

/** A runner with an engine on it, for one test. */
export type Machine = Runner & { publish(inputs: Inputs, step?: Step): Promise<StepEnd> }

export async function machineWith(engine: Pick<StartedEngine, 'path' | 'env'>): Promise<Machine> {
  const machine = await makeMachine(engine)
  onTestFinished(() => machine[Symbol.asyncDispose]())
  return machine
}

export async function makeMachine({ path, env }: Pick<StartedEngine, 'path' | 'env'>): Promise<Machine> {
  const runner = await makeRunner()
  const machine = { ...env, PATH: `${runner.bin}:${path}:/usr/bin:/bin` }
  return {
    ...runner,
    publish: (inputs, step = {}) =>
      runner.step({ event: RELEASE, ...step, inputs: texts(inputs), env: { ...machine, ...step.env } }),
  }
}

function texts(inputs: Inputs): Readonly<Record<string, string>> {
  const pairs = Object.entries(inputs)
  return Object.fromEntries(pairs.map(([name, value]) => [name, typeof value === 'string' ? value : value.join('\n')]))
}

/** Expects a step that is green, without a word of warning, and that leaves nothing but its report. */
export function expectGreen({ main, post, leftovers }: StepEnd): void {
  expect(main, main.log.text).toMatchObject({ exitCode: 0, outputs: { 'failure-reason': '' } })
  expect(alarms(main), main.log.text).toEqual([])
  expect(post, post.log.text).toMatchObject({ exitCode: 0, log: { annotations: [] } })
  expect(leftovers.filter((path) => !isReport(path))).toEqual([])
}

/** Expects a step that is red for this reason, with one annotation that says so, and returns that. */
export function expectRed({ main, post, leftovers }: StepEnd, code: string): string {
  expect(main, main.log.text).toMatchObject({ exitCode: 1, outputs: { 'failure-reason': code, published: 'false' } })
  expect(post, post.log.text).toMatchObject({ exitCode: 0, log: { annotations: [] } })
  expect(leftovers.filter((path) => !isReport(path))).toEqual([])
  const [alarm, ...more] = alarms(main)
  expect(more).toEqual([])
  expect(alarm).toContain(`(${code})`)
  return alarm ?? ''
}

function alarms({ log }: StepEnd['main']): readonly string[] {
  return log.annotations.filter(({ level }) => level !== 'notice').map(({ message }) => message)
}

function isReport(path: string): boolean {
  return /^temp\/lading-(?:report|bake|scan|sbom-[a-z0-9-]+?)(?:-\d+)?\.(?:json|sarif|cdx\.json|spdx\.json)$/.test(path)
}

/** Everything that people and later steps get to see. */
export function toldBy({ main, post }: StepEnd): string {
  const logs = [main, post].map(({ log }) => withoutMasks(log.text))
  return [...logs, main.summary, ...Object.values(main.outputs)].join('\n')
}

/** Pushes a small base for both platforms, with the package database of an Alpine, and returns its reference. */
export async function pushBase(registry: StartedRegistry, crane = craneAs()): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'lading-base-'))
  await writeSampleLayout(directory, { platforms: [sample('clean', 'linux/amd64'), sample('clean', 'linux/arm64')] })
  const reference = `${registry.host}/base/alpine:3.10`
  await crane('push', '--index', directory, reference)
  await rm(directory, { recursive: true })
  return reference
}

export type Crane = (...args: readonly string[]) => Promise<string>

/** Crane, with the logins of a docker configuration. */
export function craneAs(configuration = '/nonexistent'): Crane {
  return async (command, ...args) => {
    const environment = { DOCKER_CONFIG: configuration }
    const all = [command ?? '', '--insecure', ...args]
    return (await mustRun(`let crane ${all.join(' ')}`, await requirePart('crane'), all, { environment })).trim()
  }
}

/** What docker prints on this engine; it has to succeed. */
export function docker(engine: StartedEngine, args: readonly string[], configuration?: string): Promise<string> {
  const environment = {
    ...engine.env,
    PATH: `${engine.path}:/usr/bin:/bin`,
    ...(configuration === undefined ? {} : { DOCKER_CONFIG: configuration }),
  }
  return mustRun(`docker ${args.join(' ')}`, 'docker', args, { environment })
}

/** What a step could leave behind on an engine. */
export async function traces(engine: StartedEngine): Promise<readonly string[]> {
  const format = ['--format', '{{json .}}']
  return Promise.all([
    docker(engine, ['context', 'ls', ...format]),
    docker(engine, ['buildx', 'ls', '--format', '{{.Name}} {{.DriverEndpoint}}']),
    docker(engine, ['image', 'ls', '--all', '--digests', '--format', '{{.Repository}}:{{.Tag}} {{.Digest}}']),
    docker(engine, ['container', 'ls', '--all', '--format', '{{.Names}}']),
    docker(engine, ['volume', 'ls', '--format', '{{.Name}}']),
  ])
}

/** A docker configuration with one login, in a folder that lives as long as the test file. */
export async function configurationFor(folder: string, host: string, user: User): Promise<string> {
  const auth = Buffer.from(`${user.username}:${user.password}`).toString('base64')
  await writeFiles(folder, { 'config.json': JSON.stringify({ auths: { [host]: { auth } } }) })
  return folder
}

type User = { readonly username: string; readonly password: string }

/** What a registry was asked while this ran. */
export async function askedDuring<T>(
  registries: readonly StartedRegistry[],
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly asked: readonly (readonly AccessLine[])[] }> {
  const before = await Promise.all(registries.map(async (registry) => (await registry.requests()).length))
  const result = await work()
  const asked = registries.map(async (registry, at) => (await registry.requests()).slice(before[at] ?? 0))
  return { result, asked: await Promise.all(asked) }
}

/** Opening an upload and cancelling it asks for rights; everything else that is no reading writes. */
export function isWrite({ method, path }: AccessLine): boolean {
  if (method === 'POST') return /[?&](?:digest|mount)=/.test(path)
  if (method === 'DELETE') return !path.includes('/blobs/uploads/')
  return method === 'PUT' || method === 'PATCH'
}

export function methods(asked: readonly AccessLine[]): readonly string[] {
  return [...new Set(asked.map(({ method }) => method))].sort()
}

/** The digests of blobs that ended their upload. */
export function sentBlobs(asked: readonly AccessLine[]): readonly string[] {
  const puts = asked.filter(({ method, path }) => method === 'PUT' && path.includes('/blobs/uploads/'))
  return puts.map(({ path }) => new URL(path, 'http://registry').searchParams.get('digest') ?? '').sort()
}

/** The tags and digests under which manifests were put. */
export function sentManifests(asked: readonly AccessLine[]): readonly string[] {
  const puts = asked.filter(({ method, path }) => method === 'PUT' && path.includes('/manifests/'))
  return puts.map(({ path }) => path.split('/').at(-1) ?? '').sort()
}

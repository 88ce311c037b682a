import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { mustRun } from '../../scripts/part/command.ts'
import {
  type AccessLine,
  requirePart,
  type StartedEngine,
  type StartedRegistry,
} from '../../scripts/part/index.ts'
import { sample } from '../scan/samples.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { type Ended, type Job, openJob } from './job.ts'

export const BOTH = 'linux/amd64,linux/arm64'

/** A job on the machine of an engine, for one test. */
export async function jobWith(engine: StartedEngine, machine: Readonly<Record<string, string>> = {}): Promise<Job> {
  const job = await openJob({ ...engine.env, PATH: `${engine.path}:/usr/bin:/bin`, ...machine })
  onTestFinished(() => job.remove())
  return job
}

/** Writes files into a folder, with the folders that they lie in. */
export async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, content)
  }
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
  await write(folder, { 'config.json': JSON.stringify({ auths: { [host]: { auth } } }) })
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

/** Takes the layout that a step built out of its private folder, before post removes it. */
export async function keepLayout(step: Ended, into: string): Promise<string> {
  await cp(join(step.scratch, 'layout'), into, { recursive: true })
  return into
}

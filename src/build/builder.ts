import { randomBytes } from 'node:crypto'
import type { Ended, Exec, Reporter, Scratch, Variables } from '../edges.ts'
import { LadingError } from '../error.ts'
import { isLoopback, parseReference } from '../image/reference.ts'
import { lastLine, logLine, plainLine } from '../plain-text.ts'
import type { BuildRequest } from '../plan/request.ts'
import type { Bases } from './dockerfile.ts'
import { type Inspected, readInspect } from './inspect.ts'
import { hubLimitError } from './trouble.ts'

/** A builder that can export an OCI layout. */
export type Builder = {
  readonly name: string
  readonly driver: string
  /** made for this build, and removed again */
  readonly created: boolean
  /** for people: why this one */
  readonly why: string
}

/** What choosing a builder needs of the world; `env` is what `Edges.docker` gives. */
export type BuilderWorld = {
  readonly exec: Exec
  readonly env: Variables
  readonly scratch: Scratch
  readonly reporter: Reporter
  readonly bases: Bases
}

// A socket that accepts and stays silent costs buildx 20 s; `docker info` has no limit of its own.
const INSPECT_LIMIT_MS = 40_000
const INFO_LIMIT_MS = 30_000
// Long enough to pull the builder's image over a slow line.
const CREATE_LIMIT_MS = 300_000
const REMOVE_LIMIT_MS = 60_000

/**
 * The builder for a build: the named one as it is; the current one when it can export an OCI layout; else a new one of
 * the driver `docker-container`, which post removes.
 * Throws `BUILDER_MISSING` saying what is missing (docker, buildx, the engine, the named builder, its ability to
 * export), `RATE_LIMITED` when the image of the new builder is refused for the pull limit, `CANCELLED`.
 */
export async function chooseBuilder(build: BuildRequest, world: BuilderWorld): Promise<Builder> {
  const found = await inspectBuilder(build.builder, world)
  const { name, driver } = found
  const called = build.builder === '' ? `the current builder ${name}` : `the builder ${name}`
  if (found.trouble !== '') throw missing(`looking at ${called}: ${found.trouble}`)
  if (driver !== 'docker') return { name, driver, created: false, why: `${called} (${driver})` }
  if (await hasContainerdStore(name, world)) {
    return { name, driver, created: false, why: `${called}: its engine keeps images in containerd` }
  }
  if (build.builder !== '') {
    throw missing(`${called} cannot export an OCI layout: its engine does not keep images in containerd`, NAMED_HINT)
  }
  return createBuilder(build.buildkitImage, world)
}

const NAMED_HINT = 'Leave `builder` empty to have one created, or name one of the driver docker-container.'

async function inspectBuilder(name: string, { exec, env }: BuilderWorld): Promise<Inspected> {
  const args = ['buildx', 'inspect', ...(name === '' ? [] : [name])]
  const ended = await exec({ program: 'docker', args, env, timeoutMs: INSPECT_LIMIT_MS })
  const doing = name === '' ? 'looking for a builder' : `looking for the builder ${plainLine(name)}`
  if (ended.kind === 'exited' && ended.code === 0) return readInspect(ended.stdout)
  throw inspectError(ended, doing)
}

function inspectError(ended: Ended, doing: string): LadingError {
  if (ended.kind === 'absent') return missing(`${doing}: there is no program docker on PATH`)
  if (ended.kind === 'stopped') return stopped(doing, ended.why)
  const said = lastLine(ended.stderr) || lastLine(ended.stdout)
  // Without the plugin, old and new versions of docker word it differently.
  if (/not a docker command|unknown command/i.test(ended.stderr)) {
    return missing(`${doing}: docker has no plugin buildx`, 'Install the buildx plugin of docker on this runner.')
  }
  return missing(`${doing}: ${said || `docker buildx inspect ended with exit code ${ended.code}`}`)
}

/** Whether the engine behind a builder of the driver `docker` can export; such a builder has its context's name. */
async function hasContainerdStore(context: string, { exec, env }: BuilderWorld): Promise<boolean> {
  const args = ['--context', context, 'info', '--format', '{{json .DriverStatus}}']
  const ended = await exec({ program: 'docker', args, env, timeoutMs: INFO_LIMIT_MS })
  const doing = `asking the engine of ${context} how it keeps images`
  if (ended.kind === 'stopped') throw stopped(doing, ended.why)
  if (ended.kind === 'exited' && ended.code === 0) return ended.stdout.includes('io.containerd.snapshotter.v1')
  throw missing(`${doing}: ${ended.kind === 'exited' ? lastLine(ended.stderr) : 'there is no program docker on PATH'}`)
}

async function createBuilder(image: string, world: BuilderWorld): Promise<Builder> {
  const name = `lading-${randomBytes(6).toString('hex')}`
  const why = `the current builder cannot export an OCI layout; ${name} is created from ${plainLine(image)} and removed afterwards`
  world.reporter.debug(why)
  // Said before it is done: a create that is cancelled half-way leaves a container behind.
  world.scratch.undoLater({ kind: 'builder', name, env: world.env })
  const ended = await world.exec({
    program: 'docker',
    args: createArguments(name, image, world.bases),
    env: world.env,
    timeoutMs: CREATE_LIMIT_MS,
    onLine: (line) => world.reporter.debug(logLine(line)),
  })
  if (ended.kind === 'exited' && ended.code === 0) return { name, driver: 'docker-container', created: true, why }
  // A failed bootstrap leaves the builder behind.
  await removeBuilder(name, world)
  throw createError(ended, image)
}

function createArguments(name: string, image: string, bases: Bases): string[] {
  const options = [`image=${image}`]
  // In a container of its own, loopback would be the container's.
  if (takesFromLoopback(image, bases)) options.push('network=host')
  const flags = options.flatMap((option) => ['--driver-opt', option])
  return ['buildx', 'create', '--name', name, '--driver', 'docker-container', ...flags, '--bootstrap']
}

function takesFromLoopback(image: string, bases: Bases): boolean {
  const references = [parseReference(image), ...(bases.known ? bases.images.map((base) => base.reference) : [])]
  return references.some((reference) => isLoopback(reference.registry))
}

/** Removes a builder of ours, its container and its cache. Never throws: post tries again. */
export async function removeBuilder(
  name: string,
  world: { readonly exec: Exec; readonly env: Variables },
): Promise<Ended> {
  const args = ['buildx', 'rm', '--force', name]
  return await world.exec({ program: 'docker', args, env: world.env, timeoutMs: REMOVE_LIMIT_MS })
}

function createError(ended: Ended, image: string): LadingError {
  const doing = `creating a builder from ${plainLine(image)}`
  if (ended.kind === 'stopped') return stopped(doing, ended.why)
  if (ended.kind === 'absent') return missing(`${doing}: there is no program docker on PATH`)
  const said = lastLine(ended.stderr) || `docker buildx create ended with exit code ${ended.code}`
  return hubLimitError(doing, [said]) ?? missing(`${doing}: ${said}`)
}

function stopped(doing: string, why: 'timeout' | 'cancelled'): LadingError {
  if (why === 'cancelled') return new LadingError('CANCELLED', `${doing}: the step was cancelled`)
  return missing(`${doing}: the Docker engine does not answer`)
}

function missing(message: string, hint?: string): LadingError {
  return new LadingError('BUILDER_MISSING', message, hint === undefined ? {} : { hint })
}

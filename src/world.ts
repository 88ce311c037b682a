import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { AwsAccess, Credential, Login, RegistrySettings } from './access.ts'
import type { AwsPolicy } from './aws/keys.ts'
import { makeDockerConfig, type Seed } from './build/docker-config.ts'
import { dockerEnvironment } from './build/docker-environment.ts'
import { openCache } from './cache/cache.ts'
import { openLayout } from './content/oci-layout.ts'
import { isTar, unpackLayout } from './content/oci-tar.ts'
import type { Layout } from './content/store.ts'
import { type EcrAccess, openEcrAccess } from './ecr-access.ts'
import type { Clock, Edges, Exec, Reporter, Scratch, Variables } from './edges.ts'
import { DOCKER_HUB } from './image/reference.ts'
import { certificateFolders, readCertificateFolders } from './net/certificate-folders.ts'
import { openDownloads } from './net/download.ts'
import { hostSettings, joinSettings } from './net/host-settings.ts'
import { type ProxySettings, readProxySettings, secretsOfProxies } from './net/proxy.ts'
import type { Send } from './net/send.ts'
import { openWire } from './net/wire.ts'
import { openCodeScanning } from './project/code-scanning.ts'
import { type HistoryOptions, openHistory } from './project/history.ts'
import { type DockerLogins, dockerLogins } from './registry/docker-logins.ts'
import { helperEnvironment } from './registry/helper-environment.ts'
import { openRegistries } from './registry/registries.ts'

/** What the edges are made of. */
export type Materials = {
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly reporter: Reporter
  readonly clock: Clock
  readonly exec: Exec
  readonly scratch: Scratch
  readonly signal: AbortSignal
  readonly project: Project
  readonly mask: (secret: string) => void
  readonly logins: readonly (Login & { readonly useGiven: boolean })[]
  readonly aws: AwsAccess
  readonly settings: readonly RegistrySettings[]
  readonly retries: number
  readonly parallel: number
  readonly release: string
  /** whether logins that docker keeps on this machine count too; default: they do */
  readonly machineLogins?: boolean
}

/** The repository of the run: where it lies, and where GitHub tells of it. */
export type Project = Pick<HistoryOptions, 'workspace' | 'searchPath' | 'api' | 'repository' | 'token'>

/** Everything the core may ask of the world, from the real one. */
export type World = { readonly edges: Edges; close(): Promise<void> }

/** How long requests may go on after a cancel, so that tags that are being moved are moved to the end. */
const LAST_REQUESTS_MS = 5000
/** Who lies beside us answers at once; where nobody does, that must cost no time. In milliseconds. */
const NEARBY_LIMITS = { connectMs: 1000, headMs: 2000, stallMs: 2000 }
/** Look-ups run wider than transfers; this bounds the sockets of both together. */
const LOOK_UP_SOCKETS = 32
/** As many small blobs as there are places for them beside each transfer. */
const SOCKETS_PER_TRANSFER = 4

export async function openWorld(materials: Materials): Promise<World> {
  const { reporter, clock, exec, scratch, signal, parallel } = materials
  const proxy = readProxySettings(materials.variables)
  const settings = await knownSettings(materials)
  for (const secret of waySecrets(proxy, settings)) materials.mask(secret)
  const docker = userLogins(materials)
  const logins = await Promise.all(materials.logins.map((login) => settled(login, docker)))
  const common = {
    userAgent: `lading/${materials.release}`,
    signal: after(signal, LAST_REQUESTS_MS),
    settings: (host: string) => hostSettings(settings, host),
  }
  const nearby = openWire({ ...common, proxy: { except: '' }, connections: 1, limits: NEARBY_LIMITS })
  const wire = openWire({
    ...common,
    proxy,
    connections:
      Math.max(parallel, ...settings.map((entry) => entry.parallel ?? 0)) * SOCKETS_PER_TRANSFER + LOOK_UP_SOCKETS,
  })
  const ecr = ecrOf(materials, { wire: wire.send, nearby: nearby.send })
  const remote = openRegistries({
    logins: [...logins, ...ecr.named],
    docker,
    unnamed: ecr.unnamed,
    creator: ecr.creator,
    settings,
    policy: {
      wire: wire.send,
      retries: materials.retries,
      parallel,
      signal,
      now: clock.now,
      sleep: clock.sleep,
      random: Math.random,
      debug: reporter.debug,
      warn: reporter.warn,
      mask: materials.mask,
      address: () => undefined,
    },
  })
  let environment: Promise<Variables> | undefined
  const edges: Edges = {
    reporter,
    clock,
    exec,
    scratch,
    stores: {
      remote,
      layout: (path) => layoutAt(path, scratch),
      download: downloadsOf(materials, wire.send),
      cache: cacheOf(materials, wire.send),
    },
    project: projectOf(materials, wire.send),
    docker(pulled) {
      environment ??= loggedIn(materials, { logins, docker, ecr, pulled })
      return environment
    },
  }
  return { edges, close: async () => void (await Promise.all([wire.close(), nearby.close()])) }
}

/**
 * A login for Docker Hub that does not say what it is for steps back behind the one that the machine has: hosted
 * runners bring one without a pull limit, and a plain login throws it away (tonistiigi/binfmt#237).
 */
async function settled(login: Login & { readonly useGiven: boolean }, docker: DockerLogins): Promise<Login> {
  const isOpen = login.registry === DOCKER_HUB && !login.useGiven
  return isOpen && (await docker.for(DOCKER_HUB)) !== undefined ? { ...login, use: 'push' } : login
}

/** The repository of the run, by one way to GitHub. */
function projectOf({ project, exec, signal, clock, reporter }: Materials, wire: Send): Edges['project'] {
  const { now, sleep } = clock
  const options = { ...project, exec, wire, signal, now, sleep, random: Math.random, debug: reporter.debug }
  return { history: openHistory(options), codeScanning: openCodeScanning(options) }
}

/** Whom AWS knows us as; the variables hold its keys, and stay with those who sign. */
function ecrOf(materials: Materials, ways: Pick<AwsPolicy, 'wire' | 'nearby'>): EcrAccess {
  const { aws, variables, retries, clock, reporter, mask, signal } = materials
  const { now, sleep } = clock
  const policy = { ...ways, variables, retries, now, sleep, random: Math.random, debug: reporter.debug, mask, signal }
  return openEcrAccess(aws, policy, reporter.notice)
}

function downloadsOf({ retries, clock, reporter }: Materials, wire: Send): Edges['stores']['download'] {
  const { now, sleep } = clock
  return openDownloads({ wire, retries, now, sleep, random: Math.random, debug: reporter.debug })
}

/** Among the variables is the token of the runner's services; it stays with the cache. */
function cacheOf({ variables, retries, clock, reporter, mask }: Materials, wire: Send): Edges['stores']['cache'] {
  const { now, sleep } = clock
  return openCache({ variables, wire, retries, now, sleep, random: Math.random, debug: reporter.debug, mask })
}

function userLogins({ variables, exec, mask, scratch, machineLogins = true }: Materials): DockerLogins {
  const authConfig = machineLogins ? variables['DOCKER_AUTH_CONFIG'] : undefined
  const directory = machineLogins ? dockerFolder(variables) : join(scratch.directory, 'no-logins')
  const env = { ...dockerEnvironment(variables), ...helperEnvironment(variables) }
  return dockerLogins({ directory, authConfig, exec, env, mask })
}

type Known = {
  readonly logins: readonly Login[]
  readonly docker: DockerLogins
  readonly ecr: EcrAccess
  readonly pulled: readonly string[]
}

/**
 * Logins that are made for the build: of the named ones the most general for each registry, as for other logins; then those
 * of registries that are pulled from and that nobody else logs in to. What the build may not need is no reason to fail.
 */
async function madeLogins(
  { reporter, aws }: Materials,
  { named, unnamed }: EcrAccess,
  others: readonly string[],
  pulled: readonly string[],
): Promise<readonly { readonly server: string; readonly credential: Credential }[]> {
  const own = named
    .filter(({ use }) => use !== 'push')
    .toSorted((one, other) => other.prefix.length - one.prefix.length)
  const asked = new Map(own.map(({ registry, mint }) => [registry, mint.get]))
  for (const registry of pulled.filter((registry) => !asked.has(registry))) {
    const mint = unnamed(registry, 'pull')?.mint
    if (mint === undefined || (others.includes(registry) && aws.tokens !== 'always')) continue
    asked.set(registry, () =>
      mint.get().catch((error: unknown) => {
        reporter.warn(
          `the build has no login to ${registry}: ${error instanceof Error ? error.message : String(error)}`,
        )
        return undefined
      }),
    )
  }
  const made = await Promise.all([...asked].map(async ([server, get]) => ({ server, credential: await get() })))
  return made.flatMap(({ server, credential }) => (credential === undefined ? [] : [{ server, credential }]))
}

/** The private configuration for programs, made when the first of them is about to run. */
async function loggedIn(materials: Materials, { logins, docker, ecr, pulled }: Known): Promise<Variables> {
  const { scratch, exec, clock, variables } = materials
  const known = await docker.all()
  const servers = new Set(known.map(({ server }) => server))
  const made = await madeLogins(materials, ecr, [...logins.map(({ registry }) => registry), ...servers], pulled)
  const seed = [...known, ...made].flatMap(({ server, credential }) => seedOf(server, credential))
  const user = { configDirectory: dockerFolder(variables), variables }
  return makeDockerConfig({ directory: scratch.directory, user, seed, logins, exec, clock })
}

function seedOf(server: string, credential: Credential): readonly Seed[] {
  switch (credential.kind) {
    case 'password':
      return [{ server, auth: Buffer.from(`${credential.username}:${credential.password}`).toString('base64') }]
    case 'identity-token':
      return [{ server, auth: '', identityToken: credential.token }]
    case 'registry-token':
      // Docker reads such a token, and no program of a build uses it.
      return []
  }
}

function dockerFolder(variables: Materials['variables']): string {
  const named = variables['DOCKER_CONFIG'] ?? ''
  return named === '' ? join(variables['HOME'] ?? homedir(), '.docker') : resolve(named)
}

async function layoutAt(path: string, scratch: Scratch): Promise<Layout> {
  if (!(await isTar(path))) return openLayout(path)
  const directory = join(scratch.directory, 'unpacked')
  await mkdir(directory, { mode: 0o700 })
  await unpackLayout(path, directory)
  return openLayout(directory)
}

/** What the user says of registries, and behind it what the machine holds. */
async function knownSettings({ settings, variables }: Materials): Promise<readonly RegistrySettings[]> {
  const home = variables['HOME'] ?? homedir()
  return joinSettings(settings, await readCertificateFolders(certificateFolders(home)))
}

/** What is secret about the ways, beside the logins. */
function waySecrets(proxy: ProxySettings, settings: readonly RegistrySettings[]): readonly string[] {
  // A log masks line by line, and the first and last line of a key are no secrets.
  const keys = settings.flatMap(({ client }) => client?.key.split(/\r?\n/) ?? [])
  const lines = keys.map((line) => line.trim()).filter((line) => line.length > 3 && !line.startsWith('-----'))
  return [...new Set([...secretsOfProxies(proxy), ...lines])]
}

/** A signal that follows another one a little later. */
function after(signal: AbortSignal, milliseconds: number): AbortSignal {
  const later = new AbortController()
  const follow = () => setTimeout(() => later.abort(signal.reason), milliseconds).unref()
  if (signal.aborted) follow()
  else signal.addEventListener('abort', follow, { once: true })
  return later.signal
}

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Credential, Login } from '../access.ts'
import type { Exec, Variables } from '../edges.ts'
import { LadingError } from '../error.ts'
import { DOCKER_HUB } from '../image/reference.ts'

/** Docker's name for Docker Hub in its configuration and for its helpers. An entry for `docker.io` is not used by it. */
export const HUB_SERVER = 'https://index.docker.io/v1/'

/** Where Docker keeps what it knows: read, never written. */
export type DockerLogins = {
  /** the login for a registry, `undefined` when there is none */
  for(registry: string): Promise<Credential | undefined>
  /** everything that can be found, by Docker's own server names */
  all(): Promise<readonly { readonly server: string; readonly credential: Credential }[]>
}

export type DockerSource = {
  /** the folder with `config.json` */
  readonly directory: string
  /** the value of DOCKER_AUTH_CONFIG, which goes before the file */
  readonly authConfig: string | undefined
  readonly exec: Exec
  /** environment for credential helpers */
  readonly env: Variables
  readonly mask: (secret: string) => void
}

/**
 * Reads the logins of Docker's configuration in its own order: DOCKER_AUTH_CONFIG, `credHelpers`, `credsStore`, `auths`
 * (docker/cli, `cli/config/configfile`). The file is read once, helpers are asked once for each registry.
 */
export function dockerLogins(source: DockerSource): DockerLogins {
  let config: Promise<DockerConfig> | undefined
  const found = new Map<string, Promise<Credential | undefined>>()

  const load = () => {
    config ??= readConfig(source)
    return config
  }
  const find = async (registry: string) => {
    const credential = await lookUp(await load(), registry, source)
    if (credential !== undefined) for (const secret of secretsIn(credential)) source.mask(secret)
    return credential
  }
  const lookUpOnce = (registry: string) => {
    const known = found.get(registry) ?? find(registry)
    found.set(registry, known)
    return known
  }

  return {
    for: lookUpOnce,
    async all() {
      const registries = await knownRegistries(await load(), source)
      const credentials = await Promise.all(registries.map(lookUpOnce))
      return registries.flatMap((registry, index) => {
        const credential = credentials[index]
        return credential === undefined ? [] : [{ server: serverName(registry), credential }]
      })
    },
  }
}

/** A secret and the form in which it travels. */
function secretsIn(credential: Credential): readonly string[] {
  if (credential.kind !== 'password') return [credential.token]
  return [credential.password, Buffer.from(`${credential.username}:${credential.password}`).toString('base64')]
}

/**
 * Which login to use for a repository: the user's own one with the longest prefix, else what Docker knows.
 * Someone who is refused stays refused: nothing falls back to anonymous.
 */
export function chooseLogin(
  logins: readonly Login[],
  registry: string,
  path: string,
  use: 'pull' | 'push',
): Login | undefined {
  return logins
    .filter(
      (login) =>
        login.registry === registry && (login.use === use || login.use === 'both') && isWithin(path, login.prefix),
    )
    .toSorted((one, other) => other.prefix.length - one.prefix.length)[0]
}

function isWithin(path: string, prefix: string): boolean {
  // Exact or followed by a slash: a prefix `acme` must not send its secret to `acme-evil/…`.
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`)
}

type Auths = Readonly<Record<string, Credential>>
type DockerConfig = {
  readonly fromVariable: Auths
  readonly auths: Auths
  readonly helpers: Readonly<Record<string, string>>
  readonly store: string
}

async function readConfig({ directory, authConfig }: DockerSource): Promise<DockerConfig> {
  const path = join(directory, 'config.json')
  const text = await readFile(path, 'utf8').catch(() => undefined)
  const file = text === undefined ? {} : parseConfig(text, path)
  const variable = authConfig === undefined || authConfig === '' ? {} : parseConfig(authConfig, 'DOCKER_AUTH_CONFIG')
  return {
    fromVariable: parseAuths(variable['auths']),
    auths: parseAuths(file['auths']),
    helpers: parseHelpers(file['credHelpers']),
    store: typeof file['credsStore'] === 'string' ? file['credsStore'] : '',
  }
}

async function lookUp(config: DockerConfig, registry: string, source: DockerSource): Promise<Credential | undefined> {
  const given = config.fromVariable[registry]
  if (given !== undefined) return given
  const helper = config.helpers[registry] ?? config.store
  if (helper !== '') {
    const answer = await askHelper(helper, serverName(registry), source)
    // With a store Docker looks no further; a helper of one registry has the last word for that registry.
    if (answer !== undefined || config.helpers[registry] !== undefined) return answer
  }
  return config.auths[registry]
}

async function knownRegistries(config: DockerConfig, source: DockerSource): Promise<readonly string[]> {
  const stored = config.store === '' ? [] : await listStore(config.store, source)
  const names = [config.fromVariable, config.helpers, config.auths].flatMap((part) => Object.keys(part))
  return [...new Set([...names, ...stored.map(registryName)])]
}

/** `docker-credential-NAME get`: the server on standard input, JSON on standard output (docker/docker-credential-helpers). */
async function askHelper(name: string, server: string, source: DockerSource): Promise<Credential | undefined> {
  const ended = await source.exec({
    program: helperProgram(name),
    args: ['get'],
    env: source.env,
    input: server,
    timeoutMs: 30_000,
  })
  if (ended.kind === 'absent') {
    throw new LadingError(
      'LOGIN_FAILED',
      `asking for the login of ${server}: the credential helper docker-credential-${name} is not on PATH`,
      {
        hint: 'Install the helper, or name the login in `registry-auth`.',
      },
    )
  }
  if (ended.kind === 'stopped') {
    if (ended.why === 'cancelled')
      throw new LadingError('CANCELLED', `asking docker-credential-${name}: the step was cancelled`)
    throw new LadingError('LOGIN_FAILED', `docker-credential-${name} did not answer within 30 s`)
  }
  if (ended.code !== 0) {
    const said = `${ended.stdout} ${ended.stderr}`.trim()
    if (/not found in native keychain|no credentials/i.test(said)) return undefined
    throw new LadingError(
      'LOGIN_FAILED',
      `docker-credential-${name} failed for ${server}: ${said.split('\n')[0]?.slice(0, 200) ?? ''}`,
    )
  }
  const json = parseConfig(ended.stdout, `docker-credential-${name}`)
  const { Username: username, Secret: secret } = json
  if (typeof secret !== 'string' || secret === '') return undefined
  // The helpers' protocol: this user name says that the secret is an identity token.
  if (username === '<token>') return { kind: 'identity-token', token: secret }
  return { kind: 'password', username: typeof username === 'string' ? username : '', password: secret }
}

async function listStore(name: string, source: DockerSource): Promise<readonly string[]> {
  const ended = await source.exec({
    program: helperProgram(name),
    args: ['list'],
    env: source.env,
    input: '',
    timeoutMs: 30_000,
  })
  if (ended.kind !== 'exited' || ended.code !== 0) return []
  return Object.keys(parseConfig(ended.stdout, `docker-credential-${name}`))
}

function helperProgram(name: string): string {
  // The name becomes a program: it must not be able to leave PATH.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw new LadingError(
      'LOGIN_FAILED',
      `the docker configuration names “${name.slice(0, 60)}” as a credential helper; that is no helper's name`,
    )
  }
  return `docker-credential-${name}`
}

function parseConfig(text: string, from: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? { ...json } : {}
  } catch {
    // The parser's own message quotes the text, and the text holds secrets.
    throw new LadingError('LOGIN_FAILED', `${from} is not JSON`, {
      hint: `Repair ${from}, or name the logins in \`registry-auth\`.`,
    })
  }
}

function parseAuths(value: unknown): Auths {
  if (typeof value !== 'object' || value === null) return {}
  const pairs = Object.entries(value).flatMap(([server, entry]: [string, unknown]) => {
    const credential = parseAuth(entry)
    return credential === undefined ? [] : [[registryName(server), credential] as const]
  })
  return Object.fromEntries(pairs)
}

function parseAuth(entry: unknown): Credential | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const field = (name: string): string => {
    const value: unknown = Reflect.get(entry, name)
    return typeof value === 'string' ? value : ''
  }
  if (field('identitytoken') !== '') return { kind: 'identity-token', token: field('identitytoken') }
  if (field('registrytoken') !== '') return { kind: 'registry-token', token: field('registrytoken') }
  // Old writers padded with NUL bytes (docker/cli, decodeAuth).
  const decoded = Buffer.from(field('auth'), 'base64').toString('utf8').replace(/\0+$/, '')
  const colon = decoded.indexOf(':')
  if (colon > 0) return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
  if (field('username') !== '') return { kind: 'password', username: field('username'), password: field('password') }
  return undefined
}

function parseHelpers(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {}
  const pairs = Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
  return Object.fromEntries(pairs.map(([server, helper]) => [registryName(server), helper]))
}

/** Old keys carry a scheme and a path; only the host counts (docker/cli, ConvertToHostname). */
function registryName(server: string): string {
  const host = server.replace(/^https?:\/\//, '').split('/')[0] ?? ''
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? DOCKER_HUB : host
}

function serverName(registry: string): string {
  return registry === DOCKER_HUB ? HUB_SERVER : registry
}

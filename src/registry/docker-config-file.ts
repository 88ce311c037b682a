import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Credential } from '../access.ts'
import { LadingError } from '../error.ts'
import { DOCKER_HUB } from '../image/reference.ts'

/** Docker's name for Docker Hub in its configuration and for its helpers. An entry for `docker.io` is not used by it. */
export const HUB_SERVER = 'https://index.docker.io/v1/'

/** Logins by registry, or by registry and path: `ghcr.io`, `ghcr.io/acme` (containers-auth.json(5)). */
type Auths = Readonly<Record<string, Credential>>

/** What of Docker's configuration is about logins. */
export type DockerConfig = {
  readonly fromVariable: Auths
  readonly auths: Auths
  readonly helpers: Readonly<Record<string, string>>
  readonly store: string
}

/**
 * Reads `config.json` of a folder, and the variable DOCKER_AUTH_CONFIG, which has the same form and goes before it.
 * Throws `LOGIN_FAILED` for what is no JSON; a file that is not there holds no logins.
 */
export async function readDockerConfig(directory: string, authConfig: string | undefined): Promise<DockerConfig> {
  const path = join(directory, 'config.json')
  const text = await readFile(path, 'utf8').catch(() => undefined)
  const file = text === undefined ? {} : parseSecretJson(text, path)
  const variable =
    authConfig === undefined || authConfig === '' ? {} : parseSecretJson(authConfig, 'DOCKER_AUTH_CONFIG')
  return {
    fromVariable: parseAuths(variable['auths']),
    auths: parseAuths(file['auths']),
    helpers: parseHelpers(file['credHelpers']),
    store: typeof file['credsStore'] === 'string' ? file['credsStore'] : '',
  }
}

function parseAuths(value: unknown): Auths {
  if (typeof value !== 'object' || value === null) return {}
  const pairs = Object.entries(value).flatMap(([server, entry]: [string, unknown]) => {
    const credential = parseAuth(entry)
    return credential === undefined ? [] : [[placeName(server), credential] as const]
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
export function registryName(server: string): string {
  const host = server.replace(/^https?:\/\//, '').split('/')[0] ?? ''
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? DOCKER_HUB : host
}

/** A key of `auths`. Docker's own keys have a scheme if they have a path (`https://host/v1/`); Podman's have none. */
function placeName(server: string): string {
  const [, host, path] = /^([^/:]+(?::\d+)?)\/(.+?)\/*$/.exec(server) ?? []
  if (host === undefined || path === undefined || /^v[12]$/.test(path)) return registryName(server)
  return `${registryName(host)}/${path}`
}

/** What Docker and its helpers call a registry. */
export function serverName(registry: string): string {
  return registry === DOCKER_HUB ? HUB_SERVER : registry
}

/** JSON that holds secrets: an error must not quote it. */
export function parseSecretJson(text: string, from: string): Readonly<Record<string, unknown>> {
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

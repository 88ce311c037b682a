import { Readable } from 'node:stream'
import type { Credential } from '../access.ts'
import { LadingError } from '../error.ts'
import { inWords, mayLeadTo, nearnessOf } from '../net/addresses.ts'
import { readBytes, readStart } from '../net/read.ts'
import type { Request, Response, Send } from '../net/send.ts'
import type { Challenge } from './challenge.ts'
import { isAbuseLimit } from './diagnosis.ts'
import { pushRemedy } from './remedy.ts'
import { formatScope, type Scope } from './scope.ts'

export type Token = {
  readonly text: string
  /** milliseconds since the epoch; renewed a little before */
  readonly expires: number
}

export type TokenRequest = {
  /** the registry whose challenge this is */
  readonly registry: { readonly name: string; readonly origin: URL }
  readonly challenge: Challenge | undefined
  readonly scopes: readonly Scope[]
  readonly credential: Credential | undefined
  readonly now: Date
}

/** The largest answer of a token service that is read, in bytes. */
const TOKEN_LIMIT = 64 * 1024
/** The distribution token spec: a token without `expires_in` lives 60 s. */
const DEFAULT_LIFE_S = 60
/** Servers give absurd lives; a day outlives every step. */
const LONGEST_LIFE_S = 24 * 3600

/**
 * Asks the token service that a challenge names. An identity token goes by POST (OAuth2), a password by GET with Basic,
 * which every token service understands; without credentials the request is anonymous.
 * Throws `LOGIN_FAILED` when the service refuses the login.
 */
export async function fetchToken(request: TokenRequest, send: Send): Promise<Token> {
  const realm = realmOf(request)
  const response = await send(tokenRequest(request, realm))
  if (response.status !== 200) throw await refused(request, realm, response)
  return parseToken(await readBytes(response, TOKEN_LIMIT), request)
}

/**
 * An answer with a token counts when it is whole: one that breaks off, in its bytes or in its JSON, is trouble of the
 * network and repeated as such. What is no JSON at all was meant so, and is handed on.
 */
export function withWholeTokens(send: Send): Send {
  return async (request) => {
    const response = await send(request)
    if (response.status !== 200) return response
    const bytes = await readBytes(response, TOKEN_LIMIT)
    refuseHalf(bytes, response.url)
    return { ...response, body: Readable.from([bytes]) }
  }
}

function refuseHalf(bytes: Uint8Array, { host }: URL): void {
  const text = new TextDecoder().decode(bytes)
  if (!text.trimStart().startsWith('{')) return
  try {
    JSON.parse(text)
  } catch (cause) {
    // With a cause, which is what makes it worth another attempt.
    throw new LadingError('REGISTRY_UNREACHABLE', `${host}: its answer breaks off in the middle`, { cause })
  }
}

/** Whether credentials of `origin` may go to a realm: over https, or where the registry itself is on this machine. */
function realmOf({ registry, challenge }: TokenRequest): URL {
  const text = challenge?.parameters['realm'] ?? ''
  const realm = URL.canParse(text, registry.origin.href) ? new URL(text, registry.origin) : undefined
  if (realm === undefined || !/^https?:$/.test(realm.protocol)) {
    throw new LadingError('LOGIN_FAILED', `${registry.name} names a token service that is no web address`)
  }
  const isSafe = realm.protocol === 'https:' || isNear(realm, registry.origin)
  if (!isSafe) {
    throw new LadingError(
      'LOGIN_FAILED',
      `${registry.name} sends logins to ${realm.origin} over plain http; the login was not sent`,
      {
        hint: 'Set the realm of the registry to https; no login is sent over plain http.',
      },
    )
  }
  if (!mayLeadTo(registry.origin, realm)) {
    throw new LadingError(
      'LOGIN_FAILED',
      `${registry.name} names a token service at ${inWords(realm)}; the login was not sent`,
      { hint: 'Set the realm of the registry to a host name that is known outside of its network.' },
    )
  }
  return realm
}

/** Over http a login goes to the own host of a registry that is insecure on purpose, and from this machine to itself. */
function isNear(realm: URL, origin: URL): boolean {
  if (nearnessOf(origin) === 'this machine') return nearnessOf(realm) === 'this machine'
  return origin.protocol === 'http:' && realm.hostname === origin.hostname
}

function tokenRequest(request: TokenRequest, realm: URL): Request {
  const { challenge, scopes, credential } = request
  const service = challenge?.parameters['service']
  if (credential?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credential.token,
      client_id: 'lading',
    })
    if (service !== undefined) form.set('service', service)
    form.set('scope', scopes.map(formatScope).join(' '))
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return {
      method: 'POST',
      url: realm,
      headers,
      body: { kind: 'bytes', bytes: form.toString() },
      repeatable: true,
      patienceMs: 30_000,
    }
  }
  const url = new URL(realm)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', formatScope(scope))
  const headers: Record<string, string> = credential?.kind === 'password' ? { authorization: basic(credential) } : {}
  return { method: 'GET', url, headers, patienceMs: 30_000 }
}

/** The value of an `Authorization` header for a user and a password. */
export function basic({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

async function refused(request: TokenRequest, realm: URL, response: Response): Promise<LadingError> {
  const { registry, credential, scopes } = request
  const start = (await readStart(response, 2048)).replace(/\s+/g, ' ')
  const said = start.slice(0, 300)
  const words = said === '' ? '' : `: ${said}`
  const isBusy = response.status === 429 || response.status >= 500
  // GHCR's abuse limit is a 403 that is about no right (its words may lie behind the part that we quote).
  if (isBusy || isAbuseLimit({ status: response.status, text: start })) {
    return new LadingError(
      'REGISTRY_BUSY',
      `asking ${realm.host} for a token for ${registry.name}: status ${response.status}${words}`,
    )
  }
  // The login is good and the right is not there: GHCR says so here already, others by what the token grants.
  if (response.status === 403 && credential !== undefined && scopes.some(({ actions }) => actions === 'pull,push')) {
    const message = `${registry.name} gives this login no token for ${scopes.map(formatScope).join(' ')} (status 403 of ${realm.host})${words}`
    return new LadingError('PUSH_DENIED', message, { hint: pushRemedy(registry.name) })
  }
  const who =
    credential === undefined
      ? 'an anonymous token'
      : `the login${credential.kind === 'password' ? ` of “${credential.username}”` : ''}`
  return new LadingError(
    'LOGIN_FAILED',
    `${registry.name} refuses ${who} (status ${response.status} of ${realm.host})${words}`,
  )
}

function parseToken(bytes: Uint8Array, { registry, now }: TokenRequest): Token {
  const json = parseJson(bytes)
  const text = stringIn(json, 'token') ?? stringIn(json, 'access_token')
  if (text === undefined)
    throw new LadingError('LOGIN_FAILED', `the token service of ${registry.name} answered without a token`)
  const life = numberIn(json, 'expires_in') ?? DEFAULT_LIFE_S
  return { text, expires: now.getTime() + 1000 * Math.min(Math.max(life, DEFAULT_LIFE_S), LONGEST_LIFE_S) }
}

function parseJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof json === 'object' && json !== null ? { ...json } : {}
  } catch {
    return {}
  }
}

function stringIn(json: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = json[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function numberIn(json: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = json[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

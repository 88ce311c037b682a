import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { type Answer, answerJson, refuse } from './answer.ts'
import type { Call } from './call.ts'
import { basicCredentials, grantsOf, isUser, type Scope, type User } from './user.ts'

export type { Scope } from './user.ts'

export type TokenAuth = {
  readonly kind: 'token'
  readonly users: Readonly<Record<string, User>>
  /** What a caller without credentials gets. Default: `none`, which is 401. */
  readonly anonymous?: 'pull' | 'none'
  /** Life of a token in seconds; a fraction makes short tests. Default: 300. */
  readonly expiresIn?: number
  /** A token that says nothing to its reader. Default: false, a JWT whose payload carries `access`. */
  readonly opaque?: boolean
  /** `elsewhere` is the second host (GitLab, Docker Hub); any other text is taken as it is. Default: `here`. */
  readonly realm?: string
  /** Refresh tokens and the user that each stands for. */
  readonly identityTokens?: Readonly<Record<string, string>>
  /** The right to cancel an upload: `distribution` asks for `delete`. Default: `push`. */
  readonly cancelNeeds?: 'push' | 'delete'
}

export type TokenService = {
  readonly issue: (call: Call) => Promise<Answer>
  /** What a token is good for; `undefined` when it is not ours or its time is over. */
  readonly accessOf: (token: string) => readonly Scope[] | undefined
  readonly realm: (call: Call) => string
  readonly name: (call: Call) => string
  /** Ends the life of every token that was issued so far. */
  readonly expireAll: () => void
}

type Issued = { readonly access: readonly Scope[]; readonly expires: number }

export function tokenService(auth: TokenAuth, elsewhere: () => string): TokenService {
  const issued = new Map<string, Issued>()
  const secret = randomBytes(32)

  async function issue(call: Call): Promise<Answer> {
    const request = await readRequest(call)
    if (request === 'unsupported') return refuse('UNSUPPORTED')
    const caller = callerOf(auth, request)
    if (caller === 'stranger') return refuse('UNAUTHORIZED', { headers: basicChallenge })
    const access = request.scopes.map((scope) => ({ ...scope, actions: grantedTo(caller, scope) }))
    const seconds = auth.expiresIn ?? 300
    const claims = claimsOf({ access, seconds, subject: caller?.name ?? '', service: request.service })
    const token = auth.opaque ? randomBytes(24).toString('base64url') : jwt(claims, secret)
    issued.set(token, { access, expires: Date.now() + seconds * 1000 })
    const about = { access_token: token, expires_in: seconds, issued_at: new Date().toISOString() }
    // OAuth2 knows only `access_token`; the older GET says both.
    return answerJson(200, call.method === 'GET' ? { token, ...about } : { ...about, scope: scopeText(access) })
  }

  return {
    issue,
    accessOf(token) {
      const found = issued.get(token)
      return found && found.expires > Date.now() ? found.access : undefined
    },
    realm: ({ url }) => realmOf(auth.realm ?? 'here', url.origin, elsewhere()),
    name: ({ url }) => url.host,
    expireAll: () => issued.clear(),
  }
}

export function holds(access: readonly Scope[], { type, name, actions }: Scope): boolean {
  const held = access.filter((scope) => scope.type === type && scope.name === name).flatMap((scope) => scope.actions)
  return actions.every((action) => held.includes(action))
}

const basicChallenge = { 'www-authenticate': 'Basic realm="token service"' }

type Login =
  | { readonly by: 'nobody' }
  | { readonly by: 'password'; readonly name: string; readonly password: string }
  | { readonly by: 'refresh'; readonly token: string }
  | { readonly by: 'garbage' }

type TokenRequest = { readonly login: Login; readonly scopes: readonly Scope[]; readonly service: string }

async function readRequest(call: Call): Promise<TokenRequest | 'unsupported'> {
  if (call.method === 'GET') return getRequest(call)
  if (call.method !== 'POST') return 'unsupported'
  const form = new URLSearchParams(await textOf(call))
  return { login: formLogin(form), scopes: parseScopes(form), service: form.get('service') ?? '' }
}

function getRequest({ url: { searchParams }, headers: { authorization } }: Call): TokenRequest {
  const request = { scopes: parseScopes(searchParams), service: searchParams.get('service') ?? '' }
  if (authorization === undefined) return { ...request, login: { by: 'nobody' } }
  const credentials = basicCredentials(authorization)
  return { ...request, login: credentials ? { by: 'password', ...credentials } : { by: 'garbage' } }
}

async function textOf({ body }: Call): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function formLogin(form: URLSearchParams): Login {
  const kind = form.get('grant_type')
  if (kind === 'refresh_token') return { by: 'refresh', token: form.get('refresh_token') ?? '' }
  if (kind !== 'password') return { by: 'garbage' }
  return { by: 'password', name: form.get('username') ?? '', password: form.get('password') ?? '' }
}

// Several `scope` parameters in a GET, one joined by spaces in a POST.
function parseScopes(parameters: URLSearchParams): Scope[] {
  return parameters
    .getAll('scope')
    .flatMap((joined) => joined.split(' '))
    .map((text) => /^([^:]+):(.+):([^:]*)$/.exec(text))
    .filter((match) => match !== null)
    .map(([, type = '', name = '', actions = '']) => ({ type, name, actions: actions.split(',').filter(Boolean) }))
}

type Caller = { readonly name: string; readonly user: User }

/** `undefined` is an anonymous caller. */
function callerOf(auth: TokenAuth, { login }: TokenRequest): Caller | undefined | 'stranger' {
  if (login.by === 'nobody') return auth.anonymous === 'pull' ? undefined : 'stranger'
  if (login.by === 'garbage') return 'stranger'
  const name = login.by === 'password' ? login.name : (auth.identityTokens?.[login.token] ?? '')
  const known = login.by === 'refresh' ? Object.hasOwn(auth.users, name) : isUser(auth.users, login)
  const user = auth.users[name]
  return known && user ? { name, user } : 'stranger'
}

function grantedTo(caller: Caller | undefined, scope: Scope): readonly string[] {
  return caller ? grantsOf(caller.user, scope) : scope.actions.filter((action) => action === 'pull')
}

type About = {
  readonly access: readonly Scope[]
  readonly seconds: number
  readonly subject: string
  readonly service: string
}

function claimsOf({ access, seconds, subject, service }: About): object {
  const now = Math.floor(Date.now() / 1000)
  const times = { nbf: now, iat: now, exp: Math.ceil(now + seconds) }
  return { iss: 'in-process registry', sub: subject, aud: service, ...times, jti: randomUUID(), access }
}

function jwt(claims: object, secret: Uint8Array): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ typ: 'JWT', alg: 'HS256' })}.${part(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

function scopeText(access: readonly Scope[]): string {
  return access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ')
}

function realmOf(realm: string, here: string, elsewhere: string): string {
  if (realm === 'here') return `${here}/token`
  return realm === 'elsewhere' ? `${elsewhere}/token` : realm
}

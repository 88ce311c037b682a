import { type Answer, type Refusal, refuse } from './answer.ts'
import type { Call, Handle } from './call.ts'
import type { Route, Step } from './route.ts'
import { holds, type Scope, type TokenAuth, type TokenService } from './token-service.ts'
import { basicCredentials, grantsOf, isUser, type User } from './user.ts'

export type AuthOption =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly users: Readonly<Record<string, User>> }
  | TokenAuth

/**
 * Lets a call through when its credentials cover what its route needs. The token end point guards itself, and the
 * second host takes signed URLs instead of credentials.
 */
export function withAuth(auth: AuthOption, service: TokenService, next: Handle): Handle {
  return async (call) => {
    if (call.origin === 'storage' && call.route.step !== 'token') return signedOnly(call) ?? next(call)
    if (auth.kind === 'none' || call.route.step === 'token') return next(call)
    const needed = scopesNeeded(call.route, auth)
    const problem = auth.kind === 'basic' ? basicProblem(auth.users, call, needed) : tokenProblem(service, call, needed)
    return problem ?? next(call)
  }
}

// What S3 answers to a client that carries the registry's credentials along to a signed URL.
function signedOnly({ headers, route }: Call): Answer | undefined {
  if (!signedSteps.includes(route.step)) return refuse('DENIED')
  if (headers.authorization === undefined) return undefined
  return refuse('UNSUPPORTED', { status: 400, message: 'InvalidArgument: Only one auth mechanism allowed' })
}

const signedSteps: readonly Step[] = [
  'blob-head',
  'blob-get',
  'upload-patch',
  'upload-put',
  'upload-status',
  'upload-cancel',
]

// `distribution` asks for pull,push on every POST, PUT and PATCH, and for pull on the source of a mount.
function scopesNeeded(route: Route, auth: AuthOption): Scope[] {
  if (route.step === 'catalog') return [{ type: 'registry', name: 'catalog', actions: ['*'] }]
  if (!('repository' in route)) return []
  const scope = { type: 'repository', name: route.repository, actions: actionsNeeded(route, auth) }
  if (route.step !== 'mount' || route.from === undefined) return [scope]
  return [scope, { type: 'repository', name: route.from, actions: ['pull'] }]
}

function actionsNeeded({ step }: Route, auth: AuthOption): string[] {
  if (step === 'manifest-delete' || step === 'blob-delete') return ['delete']
  if (step === 'upload-cancel' && auth.kind === 'token' && auth.cancelNeeds === 'delete') return ['delete']
  const pulls = ['manifest-head', 'manifest-get', 'blob-head', 'blob-get', 'tags', 'referrers', 'upload-status']
  return pulls.includes(step) ? ['pull'] : ['pull', 'push']
}

function basicProblem(users: Readonly<Record<string, User>>, call: Call, needed: readonly Scope[]): Answer | undefined {
  const credentials = basicCredentials(call.headers.authorization)
  const user = credentials && isUser(users, credentials) ? users[credentials.name] : undefined
  if (!user) return unauthorized('Basic realm="in-process registry"', needed)
  const granted = needed.every((scope) => scope.actions.every((action) => grantsOf(user, scope).includes(action)))
  return granted ? undefined : refuse('DENIED', { detail: needed })
}

function tokenProblem(service: TokenService, call: Call, needed: readonly Scope[]): Answer | undefined {
  const challenge = challengeFor(service, call, needed)
  const [, token] = /^Bearer (.+)$/i.exec(call.headers.authorization ?? '') ?? []
  if (token === undefined) return unauthorized(challenge, needed)
  const access = service.accessOf(token)
  if (!access) return unauthorized(`${challenge},error="invalid_token"`, needed)
  return needed.every((scope) => holds(access, scope))
    ? undefined
    : unauthorized(`${challenge},error="insufficient_scope"`, needed)
}

function challengeFor(service: TokenService, call: Call, needed: readonly Scope[]): string {
  const scope = needed.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ')
  const parts = [`realm="${service.realm(call)}"`, `service="${service.name(call)}"`]
  return `Bearer ${[...parts, ...(scope === '' ? [] : [`scope="${scope}"`])].join(',')}`
}

function unauthorized(challenge: string, needed: readonly Scope[]): Answer {
  const refusal: Refusal = { detail: needed, headers: { 'www-authenticate': challenge } }
  return refuse('UNAUTHORIZED', refusal)
}

/**
 * What a token is asked for: one repository and what we want to do there, or the list of all repositories. `delete` is
 * asked for nothing but a deletion that was refused without it: Quay gives no token at all for it.
 */
export type Scope =
  | { readonly path: string; readonly actions: 'pull' | 'pull,push' | 'pull,push,delete' }
  | typeof CATALOG

/** The right to list the repositories of a registry (distribution, `registry/handlers/app.go`). */
export const CATALOG = { path: 'catalog', actions: '*' } as const

/** As the distribution token spec writes it. */
export function formatScope({ path, actions }: Scope): string {
  return `${actions === '*' ? 'registry' : 'repository'}:${path}:${actions}`
}

/**
 * What a token grants for a repository, when it tells: a JWT with the claim `access` of the distribution token spec.
 * The signature is not checked; the registry does that, we only want to know early.
 * `undefined`: the token is opaque to us.
 */
export function grantedActions(token: string, path: string): readonly string[] | undefined {
  const access = accessClaim(token)
  if (access === undefined) return undefined
  return access.filter((entry) => entry.type === 'repository' && entry.name === path).flatMap((entry) => entry.actions)
}

type Access = { readonly type: unknown; readonly name: unknown; readonly actions: readonly string[] }

function accessClaim(token: string): readonly Access[] | undefined {
  const [, payload, signature] = token.split('.')
  if (payload === undefined || signature === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    if (typeof claims !== 'object' || claims === null || !('access' in claims) || !Array.isArray(claims.access))
      return undefined
    return claims.access.map(toAccess)
  } catch {
    return undefined
  }
}

function toAccess(entry: unknown): Access {
  if (typeof entry !== 'object' || entry === null) return { type: undefined, name: undefined, actions: [] }
  const actions = 'actions' in entry && Array.isArray(entry.actions) ? entry.actions.map(String) : []
  return {
    type: 'type' in entry ? entry.type : undefined,
    name: 'name' in entry ? entry.name : undefined,
    actions,
  }
}

import type { Catalog, CatalogQuestion } from '../edges.ts'
import { LadingError } from '../error.ts'
import { isPath } from '../image/reference.ts'
import { listNames } from './name-list.ts'
import { CATALOG } from './scope.ts'
import type { Site } from './site.ts'

const HINT = 'Name the repositories one by one: this registry does not list them, or not for this login.'

/**
 * The repositories of a registry, by `/v2/_catalog` (docs.docker.com, "HTTP API V2", "Listing Repositories"). The
 * distribution spec has no such list, and large registries do not have it either; so that it is not there is an error,
 * and not an empty registry.
 */
export async function listRepositories(site: Site, { limit, match }: CatalogQuestion): Promise<Catalog> {
  const { connection, meter } = site
  try {
    const { names, isWhole } = await listNames(site, {
      kind: 'repositories',
      of: connection.registry,
      url: (size) => new URL(`/v2/_catalog${size === undefined ? '' : `?n=${size}`}`, connection.origin),
      send: connection.open([CATALOG], meter),
      limit,
      isName: isPath,
      match: match ?? (() => true),
      absent: 'no list',
    })
    return { repositories: names, isWhole }
  } catch (thrown) {
    throw withHint(thrown)
  }
}

/** A registry without the list, or one that keeps it to itself, is asked for in vain with any login. */
function withHint(thrown: unknown): unknown {
  if (!(thrown instanceof LadingError)) return thrown
  const { code, message, cause } = thrown
  if (code === 'SOURCE_MISSING') return new LadingError('REGISTRY_UNREACHABLE', message, { hint: HINT, cause })
  return code === 'LOGIN_FAILED' || code === 'PUSH_DENIED'
    ? new LadingError('LOGIN_FAILED', message, { hint: HINT, cause })
    : thrown
}

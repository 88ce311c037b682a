type Variables = Readonly<Record<string, string | undefined>>

/** Where the cache of the repository's jobs is, as the runner tells. */
export type Place = {
  /** which of the two languages is spoken there */
  readonly dialect: 'v1' | 'v2'
  /** ends in a slash; its path may be a secret */
  readonly base: URL
  /** goes to the origin of `base` and nowhere else; may be empty */
  readonly token: string
  readonly mayRead: boolean
  readonly mayWrite: boolean
}

/**
 * The cache of this run, or why there is none. Runners name a service of the second version, or one of the first (GitHub
 * Enterprise Server, act, Gitea). A server of one's own may announce the second and not have it, so there the first goes
 * before; this, and the words of ACTIONS_CACHE_MODE, are as in @actions/cache 6.3 (`lib/internal/config.js`).
 */
export function placeOf(variables: Variables): Place | string {
  const text = (name: string) => (variables[name] ?? '').trim()
  const [first, second] = [text('ACTIONS_CACHE_URL'), text('ACTIONS_RESULTS_URL')]
  const isSecond = text('ACTIONS_CACHE_SERVICE_V2') !== '' && second !== ''
  const dialect = isSecond && (first === '' || isGitHub(text('GITHUB_SERVER_URL'))) ? 'v2' : 'v1'
  const base = baseOf(dialect === 'v2' ? second : first)
  if (base === undefined) return 'the runner names no service for it'
  const mode = text('ACTIONS_CACHE_MODE').toLowerCase()
  return {
    dialect,
    base,
    token: text('ACTIONS_RUNTIME_TOKEN'),
    // A word that nobody knows forbids nothing.
    mayRead: mode !== 'none' && mode !== 'write-only',
    mayWrite: mode !== 'none' && mode !== 'read',
  }
}

function baseOf(text: string): URL | undefined {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined
  return new URL(`${url.origin}${url.pathname.replace(/\/*$/, '/')}`)
}

function isGitHub(server: string): boolean {
  const host = URL.parse(server === '' ? 'https://github.com' : server)?.hostname ?? ''
  return host === 'github.com' || host.endsWith('.ghe.com') || host.endsWith('.localhost')
}

import type { Variables } from '../edges.ts'

const NAMES = new Set([
  'PATH',
  'HOME',
  'LANG',
  'TMPDIR',
  'SSH_AUTH_SOCK',
  'SOURCE_DATE_EPOCH',
  'DOCKER_HOST',
  'DOCKER_CONTEXT',
  'DOCKER_TLS',
  'DOCKER_TLS_VERIFY',
  'DOCKER_CERT_PATH',
  'DOCKER_API_VERSION',
  'DOCKER_BUILDKIT',
  'DOCKER_DEFAULT_PLATFORM',
  // Go's own way to name certificate authorities; buildx asks token services itself.
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
])
const PREFIXES = ['LC_', 'XDG_', 'BUILDX_', 'BUILDKIT_']
// Programs read proxies in both spellings.
const PROXY = /^(?:HTTP|HTTPS|ALL|FTP|NO)_PROXY$/i

/**
 * What `docker` and its plugins may see of a step's environment, by name: everything else stays away from programs that
 * the user's repository steers, above all inputs, job tokens and `DOCKER_AUTH_CONFIG`.
 */
export function dockerEnvironment(variables: Readonly<Record<string, string | undefined>>): Variables {
  const allowed = Object.entries(variables).flatMap(([name, value]) =>
    value !== undefined && isAllowed(name) ? [[name, value] as const] : [],
  )
  return Object.fromEntries(allowed)
}

function isAllowed(name: string): boolean {
  return NAMES.has(name) || PROXY.test(name) || PREFIXES.some((prefix) => name.startsWith(prefix))
}

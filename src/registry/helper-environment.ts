import type { Variables } from '../edges.ts'

/**
 * Where helpers find what they guard: pass and gpg, the desktop's key ring, and the identities of AWS, Google Cloud and
 * Azure, from which their helpers make logins (amazon-ecr-credential-helper, docker-credential-gcr,
 * docker-credential-acr-env).
 */
const NAMES = new Set(['GNUPGHOME', 'DBUS_SESSION_BUS_ADDRESS'])
const PREFIXES = ['PASSWORD_STORE_', 'AWS_', 'GOOGLE_', 'CLOUDSDK_', 'AZURE_']

/**
 * What a credential helper may see of a step's environment beyond what docker may see. It is the user of the machine who
 * chose the helper; still, inputs and tokens of the job are none of its business.
 */
export function helperEnvironment(variables: Readonly<Record<string, string | undefined>>): Variables {
  const allowed = Object.entries(variables).flatMap(([name, value]) =>
    value !== undefined && isAllowed(name) ? [[name, value] as const] : [],
  )
  return Object.fromEntries(allowed)
}

function isAllowed(name: string): boolean {
  return NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix))
}

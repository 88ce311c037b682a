import type { RegistrySettings } from '../access.ts'
import { LadingError } from '../error.ts'
import { DOCKER_HUB } from '../image/reference.ts'

/** How one host is reached. */
export type HostSettings = {
  /** PEM text of certificate authorities beside the system's */
  readonly ca?: string
  /** PEM text: who we are, for a host that asks for it in TLS */
  readonly client?: { readonly cert: string; readonly key: string }
  /** the certificate is not checked */
  readonly unchecked?: boolean
}

/**
 * What is said of this very host and port; else of its name, for the token service of a registry is often a neighbour.
 * The one place that every request goes by, whether to a registry, its token service or where it redirects.
 * Throws `TLS_FAILED` for a host whose certificates lie there and cannot be read.
 */
export function hostSettings(settings: readonly RegistrySettings[], host: string): HostSettings {
  const neighbours = settings.filter(({ registry }) => nameOf(registry) === nameOf(host))
  const exact = neighbours.filter(({ registry }) => registry === host)
  const own = exact.length > 0 ? exact : neighbours
  const trouble = own.find((entry) => entry.trouble !== undefined)?.trouble
  if (trouble !== undefined) throw unreadable(host, trouble)
  const authorities = [...new Set(own.flatMap(({ ca }) => ca ?? []))]
  const client = own.find((entry) => entry.client !== undefined)?.client
  return {
    ...(authorities.length === 0 ? {} : { ca: authorities.join('\n') }),
    ...(client === undefined ? {} : { client }),
    // A host whose certificate is to be checked must not lose that by an insecure neighbour.
    unchecked: own.length > 0 && own.every(({ insecure }) => insecure),
  }
}

/**
 * What the machine says of registries, behind what the user says in `registry-config`: there an authority is one more, and
 * a client certificate is the user's own if he names one.
 */
export function joinSettings(
  named: readonly RegistrySettings[],
  found: readonly RegistrySettings[],
): readonly RegistrySettings[] {
  const joined = named.map((entry) => {
    const machine = found.find(({ registry }) => registry === entry.registry)
    if (machine === undefined) return entry
    const authorities = [entry.ca, machine.ca].filter((ca) => ca !== undefined)
    const { trouble, ...usable } = machine
    // Who names certificates himself is past the machine's trouble with its own.
    const isMended = entry.ca !== undefined || entry.client !== undefined || trouble === undefined
    return {
      ...usable,
      ...(isMended ? {} : { trouble }),
      ...entry,
      ...(authorities.length === 0 ? {} : { ca: authorities.join('\n') }),
    }
  })
  const names = new Set(named.map(({ registry }) => registry))
  return [...joined, ...found.filter(({ registry }) => !names.has(registry))]
}

function nameOf(host: string): string {
  const name = host === 'registry-1.docker.io' || host === 'auth.docker.io' ? DOCKER_HUB : host
  return name.replace(/:\d+$/, '')
}

function unreadable(host: string, trouble: string): LadingError {
  return new LadingError('TLS_FAILED', `${host}: ${trouble}; nothing was sent`, {
    hint: `Make the file readable for the user of this job, or name another one in \`registry-config\` for ${host}.`,
  })
}

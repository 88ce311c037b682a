import type { Credential } from '../access.ts'
import type { Exec, Variables } from '../edges.ts'
import { askHelper, listHelper } from './credential-helper.ts'
import { type DockerConfig, readDockerConfig, registryName, serverName } from './docker-config-file.ts'

/** Where Docker keeps what it knows: read, never written. */
export type DockerLogins = {
  /** the login for a place, which is a registry or what `placeOf` says; `undefined` when there is none */
  for(place: string): Promise<Credential | undefined>
  /** Where the login for a repository is written down: the longest prefix of its name that has one, else its registry. */
  placeOf(registry: string, path: string): Promise<string>
  /** everything that can be found, by Docker's own server names */
  all(): Promise<readonly { readonly server: string; readonly credential: Credential }[]>
}

export type DockerSource = {
  /** the folder with `config.json` */
  readonly directory: string
  /** the value of DOCKER_AUTH_CONFIG, which goes before the file */
  readonly authConfig: string | undefined
  readonly exec: Exec
  /** environment for credential helpers */
  readonly env: Variables
  readonly mask: (secret: string) => void
}

/**
 * Reads the logins of Docker's configuration in its own order: DOCKER_AUTH_CONFIG, `credHelpers`, `credsStore`, `auths`
 * (docker/cli, `cli/config/configfile`). The file is read once, helpers are asked once for each registry.
 */
export function dockerLogins(source: DockerSource): DockerLogins {
  let config: Promise<DockerConfig> | undefined
  const found = new Map<string, Promise<Credential | undefined>>()

  const load = () => {
    config ??= readDockerConfig(source.directory, source.authConfig)
    return config
  }
  const find = async (registry: string) => {
    const credential = await lookUp(await load(), registry, source)
    if (credential !== undefined) for (const secret of secretsIn(credential)) source.mask(secret)
    return credential
  }
  const lookUpOnce = (registry: string) => {
    const known = found.get(registry) ?? find(registry)
    found.set(registry, known)
    return known
  }

  return {
    for: lookUpOnce,
    async placeOf(registry, path) {
      // What is wrong with the configuration is told by whoever needs a login.
      const config = await load().catch(() => undefined)
      const prefixes = prefixesOf(registry, path)
      return prefixes.find((place) => config?.fromVariable[place] ?? config?.auths[place]) ?? registry
    },
    async all() {
      const registries = await knownRegistries(await load(), source)
      const credentials = await Promise.all(registries.map(lookUpOnce))
      return registries.flatMap((registry, index) => {
        const credential = credentials[index]
        return credential === undefined ? [] : [{ server: serverName(registry), credential }]
      })
    },
  }
}

/** A secret and the form in which it travels. */
function secretsIn(credential: Credential): readonly string[] {
  if (credential.kind !== 'password') return [credential.token]
  return [credential.password, Buffer.from(`${credential.username}:${credential.password}`).toString('base64')]
}

/** `host/a/b`, `host/a`: all but the registry itself, longest first. */
function prefixesOf(registry: string, path: string): readonly string[] {
  const parts = path.split('/')
  return parts.map((_, index) => [registry, ...parts.slice(0, parts.length - index)].join('/'))
}

async function lookUp(config: DockerConfig, registry: string, source: DockerSource): Promise<Credential | undefined> {
  const given = config.fromVariable[registry]
  if (given !== undefined) return given
  // Helpers know registries and no paths.
  if (registry.includes('/')) return config.auths[registry]
  const helper = config.helpers[registry] ?? config.store
  if (helper !== '') {
    const answer = await askHelper(helper, serverName(registry), source)
    // With a store Docker looks no further; a helper of one registry has the last word for that registry.
    if (answer !== undefined || config.helpers[registry] !== undefined) return answer
  }
  return config.auths[registry]
}

async function knownRegistries(config: DockerConfig, source: DockerSource): Promise<readonly string[]> {
  const stored = config.store === '' ? [] : await listHelper(config.store, source)
  const names = [config.fromVariable, config.helpers, config.auths].flatMap((part) => Object.keys(part))
  return [...new Set([...names, ...stored.map(registryName)])]
}

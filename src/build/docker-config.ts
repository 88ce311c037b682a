import { access, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Login } from '../access.ts'
import type { Clock, Exec, Variables } from '../edges.ts'
import { dockerEnvironment } from './docker-environment.ts'
import { dockerLogin, dockerLogins } from './docker-login.ts'

/** What the user's own configuration resolved to for one server, credential helpers included. */
export type Seed = {
  /** as docker's configuration names it: `ghcr.io`, `https://index.docker.io/v1/` */
  readonly server: string
  /** base64 of `user:password`; may be empty beside an identity token */
  readonly auth: string
  readonly identityToken?: string
}

export type DockerConfigRequest = {
  /** where the private configuration is made; a folder of ours that is removed in post */
  readonly directory: string
  readonly user: {
    /** `~/.docker`, or what `DOCKER_CONFIG` names */
    readonly configDirectory: string
    readonly variables: Readonly<Record<string, string | undefined>>
  }
  readonly seed: readonly Seed[]
  readonly logins: readonly Login[]
  readonly exec: Exec
  readonly clock: Clock
}

const HUB_KEY = 'https://index.docker.io/v1/'
const HUB_NAMES = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'https://index.docker.io/v1'])
// In lower case: Go reads the keys of JSON in any case.
const CREDENTIAL_KEYS = new Set(['auths', 'credsstore', 'credhelpers'])
// RFC 2606, 2: no registry can ever have this name.
const NOBODY = 'lading.invalid'

/**
 * Makes a private configuration for `docker` and logs it in, and gives back the whole environment to run `docker` with.
 * The user's plugins, contexts and builders are found through it; his files are read and never written, but for the
 * notes that buildx keeps on the use of his builders.
 * Throws `LOGIN_FAILED`, `BUILDER_MISSING` (no `docker` to log in with), `CANCELLED`.
 */
export async function makeDockerConfig(request: DockerConfigRequest): Promise<Variables> {
  const { configDirectory, variables } = request.user
  const directory = join(request.directory, 'docker-config')
  await mkdir(directory, { mode: 0o700 })
  await writeConfig(join(directory, 'config.json'), await carriedOver(configDirectory), request.seed)
  await linkFolder('cli-plugins', configDirectory, directory)
  await linkFolder('contexts', configDirectory, directory)
  const env = {
    ...dockerEnvironment(variables),
    DOCKER_CONFIG: directory,
    BUILDX_CONFIG: variables['BUILDX_CONFIG'] || join(configDirectory, 'buildx'),
  }
  for (const login of dockerLogins(request.logins)) {
    await dockerLogin(login, { exec: request.exec, clock: request.clock, env })
  }
  return env
}

/** The user's settings without his credentials, and without the stores that a login would write to. */
async function carriedOver(configDirectory: string): Promise<Readonly<Record<string, unknown>>> {
  const config = await readFile(join(configDirectory, 'config.json'), 'utf8').then(parseObject, () => ({}))
  return Object.fromEntries(Object.entries(config).filter(([key]) => !CREDENTIAL_KEYS.has(key.toLowerCase())))
}

/** Like `docker`, which goes on without a configuration that it cannot read. */
function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
  } catch {
    return {}
  }
}

async function writeConfig(file: string, settings: object, seed: readonly Seed[]): Promise<void> {
  const auths = seed.map(({ server, auth, identityToken }) => [
    HUB_NAMES.has(server) ? HUB_KEY : server,
    { ...(auth === '' ? {} : { auth }), ...(identityToken === undefined ? {} : { identitytoken: identityToken }) },
  ])
  // With no entry at all `docker login` picks `pass` or `secretservice` when it finds them, and writes to the user's
  // own store (docker/cli, `config.LoadDefaultConfigFile`).
  const entries = auths.length === 0 ? [[NOBODY, {}]] : auths
  const text = JSON.stringify({ ...settings, auths: Object.fromEntries(entries) }, null, 2)
  await writeFile(file, text, { mode: 0o600, flag: 'wx' })
}

async function linkFolder(name: string, from: string, to: string): Promise<void> {
  const isThere = await access(join(from, name)).then(
    () => true,
    () => false,
  )
  if (isThere) await symlink(join(from, name), join(to, name))
}

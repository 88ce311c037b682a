import type { Credential, Login, RegistrySettings } from '../access.ts'
import type { Remote } from '../edges.ts'
import { formatRepository, type Repository } from '../image/reference.ts'
import { type Connection, openConnection, type Policy } from './connection.ts'
import type { DockerLogins } from './docker-logins.ts'
import { chooseLogin } from './login-choice.ts'
import { openRepository } from './repository.ts'

export type RegistriesOptions = {
  readonly logins: readonly Login[]
  readonly docker: DockerLogins
  readonly settings: readonly RegistrySettings[]
  readonly policy: Policy
}

/**
 * Opens repositories of any registry. Repositories that share registry and login share a connection: its tokens, its
 * limits, and the knowledge of where which blob is.
 */
export function openRegistries(options: RegistriesOptions): (repository: Repository, use: 'pull' | 'push') => Remote {
  const connections = new Map<string, Promise<Connection>>()
  const remotes = new Map<string, Remote>()

  async function connectionFor(repository: Repository, use: 'pull' | 'push'): Promise<Connection> {
    const login = chooseLogin(options.logins, repository.registry, repository.path, use)
    // By the login itself: one user may have a token for pulls and another one for pushes.
    const place = login === undefined ? await options.docker.placeOf(repository.registry, repository.path) : ''
    const key = `${repository.registry} ${login === undefined ? place : options.logins.indexOf(login)}`
    const known = connections.get(key) ?? connect(repository.registry, login, place)
    connections.set(key, known)
    return known
  }

  function connect(registry: string, login: Login | undefined, place: string): Promise<Connection> {
    const settings = options.settings.find((entry) => entry.registry === registry)
    const credential = async (): Promise<Credential | undefined> =>
      login === undefined
        ? options.docker.for(place)
        : { kind: 'password', username: login.username, password: login.password }
    const { policy } = options
    return openConnection(registry, settings, credential, {
      ...policy,
      parallel: settings?.parallel ?? policy.parallel,
    })
  }

  return (repository, use) => {
    const key = `${use} ${formatRepository(repository)}`
    const known =
      remotes.get(key) ??
      connectFirst(formatRepository(repository), async () => {
        return openRepository(repository, use, await connectionFor(repository, use))
      })
    remotes.set(key, known)
    return known
  }
}

/** A repository whose connection is made at the first request: nothing is looked up for what is never asked. */
function connectFirst(name: string, open: () => Promise<Remote>): Remote {
  let opened: Remote | undefined
  let opening: Promise<Remote> | undefined
  const remote = async (): Promise<Remote> => {
    opening ??= open()
    opened = await opening
    return opened
  }
  return {
    name,
    resolve: async (tagOrDigest) => (await remote()).resolve(tagOrDigest),
    fetch: async (descriptor) => (await remote()).fetch(descriptor),
    exists: async (descriptor, again) => (await remote()).exists(descriptor, again),
    push: async (descriptor, open, elsewhere) => (await remote()).push(descriptor, open, elsewhere),
    tag: async (manifest, tag) => (await remote()).tag(manifest, tag),
    tagAtOnce: async (manifest, tags) => (await remote()).tagAtOnce(manifest, tags),
    pushRight: async (question) => (await remote()).pushRight(question),
    pullLimit: async () => (await remote()).pullLimit(),
    listTags: async (question) => (await remote()).listTags(question),
    referrers: async (subject, artifactType) => (await remote()).referrers(subject, artifactType),
    listsReferrer: (manifest) => opened?.listsReferrer(manifest) ?? false,
    catalog: async (question) => (await remote()).catalog(question),
    deleteTag: async (tag) => (await remote()).deleteTag(tag),
    account: async () => (await remote()).account(),
    traffic: () => opened?.traffic() ?? { requests: {}, retries: 0 },
  }
}

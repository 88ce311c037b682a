import type { Login, LoginPlace, Mint, RegistrySettings } from '../access.ts'
import type { Remote } from '../edges.ts'
import { formatRepository, type Repository } from '../image/reference.ts'
import { type Connection, openConnection, type Policy } from './connection.ts'
import type { DockerLogins } from './docker-logins.ts'
import { chooseLogin } from './login-choice.ts'
import type { LoginSource } from './renewal.ts'
import { openRepository } from './repository.ts'

/** A login that the user named: with its secret, or one that is made when it is needed. */
export type NamedAccess = Login | (LoginPlace & { readonly mint: Mint })

export type RegistriesOptions = {
  readonly logins: readonly NamedAccess[]
  readonly docker: DockerLogins
  /** what makes logins for registries for which the user named none; default: nothing does */
  readonly unnamed?: (registry: string, use: 'pull' | 'push') => Unnamed | undefined
  /** what creates a repository that is missing; default: nothing does */
  readonly creator?: (repository: Repository) => (() => Promise<void>) | undefined
  readonly settings: readonly RegistrySettings[]
  readonly policy: Policy
}

/** A mint, and whether it goes before the logins that docker knows. */
export type Unnamed = {
  readonly mint: Mint
  /** tells mints of one registry apart: those who share a login share a connection */
  readonly who: string
  readonly isFirst: boolean
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
    const unnamed = login === undefined ? options.unnamed?.(repository.registry, use) : undefined
    const who = unnamed === undefined ? place : `${place} ${unnamed.who}`
    const key = `${repository.registry} ${login === undefined ? who : options.logins.indexOf(login)}`
    const known =
      connections.get(key) ??
      connect(repository.registry, login === undefined ? openUnnamed(place, unnamed) : accessOf(login))
    connections.set(key, known)
    return known
  }

  /** What docker knows, and what can be made. */
  function openUnnamed(place: string, unnamed: Unnamed | undefined): LoginSource {
    const known = () => options.docker.for(place)
    if (unnamed === undefined) return { credential: known }
    const { mint, isFirst } = unnamed
    const [first, second] = isFirst ? [mint.get, known] : [known, mint.get]
    return { credential: async () => (await first()) ?? second(), refuse: mint.refuse }
  }

  function connect(registry: string, access: LoginSource): Promise<Connection> {
    const settings = options.settings.find((entry) => entry.registry === registry)
    const { policy } = options
    return openConnection(registry, settings, access, {
      ...policy,
      parallel: settings?.parallel ?? policy.parallel,
    })
  }

  return (repository, use) => {
    const key = `${use} ${formatRepository(repository)}`
    const known =
      remotes.get(key) ??
      connectFirst(formatRepository(repository), async () => {
        const create = use === 'push' ? options.creator?.(repository) : undefined
        return openRepository(repository, use, await connectionFor(repository, use), create)
      })
    remotes.set(key, known)
    return known
  }
}

function accessOf(login: NamedAccess): LoginSource {
  if ('mint' in login) return { credential: login.mint.get, refuse: login.mint.refuse }
  const { username, password } = login
  return { credential: async () => ({ kind: 'password', username, password }) }
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

import type { AwsIdentity, Credential, Mint } from '../access.ts'
import { LadingError } from '../error.ts'
import { type EcrRegistry, parseEcr } from '../image/ecr-name.ts'
import type { Repository } from '../image/reference.ts'
import type { AwsService, Place } from './endpoints.ts'
import { openIdentities, type Search } from './identity.ts'
import { type AwsKeys, type AwsPolicy, RENEW_BEFORE_MS, renewed } from './keys.ts'
import { type Answer, callService, type Json, refusedBy, textOf } from './service.ts'

/** Whose login is made: that of an identity that the user named, or of whoever the job is, looked for like this. */
export type Who = AwsIdentity | Search

/** Logins to Amazon ECR and its repositories. */
export type Ecr = {
  /** The login to a registry by an identity; `undefined` for a registry that is none of ECR. */
  mint(registry: string, who: Who): Mint | undefined
  /**
   * Creates a repository of ECR; one that is there already is fine. Throws `LOGIN_FAILED` where nobody is known, and
   * `REPOSITORY_MISSING` where AWS does not let this identity create it.
   */
  create(repository: Repository, who: Who): Promise<void>
}

/** Tokens live for twelve hours ("GetAuthorizationToken"); one that is refused sooner than this was no good to begin with. */
const YOUNG_MS = 60_000

export function openEcr(policy: AwsPolicy): Ecr {
  const identities = openIdentities(policy)
  const mints = new Map<string, Mint>()

  function keysOf(who: Who, place: Place): Promise<AwsKeys | undefined> {
    return typeof who === 'string' ? identities.found(who, place) : identities.named(who, place)
  }

  return {
    mint(registry, who) {
      const ecr = parseEcr(registry)
      if (ecr === undefined) return undefined
      const key = `${registry} ${nameOf(who)}`
      const known = mints.get(key) ?? openMint(registry, { ecr, keys: () => keysOf(who, placeOf(ecr)) }, policy)
      mints.set(key, known)
      return known
    },
    async create({ registry, path }, who) {
      const ecr = parseEcr(registry)
      if (ecr === undefined) return
      const keys = await keysOf(who, placeOf(ecr))
      if (keys === undefined) throw nobody(`creating ${registry}/${path}`)
      await createRepository({ registry, path, ecr }, keys, policy)
    },
  }
}

function nobody(what: string): LadingError {
  return new LadingError('LOGIN_FAILED', `${what}: this job has no identity at AWS`, {
    hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a `role-to-assume` in `registry-auth`.',
  })
}

function nameOf(who: Who): string {
  if (typeof who === 'string') return who
  return who.kind === 'role' ? who.role : who.accessKeyId
}

function placeOf(ecr: EcrRegistry): Place {
  return { region: ecr.region, fips: ecr.kind === 'private' && ecr.fips }
}

function serviceOf({ kind }: EcrRegistry): Extract<AwsService, 'ecr' | 'ecr-public'> {
  return kind === 'public' ? 'ecr-public' : 'ecr'
}

type Minting = { readonly ecr: EcrRegistry; readonly keys: () => Promise<AwsKeys | undefined> }

/** A token of ECR, and when it came. */
type Minted = {
  readonly credential: Extract<Credential, { kind: 'password' }>
  readonly made: number
  /** milliseconds since the epoch */
  readonly expires: number
}

function openMint(registry: string, { ecr, keys }: Minting, policy: AwsPolicy): Mint {
  const refused = new Set<Credential>()
  let last: Minted | undefined
  const fetch = async (): Promise<Minted | undefined> => {
    const known = await keys()
    last = known === undefined ? undefined : await askToken(registry, { ecr, keys: known }, policy)
    return last
  }
  // Who is nobody stays nobody while the step runs.
  const get = renewed(
    fetch,
    (minted) => minted === undefined || (isFresh(minted, policy) && !refused.has(minted.credential)),
  )
  return {
    get: async () => (await get())?.credential,
    refuse(credential) {
      const isYoung = last !== undefined && policy.now().getTime() - last.made < YOUNG_MS
      if (!isYoung) refused.add(credential)
    },
  }
}

function isFresh({ expires }: Minted, { now }: AwsPolicy): boolean {
  return expires - RENEW_BEFORE_MS > now().getTime()
}

type Asking = { readonly ecr: EcrRegistry; readonly keys: AwsKeys }

async function askToken(registry: string, { ecr, keys }: Asking, policy: AwsPolicy): Promise<Minted> {
  const what = `asking AWS for a login to ${registry}`
  // The token of an identity opens the registries of all accounts that let it in; the one that is wanted need not be told.
  const call = { service: serviceOf(ecr), place: placeOf(ecr), action: 'GetAuthorizationToken', input: {} }
  const answer = await callService(call, keys, policy)
  if (answer.kind === 'error') throw refusedBy(what, answer, tokenHint(answer.code, ecr))
  const { authorizationToken, expiresAt } = dataIn(answer.json)
  policy.mask(authorizationToken)
  const [, username, password] =
    /^([^:]+):(.+)$/s.exec(Buffer.from(authorizationToken, 'base64').toString('utf8')) ?? []
  if (username === undefined || password === undefined) {
    throw new LadingError('LOGIN_FAILED', `${what}: the answer has no token`)
  }
  policy.mask(password)
  const made = policy.now().getTime()
  return { credential: { kind: 'password', username, password }, made, expires: expiresAt ?? made + LIFE_MS }
}

/** "GetAuthorizationToken": valid for twelve hours. */
const LIFE_MS = 12 * 3600_000

/** ECR gives a list with one entry, ECR Public the entry itself. Times are seconds since the epoch. */
function dataIn(json: Json): { readonly authorizationToken: string; readonly expiresAt: number | undefined } {
  const given = json['authorizationData']
  const entry: unknown = Array.isArray(given) ? given[0] : given
  const data: Json = typeof entry === 'object' && entry !== null ? { ...entry } : {}
  const seconds = data['expiresAt']
  const isTime = typeof seconds === 'number' && Number.isFinite(seconds)
  return { authorizationToken: textOf(data['authorizationToken']), expiresAt: isTime ? seconds * 1000 : undefined }
}

function tokenHint(code: string, ecr: EcrRegistry): string {
  if (!/AccessDenied/.test(code)) return 'Check the AWS keys of this job: whether they are whole, and still valid.'
  return ecr.kind === 'public'
    ? 'Allow this identity `ecr-public:GetAuthorizationToken` and `sts:GetServiceBearerToken`.'
    : 'Allow this identity `ecr:GetAuthorizationToken` (on all resources).'
}

type Creating = { readonly registry: string; readonly path: string; readonly ecr: EcrRegistry }

async function createRepository({ registry, path, ecr }: Creating, keys: AwsKeys, policy: AwsPolicy): Promise<void> {
  const service = serviceOf(ecr)
  const registryId = ecr.kind === 'private' ? { registryId: ecr.account } : {}
  // In ECR Public the first part of a path is the alias of the registry, which is no part of the repository's name.
  const repositoryName = ecr.kind === 'public' ? path.replace(/^[^/]+\//, '') : path
  const call = { service, place: placeOf(ecr), action: 'CreateRepository', input: { ...registryId, repositoryName } }
  const answer = await callService(call, keys, policy)
  if (answer.kind === 'ok' || answer.code === 'RepositoryAlreadyExistsException') return
  throw notCreated(`creating the repository ${registry}/${path}`, answer, service)
}

function notCreated(what: string, answer: Extract<Answer, { kind: 'error' }>, service: string): LadingError {
  const error = refusedBy(what, answer, `Allow this identity \`${service}:CreateRepository\`, or create it yourself.`)
  if (error.code !== 'LOGIN_FAILED' || !/AccessDenied|LimitExceeded|InvalidParameter/.test(answer.code)) return error
  return new LadingError('REPOSITORY_MISSING', error.message, { hint: error.hint })
}

import type { AwsIdentity } from '../access.ts'
import { assumeRole } from './assume-role.ts'
import type { Place } from './endpoints.ts'
import { askJobToken } from './job-token.ts'
import { type AwsKeys, type AwsPolicy, RENEW_BEFORE_MS, renewed, variable } from './keys.ts'
import { keysOfContainer, keysOfMachine, readToken } from './surroundings.ts'

/** Where keys may be looked for when the user named none: `job` alone, or on what the job runs on too. */
export type Search = 'job' | 'anywhere'

/** Keys of identities, each made once and made again before they run out. */
export type Identities = {
  /** of an identity that the user named, for a region */
  named(identity: AwsIdentity, place: Place): Promise<AwsKeys>
  /** of whoever the job is anyway; `undefined`: nobody */
  found(search: Search, place: Place): Promise<AwsKeys | undefined>
}

export function openIdentities(policy: AwsPolicy): Identities {
  const getters = new Map<string, () => Promise<AwsKeys | undefined>>()
  const isGood = (keys: AwsKeys | undefined) =>
    keys?.expires === undefined || keys.expires - RENEW_BEFORE_MS > policy.now().getTime()

  function once<T extends AwsKeys | undefined>(key: string, fetch: () => Promise<T>): Promise<AwsKeys | undefined> {
    const get = getters.get(key) ?? renewed<AwsKeys | undefined>(fetch, isGood)
    getters.set(key, get)
    return get()
  }

  async function roleOfJob(role: string, place: Place): Promise<AwsKeys> {
    return assumeRole({ role, token: await askJobToken(policy) }, place, policy)
  }

  return {
    async named(identity, place) {
      if (identity.kind === 'keys') return identity
      const role = () => roleOfJob(identity.role, place)
      return (await once(`role ${identity.role} ${place.region} ${place.fips}`, role)) ?? role()
    },
    found: (search, place) => once(`${search} ${place.region} ${place.fips}`, () => find(search, place, policy)),
  }
}

/**
 * The order of Amazon's own tools (SDK reference guide, "Standardized credential providers"): keys in the environment, a
 * role by the token of a file, the container, the machine.
 */
async function find(search: Search, place: Place, policy: AwsPolicy): Promise<AwsKeys | undefined> {
  const ofJob = keysOfEnvironment(policy) ?? (await keysOfTokenFile(place, policy))
  if (ofJob !== undefined || search === 'job') return ofJob
  return (await keysOfContainer(policy)) ?? (await keysOfMachine(policy))
}

function keysOfEnvironment(policy: AwsPolicy): AwsKeys | undefined {
  const [accessKeyId, secretAccessKey, sessionToken] = ['ACCESS_KEY_ID', 'SECRET_ACCESS_KEY', 'SESSION_TOKEN'].map(
    (name) => variable(policy, `AWS_${name}`),
  )
  if (!accessKeyId || !secretAccessKey) return undefined
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
}

/** Service accounts of EKS ("Assume role with web identity" in the same guide). */
async function keysOfTokenFile(place: Place, policy: AwsPolicy): Promise<AwsKeys | undefined> {
  const [role, file] = ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE'].map((name) => variable(policy, name))
  if (!role || !file) return undefined
  const token = await readToken(file, `taking on the role ${role}`)
  policy.mask(token)
  return assumeRole({ role, token }, place, policy)
}

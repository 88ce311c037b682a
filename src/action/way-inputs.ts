import type { AwsAccess, RegistrySettings } from '../access.ts'
import type { Environment } from '../plan/environment.ts'
import type { RateLimitPolicy } from '../plan/request.ts'
import type { Form } from './form.ts'
import { type NamedLogin, type Places, readLogins } from './logins.ts'
import { MOST_PARALLEL, readRegistrySettings } from './registry-settings.ts'
import { readChoice, readCount, readFlag } from './single-values.ts'

const MOST_RETRIES = 100
const MOST_RESERVE = 1_000_000

/** How registries are reached. */
export type Way = {
  readonly logins: readonly NamedLogin[]
  readonly aws: AwsAccess
  readonly settings: readonly RegistrySettings[]
  /** transfers at a time for each registry */
  readonly parallel: number
  /** how often one request is repeated */
  readonly retries: number
}

const ECR_TOKENS = { auto: 'auto', true: 'always', false: 'never' } as const

/** What the inputs say about how registries are reached. */
export async function readWay(form: Form, environment: Environment, places: Places): Promise<Way> {
  const tokens = ECR_TOKENS[readChoice(form, 'ecr', ['auto', 'true', 'false'])]
  const { logins, aws } = await readLogins(form, environment, { ...places, tokens })
  return {
    logins,
    aws: { tokens, logins: aws, createRepository: readFlag(form, 'create-repository') },
    settings: await readRegistrySettings(form, environment.workspace),
    parallel: readCount(form, 'parallel', 1, MOST_PARALLEL),
    retries: readCount(form, 'retries', 0, MOST_RETRIES),
  }
}

/** What the inputs say about the pull limit of Docker Hub. */
export function readRateLimit(form: Form): RateLimitPolicy {
  return {
    rateLimit: readChoice(form, 'rate-limit', ['fail', 'strict', 'warn', 'off']),
    reserve: readCount(form, 'rate-limit-reserve', 0, MOST_RESERVE),
  }
}

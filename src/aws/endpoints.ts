import { LadingError } from '../error.ts'
import { nearnessOf } from '../net/addresses.ts'
import { type AwsPolicy, variable } from './keys.ts'

export type AwsService = 'ecr' | 'ecr-public' | 'sts'

/** Where a service is asked, in a region; `fips` where its registry wants validated cryptography. */
export type Place = { readonly region: string; readonly fips: boolean }

// The service identifiers of "Service-specific endpoints" in the reference guide of the SDKs.
const IDENTIFIERS: Readonly<Record<AwsService, string>> = { ecr: 'ECR', 'ecr-public': 'ECR_PUBLIC', sts: 'STS' }

/**
 * The address of a service: one of Amazon's own in that region, or the one that AWS_ENDPOINT_URL_ECR,
 * AWS_ENDPOINT_URL_ECR_PUBLIC, AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL names, as for Amazon's own tools.
 * Throws `INPUT_INVALID` for one that would take keys over plain http to another machine.
 */
export function endpointOf(service: AwsService, place: Place, policy: Pick<AwsPolicy, 'variables'>): URL {
  const name = `AWS_ENDPOINT_URL_${IDENTIFIERS[service]}`
  const isOff = variable(policy, 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS').toLowerCase() === 'true'
  const given = isOff ? '' : variable(policy, name) || variable(policy, 'AWS_ENDPOINT_URL')
  return given === '' ? new URL(`https://${hostOf(service, place)}/`) : safeAddress(given, name)
}

/** docs.aws.amazon.com, "Amazon ECR endpoints and quotas" and "AWS Security Token Service endpoints and quotas". */
function hostOf(service: AwsService, { region, fips }: Place): string {
  const suffix = suffixOf(region)
  switch (service) {
    case 'ecr':
      return fips ? `ecr-fips.${region}.${suffix}` : `api.ecr.${region}.${suffix}`
    case 'ecr-public':
      return `api.ecr-public.${region}.${suffix}`
    case 'sts':
      // In GovCloud the plain name is the validated one.
      return fips && !region.startsWith('us-gov-') ? `sts-fips.${region}.${suffix}` : `sts.${region}.${suffix}`
  }
}

/** Regions of China and of the European Sovereign Cloud are under names of their own. */
function suffixOf(region: string): string {
  if (region.startsWith('cn-')) return 'amazonaws.com.cn'
  return region.startsWith('eusc-') ? 'amazonaws.eu' : 'amazonaws.com'
}

function safeAddress(text: string, name: string): URL {
  const url = URL.parse(text)
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && nearnessOf(url) === 'this machine')
  if (url !== null && isSafe) return url
  throw new LadingError('INPUT_INVALID', `the variable ${name} (or AWS_ENDPOINT_URL) holds no https address`, {
    hint: `Set ${name} to an address such as https://vpce-1.api.ecr.eu-central-1.vpce.amazonaws.com, or unset it.`,
  })
}

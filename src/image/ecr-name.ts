/** A registry of Amazon ECR, as its host name tells. */
export type EcrRegistry =
  | {
      readonly kind: 'private'
      /** twelve digits */
      readonly account: string
      readonly region: string
      /** whether its name asks for validated cryptography (FIPS 140) */
      readonly fips: boolean
    }
  | { readonly kind: 'public'; readonly region: 'us-east-1' }

// docs.aws.amazon.com, "Amazon ECR endpoints and quotas": the classic names, and those that IPv6 reaches too. The suffix of
// a name that does not end there would belong to somebody else, who would get a login.
const CLASSIC = /^(\d{12})\.dkr\.ecr(-fips)?\.([a-z0-9-]{1,40})\.amazonaws\.(?:com|com\.cn|eu)$/
const DUAL_STACK =
  /^(\d{12})\.dkr-ecr(-fips)?\.([a-z0-9-]{1,40})\.on\.(?:aws|amazonwebservices\.com\.cn|amazonwebservices\.eu)$/
const PUBLIC = new Set(['public.ecr.aws', 'ecr-public.aws.com'])

/** Reads the name of a registry (`123456789012.dkr.ecr.eu-central-1.amazonaws.com`); `undefined` for all others. */
export function parseEcr(registry: string): EcrRegistry | undefined {
  // Public repositories are everywhere, their API is in one region ("Amazon ECR Public endpoints and quotas").
  if (PUBLIC.has(registry)) return { kind: 'public', region: 'us-east-1' }
  const [, account, fips, region] = CLASSIC.exec(registry) ?? DUAL_STACK.exec(registry) ?? []
  if (account === undefined || region === undefined) return undefined
  return { kind: 'private', account, region, fips: fips !== undefined }
}

import { expect, test } from 'vitest'
import { parseEcr } from '../../src/image/ecr-name.ts'

const ACCOUNT = '123456789012'
const own = (region: string, fips = false) => ({ kind: 'private', account: ACCOUNT, region, fips })

test.each([
  [`${ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com`, own('eu-central-1')],
  [`${ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn`, own('cn-north-1')],
  [`${ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.eu`, own('eusc-de-east-1')],
  [`${ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com`, own('us-gov-west-1', true)],
  [`${ACCOUNT}.dkr-ecr.us-east-2.on.aws`, own('us-east-2')],
  [`${ACCOUNT}.dkr-ecr-fips.us-east-2.on.aws`, own('us-east-2', true)],
  [`${ACCOUNT}.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn`, own('cn-north-1')],
  ['public.ecr.aws', { kind: 'public', region: 'us-east-1' }],
  ['ecr-public.aws.com', { kind: 'public', region: 'us-east-1' }],
])('%s is a registry of ECR', (registry, parsed) => {
  expect(parseEcr(registry)).toEqual(parsed)
})

test.each([
  'ghcr.io',
  'docker.io',
  'dkr.ecr.eu-central-1.amazonaws.com',
  '12345.dkr.ecr.eu-central-1.amazonaws.com',
  // Whoever owns such a name would get a login.
  `${ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com.evil.example`,
  `evil.example.${ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com`,
  `${ACCOUNT}.dkr.ecr.eu-central-1.evil.com`,
  `${ACCOUNT}.dkr.ecr.evil.example/.amazonaws.com`,
  `${ACCOUNT}.dkr.ecr.a.b.amazonaws.com`,
  `${ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com:8443`,
  `${ACCOUNT}-dkr-ecr.eu-central-1.amazonaws.com`,
  'public.ecr.aws.evil.example',
])('%s is none', (registry) => {
  expect(parseEcr(registry)).toBeUndefined()
})

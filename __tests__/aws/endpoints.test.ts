import { expect, test } from 'vitest'
import { endpointOf } from '../../src/aws/endpoints.ts'

const at = (region: string, fips = false) => ({ region, fips })

test.each([
  ['ecr', at('eu-central-1'), 'api.ecr.eu-central-1.amazonaws.com'],
  ['ecr', at('us-east-1', true), 'ecr-fips.us-east-1.amazonaws.com'],
  ['ecr', at('cn-north-1'), 'api.ecr.cn-north-1.amazonaws.com.cn'],
  ['ecr', at('eusc-de-east-1'), 'api.ecr.eusc-de-east-1.amazonaws.eu'],
  ['ecr-public', at('us-east-1'), 'api.ecr-public.us-east-1.amazonaws.com'],
  ['sts', at('eu-central-1'), 'sts.eu-central-1.amazonaws.com'],
  ['sts', at('us-east-1', true), 'sts-fips.us-east-1.amazonaws.com'],
  ['sts', at('us-gov-west-1', true), 'sts.us-gov-west-1.amazonaws.com'],
  ['sts', at('cn-northwest-1'), 'sts.cn-northwest-1.amazonaws.com.cn'],
] as const)('%s at %o is %s', (service, place, host) => {
  expect(endpointOf(service, place, { variables: {} }).href).toBe(`https://${host}/`)
})

const HERE = at('eu-central-1')

test('an address in the environment is taken, that of the service before that of all', () => {
  const variables = {
    AWS_ENDPOINT_URL: 'https://all.example',
    AWS_ENDPOINT_URL_ECR: 'https://ecr.example/',
    AWS_ENDPOINT_URL_ECR_PUBLIC: 'http://127.0.0.1:4566',
  }
  expect(endpointOf('ecr', HERE, { variables }).host).toBe('ecr.example')
  expect(endpointOf('ecr-public', HERE, { variables }).host).toBe('127.0.0.1:4566')
  expect(endpointOf('sts', HERE, { variables }).host).toBe('all.example')
  const ignored = { ...variables, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }
  expect(endpointOf('ecr', HERE, { variables: ignored }).host).toBe('api.ecr.eu-central-1.amazonaws.com')
})

test.each(['http://ecr.example', 'ecr.example', 'file:///etc', 'http://169.254.169.254'])(
  'nothing is signed for %s',
  (address) => {
    expect(() => endpointOf('ecr', HERE, { variables: { AWS_ENDPOINT_URL_ECR: address } })).toThrow(
      'AWS_ENDPOINT_URL_ECR (or AWS_ENDPOINT_URL) holds no https address',
    )
  },
)

import { expect, test } from 'vitest'
import type { AwsAccess } from '../src/access.ts'
import { openEcrAccess } from '../src/ecr-access.ts'
import { reaching } from './aws/policy.ts'
import type { AwsOptions } from './support/aws/server.ts'

const HOST = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'
const PUBLIC = 'public.ecr.aws'
const JOB = { accessKeyId: 'AKIAJOB', secretAccessKey: 'planted-secret-job' }
const OTHER = { accessKeyId: 'AKIAOTHER', secretAccessKey: 'planted-secret-other' }
const KEYS = { AWS_ACCESS_KEY_ID: JOB.accessKeyId, AWS_SECRET_ACCESS_KEY: JOB.secretAccessKey }
const DENIED = { 'ecr-public GetAuthorizationToken': { code: 'AccessDeniedException', times: 9 } }

async function opened(
  access: Partial<AwsAccess> = {},
  options: AwsOptions = {},
  variables: typeof KEYS | object = KEYS,
) {
  const reached = await reaching({ keys: [JOB, OTHER], ...options }, () => ({ ...variables }))
  const notices: string[] = []
  const whole: AwsAccess = { tokens: 'auto', logins: [], createRepository: false, ...access }
  const ecr = openEcrAccess(whole, reached.policy, (message) => notices.push(message))
  return { ...reached, ecr, notices }
}

test('registries that are none of ECR, and `ecr: false`, are left to others', async () => {
  const { ecr } = await opened()
  expect(ecr.unnamed('ghcr.io', 'push')).toBeUndefined()
  const off = await opened({ tokens: 'never' })
  expect(off.ecr.unnamed(HOST, 'push')).toBeUndefined()
})

test.each([
  ['auto', false],
  ['always', true],
] as const)('with %s a token goes before the login of docker: %s', async (tokens, isFirst) => {
  const { ecr } = await opened({ tokens })
  expect(ecr.unnamed(HOST, 'pull')).toMatchObject({ isFirst, who: 'anywhere' })
})

test('a pull from ECR Public needs no login, and asks no machine for one', async () => {
  const { ecr, debug } = await opened({}, { errors: DENIED })
  expect(await ecr.unnamed(PUBLIC, 'pull')?.mint.get()).toBeUndefined()
  expect(debug.join()).toContain(`${PUBLIC} is asked without a login: asking AWS for a login`)
  const bare = await opened({}, { machine: 'runner' }, {})
  expect(await bare.ecr.unnamed(PUBLIC, 'pull')?.mint.get()).toBeUndefined()
  expect(bare.aws.asked).toEqual([])
})

test('a pull from ECR Public takes the login that keys give', async () => {
  const { ecr, aws } = await opened()
  expect(await ecr.unnamed(PUBLIC, 'pull')?.mint.get()).toMatchObject({ password: aws.password(1) })
})

test('with `ecr: true` a pull from ECR Public asks whoever there is, and says why there is no login', async () => {
  const { ecr, aws } = await opened({ tokens: 'always' }, { machine: 'runner' }, {})
  expect(await ecr.unnamed(PUBLIC, 'pull')?.mint.get()).toMatchObject({ password: aws.password(1) })
  const denied = await opened({ tokens: 'always' }, { errors: DENIED })
  await expect(denied.ecr.unnamed(PUBLIC, 'pull')?.mint.get()).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
})

test('a push to ECR Public says why there is none', async () => {
  const { ecr } = await opened({}, { errors: DENIED })
  await expect(ecr.unnamed(PUBLIC, 'push')?.mint.get()).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
})

test('a repository is created by who may push there, and told', async () => {
  const named = (prefix: string, use: 'push' | 'pull', { accessKeyId, secretAccessKey } = OTHER) => {
    return { registry: HOST, prefix, use, identity: { kind: 'keys', accessKeyId, secretAccessKey } } as const
  }
  const logins = [named('acme', 'push'), named('', 'pull', JOB)]
  const { ecr, aws, notices } = await opened({ createRepository: true, logins })
  await ecr.creator({ registry: HOST, path: 'acme/api' })?.()
  await ecr.creator({ registry: HOST, path: 'other/api' })?.()
  expect(aws.asked).toEqual([
    'ecr CreateRepository eu-central-1 AKIAOTHER',
    'ecr CreateRepository eu-central-1 AKIAJOB',
  ])
  expect(notices[0]).toBe(`${HOST}/acme/api was missing and has been created (create-repository)`)
})

test('nothing is created where nobody asked for it, or elsewhere', async () => {
  const { ecr } = await opened()
  expect(ecr.creator({ registry: HOST, path: 'acme/api' })).toBeUndefined()
  const wanted = await opened({ createRepository: true })
  expect(wanted.ecr.creator({ registry: 'ghcr.io', path: 'acme/api' })).toBeUndefined()
})

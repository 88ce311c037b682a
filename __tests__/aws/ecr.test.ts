import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openEcr } from '../../src/aws/ecr.ts'
import { LadingError } from '../../src/error.ts'
import { JOB_TOKEN, keysOf } from '../support/aws/notes.ts'
import { type Aws, type AwsOptions, withJobToken } from '../support/aws/server.ts'
import { claimIn, signatureOf } from '../support/aws/signature.ts'
import { reaching, type Variables } from './policy.ts'

const HOST = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'
const ROLE = 'arn:aws:iam::123456789012:role/publish'
const JOB = { accessKeyId: 'AKIAJOB', secretAccessKey: 'planted-secret-job' }
const IN_ENVIRONMENT = { AWS_ACCESS_KEY_ID: JOB.accessKeyId, AWS_SECRET_ACCESS_KEY: JOB.secretAccessKey }
const HOUR_MS = 3600_000

/** AWS, and the room that talks to it. */
async function given(options: AwsOptions = {}, variablesOf: (aws: Aws) => Variables = () => ({})) {
  const reached = await reaching(options, variablesOf)
  const ecr = openEcr(reached.policy)
  const mint = (registry = HOST, who: Parameters<typeof ecr.mint>[1] = 'anywhere') => {
    const made = ecr.mint(registry, who)
    if (made === undefined) throw new Error(`${registry} is none of ECR`)
    return made
  }
  return { ...reached, ecr, mint }
}

const role = { kind: 'role', role: ROLE } as const
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => (error instanceof LadingError ? error : undefined),
  )

test('the stand-in computes signatures as Amazon does', () => {
  // `get-vanilla` of Amazon's test suite for Signature Version 4.
  const headers = {
    host: 'example.amazonaws.com',
    'x-amz-date': '20150830T123600Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  }
  const request = { method: 'GET', path: '/', headers, body: '' }
  const claim = claimIn(request)
  if (claim === undefined) throw new Error('no claim')
  expect(signatureOf(request, claim, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY')).toBe(claim.signature)
})

describe('a login comes', () => {
  test('from keys of the environment, by one signed request', async () => {
    const { aws, mint, masks } = await given({ keys: [JOB] }, () => IN_ENVIRONMENT)
    const credential = await mint().get()
    expect(credential).toEqual({ kind: 'password', username: 'AWS', password: aws.password(1) })
    expect(aws.asked).toEqual(['ecr GetAuthorizationToken eu-central-1 AKIAJOB'])
    const token = Buffer.from(`AWS:${aws.password(1)}`).toString('base64')
    expect(masks).toEqual([token, aws.password(1)])
  })

  test('from keys with a session', async () => {
    const keys = keysOf('SESSION')
    const variables = {
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_SESSION_TOKEN: keys.sessionToken,
    }
    const { aws, mint } = await given({ keys: [keys] }, () => variables)
    expect(await mint().get()).toMatchObject({ password: aws.password(1) })
  })

  test('from keys that the user named, before those of the environment', async () => {
    const named = { accessKeyId: 'AKIANAMED', secretAccessKey: 'planted-secret-named' }
    const { aws, mint } = await given({ keys: [JOB, named] }, () => IN_ENVIRONMENT)
    await mint(HOST, { kind: 'keys', ...named }).get()
    expect(aws.asked).toEqual(['ecr GetAuthorizationToken eu-central-1 AKIANAMED'])
  })

  test('from the identity of the job and a role, whose secrets are masked', async () => {
    const { aws, mint, masks } = await given({ roles: [ROLE] }, (one) => ({
      ...IN_ENVIRONMENT,
      ...withJobToken(one),
      GITHUB_RUN_ID: '4711',
    }))
    await mint(HOST, role).get()
    expect(aws.asked).toEqual([
      'oidc sts.amazonaws.com',
      `sts ${ROLE} lading-4711`,
      'ecr GetAuthorizationToken eu-central-1 ASIApublish',
    ])
    const { secretAccessKey, sessionToken } = keysOf('publish')
    expect(masks).toEqual(expect.arrayContaining([JOB_TOKEN, secretAccessKey, sessionToken, aws.password(1)]))
  })

  test('from a role by the token of a file, as pods have it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aws-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'token'), `${JOB_TOKEN}\n`)
    const variables = { AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token') }
    const { aws, mint } = await given({ roles: [ROLE] }, () => variables)
    await mint(HOST, 'job').get()
    expect(aws.asked.slice(-1)).toEqual(['ecr GetAuthorizationToken eu-central-1 ASIApublish'])
  })

  test.each(['variable', 'file'])('from the container, by the token of a %s', async (kind) => {
    const folder = await mkdtemp(join(tmpdir(), 'aws-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'token'), 'container-token')
    const { aws, mint } = await given({ container: { path: '/keys', token: 'container-token' } }, ({ url }) => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/keys`,
      ...(kind === 'file'
        ? { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(folder, 'token') }
        : { AWS_CONTAINER_AUTHORIZATION_TOKEN: 'container-token' }),
    }))
    await mint().get()
    expect(aws.asked).toEqual(['container', 'ecr GetAuthorizationToken eu-central-1 ASIAcontainer'])
  })

  test('from the machine, when there is nothing else', async () => {
    const { aws, mint, masks } = await given({ machine: 'runner' })
    await mint().get()
    const { secretAccessKey, sessionToken } = keysOf('runner')
    expect(masks).toEqual(expect.arrayContaining([secretAccessKey, sessionToken]))
    expect(aws.asked).toEqual([
      'metadata PUT /latest/api/token',
      'metadata GET /latest/meta-data/iam/security-credentials/',
      'metadata GET /latest/meta-data/iam/security-credentials/runner',
      'ecr GetAuthorizationToken eu-central-1 ASIArunner',
    ])
  })

  test('to ECR Public from its own service, in its only region', async () => {
    const { aws, mint } = await given({ keys: [JOB] }, () => IN_ENVIRONMENT)
    expect(await mint('public.ecr.aws').get()).toMatchObject({ username: 'AWS', password: aws.password(1) })
    expect(aws.asked).toEqual(['ecr-public GetAuthorizationToken us-east-1 AKIAJOB'])
  })
})

describe('nobody is known', () => {
  test('on a machine of another cloud: it is asked once', async () => {
    const { aws, mint } = await given()
    expect([await mint().get(), await mint().get()]).toEqual([undefined, undefined])
    expect(aws.asked).toEqual(['metadata PUT /latest/api/token'])
  })

  test('where the job alone is asked, or the metadata are switched off', async () => {
    const { aws, mint } = await given({ machine: 'runner' })
    expect(await mint(HOST, 'job').get()).toBeUndefined()
    expect(aws.asked).toEqual([])
    const off = await given({ machine: 'runner' }, () => ({ AWS_EC2_METADATA_DISABLED: 'true' }))
    expect(await off.mint().get()).toBeUndefined()
    expect(off.aws.asked).toEqual([])
  })

  test('where nobody answers at all', async () => {
    const { mint, debug } = await given({}, () => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1' }))
    expect(await mint().get()).toBeUndefined()
    expect(debug.join()).toContain('no metadata of EC2 here')
  })
})

describe('a login is made', () => {
  test('once for all who ask at the same time', async () => {
    const { aws, mint } = await given({ keys: [JOB] }, () => IN_ENVIRONMENT)
    await Promise.all([mint().get(), mint().get(), mint().get()])
    expect(aws.asked).toHaveLength(1)
  })

  test('once for all who find at the same time that it has run out', async () => {
    const { aws, mint, pass } = await given({ keys: [JOB] }, () => IN_ENVIRONMENT)
    await mint().get()
    pass(12 * HOUR_MS)
    const all = await Promise.all([mint().get(), mint().get(), mint().get()])
    expect(all).toEqual(Array(3).fill(expect.objectContaining({ password: aws.password(2) })))
    expect(aws.asked).toHaveLength(2)
  })

  test('for each account and region by itself, whose keys are asked for once in a region', async () => {
    const { aws, mint } = await given({ roles: [ROLE] }, withJobToken)
    const hosts = [HOST, HOST.replace('123456789012', '999999999999'), HOST.replace('eu-central-1', 'us-west-2')]
    await Promise.all(hosts.map((host) => mint(host, role).get()))
    expect(aws.asked.filter((line) => line.startsWith('sts'))).toHaveLength(2)
    expect(aws.asked.filter((line) => line.startsWith('ecr')).toSorted()).toEqual([
      'ecr GetAuthorizationToken eu-central-1 ASIApublish',
      'ecr GetAuthorizationToken eu-central-1 ASIApublish',
      'ecr GetAuthorizationToken us-west-2 ASIApublish',
    ])
  })

  test('again before it runs out, with keys that are new too', async () => {
    const { aws, mint, pass } = await given({ roles: [ROLE] }, withJobToken)
    const get = () => mint(HOST, role).get()
    await get()
    pass(11 * HOUR_MS)
    expect(await get()).toMatchObject({ password: aws.password(1) })
    pass(HOUR_MS - 4 * 60_000)
    expect(await get()).toMatchObject({ password: aws.password(2) })
    expect(aws.asked.map((line) => line.split(' ')[0])).toEqual(['oidc', 'sts', 'ecr', 'oidc', 'sts', 'ecr'])
  })

  test('again when a registry refuses it, unless it has only just been made', async () => {
    const { aws, mint, pass } = await given({ keys: [JOB] }, () => IN_ENVIRONMENT)
    const first = await mint().get()
    if (first === undefined) throw new Error('no login')
    mint().refuse(first)
    expect(await mint().get()).toBe(first)
    pass(HOUR_MS)
    mint().refuse(first)
    const second = await mint().get()
    expect(second).toMatchObject({ password: aws.password(2) })
    // Another request that went out with the old one does not cost a third.
    mint().refuse(first)
    expect(await mint().get()).toBe(second)
  })

  test('after trouble of the service, each time with a signature of its own', async () => {
    const errors = { 'ecr GetAuthorizationToken': { code: 'ServerException', status: 500, times: 2 } }
    const { aws, mint } = await given({ keys: [JOB], errors }, () => IN_ENVIRONMENT)
    expect(await mint().get()).toMatchObject({ password: aws.password(1) })
    expect(aws.asked).toHaveLength(3)
  })
})

describe('what goes wrong is said', () => {
  test('keys that are not whole', async () => {
    const { mint } = await given({ keys: [{ ...JOB, secretAccessKey: 'other' }] }, () => IN_ENVIRONMENT)
    const error = await failure(mint().get())
    expect(error).toMatchObject({ code: 'LOGIN_FAILED', hint: expect.stringContaining('Check the AWS keys') })
    expect(error?.message).toContain(`asking AWS for a login to ${HOST}: AWS says InvalidSignatureException`)
    expect(error?.message).not.toContain(JOB.secretAccessKey)
  })

  test.each([
    [HOST, 'ecr', '`ecr:GetAuthorizationToken`'],
    ['public.ecr.aws', 'ecr-public', '`sts:GetServiceBearerToken`'],
  ])('a right that is missing at %s', async (host, service, hint) => {
    const errors = { [`${service} GetAuthorizationToken`]: { code: 'AccessDeniedException' } }
    const { mint } = await given({ keys: [JOB], errors }, () => IN_ENVIRONMENT)
    expect(await failure(mint(host).get())).toMatchObject({ code: 'LOGIN_FAILED', hint: expect.stringContaining(hint) })
  })

  test('a service that is busy for long', async () => {
    const errors = { 'ecr GetAuthorizationToken': { code: 'ServerException', status: 503, times: 9 } }
    const { mint } = await given({ keys: [JOB], errors }, () => IN_ENVIRONMENT)
    expect(await failure(mint().get())).toMatchObject({ code: 'REGISTRY_BUSY' })
  })

  test('a job that may have no token', async () => {
    const { mint } = await given({ roles: [ROLE] })
    const hint = expect.stringContaining('`id-token: write`')
    expect(await failure(mint(HOST, role).get())).toMatchObject({ code: 'LOGIN_FAILED', hint })
  })

  test('a job whose token GitHub does not give', async () => {
    const { mint } = await given({}, (aws) => ({ ...withJobToken(aws), ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'wrong' }))
    const error = await failure(mint(HOST, role).get())
    expect(error?.message).toBe('asking GitHub for a token that says who this job is: status 401, “who are you?”')
  })

  test('a token that would go out over plain http', async () => {
    const { mint } = await given({}, (aws) => ({
      ...withJobToken(aws),
      ACTIONS_ID_TOKEN_REQUEST_URL: 'http://tokens.example/',
    }))
    expect((await failure(mint(HOST, role).get()))?.message).toContain('its address is no https address')
  })

  test('a role that does not trust the job', async () => {
    const { mint } = await given({}, withJobToken)
    const error = await failure(mint(HOST, role).get())
    expect(error).toMatchObject({ code: 'LOGIN_FAILED', hint: expect.stringContaining('trust policy') })
    expect(error?.message).toContain(`taking on the role ${ROLE}: AWS says AccessDenied`)
  })

  test.each(['http://metadata.example/keys', 'ftp://127.0.0.1/keys', 'http://169.254.169.254/keys'])(
    'a container whose keys are at %s',
    async (address) => {
      const { mint } = await given({}, () => ({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: address,
        AWS_CONTAINER_AUTHORIZATION_TOKEN: 'container-token',
      }))
      expect((await failure(mint().get()))?.message).toContain('its address is none of a container')
    },
  )

  test('a failure is not kept: the next request asks again', async () => {
    const errors = { 'ecr GetAuthorizationToken': { code: 'AccessDeniedException', times: 1 } }
    const { aws, mint } = await given({ keys: [JOB], errors }, () => IN_ENVIRONMENT)
    expect(await failure(mint().get())).toMatchObject({ code: 'LOGIN_FAILED' })
    expect(await mint().get()).toMatchObject({ password: aws.password(1) })
  })
})

describe('a repository', () => {
  const repository = { registry: HOST, path: 'acme/api' }

  test('is created in its account and region; that it is there already is fine', async () => {
    const { aws, ecr } = await given({ keys: [JOB] }, () => IN_ENVIRONMENT)
    await ecr.create(repository, 'anywhere')
    await ecr.create(repository, 'anywhere')
    expect(aws.created).toEqual(['acme/api'])
    expect(aws.asked).toEqual(Array(2).fill('ecr CreateRepository eu-central-1 AKIAJOB'))
  })

  test('of ECR Public has no alias in its name', async () => {
    const { aws, ecr } = await given({ keys: [JOB] }, () => IN_ENVIRONMENT)
    await ecr.create({ registry: 'public.ecr.aws', path: 'k1l2m3/acme/api' }, 'anywhere')
    expect(aws.created).toEqual(['acme/api'])
    expect(aws.asked).toEqual(['ecr-public CreateRepository us-east-1 AKIAJOB'])
  })

  test('that may not be created is REPOSITORY_MISSING', async () => {
    const errors = { 'ecr CreateRepository': { code: 'AccessDeniedException' } }
    const { ecr } = await given({ keys: [JOB], errors }, () => IN_ENVIRONMENT)
    expect(await failure(ecr.create(repository, 'anywhere'))).toMatchObject({
      code: 'REPOSITORY_MISSING',
      message: expect.stringContaining(`creating the repository ${HOST}/acme/api: AWS says AccessDeniedException`),
      hint: expect.stringContaining('`ecr:CreateRepository`'),
    })
  })

  test('is created by nobody where nobody is known', async () => {
    const { ecr } = await given()
    expect(await failure(ecr.create(repository, 'anywhere'))).toMatchObject({ code: 'LOGIN_FAILED' })
  })
})

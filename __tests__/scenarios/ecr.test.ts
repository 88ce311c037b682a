import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { JOB_TOKEN, keysOf, REQUEST_TOKEN } from '../support/aws/notes.ts'
import { type AwsOptions, startAws, withJobToken } from '../support/aws/server.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import type { Runner } from '../support/runner.ts'
import { basic, filesOf, told } from './leaks.ts'
import { fakeDocker } from './programs.ts'
import { expectGreen, expectRed, layout, messagesOf, registry, runner, shown, tagsOf, unscanned } from './stage.ts'
import { openTunnel } from './tunnel.ts'

const HOST = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'
const BASES = '999999999999.dkr.ecr.us-west-2.amazonaws.com'
const ROLE = 'arn:aws:iam::123456789012:role/publish'
const AS_ROLE = `- registry: ${HOST}\n  role-to-assume: ${ROLE}\n`
const JOB = { accessKeyId: 'AKIAJOB', secretAccessKey: 'planted-secret-job' }
const KEYS = { AWS_ACCESS_KEY_ID: JOB.accessKeyId, AWS_SECRET_ACCESS_KEY: JOB.secretAccessKey }
/** What nobody may see of what AWS says here. */
const SECRETS = [
  ...[JOB, keysOf('publish')].map(({ secretAccessKey }) => secretAccessKey),
  ...[keysOf('publish').sessionToken, JOB_TOKEN, REQUEST_TOKEN],
  ...[1, 2].flatMap((count) => [`planted-ecr-password-${count}`, basic('AWS', `planted-ecr-password-${count}`)]),
]

/** A runner whose ECR and AWS are stand-ins: a registry that takes the tokens of AWS, and makes nothing by being pushed to. */
async function atAws(options: AwsOptions = {}) {
  const on = await runner()
  const tls = selfSignedCertificate([HOST])
  const users = { AWS: { password: 'planted-ecr-password-1' } }
  const ecr = await registry({ tls, auth: { kind: 'basic', users }, createOnPush: false })
  const aws = await startAws({ onCreate: (name) => void ecr.create(name), ...options })
  const tunnel = await openTunnel({ [HOST]: ecr.url })
  const image = await layout(on)
  await writeFile(join(on.workspace, 'ca.pem'), tls.cert)
  const env = {
    ...aws.variables,
    HTTPS_PROXY: tunnel.url,
    NODE_EXTRA_CA_CERTS: join(on.workspace, 'ca.pem'),
    GITHUB_RUN_ID: '4711',
  }
  const inputs = { ...unscanned(`${HOST}/acme/api`), retries: '0', parallel: '2' }
  return { on, ecr, aws, image, env, inputs }
}

/** Inputs that build instead of publishing the layout. */
async function dockerfile(on: Runner, inputs: Readonly<Record<string, string>>, base = 'scratch') {
  await writeFile(join(on.workspace, 'Dockerfile'), `FROM ${base}\n`)
  return { ...inputs, layout: '' }
}

/** A build that shows which logins it was given. */
const SHOWING = {
  build: `
    fs.copyFileSync(process.env.DOCKER_CONFIG + '/config.json', __dirname + '/seen-config.json')
    fs.cpSync(__dirname + '/../workspace/layout', destination(), { recursive: true })`,
}

async function seenAuths(on: Runner): Promise<Readonly<Record<string, { readonly auth: string }>>> {
  return JSON.parse(await readFile(join(on.bin, 'seen-config.json'), 'utf8')).auths
}

describe('publish to ECR', () => {
  test('by the identity of the job and a role, into a repository that is created; nobody sees a secret', async () => {
    const { on, ecr, aws, image, env, inputs } = await atAws({ roles: [ROLE] })
    const end = await on.step({
      inputs: { ...inputs, 'registry-auth': AS_ROLE, 'create-repository': 'true' },
      env: { ...env, ...withJobToken(aws) },
    })
    expectGreen(end)
    expect(shown(ecr, 'acme/api', '1.2.3')).toBe(image.root.digest)
    expect(aws.asked.toSorted()).toEqual([
      'ecr CreateRepository eu-central-1 ASIApublish',
      'ecr GetAuthorizationToken eu-central-1 ASIApublish',
      'oidc sts.amazonaws.com',
      `sts ${ROLE} lading-4711`,
    ])
    expect(end.main.log.text).toContain(`${HOST}/acme/api was missing and has been created (create-repository)`)
    const seen = [told(end), await filesOf(on)].join('\n')
    expect(SECRETS.filter((secret) => seen.includes(secret))).toEqual([])
    const masked = (secret: string) => end.main.log.text.includes(`::add-mask::${secret}\n`)
    const { secretAccessKey, sessionToken } = keysOf('publish')
    for (const secret of [secretAccessKey, sessionToken, JOB_TOKEN, REQUEST_TOKEN, aws.password(1)]) {
      expect([secret, masked(secret)]).toEqual([secret, true])
    }
  })

  test('by keys of the environment, which need no input; a second run asks for a token and writes nothing', async () => {
    const { on, ecr, aws, image, env, inputs } = await atAws({ keys: [JOB] })
    ecr.create('acme/api')
    const end = await on.step({ inputs, env: { ...env, ...KEYS } })
    expectGreen(end)
    expect(tagsOf(ecr, 'acme/api')).toMatchObject({ '1.2.3': image.root.digest, latest: image.root.digest })
    expect(aws.asked).toEqual(['ecr GetAuthorizationToken eu-central-1 AKIAJOB'])
    expect(end.main.log.text).toContain(`::add-mask::${JOB.secretAccessKey}\n`)
  })

  test('without an identity is LOGIN_FAILED, with what to add', async () => {
    const { on, ecr, env, inputs } = await atAws()
    const message = expectRed(await on.step({ inputs, env }), 'LOGIN_FAILED')
    expect(message).toContain('`role-to-assume`')
    expect(message).toContain('`id-token: write`')
    expect(ecr.writes()).toEqual([])
  })

  test('into a missing repository is REPOSITORY_MISSING, with the line to add, before anything is built', async () => {
    const { on, aws, env, inputs } = await atAws({ keys: [JOB] })
    await fakeDocker(on)
    const built = await dockerfile(on, inputs)
    const message = expectRed(await on.step({ inputs: built, env: { ...env, ...KEYS } }), 'REPOSITORY_MISSING')
    expect(message).toContain('`create-repository: true`')
    expect((await on.calls()).filter(({ args }) => args[1] === 'build')).toEqual([])
    expect(aws.created).toEqual([])
  })

  test('as a dry run creates nothing', async () => {
    const { on, aws, ecr, env, inputs } = await atAws({ keys: [JOB] })
    await fakeDocker(on)
    const built = await dockerfile(on, inputs)
    const wanted = { ...built, 'create-repository': 'true', 'dry-run': 'true' }
    const end = await on.step({ inputs: wanted, env: { ...env, ...KEYS } })
    expectGreen(end)
    expect(end.main.report?.result).toBe('dry-run')
    expect(aws.created).toEqual([])
    expect(ecr.writes()).toEqual([])
  })

  test('gives the build a login to the registry of its base, too', async () => {
    const { on, aws, ecr, env, inputs } = await atAws({ keys: [JOB] })
    ecr.create('acme/api')
    await fakeDocker(on, SHOWING)
    const built = await dockerfile(on, inputs, `${BASES}/bases/node:24`)
    expectGreen(await on.step({ inputs: built, env: { ...env, ...KEYS } }))
    expect(aws.asked).toContain('ecr GetAuthorizationToken us-west-2 AKIAJOB')
    expect((await seenAuths(on))[BASES]?.auth).toBe(basic('AWS', aws.password(2)))
    const given = JSON.stringify(await on.calls())
    expect(SECRETS.filter((secret) => given.includes(secret))).toEqual([])
  })

  test('warns when the base gets no login, and gives the build none that is for pushing', async () => {
    const { on, aws, ecr, env, inputs } = await atAws({ roles: [ROLE] })
    ecr.create('acme/api')
    await fakeDocker(on, SHOWING)
    const built = await dockerfile(on, inputs, `${BASES}/bases/node:24`)
    const end = await on.step({
      inputs: { ...built, 'registry-auth': `${AS_ROLE}  use: push\n` },
      env: { ...env, ...KEYS, ...withJobToken(aws) },
    })
    expectGreen(end)
    const [warning] = messagesOf(end.main.log, 'warning').filter((text) => text.includes(BASES))
    expect(warning).toContain(`the build has no login to ${BASES}: asking AWS for a login to ${BASES}: AWS says`)
    expect(Object.keys(await seenAuths(on)).filter((server) => server.includes('amazonaws'))).toEqual([])
  })

  test('with `ecr: false` asks AWS for nothing', async () => {
    const { on, aws, env, inputs } = await atAws({ keys: [JOB] })
    expectRed(await on.step({ inputs: { ...inputs, ecr: 'false' }, env: { ...env, ...KEYS } }), 'LOGIN_FAILED')
    expect(aws.asked).toEqual([])
  })
})

test('a mirror copies into a repository of ECR that it creates', async () => {
  const { on, ecr, env, image } = await atAws({ keys: [JOB] })
  const source = await registry()
  expectGreen(await on.step({ inputs: { ...unscanned(`${source.host}/acme/api`), tags: 'one' } }))
  const images = `${source.host}/acme/api:one => ${HOST}/mirrored/api:one`
  const end = await on.step({
    action: 'mirror',
    inputs: { images, 'create-repository': 'true', retries: '0' },
    env: { ...env, ...KEYS },
  })
  expect(end.main.exitCode).toBe(0)
  expect(shown(ecr, 'mirrored/api', 'one')).toBe(image.root.digest)
})

test('a promotion goes there as well', async () => {
  const { on, ecr, env, image } = await atAws({ keys: [JOB] })
  const source = await registry()
  expectGreen(await on.step({ inputs: { ...unscanned(`${source.host}/acme/api`), tags: 'one' } }))
  const inputs = { from: `${source.host}/acme/api:one`, images: `${HOST}/acme/api`, tags: 'latest', scan: 'off' }
  const end = await on.step({
    action: 'promote',
    inputs: { ...inputs, 'create-repository': 'true', retries: '0' },
    env: { ...env, ...KEYS },
  })
  expectGreen(end)
  expect(shown(ecr, 'acme/api', 'latest')).toBe(image.root.digest)
})

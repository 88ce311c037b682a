import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeFiles } from '../support/runner/files.ts'
import type { Runner, StepEnd } from '../support/runner.ts'
import { basic, filesOf, tokensOf, told } from './leaks.ts'
import { fakeDocker, fakeTrivy, finding, TRIVY, vulnerability } from './programs.ts'
import { expectGreen, expectRed, guardedRegistry, layout, runner } from './stage.ts'

const PASSWORD = 'planted-password-1f9c'
const LINES = ['planted first line 77aa', 'planted second line 88bb']
const KEY = ['-----BEGIN PRIVATE KEY-----', 'plantedMIIEvQIBADANBgkqh', '-----END PRIVATE KEY-----']
const STATIC = 'planted-static-44dd'
const HELPED = 'planted-helped-55ee'
const VARIABLE = 'planted-variable-66ff'
const TOKEN = 'planted-token-33cc'
const BUILD = 'planted-build-secret-22bb'
const ALL = [PASSWORD, ...LINES, 'plantedMIIEvQIBADANBgkqh', STATIC, HELPED, VARIABLE, TOKEN, BUILD]

/** Everything that may stand anywhere, in any of its forms. */
const FORMS = [...ALL, LINES.join('\n')].flatMap((secret) => [
  secret,
  Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -2),
  basic('robot', secret).replace(/=+$/, ''),
  encodeURIComponent(secret),
])

function yaml(registry: string, password: string): string {
  const lines = password.split('\n').map((line) => `    ${line}`)
  return `- registry: ${registry}\n  username: robot\n  password: |-\n${lines.join('\n')}\n`
}

/** A build with secrets of every kind, by a user who has logins of his own. */
async function secretive() {
  const on = await runner()
  const [one, other] = [await guardedRegistry(PASSWORD), await guardedRegistry(LINES.join('\n'))]
  await layout(on)
  await fakeDocker(on, { build: BUILDING, login: LOGGING_IN })
  await on.program('docker-credential-planted', HELPER)
  await fakeTrivy(on)
  const userConfig = {
    auths: { 'static.example': { auth: basic('robot', STATIC) } },
    credHelpers: { 'helped.example': 'planted' },
  }
  await writeFiles(on.home, { '.docker/config.json': JSON.stringify(userConfig) })
  await writeFiles(on.workspace, { Dockerfile: 'FROM scratch\n' })
  const inputs = {
    ...TRIVY,
    images: `${one.host}/acme/api\n${other.host}/acme/api`,
    'registry-auth': `${yaml(one.host, PASSWORD)}${yaml(other.host, LINES.join('\n'))}`,
    secrets: `"deploy=${KEY.join('\n')}"\nnpm=${BUILD}`,
    token: TOKEN,
  }
  const auths = { 'variable.example': { auth: basic('robot', VARIABLE) } }
  const env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }), GITHUB_TOKEN: TOKEN, NPM_TOKEN: BUILD }
  return { on, one, other, inputs, env }
}

const HELPER = `console.log(JSON.stringify({ ServerURL: input, Username: 'robot', Secret: '${HELPED}' }))`
const LOGGING_IN = `
  const { mode } = fs.statSync(process.env.DOCKER_CONFIG)
  fs.writeFileSync(__dirname + '/seen-config.json',
    JSON.stringify({ mode: mode & 0o777, config: JSON.parse(fs.readFileSync(process.env.DOCKER_CONFIG + '/config.json')) }))`
const BUILDING = `
  const secrets = args.flatMap((arg) => /^id=(.+),src=(.+)$/.exec(arg) ?? [])
  const seen = {}
  for (let at = 0; at < secrets.length; at += 3)
    seen[secrets[at + 1]] = [fs.readFileSync(secrets[at + 2], 'utf8'), fs.statSync(secrets[at + 2]).mode & 0o777]
  fs.writeFileSync(__dirname + '/seen-secrets.json', JSON.stringify(seen))
  fs.cpSync(__dirname + '/../workspace/layout', destination(), { recursive: true })`

/** Which secrets stand in a text. */
function secretsIn(text: string): readonly string[] {
  return FORMS.filter((form) => text.includes(form))
}

async function seen(on: Runner, name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(on.bin, name), 'utf8'))
}

async function expectSecretive(on: Runner, end: StepEnd): Promise<void> {
  expect(secretsIn(told(end))).toEqual([])
  expect(secretsIn(await filesOf(on))).toEqual([])
  for (const { program, args, env } of await on.calls()) {
    expect({ program, in: secretsIn(JSON.stringify([args, env])) }).toEqual({ program, in: [] })
  }
}

describe('secrets', () => {
  test('are in no log, output, report, file, argument or environment after a publish', async () => {
    const { on, inputs, env } = await secretive()
    const end = await on.step({ inputs, env })
    expectGreen(end)
    await expectSecretive(on, end)
  })

  test('are nowhere after a failure of the build, either, though its output shows them', async () => {
    const { on, inputs, env } = await secretive()
    await fakeDocker(on, { build: 'console.error("ERROR: failed to solve: it broke"); process.exit(1)' })
    const end = await on.step({ inputs, env })
    expectRed(end, 'BUILD_FAILED')
    await expectSecretive(on, end)
  })

  test('are nowhere after a refused image and a refused login', async () => {
    const { on, inputs, env, other } = await secretive()
    await fakeTrivy(on, { scan: finding(vulnerability()) })
    const refused = await on.step({ inputs, env })
    expectRed(refused, 'SCAN_FINDINGS')
    const auth = inputs['registry-auth'].replace(PASSWORD, LINES[0] ?? '')
    const stranger = await on.step({ inputs: { ...inputs, 'registry-auth': auth }, env })
    expectRed(stranger, 'LOGIN_FAILED')
    for (const end of [refused, stranger]) await expectSecretive(on, end)
    expect(other.writes()).toEqual([])
  })

  test('are nowhere after a cancel', async () => {
    const { on, inputs, env } = await secretive()
    await fakeDocker(on, { build: `console.error('#1 RUN make'); setInterval(() => {}, 1000)` })
    const end = await on.step({ inputs, env, cancelWhen: (log) => log.includes('RUN make') })
    expectRed(end, 'CANCELLED')
    await expectSecretive(on, end)
  })

  test('are masked before anything else is printed, multi-line ones line by line, with their Basic forms', async () => {
    const { on, one, inputs, env } = await secretive()
    const { main } = await on.step({ inputs, env })
    const lines = main.log.text.split('\n')
    const first = lines.findIndex((line) => !line.startsWith('::add-mask::'))
    const early = lines.slice(0, first).map((line) => line.replace('::add-mask::', ''))
    for (const secret of [PASSWORD, ...LINES, ...KEY, TOKEN, BUILD]) expect(early).toContain(secret)
    for (const password of [PASSWORD, LINES.join('\n')]) expect(early).toContain(basic('robot', password))
    for (const secret of [STATIC, HELPED, VARIABLE]) expect(main.log.masks).toContain(secret)
    expect(tokensOf(one)).toBeLessThanOrEqual(main.log.masks.filter((mask) => mask.split('.').length === 3).length)
  })

  test('of a build reach it in private files', async () => {
    const { on, inputs, env } = await secretive()
    expectGreen(await on.step({ inputs, env }))
    expect(await seen(on, 'seen-secrets.json')).toMatchObject({ deploy: [KEY.join('\n'), 0o600], npm: [BUILD, 0o600] })
  })
})

describe("the user's own docker configuration", () => {
  test('is read with its helper, reaches docker as static logins in a private folder, and is never written', async () => {
    const { on, one, other, inputs, env } = await secretive()
    // `expectGreen` holds what lies in the home folder against what lay there before.
    expectGreen(await on.step({ inputs, env }))
    expect(await seen(on, 'seen-config.json')).toMatchObject({
      mode: 0o700,
      config: {
        auths: {
          'static.example': { auth: basic('robot', STATIC) },
          'helped.example': { auth: basic('robot', HELPED) },
          'variable.example': { auth: basic('robot', VARIABLE) },
        },
      },
    })
    const text = JSON.stringify(await seen(on, 'seen-config.json'))
    for (const word of ['credsStore', 'credHelpers']) expect(text).not.toContain(word)
    const logins = (await on.calls()).filter(({ args }) => args[0] === 'login')
    expect(logins.map(({ args, input }) => [args.at(-1), input]).toSorted()).toEqual(
      [
        [one.host, PASSWORD],
        [other.host, LINES.join('\n')],
      ].toSorted(),
    )
    const helper = (await on.calls()).filter(({ program }) => program === 'docker-credential-planted')
    expect(helper.map(({ args, input }) => [args, input])).toEqual([[['get'], 'helped.example']])
  })
})

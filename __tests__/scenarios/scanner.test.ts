import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { signerOfTrivy } from '../../src/scan/signature.ts'
import { startCacheServer } from '../support/cache-server.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { type Mishap, startReleaseServer } from '../support/release-server.ts'
import type { Event, Runner, StepEnd } from '../support/runner.ts'
import { ownSigstore } from '../support/sigstore.ts'
import { releaseArchive, sha256Of } from '../support/trivy-archive.ts'
import { filesOf, told } from './leaks.ts'
import { DATABASE, fakeDocker, fakeTrivy } from './programs.ts'
import { errorsOf, expectGreen, expectRed, layout, messagesOf, registry, runner, tagsOf } from './stage.ts'
import { openTunnel } from './tunnel.ts'

const HOSTS = ['github.com', 'release-assets.githubusercontent.com']
const NAME = 'trivy_0.99.0_Linux-64bit.tar.gz'
const TOKEN = 'a-token-of-the-tests'

/** A machine whose GitHub is a stand-in with one release of Trivy, which says that it is 0.99.0. */
async function machine(mishaps: readonly Mishap[] = [], signature?: (archive: Uint8Array) => Uint8Array | string) {
  const on = await runner()
  const one = await registry()
  const image = await layout(on)
  await writeFile(join(on.workspace, 'Dockerfile'), 'FROM scratch\n')
  await fakeDocker(on)
  await fakeTrivy(on, { version: `console.log('{"Version":"0.99.0"}')` })
  const archive = await releaseArchive(await readFile(join(on.bin, 'trivy')))
  await on.program('trivy', `fs.writeFileSync(${JSON.stringify(join(on.home, 'trap'))}, '')`)
  const tls = selfSignedCertificate(HOSTS)
  await writeFile(join(on.bin, 'ca.pem'), tls.cert)
  const github = await startReleaseServer({
    files: {
      [NAME]: archive,
      'trivy_0.74.0_Linux-64bit.tar.gz': archive,
      ...(signature === undefined ? {} : { [`${NAME}.sigstore.json`]: Buffer.from(signature(archive)) }),
    },
    mishaps,
    tls,
    storage: `https://${HOSTS[1]}`,
  })
  const tunnel = await openTunnel(Object.fromEntries(HOSTS.map((host) => [host, github.url])))
  const env = {
    HTTPS_PROXY: tunnel.url,
    NODE_EXTRA_CA_CERTS: join(on.bin, 'ca.pem'),
    RUNNER_TOOL_CACHE: join(on.bin, 'tools'),
  }
  const inputs = {
    images: `${one.host}/acme/api`,
    'trivy-version': `v0.99.0@sha256:${sha256Of(archive)}`,
    token: TOKEN,
    retries: '2',
    ...DATABASE,
  }
  return { on, one, image, archive, github, tunnel, env, inputs }
}

test('the scanner is fetched while the image is built, checked and started; the trivy on PATH is not', async () => {
  const { on, one, image, archive, github, env, inputs } = await machine(['cut'])
  const end = await on.step({ inputs, env })
  expectGreen(end)
  expect(tagsOf(one, 'acme/api')['latest']).toBe(image.root.digest)
  const storage = `${HOSTS[1]} /storage/${NAME}`
  const named = `${HOSTS[0]} /aquasecurity/trivy/releases/download/v0.99.0/${NAME}`
  // Without the token of the job, and begun anew where it broke off.
  expect(github.asked).toEqual([named, storage, named, storage, `${named}.sigstore.json`])
  expect(end.main.report?.scan).toMatchObject({
    scanner: 'trivy 0.99.0',
    scannerFrom: HOSTS[1],
    scannerSha256: sha256Of(archive),
  })
  expect(end.main.log.text).toContain(`trivy 0.99.0 from ${HOSTS[1]}, sha256 ${sha256Of(archive)}`)
  await expect(access(join(on.home, 'trap'))).rejects.toThrow()
  const trivy = (await on.calls()).filter(({ args }) => args[0] === 'version' || args[0] === 'image')
  expect(trivy.length).toBeGreaterThan(2)
  for (const { env: seen } of trivy) expect(Object.keys(seen)).not.toContain('HTTPS_PROXY')
})

test('the next run takes it from the tool cache, unless somebody changed it there', async () => {
  const { on, github, env, inputs, archive } = await machine()
  expectGreen(await on.step({ inputs, env }))
  const again = { ...inputs, 'existing-tag': 'overwrite', version: '1.2.4' }
  const second = await on.step({ inputs: again, env })
  expectGreen(second)
  expect(second.main.report?.scan.scannerFrom).toBe('the tool cache')
  expect(github.asked).toHaveLength(3)

  const folder = join(env.RUNNER_TOOL_CACHE, 'lading')
  const [name = ''] = await readdir(folder)
  await writeFile(join(folder, name), await releaseArchive(`#!/bin/sh\ntouch ${on.home}/trap\n`))
  const third = await on.step({ inputs: { ...again, version: '1.2.5' }, env })
  expectGreen(third)
  expect(messagesOf(third.main.log, 'warning').join()).toContain('The tool cache of this runner has something else')
  await expect(access(join(on.home, 'trap'))).rejects.toThrow()
  expect(archive.equals(await readFile(join(folder, name)))).toBe(true)
})

test('a signature by keys that came later counts for none, and that is told', async () => {
  const signed = (archive: Uint8Array) => JSON.stringify(ownSigstore().sign(archive, signerOfTrivy('0.99.0')))
  const { on, env, inputs } = await machine([], signed)
  const end = await on.step({ inputs, env })
  expectGreen(end)
  expect(end.main.report?.scan).not.toHaveProperty('scannerSigned')
  expect(end.main.log.text).toMatch(
    /signature of Trivy 0\.99\.0 was not verified: it is by a transparency log whose key is not known here\. Its hash in `trivy-version` alone/,
  )
})

type Occasion = { readonly event?: Event; readonly mode?: string; readonly inputs?: Readonly<Record<string, string>> }

const FORK: Event = {
  name: 'pull_request',
  ref: 'refs/pull/7/merge',
  payload: {
    repository: { full_name: 'acme/api' },
    pull_request: {
      number: 7,
      head: { repo: { full_name: 'stranger/api' } },
      base: { repo: { full_name: 'acme/api' } },
    },
  },
}

describe('the Actions cache', () => {
  const NOTHING_KEPT = { RUNNER_TOOL_CACHE: undefined }

  test.each(['v1', 'v2'] as const)(
    'of version %s has it for the next run, unless somebody changed it',
    async (version) => {
      const { on, github, env, inputs, archive } = await machine()
      const cache = await startCacheServer({ version })
      const around = { ...env, ...NOTHING_KEPT, ...cache.variables }
      const first = await on.step({ inputs, env: around })
      expectGreen(first)
      // The database is kept there too.
      const key = [...cache.entries.keys()].find((one) => !one.startsWith('lading-trivy-db-')) ?? ''
      expect(key).toBe(`lading-trivy-0.99.0-linux-amd64-${sha256Of(archive).slice(0, 16)}`)
      expect(archive.equals(cache.entries.get(key) ?? Buffer.alloc(0))).toBe(true)
      const asked = github.asked.length

      const again = { ...inputs, 'existing-tag': 'overwrite', version: '1.2.4' }
      const second = await on.step({ inputs: again, env: around })
      expectGreen(second)
      expect(second.main.report?.scan.scannerFrom).toBe('the Actions cache')
      expect(github.asked).toHaveLength(asked)

      cache.entries.set(key, await releaseArchive(`#!/bin/sh\ntouch ${on.home}/trap\n`))
      const third = await on.step({ inputs: { ...again, version: '1.2.5' }, env: around })
      expectGreen(third)
      expect(messagesOf(third.main.log, 'warning').join()).toContain(
        'The Actions cache of this repository has something',
      )
      expect(third.main.report?.scan.scannerFrom).toBe(HOSTS[1])
      await expect(access(join(on.home, 'trap'))).rejects.toThrow()

      await expectUntold(on, [first, second, third], cache.secrets)
      const commands = first.main.log.text.split('\n')
      expect(commands).toContain(`::add-mask::${cache.variables['ACTIONS_RUNTIME_TOKEN']}`)
    },
  )

  /** Nothing of the service is in what people, later steps and programs see, nor in a file. */
  async function expectUntold(on: Runner, ends: readonly StepEnd[], secrets: readonly string[]): Promise<void> {
    const seen = (await on.calls()).map(({ args, env }) => JSON.stringify([args, env]))
    const all = [...ends.map(told), await filesOf(on), ...seen].join('\n')
    for (const secret of secrets) expect(all).not.toContain(secret)
  }

  // For the scanner, and for the database.
  test.each<readonly [string, Occasion, readonly string[]]>([
    ['is only read for the change of a fork', { event: FORK }, ['find', 'find']],
    ['is only read by pull_request_target', { event: { ...FORK, name: 'pull_request_target' } }, ['find', 'find']],
    ['is only read where the runner says so', { mode: 'read' }, ['find', 'find']],
    ['is left alone with scan-cache: false', { inputs: { 'scan-cache': 'false' } }, []],
  ])('%s', async (_what, { event, mode = '', inputs: more = {} }, asked) => {
    const { on, env, inputs } = await machine()
    const cache = await startCacheServer({ version: 'v2' })
    const around = { ...env, ...NOTHING_KEPT, ...cache.variables, ACTIONS_CACHE_MODE: mode }
    const end = await on.step({
      inputs: { ...inputs, ...more },
      env: around,
      ...(event === undefined ? {} : { event }),
    })
    expectGreen(end)
    expect(cache.asked).toEqual(asked)
  })

  test('that refuses everything costs no run', async () => {
    const { on, env, inputs } = await machine()
    const cache = await startCacheServer({ version: 'v2', mishaps: { find: Array(6).fill(500), reserve: [429, 429] } })
    const end = await on.step({ inputs, env: { ...env, ...NOTHING_KEPT, ...cache.variables } })
    expectGreen(end)
    expect(messagesOf(end.main.log, 'warning')).toEqual([])
    expect(cache.entries.size).toBe(0)
  })
})

test('an archive on this machine needs nobody', async () => {
  const { on, github, env, inputs, archive } = await machine()
  await writeFile(join(on.workspace, 'trivy.tar.gz'), archive)
  const end = await on.step({ inputs: { ...inputs, 'trivy-archive': 'trivy.tar.gz' }, env })
  expectGreen(end)
  expect(end.main.report?.scan.scannerFrom).toBe('trivy-archive')
  expect(github.asked).toEqual([])
})

describe('nothing is published, and nothing of it is started,', () => {
  test('when the archive has another hash than the one in the bundle', async () => {
    const { on, one, env, inputs } = await machine()
    const end = await on.step({ inputs: { ...inputs, 'trivy-version': 'v0.74.0' }, env })
    const known = '2ae6fe3ee734b7fdf11335663e18c75ea12dccc76062f09f164a3b0f8be4371a'
    expect(expectRed(end, 'TOOL_UNVERIFIED')).toContain(known)
    expect(one.writes()).toEqual([])
    expect((await on.calls()).filter(({ args }) => args[0] === 'version')).toEqual([])
  })

  test('when its signature is of something else, though its hash is the one in the workflow', async () => {
    const real = await readFile(new URL('../fixtures/sigstore/a.txt.sigstore.json', import.meta.url))
    const { on, one, env, inputs } = await machine([], () => real)
    const end = await on.step({ inputs, env })
    expect(expectRed(end, 'TOOL_UNVERIFIED')).toContain('it is about a file with the sha256 632579b5')
    expect(one.writes()).toEqual([])
    expect((await on.calls()).filter(({ args }) => args[0] === 'version')).toEqual([])
  })

  test.each(['v0.69.4', 'v0.69.5', `v0.69.6@sha256:${'ab'.repeat(32)}`])(
    'with %s, before anybody is asked',
    async (version) => {
      const { on, one, tunnel, env, inputs } = await machine()
      const end = await on.step({ inputs: { ...inputs, 'trivy-version': version }, env })
      expect(expectRed(end, 'TOOL_UNVERIFIED')).toContain('GHSA-69fq-xp46-6x23')
      expect([tunnel.asked, one.requests, await on.calls()]).toEqual([[], [], []])
    },
  )

  test('when there is no scanner to be had; the build is not waited for', async () => {
    const { on, one, env, inputs } = await machine()
    await rm(join(on.bin, 'docker'))
    await fakeDocker(on, { build: `setInterval(() => {}, 1000)` })
    const end = await on.step({ inputs: { ...inputs, 'trivy-version': `v0.98.0@sha256:${'ab'.repeat(32)}` }, env })
    expect(expectRed(end, 'SCAN_BROKEN')).toContain('fetching Trivy 0.98.0: github.com answers with status 404')
    expect(one.writes()).toEqual([])
  })

  test('when the build fails while the scanner is on its way; the build is what is told', async () => {
    const { on, env, inputs } = await machine(['stall'])
    await fakeDocker(on, { build: `console.error('ERROR: no such stage'); process.exit(1)` })
    const end = await on.step({ inputs, env })
    expectRed(end, 'BUILD_FAILED')
    expect(errorsOf(end).join()).not.toContain('Trivy')
  })
})

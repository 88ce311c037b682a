import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { mustRun, run } from '../../scripts/part/command.ts'
import { need, requirePart, type StartedRegistry, startRegistry } from '../../scripts/part/index.ts'
import { sample } from '../scan/samples.ts'
import { changes, snapshot, writeFiles } from '../support/runner/files.ts'
import { makeRunner } from '../support/runner.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { expectGreen, expectRed, toldBy } from './stage.ts'

const USER = { username: 'keeper', password: 'planted-store-8b2f' }

describe.skipIf(!(await need(['credential-pass', 'registry3'])))('docker-credential-pass', () => {
  let folder: string
  let registry: StartedRegistry
  /** with which pass and gpg find their own private store */
  let env: Readonly<Record<string, string>>

  beforeAll(async () => {
    const helper = await requirePart('credential-pass')
    registry = await startRegistry(3, { htpasswd: USER })
    // Short, since gpg's agent listens on a socket in there.
    folder = await mkdtemp(join(tmpdir(), 'gpg-'))
    env = {
      GNUPGHOME: folder,
      PASSWORD_STORE_DIR: join(folder, 'store'),
      PATH: `${dirname(helper)}:${process.env['PATH'] ?? ''}`,
    }
    const key = ['--batch', '--passphrase', '', '--quick-generate-key', 'lading', 'default', 'default', 'never']
    await mustRun('make a key', 'gpg', key, { environment: env })
    await mustRun('make a store', 'pass', ['init', 'lading'], { environment: env })
    await store(registry.host)
  })

  afterAll(async () => {
    await run('gpgconf', ['--kill', 'all'], { environment: env })
    await Promise.all([registry?.stop(), rm(folder, { recursive: true, force: true })])
  })

  /** Puts the login of the user there, as `docker login` would. */
  async function store(server: string): Promise<void> {
    const entry = JSON.stringify({ ServerURL: server, Username: USER.username, Secret: USER.password })
    const script = 'printf %s "$ENTRY" | docker-credential-pass store'
    await mustRun('store a login', 'sh', ['-c', script], { environment: { ...env, ENTRY: entry } })
  }

  /** A step on a machine whose docker is configured so. */
  async function publishWith(docker: object) {
    const runner = await makeRunner()
    onTestFinished(() => runner[Symbol.asyncDispose]())
    await writeSampleLayout(join(runner.workspace, 'finished'), { platforms: [sample('scratch')] })
    await writeFiles(runner.home, { '.docker/config.json': JSON.stringify(docker) })
    const before = await Promise.all([
      snapshot(runner.home, [runner.home]),
      snapshot(env['PASSWORD_STORE_DIR'] ?? '', []),
    ])
    const inputs = { images: `${registry.host}/acme/app`, layout: 'finished', scan: 'off' }
    const end = await runner.step({ inputs, env })
    const after = await Promise.all([
      snapshot(runner.home, [runner.home]),
      snapshot(env['PASSWORD_STORE_DIR'] ?? '', []),
    ])
    expect(before.map((one, at) => changes(one, after[at] ?? one))).toEqual([[], []])
    expect(toldBy(end)).not.toContain(USER.password)
    return end
  }

  test.each([
    ['the store for everything', () => ({ credsStore: 'pass' })],
    ['the helper of this registry', () => ({ credHelpers: { [registry.host]: 'pass' } })],
    ['both, the store being another one', () => ({ credsStore: 'none', credHelpers: { [registry.host]: 'pass' } })],
  ])('is asked as %s', async (_name, docker) => {
    expectGreen(await publishWith(docker()))
  })

  test('that has no login for the registry says so, and nobody is logged in', async () => {
    const message = expectRed(await publishWith({ credHelpers: { '127.0.0.1:1': 'pass' } }), 'LOGIN_FAILED')
    expect(message).toContain('Nobody is logged in')
    await run('sh', ['-c', `printf %s ${registry.host} | docker-credential-pass erase`], { environment: env })
    expect(expectRed(await publishWith({ credsStore: 'pass' }), 'LOGIN_FAILED')).toContain('Nobody is logged in')
    await store(registry.host)
  })

  test('that has no key to its store is quoted', async () => {
    const { GNUPGHOME: kept = '' } = env
    const empty = join(folder, 'empty')
    await mkdir(empty, { mode: 0o700 })
    env = { ...env, GNUPGHOME: empty }
    try {
      const message = expectRed(await publishWith({ credsStore: 'pass' }), 'LOGIN_FAILED')
      expect(message).toContain('docker-credential-pass')
    } finally {
      await run('gpgconf', ['--kill', 'all'], { environment: env })
      env = { ...env, GNUPGHOME: kept }
    }
  })
})

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseLock } from '../../src/plan/lock.ts'
import { putImage, putReferrer } from '../modes/given-mirror.ts'
import { writeFiles } from '../support/runner/files.ts'
import type { Runner } from '../support/runner.ts'
import { basic, filesOf, told } from './leaks.ts'
import { fakeTrivy } from './programs.ts'
import { errorsOf, expectGreen, expectRed, guardedRegistry, login, registry, runner, tagsOf, tally } from './stage.ts'

const LOCK = 'workspace/lock.json'

/** Three tags at a source, and a registry that is to mirror them. */
async function sides() {
  const on = await runner()
  const [from, to] = [await registry(), await registry()]
  const digests = Object.fromEntries(['1.0', '1.1', '2.0'].map((tag) => [tag, putImage(from, 'up/app', { tag })]))
  const inputs = { images: `${from.host}/up/app => ${to.host}/hub/up/app ; tags=*`, 'lock-file': 'lock.json' }
  return { on, from, to, digests, inputs }
}

async function lockOf(on: Runner) {
  return parseLock(await readFile(join(on.workspace, 'lock.json'), 'utf8'))
}

describe('a mirror', () => {
  test('copies, remembers, and asks for nothing but HEADs the next time', async () => {
    const { on, from, to, digests, inputs } = await sides()
    const first = await on.step({ action: 'mirror', inputs })
    expectGreen(first, [LOCK])
    expect(first.main.log.text).toMatch(/^Lading \S+: mirror 1 entry of images$/m)
    expect(tagsOf(to, 'hub/up/app')).toEqual(digests)
    expect(JSON.parse(first.main.outputs['copied'] ?? '')).toHaveLength(3)
    expect(first.main.outputs['buildkitd-config']).toContain(`mirrors = ["${to.host}/hub"]`)
    expect(first.main.summary).toContain('## **Mirrored**')
    expect(await lockOf(on)).toMatchObject({ schema: 1 })

    from.reset()
    to.reset()
    const before = await readFile(join(on.workspace, 'lock.json'), 'utf8')
    const second = await on.step({ action: 'mirror', inputs })
    expectGreen(second)
    expect(tally(from)).toEqual({ tags: 1, 'manifest-head': 3 })
    expect(tally(to)).toEqual({ 'manifest-head': 3 })
    expect(second.main.outputs).toMatchObject({ copied: '[]', drift: 'false' })
    expect(await readFile(join(on.workspace, 'lock.json'), 'utf8')).toBe(before)
    expect(await on.calls()).toEqual([])
  })

  test('makes the folder of its lock file', async () => {
    const { on, inputs } = await sides()
    expectGreen(await on.step({ action: 'mirror', inputs: { ...inputs, 'lock-file': 'state/of/lock.json' } }), [
      'workspace/state',
      'workspace/state/of',
      'workspace/state/of/lock.json',
    ])
  })

  test('that may not write its lock file is red: the next run would not know what it wrote', async () => {
    const { on, to, digests, inputs } = await sides()
    await writeFiles(on.workspace, { state: 'a file where a folder is wanted' })
    const end = await on.step({ action: 'mirror', inputs: { ...inputs, 'lock-file': 'state/lock.json' } })
    expect(expectRed(end, 'INPUT_INVALID')).toContain('lock')
    expect(tagsOf(to, 'hub/up/app')).toEqual(digests)
    expect(JSON.parse(end.main.outputs['copied'] ?? '')).toHaveLength(3)
  })

  test('that checks writes nothing at all, not even its lock', async () => {
    const { on, to, inputs } = await sides()
    const end = await on.step({ action: 'mirror', inputs: { ...inputs, check: 'true' } })
    expectGreen(end)
    expect(end.main.outputs['drift']).toBe('true')
    expect(to.writes()).toEqual([])
    const strict = await on.step({ action: 'mirror', inputs: { ...inputs, check: 'strict' } })
    expectRed(strict, 'DRIFT')
    expect(strict.main.outputs['drift']).toBe('true')
  })

  test('is red at the end when one image failed, and remembers the others', async () => {
    const { on, from, inputs, digests } = await sides()
    from.fail({ step: 'manifest-get', reference: digests['1.1'] ?? '', effect: { kind: 'status', status: 403 } })
    const end = await on.step({ action: 'mirror', inputs })
    expect(expectRed(end, 'PARTLY_COPIED', [LOCK])).toContain('up/app:1.1')
    expect(JSON.parse(end.main.outputs['failed'] ?? '')).toHaveLength(1)
    const lock = JSON.stringify(await lockOf(on))
    expect(lock).toContain('hub/up/app:1.0')
    expect(lock).not.toContain('hub/up/app:1.1')
  })

  test('tells all mistakes before it asks anybody anything', async () => {
    const { on, from, to, inputs } = await sides()
    const end = await on.step({ action: 'mirror', inputs: { ...inputs, existing: 'maybe', 'min-age': 'long' } })
    const error = expectRed(end, 'INPUT_INVALID')
    expect(error).toContain('`existing`')
    expect(error).toContain('`min-age`')
    expect([...from.requests, ...to.requests]).toEqual([])
  })
})

describe('a cancel', () => {
  test('in the middle of the blobs leaves no tag, no open upload, and a report of what was not reached', async () => {
    const { on, from, to, inputs } = await sides()
    from.fail({ step: 'blob-get', effect: { kind: 'delay', ms: 60_000 } })
    const isUnderWay = () => from.requests.some(({ step }) => step === 'blob-get')
    const end = await on.step({ action: 'mirror', inputs, cancelWhen: isUnderWay })
    expectRed(end, 'CANCELLED', [LOCK])
    expect(end.main.signals).toEqual(['SIGINT'])
    expect(tagsOf(to, 'hub/up/app')).toEqual({})
    expect(to.openUploads()).toEqual([])
    expect(JSON.parse(end.main.outputs['held'] ?? '')).toHaveLength(3)
    from.heal()
    expectGreen(await on.step({ action: 'mirror', inputs }), [LOCK])
  })
})

describe('secrets', () => {
  const [FROM, TO, FILED] = ['planted-of-the-input-1f9c', 'planted-of-the-file-77aa', 'planted-in-a-file-22bb']
  const FORMS = [FROM, TO, FILED].flatMap((secret) => [secret, basic('robot', secret).replace(/=+$/, '')])
  const secretsIn = (text: string) => FORMS.filter((form) => text.includes(form))

  /** A mirror whose logins stand in inputs, in its file, and in a file that its file names. */
  async function secretive() {
    const on = await runner()
    const [from, to, other] = [await guardedRegistry(FROM), await guardedRegistry(TO), await guardedRegistry(FILED)]
    const digest = putImage(from, 'up/app', { tag: '1.0' })
    putReferrer(from, 'up/app', digest, 'signed')
    const file = `version: 1
creds:
  - registry: ${to.host}
    user: robot
    pass: ${TO}
    tls: disabled
  - registry: ${other.host}
    user: robot
    pass: '{{file "token"}}'
    tls: disabled
sync:
  - source: ${from.host}/up/app:1.0
    target: ${to.host}/my/app:1.0
    type: image
    referrers: true
  - source: ${from.host}/up/app:1.0
    target: ${other.host}/my/app:1.0
    type: image
`
    await writeFiles(on.temp, { token: FILED })
    await writeFiles(on.workspace, { 'mirror.yml': file.replace('"token"', '"../temp/token"') })
    const inputs = { config: 'mirror.yml', 'registry-auth': login(from.host, FROM), 'lock-file': 'lock.json' }
    return { on, from, to, other, digest, inputs, file }
  }

  /** What lies about after a step, but for what the user wrote down. */
  async function left(on: Runner): Promise<string> {
    const all = await filesOf(on)
    const own = [join(on.workspace, 'mirror.yml'), join(on.temp, 'token')].map((path) => readFile(path, 'latin1'))
    return (await Promise.all(own)).reduce((text, mine) => text.replace(mine, ''), all)
  }

  test('of the inputs, of the file and of a file that it names are told nowhere, and masked before anything else', async () => {
    const { on, to, other, digest, inputs } = await secretive()
    await fakeTrivy(on)
    const env = { ACTIONS_STEP_DEBUG: 'true', RUNNER_DEBUG: '1' }
    const scan = { scan: 'gate', scanners: 'secret', 'trivy-path': '../bin/trivy' }
    const end = await on.step({ action: 'mirror', inputs: { ...inputs, ...scan }, env })
    expect(errorsOf(end)).toEqual([])
    expect(tagsOf(to, 'my/app')).toEqual({ '1.0': digest })
    expect(tagsOf(other, 'my/app')).toEqual({ '1.0': digest })
    expect(secretsIn(told(end))).toEqual([])
    expect(secretsIn(await left(on))).toEqual([])
    const calls = await on.calls()
    expect(calls.length).toBeGreaterThan(0)
    expect(secretsIn(JSON.stringify(calls))).toEqual([])
    const lines = end.main.log.text.split('\n')
    const firstWord = lines.findIndex((line) => /^Lading \S+: mirror/.test(line))
    for (const secret of [FROM, TO, FILED, basic('robot', TO)]) {
      const mask = lines.indexOf(`::add-mask::${secret}`)
      expect([mask >= 0, mask < firstWord]).toEqual([true, true])
    }
  })

  test('are told nowhere when the login is refused', async () => {
    const { on, to, inputs, file } = await secretive()
    const wrong = file.replace(TO, `${TO}-wrong`).replace('"token"', '"../temp/token"')
    await writeFiles(on.workspace, { 'mirror.yml': wrong })
    const end = await on.step({ action: 'mirror', inputs })
    expect(end.main.exitCode).toBe(1)
    expect(tagsOf(to, 'my/app')).toEqual({})
    expect(secretsIn(told(end))).toEqual([])
  })

  test('are told nowhere when the file is wrong', async () => {
    const { on, inputs, file } = await secretive()
    await writeFiles(on.workspace, { 'mirror.yml': file.replace('type: image', 'type: imgae') })
    const end = await on.step({ action: 'mirror', inputs })
    expectRed(end, 'INPUT_INVALID')
    expect(secretsIn(told(end))).toEqual([])
  })
})

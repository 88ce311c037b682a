import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Fault } from '../support/registry/fault.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'
import { writeFiles } from '../support/runner/files.ts'
import { fakeDocker, fakeTrivy, TRIVY } from './programs.ts'
import { expectGreen, expectRed, guardedRegistry, layout, registry, runner, shown, tagsOf, unscanned } from './stage.ts'

const FOR_EVER = 60_000

/** Says yes as soon as the registry has seen such a request. */
function sees(one: InProcessRegistry, step: string, reference?: string): () => boolean {
  return () =>
    one.requests.some(
      (request) => request.step === step && (reference === undefined || request.reference === reference),
    )
}

async function cancelledAt(faults: readonly Fault[], step: string, reference?: string) {
  const on = await runner()
  const one = await registry({ faults })
  const image = await layout(on)
  const inputs = unscanned(`${one.host}/acme/api`)
  const end = await on.step({ inputs, cancelWhen: sees(one, step, reference) })
  // A runner that had to send more than SIGINT would have ended it in the middle of something.
  expect(end.main.signals).toEqual(['SIGINT'])
  return { on, one, image, inputs, end }
}

describe('a cancel before the tags', () => {
  test.each<[what: string, fault: Fault, step: string]>([
    [
      'while a registry does not answer',
      { step: 'manifest-head', effect: { kind: 'delay', ms: FOR_EVER } },
      'manifest-head',
    ],
    [
      'while a registry is given time',
      { step: 'manifest-head', effect: { kind: 'status', status: 503, headers: { 'retry-after': '50' } } },
      'manifest-head',
    ],
    ['while a session is opened', { step: 'mount', effect: { kind: 'delay', ms: FOR_EVER } }, 'mount'],
    ['during the upload', { step: 'upload-put', effect: { kind: 'slow-commit', ms: FOR_EVER } }, 'upload-put'],
    ['while a manifest is sent', { step: 'manifest-put', effect: { kind: 'delay', ms: FOR_EVER } }, 'manifest-put'],
  ])('%s moves no tag and leaves no session open', async (_what, fault, step) => {
    const { one, end } = await cancelledAt([fault], step)
    expectRed(end, 'CANCELLED')
    expect(tagsOf(one, 'acme/api')).toEqual({})
    expect(one.openUploads()).toEqual([])
    expect(end.main.report?.references.filter(({ outcome }) => outcome !== 'refused')).toEqual([])
    expect(end.main.outputs).toMatchObject({ pushed: '[]', 'tag-refs': '' })
  })

  test('does not hinder the next run, which sends only what is missing', async () => {
    const fault: Fault = { step: 'manifest-put', effect: { kind: 'delay', ms: FOR_EVER } }
    const { on, one, inputs, image, end } = await cancelledAt([fault], 'manifest-put')
    expectRed(end, 'CANCELLED')
    one.heal()
    one.reset()
    expectGreen(await on.step({ inputs }))
    expect(one.requests.filter(({ step }) => step === 'upload-put')).toEqual([])
    expect(shown(one, 'acme/api', 'latest')).toBe(image.root.digest)
  })
})

describe('a cancel among the tags', () => {
  test('lets them be moved to the end where that takes moments', async () => {
    const fault: Fault = { step: 'tag-put', reference: '1.2.3', effect: { kind: 'slow-answer', ms: 800 } }
    const { one, image, end } = await cancelledAt([fault], 'tag-put', '1.2.3')
    expect(Object.values(tagsOf(one, 'acme/api'))).toEqual(Array(3).fill(image.root.digest))
    expect(end.main.report?.references.map(({ outcome }) => outcome)).toEqual(Array(3).fill('created'))
    expect([end.main.exitCode, end.main.outputs['published']]).toEqual([0, 'true'])
  })

  test('says for each tag what it shows where one does not come to its end', async () => {
    const fault: Fault = { step: 'tag-put', reference: 'latest', effect: { kind: 'delay', ms: FOR_EVER } }
    const { one, image, end } = await cancelledAt([fault], 'tag-put', 'latest')
    expect(expectRed(end, 'PARTLY_PUBLISHED')).toContain('latest')
    expect(Object.keys(tagsOf(one, 'acme/api')).toSorted()).toEqual(['1.2.3', '1.2.3-6b1f2c3'])
    const { digest } = image.root
    expect(end.main.report?.references).toMatchObject([
      { outcome: 'created', digest },
      { outcome: 'created', digest },
      { outcome: 'failed', digest: null },
    ])
    expect(end.main.summary).toContain('latest')
  })
})

/** JavaScript of a program that says who it and its child are, and then never ends. */
function endless(record: string): string {
  return `
  const { spawn } = require('node:child_process')
  process.on('SIGTERM', () => {})
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
  fs.writeFileSync(${JSON.stringify(record)}, JSON.stringify([process.pid, child.pid]))
  console.error('#1 [1/2] RUN make')
  setInterval(() => {}, 1000)`
}

async function isGone(pid: number): Promise<boolean> {
  // A process that has ended and that nobody has asked about yet is still listed, as a zombie.
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text === '' || /\) [ZX] /.test(text)
}

describe('a cancel ends the programs', () => {
  test.each(['build', 'scan'])('of a %s together with their children', async (part) => {
    const on = await runner()
    const one = await registry()
    await layout(on)
    await writeFile(join(on.workspace, 'Dockerfile'), 'FROM scratch\n')
    const record = join(on.bin, 'pids')
    await fakeDocker(on, part === 'build' ? { build: endless(record) } : {})
    await fakeTrivy(on, part === 'scan' ? { scan: endless(record) } : {})
    const end = await on.step({
      inputs: { ...TRIVY, images: `${one.host}/acme/api` },
      cancelWhen: (log) => log.includes('RUN make'),
    })
    expect(end.main.signals).toEqual(['SIGINT'])
    expectRed(end, 'CANCELLED')
    const pids: readonly number[] = JSON.parse(await readFile(record, 'utf8'))
    expect(pids).toHaveLength(2)
    for (const pid of pids) expect(await isGone(pid)).toBe(true)
    expect(one.writes()).toEqual([])
  })

  test('that are asked for a login', async () => {
    const on = await runner()
    const one = await guardedRegistry('secret')
    await layout(on)
    await on.program('docker-credential-slow', `console.error('asked'); setInterval(() => {}, 1000)`)
    await writeFiles(on.home, { '.docker/config.json': '{"credsStore":"slow"}' })
    const record = join(on.bin, '..', 'commands', 'calls.jsonl')
    const end = await on.step({ inputs: unscanned(`${one.host}/acme/api`), cancelWhen: () => existsSync(record) })
    expectRed(end, 'CANCELLED')
  })

  test('and post removes a builder that was being made', async () => {
    const on = await runner()
    const one = await registry()
    await writeFile(join(on.workspace, 'Dockerfile'), 'FROM scratch\n')
    const create = `console.error('#1 booting RUN make'); setInterval(() => {}, 1000)`
    await fakeDocker(on, { create, info: `console.log('[["Backing Filesystem","extfs"]]')` })
    await fakeTrivy(on)
    const end = await on.step({
      inputs: { ...TRIVY, images: `${one.host}/acme/api` },
      cancelWhen: (log) => log.includes('RUN make'),
    })
    expectRed(end, 'CANCELLED')
    const calls = await on.calls()
    const made = calls.find(({ args }) => args[1] === 'create')?.args ?? []
    const removed = calls.filter(({ args }) => args[1] === 'rm').map(({ args }) => args.at(-1))
    expect(removed).toContain(made[made.indexOf('--name') + 1])
  })
})

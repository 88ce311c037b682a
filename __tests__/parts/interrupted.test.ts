import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AccessLine, need, type StartedRegistry, startRegistry } from '../../scripts/part/index.ts'
import { makeRunner } from '../support/runner.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { openLine } from './line.ts'
import { askedDuring, craneAs, sentBlobs } from './stage.ts'

const ready = await need(['registry2', 'registry3', 'crane'])
const MEBIBYTE = 1024 * 1024
const LAYERS = 6
const BUNDLE = resolve(import.meta.dirname, '../..', process.env['LADING_BUNDLE'] ?? 'dist', 'index.js')

describe.skipIf(!ready)('a step that was killed in the middle of its upload', () => {
  test.each([2, 3] as const)(
    'is finished by the next one, which sends what is missing (registry %i)',
    async (version) => {
      const { registry, line, runner, inputs, digest } = await upload(version)
      const held = line.holdAfter(3.5 * MEBIBYTE)
      const first = await askedDuring([registry], async () => {
        const child = spawn(process.execPath, [BUNDLE], {
          env: {
            RUNNER_TEMP: runner.temp,
            HOME: runner.home,
            GITHUB_REF: 'refs/tags/v1.2.3',
            ...Object.fromEntries(
              Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
            ),
          },
          stdio: 'ignore',
        })
        const ended = once(child, 'exit')
        await Promise.race([held, ended])
        child.kill('SIGKILL')
        expect(await ended).toEqual([null, 'SIGKILL'])
        line.release()
      })
      const arrived = stored(first.asked[0] ?? [])
      expect(arrived.length).toBeGreaterThan(0)
      await expect(craneAs()('ls', `${registry.host}/acme/app`)).rejects.toThrow(/NAME_UNKNOWN|404/)

      const second = await askedDuring([registry], () => runner.step({ inputs }))
      const { main } = second.result
      expect(main, main.log.text).toMatchObject({ exitCode: 0, outputs: { published: 'true', digest } })
      const sent = stored(second.asked[0] ?? [])
      expect(sent.filter((digest) => arrived.includes(digest))).toEqual([])
      expect(sent.length + arrived.length).toBe(LAYERS + 1)
      expect(main.report?.registries).toMatchObject([
        { uploaded: { blobs: sent.length }, present: { blobs: arrived.length } },
      ])
      expect(await craneAs()('validate', '--remote', `${registry.host}/acme/app:1.2.3`)).toContain('PASS')
    },
  )
})

describe.skipIf(!ready)('a step that is cancelled in the middle of its upload', () => {
  test.each([2, 3] as const)(
    'cancels every upload that it opened, and leaves no tag (registry %i)',
    async (version) => {
      const { registry, line, runner, inputs } = await upload(version)
      let holds = false
      line.holdAfter(3.5 * MEBIBYTE).then(() => {
        holds = true
      })
      const { main, post } = await runner.step({
        inputs,
        cancelWhen() {
          if (holds) line.release()
          return holds
        },
      })
      expect(main, main.log.text).toMatchObject({
        exitCode: 1,
        signals: ['SIGINT'],
        outputs: { 'failure-reason': 'CANCELLED', published: 'false' },
      })
      expect(post.exitCode).toBe(0)
      await expect(craneAs()('ls', `${registry.host}/acme/app`)).rejects.toThrow(/NAME_UNKNOWN|404/)
      // Once it has kept a part of a blob, a registry may refuse to forget it (404, 416): that it was asked to is what counts.
      const asked = await registry.requests()
      const opened = asked.filter(({ method, status }) => method === 'POST' && status === 202)
      const cancelled = new Set(asked.filter(({ method }) => method === 'DELETE').map(({ path }) => path))
      expect(cancelled.size).toBeGreaterThan(1)
      expect(opened).toHaveLength(stored(asked).length + cancelled.size)
    },
  )
})

describe.skipIf(!ready)('two steps that publish the same at the same time', () => {
  test.each([2, 3] as const)('are both green (registry %i)', async (version) => {
    const { registry, runner, inputs } = await upload(version)
    const other = await makeRunner()
    onTestFinished(() => other[Symbol.asyncDispose]())
    const steps = await Promise.all([runner, other].map((one) => one.step({ inputs })))
    for (const { main } of steps)
      expect(main, main.log.text).toMatchObject({ exitCode: 0, outputs: { published: 'true' } })
    expect(await craneAs()('validate', '--remote', `${registry.host}/acme/app:1.2.3`)).toContain('PASS')
    expect(await openUploads(registry)).toEqual([])
  })
})

/** A registry behind a line, and a finished image of some size to bring there. */
async function upload(version: 2 | 3) {
  const registry = await startRegistry(version)
  onTestFinished(() => registry.stop())
  const line = await openLine(registry.host)
  onTestFinished(() => line.close())
  const runner = await makeRunner()
  onTestFinished(() => runner[Symbol.asyncDispose]())
  const layout = join(runner.workspace, 'finished')
  const layers = Array.from({ length: LAYERS }, (_, at) => ({ files: { [`random-${at}`]: randomBytes(MEBIBYTE) } }))
  const { root } = await writeSampleLayout(layout, { platforms: [{ platform: 'linux/amd64', layers }] })
  const inputs = { images: `${line.host}/acme/app`, layout, scan: 'off', parallel: '1' }
  return { registry, line, runner, inputs, digest: root.digest }
}

/** Upload sessions that a registry still keeps open; of a cancelled one it forgets an empty folder. */
async function openUploads({ directory }: StartedRegistry): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter(({ name }) => name === 'startedat').map(({ parentPath }) => parentPath)
}

function stored(asked: readonly AccessLine[]): readonly string[] {
  return sentBlobs(asked.filter(({ status }) => status === 201))
}

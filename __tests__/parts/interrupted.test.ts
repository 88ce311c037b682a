import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AccessLine, need, startRegistry } from '../../scripts/part/index.ts'
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
      expect(main, main.log.text).toMatchObject({ exitCode: 0, outputs: { published: 'true', digest: root.digest } })
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

function stored(asked: readonly AccessLine[]): readonly string[] {
  return sentBlobs(asked.filter(({ status }) => status === 201))
}

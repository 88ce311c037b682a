import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { scanSample } from '../../bench/scan-sample.ts'
import { scanTable } from '../../bench/scan-table.ts'
import { BY_HAND, type Setting, waysToScan } from '../../bench/scan-ways.ts'
import { run } from '../../scripts/part/command.ts'
import { need } from '../../scripts/part/index.ts'
import { temporary } from '../scan/world.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'

const SCAN = join(import.meta.dirname, '../../bench/scan.ts')
const MAIN = join(import.meta.dirname, '../../src/main.ts')

describe('the image', () => {
  test('has a layer that all platforms share and one of each, and is the same in every run', async () => {
    const write = async () => writeSampleLayout(await temporary(), { platforms: scanSample(4, 0.001) })
    const [one, other] = [await write(), await write()]
    expect(one.root).toEqual(other.root)
    const layers = one.platforms.map((platform) => platform.layers.map(({ digest }) => digest))
    expect(new Set(layers.map(([shared]) => shared)).size).toBe(1)
    expect(new Set(layers.map(([, own]) => own)).size).toBe(4)
  })

  test('has the sizes that the page names, or a share of them', () => {
    const [image] = scanSample(1, 0.1)
    const sizes = image?.layers.map(({ files }) =>
      Object.values(files).reduce((sum, file) => sum + Buffer.byteLength(file), 0),
    )
    expect(sizes?.map((size) => Math.round(size / 100_000))).toEqual([60, 10])
  })
})

describe('by hand, Trivy', () => {
  const setting = async (): Promise<Setting> => {
    return { bundle: '/b', trivy: '/t', database: '127.0.0.1:1/db', directory: await temporary(), share: 0.001 }
  }

  test('is started for each platform, with an empty cache in each run', async () => {
    const ways = await waysToScan(2, await setting())
    const way = ways.find(({ name }) => name === BY_HAND)
    const caches = [await way?.work(), await way?.work()].map((work) =>
      work?.commands.map((command) => command[command.indexOf('--cache-dir') + 1]),
    )
    expect(caches.map((each) => [each?.length, new Set(each).size])).toEqual([
      [2, 1],
      [2, 1],
    ])
    expect(new Set(caches.flat()).size).toBe(2)
  })
})

describe('the table', () => {
  const base = { name: 'base', runs: [{ seconds: 2, cpu: 4, memory: 100_000_000 }] } as const

  test('shows medians and what they are beside the yardstick', () => {
    const own = { name: 'own', runs: [{ seconds: 1, cpu: 1, memory: 50_000_000 }, { seconds: 3 }] } as const
    expect(scanTable([own, base], 'base').split('\n')).toEqual([
      '| What | Wall | Min–max | × base | CPU | × base | Peak memory |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      '| own | 2.00 s | 1.00–3.00 s | 1.00 | 1.00 s | 0.25 | 50 MB |',
      '| base | 2.00 s | 2.00–2.00 s | 1.00 | 4.00 s | 1.00 | 100 MB |',
    ])
  })

  test('shows no CPU time and memory where nobody tells them', () => {
    const own = { name: 'own', runs: [{ seconds: 1 }] } as const
    expect(scanTable([own, base], 'base')).toContain('| own | 1.00 s | 1.00–1.00 s | 0.50 | – | – | – |')
  })

  test('needs its yardstick', () => {
    expect(() => scanTable([base], 'other')).toThrow('other')
  })
})

describe.skipIf(!(await need(['trivy', 'trivy-db'])))('the whole benchmark', () => {
  test('measures all ways for one platform and for four', { timeout: 180_000 }, async () => {
    const args = [SCAN, '--small', '--runs', '1', '--entry', MAIN]
    const { code, stdout, stderr } = await run(process.execPath, args)
    expect([code, stderr]).toEqual([0, ''])
    const row = String.raw`\n\| Lading \| \d`
    const both = `### One platform\n[^#]*${row}[^#]*### 4 platforms that share a layer\n[^#]*${row}`
    expect(stdout).toMatch(new RegExp(both))
  })

  test('writes no numbers of a small image', async () => {
    const { code, stderr } = await run(process.execPath, [SCAN, '--small', '--write'])
    expect(code).toBe(1)
    expect(stderr).toContain('not with --small')
  })
})

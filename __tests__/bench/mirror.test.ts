import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Errand, FOUR, lading, TUNED } from '../../bench/mirror-peers.ts'
import { judgeMirror, type MirrorCost, type MirrorRow, mirrorTable, type Task } from '../../bench/mirror-table.ts'
import { run } from '../../scripts/part/command.ts'

const MIRROR = join(import.meta.dirname, '../../bench/mirror.ts')
const COST: MirrorCost = { seconds: 1, source: {}, target: {} }

function row(name: string, costs: readonly Partial<MirrorCost>[], role: MirrorRow['role'] = 'rival'): MirrorRow {
  return { name, role, costs: costs.map((cost) => ({ ...COST, ...cost })), trouble: '' }
}

function task(situation: Task['situation']): Task {
  return { situation, tags: 10, repositories: 2, changes: 5 }
}

describe('what is promised', () => {
  test('of a first copy is a share of the best time, and one GET for each manifest', () => {
    const own = row('Lading', [{ seconds: 3, source: { 'GET manifest': 11 } }, { seconds: 3 }], 'own')
    expect(judgeMirror(task('first'), [own, row('slow', [{ seconds: 9 }]), row('fast', [{ seconds: 6 }])])).toEqual([
      { what: 'wall × fast', measured: 0.5, most: 0.6 },
      { what: 'GETs of manifests at the source, one for each', measured: 11, most: 10 },
    ])
  })

  test('of nothing changed counts both sides, and compares with both ways of regsync', () => {
    const source = { 'HEAD manifest': 10, 'GET tags': 2 }
    const own = row('Lading', [{ source, target: { 'HEAD manifest': 11, 'GET blob': 1 } }], 'own')
    const others = [row(TUNED, [{ seconds: 2 }]), row(FOUR, [{ seconds: 2 }]), row('fastest', [{ seconds: 0.1 }])]
    expect(judgeMirror(task('unchanged'), [own, ...others])).toMatchObject([
      { measured: 0, most: 0 },
      { measured: 21, most: 20 },
      { measured: 3, most: 2 },
      { what: `wall × ${TUNED}`, measured: 0.5, most: 0.6 },
      { what: `wall × ${FOUR}`, measured: 0.5, most: 0.3 },
    ])
  })

  test('is not judged where nothing was measured, and the table says why', () => {
    const own: MirrorRow = { name: 'Lading', role: 'own', costs: [], trouble: 'ended with 1: no | luck' }
    expect(judgeMirror(task('changed'), [own])).toEqual([])
    expect(mirrorTable(task('changed'), [own])).toContain('| Lading | not measured: ended with 1: no / luck |')
  })

  test('is told in the table with what was asked', () => {
    const own = row('Lading', [{ seconds: 2, source: { 'HEAD manifest': 10, 'GET manifest': 5 } }], 'own')
    const text = mirrorTable(task('changed'), [own, row('regsync', [{ seconds: 4, memory: 2e7 }])])
    expect(text).toContain(
      '| Lading | 2.00 s | one run | 0.50 | 15: 5 GET manifest, 10 HEAD manifest | 0 | – | – | kept |',
    )
    expect(text).toContain('| regsync | 4.00 s | one run | 1.00 | 0 | 0 | – | 20 MB |  |')
    expect(text).toContain('Kept: GETs of manifests at the source, one for each that changed 5, promised at most 5.')
  })
})

test('Lading gets the file that regsync gets, without how fast regsync is to be', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-mirror-test-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const errand: Errand = { source: 's:1', target: 't:2', prefix: 'one', repositories: ['a/b'], folder }
  const { env } = await lading('mirror.js').work(errand)
  expect(JSON.parse(await readFile(env?.['INPUT_CONFIG'] ?? '', 'utf8'))).toEqual({
    version: 1,
    creds: [
      { registry: 's:1', tls: 'disabled' },
      { registry: 't:2', tls: 'disabled' },
    ],
    defaults: { skipDockerConfig: true },
    sync: [{ source: 's:1/a/b', target: 't:2/one/a/b', type: 'repository' }],
  })
})

test.each([
  [['--runs', '0'], '--runs takes a number'],
  [['--registry', '4'], '--registry takes 2 or 3'],
  [['--small', '--write'], '--write writes the whole page'],
])('%s is refused', async (args, why) => {
  const { code, stderr } = await run(process.execPath, [MIRROR, ...args])
  expect([code, stderr]).toEqual([1, expect.stringContaining(why)])
})

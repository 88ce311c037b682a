/**
 * `npm run bench:scan`: scans of an OCI layout for one and for four platforms that share a layer, beside Trivy by hand.
 *
 *   --runs N        how often each is measured; 5
 *   --small         an image of a thousandth of the size, to try it out
 *   --entry PATH    another start than dist/index.js, such as src/main.ts
 *   --write         put the tables into docs/benchmarks.md
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { serveDatabase } from '../__tests__/support/trivy-database.ts'
import { requirePart } from '../scripts/part/index.ts'
import { measure, type Used } from './measure.ts'
import { type ScanRow, scanTable } from './scan-table.ts'
import { BY_HAND, type Setting, type Way, waysToScan } from './scan-ways.ts'
import { between } from './start-table.ts'

const BUNDLE = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))

await bench()

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '5' },
      small: { type: 'boolean', default: false },
      entry: { type: 'string', default: BUNDLE },
      write: { type: 'boolean', default: false },
    },
  })
  if (values.write && values.small) throw new Error('--write takes the numbers of the full size: not with --small')
  const runs = numberOfRuns(values.runs)
  const trivy = await requirePart('trivy')
  const database = await serveDatabase()
  const directory = await mkdtemp(join(tmpdir(), 'bench-scan-'))
  try {
    const share = values.small ? 0.001 : 1
    const place = { bundle: resolve(values.entry), trivy, database: database.repository, directory, share }
    const text = await measureAll(place, runs)
    if (values.write) await writeFile(PAGE, between(await readFile(PAGE, 'utf8'), 'scan', `\n${text}\n`))
  } finally {
    await rm(directory, { recursive: true, force: true })
    await database.stop()
  }
}

function numberOfRuns(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`--runs takes a number from 1 to 999, not ${text}`)
  return Number(text)
}

async function measureAll(setting: Setting, runs: number): Promise<string> {
  const sections = [about(runs)]
  print(sections[0])
  for (const platforms of [1, 4]) {
    const rows = await inTurns(await waysToScan(platforms, setting), runs)
    const title = platforms === 1 ? 'One platform' : `${platforms} platforms that share a layer`
    sections.push(`### ${title}\n\n${scanTable(rows, BY_HAND)}`)
    print(sections.at(-1))
  }
  return sections.join('\n\n')
}

/** In turns, so that a busy moment of the machine meets all alike. The first turn warms the file cache. */
async function inTurns(ways: readonly Way[], runs: number): Promise<readonly ScanRow[]> {
  for (const way of ways) await measure(await way.work())
  const measured = ways.map(({ name }) => ({ name, runs: [] as Used[] }))
  for (let turn = 0; turn < runs; turn += 1) {
    for (const [at, way] of ways.entries()) measured[at]?.runs.push(await measure(await way.work()))
  }
  return measured.flatMap(({ name, runs: [first, ...others] }) =>
    first === undefined ? [] : [{ name, runs: [first, ...others] }],
  )
}

function print(section: string | undefined): void {
  process.stdout.write(`${section}\n\n`)
}

function about(runs: number): string {
  const [first] = cpus()
  const day = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} cores (${first?.model.trim() ?? 'unknown'})`
  return `${day}, ${machine}, Node ${process.versions.node}, Trivy 0.74.0, medians of ${runs} runs of each in turns.`
}

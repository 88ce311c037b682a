/**
 * `npm run bench:start`: from the start of the bundle to its first line for a person, beside bare node.
 *
 *   --runs N        how often each is started; 20
 *   --beside PATH   another bundle (a JavaScript file) to measure in the same run
 *   --called NAME   what it is called in the table
 *   --write         put the table into docs/benchmarks.md
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeSampleLayout } from '../__tests__/support/sample-layout.ts'
import { launch, type Measured } from './launch.ts'
import { BESIDE, type Subject, subjects } from './start-subjects.ts'
import { between, type Row, startTable } from './start-table.ts'

const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))

await bench()

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '20' },
      beside: { type: 'string' },
      called: { type: 'string', default: BESIDE },
      write: { type: 'boolean', default: false },
    },
  })
  const directory = await mkdtemp(join(tmpdir(), 'bench-start-'))
  try {
    await writeFiles(directory)
    const rows = await measure(subjects(directory, values.beside), numberOfRuns(values.runs))
    const named = rows.map((row) => ({ ...row, name: row.name.replace(BESIDE, values.called) }))
    const text = `${about(numberOfRuns(values.runs))}\n\n${startTable(named, values.beside && values.called)}`
    process.stdout.write(`${text}\n`)
    if (values.write) await writeFile(PAGE, between(await readFile(PAGE, 'utf8'), 'start', `\n${text}\n`))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function numberOfRuns(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new Error(`--runs takes a number from 1 to 9999, not ${text}`)
  return Number(text)
}

async function writeFiles(directory: string): Promise<void> {
  const layers = [{ files: { hello: 'hello\n' } }]
  await writeSampleLayout(join(directory, 'layout'), { platforms: [{ platform: 'linux/amd64', layers }] })
  // @actions/core wants the runner's files to exist.
  for (const name of ['OUTPUT', 'STATE', 'STEP_SUMMARY', 'ENV', 'PATH'])
    await writeFile(join(directory, `command-${name}`), '')
}

/** In turns, so that a busy moment of the machine meets all alike. The first turn warms the file cache. */
async function measure(all: readonly Subject[], runs: number): Promise<readonly Row[]> {
  const measured = new Map<string, Measured[]>(all.map(({ name }) => [name, []]))
  for (let turn = 0; turn <= runs; turn += 1) {
    for (const subject of all) {
      const one = await launch(await subject.launch())
      if (turn > 0) measured.get(subject.name)?.push(one)
    }
  }
  return [...measured].map(([name, list]) => ({ name, runs: list }))
}

function about(runs: number): string {
  const [first] = cpus()
  const day = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} cores (${first?.model.trim() ?? 'unknown'}), ${process.platform}`
  return `${day}, ${machine}, Node ${process.versions.node}, ${runs} runs of each in turns:`
}

/**
 * `npm run bench`: pushes of an OCI layout beside other programs, in one run and in turns.
 *
 *   --runs N       how often each is measured; 5
 *   --only NAME    one of the cases, or several with commas
 *   --near         without the distance of 30 ms
 *   --small        layers of a thousandth of the size, to try it out
 *   --write        put the tables into docs/benchmarks.md
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { locate, type StartedEngine, startEngine } from '../scripts/part/index.ts'
import { openField } from './field.ts'
import { CASES, type Case } from './push-cases.ts'
import { pushTable } from './push-table.ts'
import { measureCase, type Setting } from './push-turns.ts'
import { between } from './start-table.ts'
import { versions } from './versions.ts'

const BUNDLE = fileURLToPath(new URL('../dist', import.meta.url))
const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))

await bench()

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '5' },
      only: { type: 'string' },
      near: { type: 'boolean', default: false },
      small: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  if (values.write && (values.small || values.only !== undefined))
    throw new Error('--write writes the whole page of tables: not with --small or --only')
  const [runs, cases] = [numberOfRuns(values.runs), casesOf(values.only)]
  const text = await measureAll(cases, { runs, share: values.small ? 0.001 : 1 }, values.near)
  const marker = values.near ? 'push-near' : 'push'
  if (values.write) await writeFile(PAGE, between(await readFile(PAGE, 'utf8'), marker, `\n${text}\n`))
}

function numberOfRuns(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`--runs takes a number from 1 to 999, not ${text}`)
  return Number(text)
}

function casesOf(only: string | undefined): readonly Case[] {
  const names = only?.split(',') ?? CASES.map(({ name }) => name)
  const unknown = names.find((wanted) => CASES.every(({ name }) => name !== wanted))
  if (unknown !== undefined)
    throw new Error(`--only takes some of ${CASES.map(({ name }) => name).join(', ')}, not ${unknown}`)
  return CASES.filter(({ name }) => names.includes(name))
}

async function measureAll(
  cases: readonly Case[],
  { runs, share }: Pick<Setting, 'runs' | 'share'>,
  near: boolean,
): Promise<string> {
  await using world = await openWorld()
  const sections = [await about(runs)]
  print(sections[0])
  for (const one of cases) {
    const far = one.far && !near
    const results = await measureCase(one, { ...world, runs, share, far })
    sections.push(`### ${one.title}, ${far ? '30 ms away' : 'near'}\n\n${pushTable(one, results)}`)
    print(sections.at(-1))
  }
  return sections.join('\n\n')
}

/** Registries, an engine where there is one, and a copy of the bundle: one that is built meanwhile changes nothing. */
async function openWorld(): Promise<Pick<Setting, 'field' | 'engine' | 'bundle'> & AsyncDisposable> {
  const copy = await mkdtemp(join(tmpdir(), 'bench-bundle-'))
  await cp(BUNDLE, copy, { recursive: true })
  const engine = await engineOrNone()
  const field = await openField()
  const close = async () => {
    await field.close()
    await engine?.stop()
    await rm(copy, { recursive: true, force: true })
  }
  return { field, engine, bundle: join(copy, 'index.js'), [Symbol.asyncDispose]: close }
}

function print(section: string | undefined): void {
  process.stdout.write(`${section}\n\n`)
}

async function engineOrNone(): Promise<StartedEngine | undefined> {
  const located = await locate('engine')
  return located.found ? startEngine('containerd') : undefined
}

async function about(runs: number): Promise<string> {
  const [first] = cpus()
  const day = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} cores (${first?.model.trim() ?? 'unknown'})`
  const peers = (await versions()).join(', ')
  return `${day}, ${machine}, Node ${process.versions.node}, registry 3.1, medians of ${runs} runs of each in turns. ${peers}.`
}

/**
 * `npm run bench:mirror`: 200 tags in 20 repositories from one registry to another one, beside other programs, in one run and
 * in turns: a first copy, nothing changed, five tags changed.
 *
 *   --runs N         how often each is measured; 3
 *   --registry N     2 or 3; default: first one version on both sides, then the other
 *   --only NAME      some of the programs, with commas: lading, regsync, crane, skopeo
 *   --near           without the distance of 30 ms on both sides
 *   --small          12 tags in 2 repositories, to try it out
 *   --entry PATH     another start than dist/mirror.js; its file must be named mirror
 *   --write          put the tables into docs/benchmarks.md
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { AccessLine, StartedRegistry } from '../scripts/part/index.ts'
import { openFar, type Place } from './field.ts'
import { measure } from './measure.ts'
import { lading, type Mirrorer, mirrorers } from './mirror-peers.ts'
import { CHANGES, change, type Extent, fill, repositoryNames, TRIAL, tagNames, WHOLE } from './mirror-sample.ts'
import { type Asked, type MirrorCost, type MirrorRow, mirrorTable, SITUATIONS, type Situation } from './mirror-table.ts'
import { between } from './start-table.ts'
import { versions } from './versions.ts'

const BUNDLE = fileURLToPath(new URL('../dist/mirror.js', import.meta.url))
const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))
const TITLES: Readonly<Record<Situation, string>> = {
  first: 'First copy',
  unchanged: 'Nothing changed',
  changed: `${CHANGES} tags changed`,
}

await bench()

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '3' },
      registry: { type: 'string', default: '3,2' },
      only: { type: 'string', default: '' },
      near: { type: 'boolean', default: false },
      small: { type: 'boolean', default: false },
      entry: { type: 'string', default: BUNDLE },
      write: { type: 'boolean', default: false },
    },
  })
  const isPart = values.small || values.near || values.only !== '' || values.registry !== '3,2'
  if (values.write && isPart) throw new Error('--write writes the whole page of tables: not with what leaves out some')
  if (!/^[1-9]\d{0,2}$/.test(values.runs)) throw new Error(`--runs takes a number from 1 to 999, not ${values.runs}`)
  const all = [lading(resolve(values.entry)), ...(await mirrorers())]
  const wanted = values.only.toLowerCase().split(',')
  const programs = all.filter(({ name }) => wanted.some((word) => name.toLowerCase().startsWith(word)))
  const setting = { programs, runs: Number(values.runs), far: !values.near, extent: values.small ? TRIAL : WHOLE }
  const sections = [await about(setting)]
  print(sections[0])
  for (const version of values.registry.split(',').map(versionOf)) {
    const rows = await measureAll(version, setting)
    for (const situation of SITUATIONS) {
      sections.push(sectionOf(situation, rows[situation], { version, ...setting }))
      print(sections.at(-1))
    }
  }
  if (values.write)
    await writeFile(PAGE, between(await readFile(PAGE, 'utf8'), 'mirror', `\n${sections.join('\n\n')}\n`))
}

function versionOf(text: string): 2 | 3 {
  if (text === '2') return 2
  if (text === '3') return 3
  throw new Error(`--registry takes 2 or 3, not ${text}`)
}

type Setting = {
  readonly programs: readonly Mirrorer[]
  readonly runs: number
  readonly far: boolean
  readonly extent: Extent
}

type Rows = Record<Situation, MirrorRow[]>

/** Each run has a name of its own at the target; what changes at the source changes for all programs. */
async function measureAll(version: 2 | 3, setting: Setting): Promise<Rows> {
  await using stage = await openStage(version, setting)
  const { extent, programs } = setting
  await fill(stage.source.registry.host, extent)
  const rows: Rows = { first: [], unchanged: [], changed: [] }
  for (let turn = 0; turn < setting.runs; turn += 1) {
    // Whoever comes first writes bytes that the target's disk does not hold yet: each is it in its turn.
    const order = [...programs.slice(turn % programs.length), ...programs.slice(0, turn % programs.length)]
    for (const situation of SITUATIONS) {
      if (situation === 'changed') await change(stage.source.registry.host, extent)
      for (const program of order.filter(({ once = false }) => !once || turn === 0)) {
        await addRun(rows[situation], program, { ...stage, turn })
      }
    }
  }
  for (const situation of SITUATIONS)
    rows[situation].sort((one, other) => placeOf(one, setting) - placeOf(other, setting))
  return rows
}

function placeOf({ name }: MirrorRow, { programs }: Setting): number {
  return programs.findIndex((program) => program.name === name)
}

type Stage = { readonly source: Place; readonly target: Place; readonly folder: string; readonly setting: Setting }

async function openStage(version: 2 | 3, setting: Setting): Promise<Stage & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-mirror-'))
  const [source, target] = await Promise.all([openFar(version), openFar(version)])
  const close = async () => {
    for (const { closeDoor, registry } of [source, target]) {
      closeDoor()
      await registry.stop()
    }
    await rm(folder, { recursive: true, force: true })
  }
  return { source, target, folder, setting, [Symbol.asyncDispose]: close }
}

/** A program that failed once is not started again: its row says why. */
async function addRun(rows: MirrorRow[], program: Mirrorer, stage: Stage & { readonly turn: number }): Promise<void> {
  const { name, role, missing = '' } = program
  const known = rows.find((row) => row.name === name) ?? { name, role, costs: [], trouble: missing }
  const rest = rows.filter((row) => row.name !== name)
  const next = known.trouble === '' ? await withRun(known, program, stage) : known
  rows.splice(0, rows.length, ...rest, next)
}

async function withRun(
  row: MirrorRow,
  program: Mirrorer,
  stage: Stage & { readonly turn: number },
): Promise<MirrorRow> {
  try {
    return { ...row, costs: [...row.costs, await measureOnce(program, stage)] }
  } catch (error) {
    return { ...row, trouble: error instanceof Error ? error.message : String(error) }
  }
}

async function measureOnce(
  program: Mirrorer,
  { source, target, folder, setting, turn }: Stage & { readonly turn: number },
): Promise<MirrorCost> {
  const door = ({ registry, farHost }: Place) => (setting.far ? farHost : registry.host)
  const prefix = `${program.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-${turn}`
  const repositories = repositoryNames(setting.extent)
  const work = await program.work({ source: door(source), target: door(target), prefix, repositories, folder })
  const before = [await linesOf(source.registry), await linesOf(target.registry)].map((lines) => lines.length)
  const used = await measure(work)
  const [asked, sent] = [await linesOf(source.registry), await linesOf(target.registry)]
  return { ...used, source: counted(asked.slice(before[0])), target: counted(sent.slice(before[1])) }
}

function linesOf(registry: StartedRegistry): Promise<readonly AccessLine[]> {
  return registry.requests()
}

function counted(lines: readonly AccessLine[]): Asked {
  const asked: Record<string, number> = {}
  for (const { method, path } of lines) {
    const what = `${method} ${subjectOf(path)}`
    asked[what] = (asked[what] ?? 0) + 1
  }
  return asked
}

function subjectOf(path: string): string {
  const [, what] = /\/(manifests|blobs\/uploads|blobs|tags|referrers)\//.exec(path) ?? []
  switch (what) {
    case 'manifests':
      return 'manifest'
    case 'blobs/uploads':
      return 'upload'
    case 'blobs':
      return 'blob'
    default:
      return what ?? 'other'
  }
}

function sectionOf(
  situation: Situation,
  rows: readonly MirrorRow[],
  { version, far, extent }: Pick<Setting, 'far' | 'extent'> & { readonly version: 2 | 3 },
): string {
  const { repositories } = extent
  const tags = repositories * tagNames(extent).length
  const where = far ? '30 ms away' : 'near'
  const title = `### ${TITLES[situation]}: ${tags} tags in ${repositories} repositories, registry ${version === 2 ? '2.8' : '3.1'} on both sides, ${where}`
  return `${title}\n\n${mirrorTable({ situation, tags, repositories, changes: CHANGES }, rows)}`
}

function print(section: string | undefined): void {
  process.stdout.write(`${section}\n\n`)
}

async function about({ runs }: Setting): Promise<string> {
  const [first] = cpus()
  const day = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} cores (${first?.model.trim() ?? 'unknown'})`
  const peers = (await versions()).join(', ')
  return `${day}, ${machine}, Node ${process.versions.node}, medians of ${runs} runs of each in turns (skopeo: one). ${peers}.`
}

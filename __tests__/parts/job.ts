import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Report } from '../../src/report/report.ts'

/** A machine with a job on it: folders, the runner's files, and what every step of the job sees. */
export type Job = {
  readonly home: string
  readonly temp: string
  readonly workspace: string
  /** Starts the main part of the action with these inputs, and variables beside them. */
  start(inputs: Inputs, variables?: Variables): Promise<Step>
  /** The same to its end. */
  main(inputs: Inputs, variables?: Variables): Promise<Ended>
  /** The post part of a step, in the way that main left it. */
  post(step: Pick<Step, 'files'>): Promise<Ended>
  remove(): Promise<void>
}

type Inputs = Readonly<Record<string, string | readonly string[]>>
type Variables = Readonly<Record<string, string>>
type Files = Readonly<Record<'output' | 'state' | 'summary', string>>

/** A part of a step that runs. */
export type Step = {
  readonly files: Files
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  /** what it printed so far */
  log(): string
}

export type Ended = {
  /** of the program; `null` for one that was killed */
  readonly code: number | null
  readonly log: string
  readonly annotations: readonly string[]
  readonly outputs: Readonly<Record<string, string>>
  readonly summary: string
  readonly files: Files
  /** the private folder that main named for post */
  readonly scratch: string
}

/** The commit and the moment of a release, so that what a build stamps into an image is the same each time. */
const SHA = '90dd60390dd60390dd60390dd60390dd60390dd6'
const EVENT = {
  repository: { name: 'api', full_name: 'acme/api', default_branch: 'main', html_url: 'https://github.com/acme/api' },
  head_commit: { id: SHA, timestamp: '2026-11-20T12:00:00Z' },
}

/** A push of the tag `v1.4.2`, on a machine with only these variables. */
export async function openJob(machine: Variables): Promise<Job> {
  const root = await mkdtemp(join(tmpdir(), 'lading-job-'))
  const [home, temp, workspace] = [join(root, 'home'), join(root, 'temp'), join(root, 'workspace')]
  for (const folder of [home, temp, workspace, join(root, 'files')]) await mkdir(folder)
  await writeFile(join(root, 'event.json'), JSON.stringify(EVENT))
  const environment = {
    PATH: '/usr/bin:/bin',
    HOME: home,
    RUNNER_TEMP: temp,
    GITHUB_WORKSPACE: workspace,
    GITHUB_EVENT_NAME: 'push',
    GITHUB_EVENT_PATH: join(root, 'event.json'),
    GITHUB_REF: 'refs/tags/v1.4.2',
    GITHUB_SHA: SHA,
    GITHUB_REPOSITORY: 'acme/api',
    GITHUB_ACTOR: 'octocat',
    ...machine,
  }
  let steps = 0
  const start: Job['start'] = async (inputs, variables = {}) => {
    steps += 1
    const files = await makeFiles(join(root, 'files', String(steps)))
    return launch(files, { ...environment, ...variables, ...inputVariables(inputs) })
  }
  return {
    home,
    temp,
    workspace,
    start,
    main: async (inputs, variables) => (await start(inputs, variables)).ended,
    async post({ files }) {
      const state = Object.entries(records(await readFile(files.state, 'utf8')))
      const variables = Object.fromEntries(state.map(([name, value]) => [`STATE_${name}`, value]))
      return launch(files, { ...environment, ...variables }).ended
    },
    remove: () => rm(root, { recursive: true, force: true }),
  }
}

export function reportOf({ outputs, log }: Ended): Report {
  const json = outputs['json']
  if (json === undefined) throw new Error(`The step has no report.\n${log}`)
  return JSON.parse(json)
}

/** Everything that people and later steps get to see: the runner takes the lines with masks away. */
export function toldBy({ log, summary, outputs }: Ended): string {
  return [log.replaceAll(/^::add-mask::.*$/gm, ''), summary, ...Object.values(outputs)].join('\n')
}

/** The files below these folders that hold this text. */
export async function filesWith(text: string, ...folders: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true })
      const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      const held = await Promise.all(files.map(async (file) => (await readFile(file)).includes(text)))
      return files.filter((_, at) => held[at])
    }),
  )
  return found.flat()
}

async function makeFiles(folder: string): Promise<Files> {
  const files = { output: join(folder, 'output'), state: join(folder, 'state'), summary: join(folder, 'summary') }
  await mkdir(folder)
  for (const file of Object.values(files)) await writeFile(file, '')
  return files
}

function inputVariables(inputs: Inputs): Variables {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      `INPUT_${name.toUpperCase()}`,
      typeof value === 'string' ? value : value.join('\n'),
    ]),
  )
}

const BUNDLE = resolve(import.meta.dirname, '../../dist/index.js')

function launch(files: Files, environment: Variables): Step {
  const runner = { GITHUB_OUTPUT: files.output, GITHUB_STATE: files.state, GITHUB_STEP_SUMMARY: files.summary }
  const child = spawn(process.execPath, [BUNDLE], {
    env: { ...environment, ...runner },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text))
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).then((code) => readEnded(files, code, log))
  return { files, process: child, ended, log: () => log }
}

async function readEnded(files: Files, code: number | null, log: string): Promise<Ended> {
  const [output, state, summary] = await Promise.all([
    readFile(files.output, 'utf8'),
    readFile(files.state, 'utf8'),
    readFile(files.summary, 'utf8'),
  ])
  const annotations = log.split('\n').filter((line) => /^::(?:error|warning)[ :]/.test(line))
  const scratch = records(state)['scratch'] ?? ''
  return { code, log, annotations, outputs: records(output), summary, files, scratch }
}

/** `NAME<<DELIMITER`, lines, `DELIMITER`: how a runner's files are written. */
function records(text: string): Readonly<Record<string, string>> {
  const found = text.matchAll(/^(\S+?)<<(\S+)\n([\s\S]*?)\n\2$/gm)
  return Object.fromEntries([...found].map(([, name = '', , value = '']) => [name, value]))
}

import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ActionName } from '../../src/action/input-table.ts'
import type { Report } from '../../src/report/report.ts'
import { type ChildEnd, runChild } from './runner/child.ts'
import { changes, parseRecords, snapshot, writeFiles } from './runner/files.ts'
import { type Log, readLog } from './runner/log.ts'
import { type ProgramCall, readCalls, writeProgram } from './runner/programs.ts'

/** A stand-in for a runner: folders of its own, in which the bundle runs as a step, main first and then post. */
export type Runner = AsyncDisposable & {
  readonly workspace: string
  readonly home: string
  /** RUNNER_TEMP */
  readonly temp: string
  /** the only folder on PATH, unless `env` says otherwise */
  readonly bin: string
  /** Puts a program on PATH; see `writeProgram` for what its JavaScript finds. */
  program(name: string, body: string): Promise<void>
  /** How programs on PATH were started, over all steps. */
  calls(): Promise<readonly ProgramCall[]>
  step(step: Step): Promise<StepEnd>
}

export type Step = {
  /** the action that is used; default: publish */
  readonly action?: ActionName
  /** as below `with:` in a workflow */
  readonly inputs?: Readonly<Record<string, string>>
  readonly event?: Event
  /** over the runner's own; `undefined` takes one away */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Asked again and again with main's log so far; the step is cancelled as soon as it says yes. */
  readonly cancelWhen?: (log: string) => boolean
  /** Asked again and again; main is killed without a warning as soon as it says yes. */
  readonly killWhen?: () => boolean
  /** `false`: as under plain node, without a single variable of a runner, and no post */
  readonly withRunner?: boolean
}

/** What happened. Default: a push of the tag v1.2.3 by `octocat`. */
export type Event = {
  readonly name?: string
  readonly ref?: string
  readonly actor?: string
  readonly payload?: object
}

export type StepEnd = {
  readonly main: Ran & {
    readonly outputs: Readonly<Record<string, string>>
    readonly summary: string
    /** as its file says; `undefined` when there is none */
    readonly report: Report | undefined
  }
  readonly post: Ran
  /** what is other below workspace, home and temp than before the step: `temp/lading-report.json` */
  readonly leftovers: readonly string[]
}

export type Ran = Pick<ChildEnd, 'exitCode' | 'signals'> & { readonly log: Log }

export const SHA = '6b1f2c3d4e5f60718293a4b5c6d7e8f901234567'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DIRECTORIES = ['workspace', 'home', 'temp', 'bin', 'commands'] as const

/** Makes a runner; it is gone when it is disposed of. */
export async function makeRunner(): Promise<Runner> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'runner-')))
  for (const name of DIRECTORIES) await mkdir(join(root, name))
  const within = (name: (typeof DIRECTORIES)[number]) => join(root, name)
  const record = join(within('commands'), 'calls.jsonl')
  let steps = 0
  return {
    workspace: within('workspace'),
    home: within('home'),
    temp: within('temp'),
    bin: within('bin'),
    program: (name, body) => writeProgram(within('bin'), record, name, body),
    calls: () => readCalls(record),
    step(step) {
      steps += 1
      return runStep(step, root, join(within('commands'), String(steps)))
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

async function runStep(step: Step, root: string, commands: string): Promise<StepEnd> {
  const folders = ['workspace', 'home', 'temp'].map((name) => join(root, name))
  const before = await snapshot(root, folders)
  const { mainFiles, postFiles } = await writeCommandFiles(commands, step.event?.payload)
  const variables = step.withRunner === false ? plainVariables(step, root) : variablesOf(step, root)
  const told = (files: Readonly<Record<string, string>>) => (step.withRunner === false ? {} : files)
  const main = await start({ ...told(mainFiles), ...variables }, root, step)
  const state = parseRecords(await readFile(mainFiles.GITHUB_STATE, 'utf8'))
  const states = Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]))
  const post =
    step.withRunner === false
      ? { exitCode: 0, signals: [], log: readLog('') }
      : await start({ ...postFiles, ...variables, ...states }, root, { action: step.action })
  const outputs = parseRecords(await readFile(mainFiles.GITHUB_OUTPUT, 'utf8'))
  const summary = await readFile(mainFiles.GITHUB_STEP_SUMMARY, 'utf8')
  const report = await readReport(outputs['report-file'] ?? '')
  return {
    main: { ...main, outputs, summary, report },
    post,
    leftovers: changes(before, await snapshot(root, folders)),
  }
}

/** The files by which a step talks to its runner: a set for main and another one for post. */
async function writeCommandFiles(folder: string, payload: object = { repository: REPOSITORY }) {
  const set = (name: string) => ({
    GITHUB_OUTPUT: join(folder, `${name}-output`),
    GITHUB_STATE: join(folder, `${name}-state`),
    GITHUB_STEP_SUMMARY: join(folder, `${name}-summary`),
    GITHUB_ENV: join(folder, `${name}-env`),
    GITHUB_PATH: join(folder, `${name}-path`),
    GITHUB_EVENT_PATH: join(folder, 'event.json'),
  })
  const [mainFiles, postFiles] = [set('main'), set('post')]
  await mkdir(folder)
  for (const path of [...Object.values(mainFiles), ...Object.values(postFiles)]) await writeFile(path, '')
  await writeFiles(folder, { 'event.json': JSON.stringify(payload) })
  return { mainFiles, postFiles }
}

const REPOSITORY = {
  name: 'api',
  full_name: 'acme/api',
  default_branch: 'main',
  html_url: 'https://github.com/acme/api',
  description: 'An example',
}

type Variables = Readonly<Record<string, string>>

function variablesOf(step: Step, root: string): Variables {
  const { name = 'push', ref = 'refs/tags/v1.2.3', actor = 'octocat' } = step.event ?? {}
  return compact({
    ...systemVariables(root),
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    RUNNER_TEMP: join(root, 'temp'),
    RUNNER_OS: 'Linux',
    GITHUB_WORKSPACE: join(root, 'workspace'),
    GITHUB_EVENT_NAME: name,
    GITHUB_REF: ref,
    GITHUB_SHA: SHA,
    GITHUB_ACTOR: actor,
    GITHUB_REPOSITORY: 'acme/api',
    GITHUB_SERVER_URL: 'https://github.com',
    // Nobody is asked, unless a test has somebody who answers.
    GITHUB_API_URL: '',
    ...inputVariables(step),
    ...step.env,
  })
}

function plainVariables(step: Step, root: string): Variables {
  return compact({ ...systemVariables(root), TMPDIR: join(root, 'temp'), ...inputVariables(step), ...step.env })
}

function systemVariables(root: string): Variables {
  return { HOME: join(root, 'home'), PATH: [join(root, 'bin')].join(delimiter), LANG: 'C.UTF-8' }
}

// actions/runner, `Handler.cs`: upper case, spaces become underscores, dashes stay.
function inputVariables({ inputs = {} }: Step): Variables {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`, value]),
  )
}

function compact(variables: Readonly<Record<string, string | undefined>>): Variables {
  const pairs = Object.entries(variables).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return Object.fromEntries(pairs)
}

type Start = Pick<Step, 'cancelWhen' | 'killWhen'> & { readonly action?: ActionName | undefined }

async function start(env: Variables, root: string, { action = 'publish', cancelWhen, killWhen }: Start): Promise<Ran> {
  const { exitCode, signals, log } = await runChild({
    program: process.execPath,
    args: [entry(action)],
    env,
    directory: join(root, 'workspace'),
    ...(cancelWhen === undefined ? {} : { cancelWhen }),
    ...(killWhen === undefined ? {} : { killWhen }),
  })
  return { exitCode, signals, log: readLog(log) }
}

/** Where an action begins in the bundle that is looked at: that of the checkout, or the folder that LADING_BUNDLE names. */
function entry(action: ActionName): string {
  const file = action === 'publish' ? 'index.js' : `${action}.js`
  return join(resolve(ROOT, process.env['LADING_BUNDLE'] ?? 'dist'), file)
}

async function readReport(path: string): Promise<Report | undefined> {
  if (path === '') return undefined
  const report: Report = JSON.parse(await readFile(path, 'utf8'))
  return report
}

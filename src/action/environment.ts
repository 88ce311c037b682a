import { arch, platform } from 'node:os'
import { isAbsolute, resolve } from 'node:path'
import { LadingError } from '../error.ts'
import type { Environment, Subject } from '../plan/environment.ts'
import { readBounded } from './files.ts'
import type { ProcessVariables } from './form.ts'
import { variableOf } from './input-table.ts'
import { temporaryRoot } from './scratch.ts'

// GitHub's own bound for a payload is 25 MB.
const LARGEST_EVENT = 32 * 1024 * 1024

type Json = Readonly<Record<string, unknown>>

/**
 * Reads what the run tells about itself. With nothing set at all (plain node) everything is empty and the workspace is
 * `directory`. Throws `INTERNAL` for an event file that is there and cannot be understood: it says whether this is a fork.
 */
export async function readEnvironment(
  variables: ProcessVariables,
  directory: string,
  begun = new Date(),
): Promise<Environment> {
  const text = (name: string) => variables[name] ?? ''
  const event = await readEvent(text('GITHUB_EVENT_PATH'))
  const repository = object(event['repository'])
  const serverUrl = text('GITHUB_SERVER_URL') === '' ? 'https://github.com' : text('GITHUB_SERVER_URL')
  const pullRequest = readPullRequest(text('GITHUB_EVENT_NAME'), text('GITHUB_REF'), event)
  const workspace = resolve(directory, text('GITHUB_WORKSPACE'))
  const subject = readSubject(text, event)
  return {
    event: text('GITHUB_EVENT_NAME'),
    ref: text('GITHUB_REF'),
    sha: text('GITHUB_SHA'),
    repository: text('GITHUB_REPOSITORY'),
    serverUrl,
    defaultBranch: string(repository['default_branch']),
    actor: text('GITHUB_ACTOR'),
    attempt: Number.parseInt(text('GITHUB_RUN_ATTEMPT'), 10) || 1,
    ...(pullRequest === undefined ? {} : { pullRequest }),
    about: readAbout(repository, text('GITHUB_REPOSITORY'), serverUrl),
    begun: begun.toISOString(),
    subject,
    committed: committedAt(event, subject.sha),
    machine: machine(),
    system: `${platform()}/${architecture()}`,
    toolCache: toolCache(text('RUNNER_TOOL_CACHE')),
    workspace,
    workflow: workflowFile(text('GITHUB_WORKFLOW_REF'), text('GITHUB_REPOSITORY')),
    searchPath: text('PATH'),
    reportDirectory: reportDirectory(variables, workspace),
  }
}

// Builders are of Linux, also those of other systems' engines.
function machine(): string {
  return `linux/${architecture()}`
}

function architecture(): string {
  return arch() === 'x64' ? 'amd64' : arch()
}

/** A relative folder would be one of the workspace, which the change under test can write. */
function toolCache(folder: string): string {
  return isAbsolute(folder) ? folder : ''
}

/** `acme/api/.github/workflows/release.yml@refs/heads/main` (docs.github.com, "Variables reference"). */
function workflowFile(ref: string, repository: string): string {
  const path = ref.startsWith(`${repository}/`) ? ref.slice(repository.length + 1).replace(/@refs\/.*$/, '') : ''
  return /^\.github\/workflows\/[^/\p{Cc}]+$/u.test(path) ? path : ''
}

/** Whether the user named the folder of the report. */
export function isReportNamed(variables: ProcessVariables): boolean {
  return (variables[variableOf('report-dir')] ?? '').trim() !== ''
}

/** The folder of the report; known even when the inputs are not. */
export function readReportDirectory(variables: ProcessVariables, directory: string): string {
  return reportDirectory(variables, resolve(directory, variables['GITHUB_WORKSPACE'] ?? ''))
}

function reportDirectory(variables: ProcessVariables, workspace: string): string {
  if (!isReportNamed(variables)) return temporaryRoot(variables)
  return resolve(workspace, (variables[variableOf('report-dir')] ?? '').trim())
}

async function readEvent(path: string): Promise<Json> {
  if (path === '') return {}
  const text = await readBounded(path, LARGEST_EVENT)
  // Some runners name a file that they do not write.
  if (text === undefined || text.trim() === '') return {}
  try {
    return object(JSON.parse(text))
  } catch (cause) {
    throw new LadingError('INTERNAL', `reading the event of this run: ${path} is not JSON`, { cause })
  }
}

function readPullRequest(name: string, ref: string, event: Json): Environment['pullRequest'] {
  if (!name.startsWith('pull_request')) return undefined
  const pull = object(event['pull_request'])
  const number =
    typeof pull['number'] === 'number' ? pull['number'] : Number(/^refs\/pull\/(\d+)\//.exec(ref)?.[1] ?? 0)
  const head = string(object(object(pull['head'])['repo'])['full_name'])
  const base = string(object(object(pull['base'])['repo'])['full_name'])
  // A fork that was deleted has no `repo`, and what is not known to be ours is not trusted.
  return { number, fromFork: head === '' || head.toLowerCase() !== base.toLowerCase() }
}

function readAbout(repository: Json, fullName: string, serverUrl: string): Environment['about'] {
  const url = string(repository['html_url'])
  const license = string(object(repository['license'])['spdx_id'])
  return {
    title: string(repository['name']) || (fullName.split('/').at(-1) ?? ''),
    description: string(repository['description']),
    url: url === '' && fullName !== '' ? `${serverUrl}/${fullName}` : url,
    // GitHub's word for a licence it does not know.
    license: license === 'NOASSERTION' ? '' : license,
  }
}

/** As metadata-action has it, with its switch for the head of a pull request instead of the merge commit. */
function readSubject(text: (name: string) => string, event: Json): Subject {
  const name = text('GITHUB_EVENT_NAME')
  const pull = object(event['pull_request'])
  const head = string(object(pull['head'])['sha'])
  const base = string(object(pull['base'])['ref']) || string(event['base_ref']).replace(/^refs\/heads\//, '')
  const wantsHead = /true/i.test(text('DOCKER_METADATA_PR_HEAD_SHA')) && name.includes('pull_request') && head !== ''
  // Such a run has the ref of the branch that the pull request goes to.
  const isTarget = name.includes('pull_request_target') && typeof event['number'] === 'number'
  return {
    ref: isTarget ? `refs/pull/${event['number']}/merge` : text('GITHUB_REF'),
    sha: wantsHead ? head : text('GITHUB_SHA'),
    baseRef: base,
  }
}

/** Only a push tells it, of each commit and of its head. */
function committedAt(event: Json, sha: string): string {
  const commits = Array.isArray(event['commits']) ? event['commits'].map(object) : []
  const commit = [...commits, object(event['head_commit'])].find(({ id }) => sha !== '' && id === sha)
  const time = new Date(string(commit?.['timestamp']))
  return Number.isNaN(time.getTime()) ? '' : time.toISOString()
}

function object(value: unknown): Json {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

import { execFileSync } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withCheckout } from '../../../src/action/checkout.ts'
import { readEnvironment } from '../../../src/action/environment.ts'
import { makeExec } from '../../../src/action/exec.ts'
import { variableOf } from '../../../src/action/input-table.ts'
import { type Inputs, readInputs } from '../../../src/action/inputs.ts'
import { LadingError } from '../../../src/error.ts'
import type { Environment } from '../../../src/plan/environment.ts'
import { occasionOf } from '../../../src/plan/occasion.ts'
import { type Names, nameImage } from '../../../src/tags/name.ts'
import { folderWith, withInputs } from '../../action/given.ts'
import { book, type RecordedCase, type Variables } from './recorded.ts'

/** What Lading makes of a recorded case: names, or why it refuses. */
export type Answer =
  | { readonly environment: Environment; readonly inputs: Inputs; readonly names: Names }
  | { readonly refusal: string }

/** What metadata-action does when `tags` is not given. */
const ITS_DEFAULT = ['type=schedule', 'type=ref,event=branch', 'type=ref,event=tag', 'type=ref,event=pr'].join('\n')
// What the two call by different names, and what only one of them has.
const NAMED: Variables = { context: 'tag-context' }
const ABSENT = ['github-token', 'bake-target', 'sep-tags', 'sep-labels', 'sep-annotations', 'labels', 'annotations']
const never = new AbortController().signal

/**
 * Asks Lading as the recording asked metadata-action: by an event file, variables, inputs, and the same clock.
 * @param more inputs that names do not depend on
 */
export async function ask(one: RecordedCase, more: Variables = {}): Promise<Answer> {
  const event = book.events[one.event]
  if (event === undefined) throw new Error(`there is no event ${one.event}`)
  const payload = { ...event.payload, ...one.payload }
  const workspace = one.git === undefined ? workspaceFor(payload) : folderWith(files(payload))
  const variables = {
    ...book.env,
    ...event.env,
    ...one.env,
    ...inputsOf(one),
    ...withInputs(more),
    GITHUB_WORKSPACE: workspace,
    GITHUB_EVENT_PATH: join(workspace, 'event.json'),
    PATH: process.env['PATH'] ?? '',
  }
  if (one.git !== undefined) cpSync(repository(one.git), workspace, { recursive: true })
  try {
    const found = withApi(one, await readEnvironment(variables, workspace, new Date(one.now ?? book.now)))
    const inputs = await readInputs(variables, found)
    const environment = inputs.tagContext === 'git' ? await withCheckout(found, makeExec(never)) : found
    return { environment, inputs, names: nameImage(inputs.request, occasionOf(inputs.request, environment)) }
  } catch (thrown) {
    if (thrown instanceof LadingError) return { refusal: thrown.message }
    throw thrown
  }
}

const workspaces = new Map<string, string>()

function workspaceFor(payload: unknown): string {
  const text = JSON.stringify(payload)
  const workspace = workspaces.get(text) ?? folderWith(files(payload))
  workspaces.set(text, workspace)
  return workspace
}

function files(payload: unknown) {
  return { Dockerfile: 'FROM scratch\n', 'event.json': JSON.stringify(payload) }
}

// What the event does not tell, GitHub does.
function withApi({ api }: RecordedCase, environment: Environment): Environment {
  const commit = api?.commit ?? book.commit
  const date = typeof commit === 'number' ? undefined : commit.commit.committer?.date
  return {
    ...environment,
    defaultBranch: environment.defaultBranch || ({ ...book.repo, ...api?.repo }.default_branch ?? ''),
    committed: environment.committed || (date ?? ''),
  }
}

const repositories = new Map<string, string>()

/** A repository by the commands of the recording, with its dates and identities: its commits have the same hashes. */
function repository(name: string): string {
  const known = repositories.get(name)
  if (known !== undefined) return known
  const directory = folderWith()
  repositories.set(name, directory)
  const { commands = [], shallow = false } = book.repositories[name] ?? {}
  const env = { PATH: process.env['PATH'] ?? '', ...GIT_SETTINGS }
  const git = (args: readonly string[]) => execFileSync('git', args, { cwd: directory, env, encoding: 'utf8' })
  for (const command of commands) git(command)
  if (shallow) writeFileSync(join(directory, '.git/shallow'), git(['rev-parse', 'HEAD']))
  return directory
}

const GIT_SETTINGS = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_AUTHOR_DATE: '2026-01-20T21:22:23+05:30',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_COMMITTER_DATE: '2026-01-21T22:23:24+05:30',
}

function inputsOf({ inputs }: RecordedCase): Variables {
  const given = Object.entries({ ...book.inputs, ...inputs }).filter(([name]) => !ABSENT.includes(name))
  const named = Object.fromEntries(given.map(([name, value]) => [NAMED[name] ?? name, value]))
  // Without images metadata-action gives bare names; Lading has to know where to publish.
  const all = { images: 'acme/app', tags: ITS_DEFAULT, ...named }
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [variableOf(name), value]))
}

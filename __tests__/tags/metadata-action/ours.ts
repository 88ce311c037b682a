import { readEnvironment } from '../../../src/action/environment.ts'
import { variableOf } from '../../../src/action/input-table.ts'
import { type Inputs, readInputs } from '../../../src/action/inputs.ts'
import { LadingError } from '../../../src/error.ts'
import type { Environment } from '../../../src/plan/environment.ts'
import { occasionOf } from '../../../src/plan/occasion.ts'
import { type Names, nameImage } from '../../../src/tags/name.ts'
import { folderWith } from '../../action/given.ts'
import { book, type RecordedCase, type Variables } from './recorded.ts'

/** What Lading makes of a recorded case: names, or why it refuses. */
export type Answer =
  | { readonly environment: Environment; readonly inputs: Inputs; readonly names: Names }
  | { readonly refusal: string }

/** What metadata-action does when `tags` is not given. */
const ITS_DEFAULT = ['type=schedule', 'type=ref,event=branch', 'type=ref,event=tag', 'type=ref,event=pr'].join('\n')
// What the two call by different names, and what only one of them has.
const NAMED: Variables = { context: 'tag-context' }
const ABSENT = ['github-token', 'bake-target', 'sep-tags', 'sep-labels', 'sep-annotations']

/** Asks Lading as the recording asked metadata-action: by an event file, variables, inputs, and the same clock. */
export async function ask(one: RecordedCase): Promise<Answer> {
  const event = book.events[one.event]
  if (event === undefined) throw new Error(`there is no event ${one.event}`)
  const payload = { ...event.payload, ...one.payload }
  const workspace = folderWith({ Dockerfile: 'FROM scratch\n', 'event.json': JSON.stringify(payload) })
  const variables = {
    ...book.env,
    ...event.env,
    ...one.env,
    ...inputsOf(one),
    GITHUB_WORKSPACE: workspace,
    GITHUB_EVENT_PATH: `${workspace}/event.json`,
  }
  try {
    const environment = withApi(one, await readEnvironment(variables, workspace, new Date(one.now ?? book.now)))
    const inputs = await readInputs(variables, environment)
    return { environment, inputs, names: nameImage(inputs.request, occasionOf(inputs.request, environment)) }
  } catch (thrown) {
    if (thrown instanceof LadingError) return { refusal: thrown.message }
    throw thrown
  }
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

function inputsOf({ inputs }: RecordedCase): Variables {
  const given = Object.entries({ ...book.inputs, ...inputs }).filter(([name]) => !ABSENT.includes(name))
  const named = Object.fromEntries(given.map(([name, value]) => [NAMED[name] ?? name, value]))
  // Without images metadata-action gives bare names; Lading has to know where to publish.
  const all = { images: 'acme/app', tags: ITS_DEFAULT, ...named }
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [variableOf(name), value]))
}

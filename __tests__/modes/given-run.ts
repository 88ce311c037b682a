import { readInputs } from '../../src/action/inputs.ts'
import type { Edges, History } from '../../src/edges.ts'
import type { BuildOrder } from '../../src/modes/describe.ts'
import { orderBuild } from '../../src/modes/describe.ts'
import { learnOccasion } from '../../src/modes/occasion.ts'
import { beginRun, type Run } from '../../src/modes/run.ts'
import type { Environment } from '../../src/plan/environment.ts'
import type { PublishRequest } from '../../src/plan/request.ts'
import { environment, withInputs } from '../action/given.ts'

/** The moment at which the runs of tests begin. */
export const NOW = new Date('2026-11-21T12:00:00Z')

/** Who is asked about the repository where the event does not tell it. */
export type Asking = Pick<History, 'facts' | 'committed'>

export type GivenRun = {
  readonly inputs?: Readonly<Record<string, string>>
  readonly environment?: Partial<Environment>
  readonly variables?: Readonly<Record<string, string>>
  readonly version?: string
  readonly asking?: Asking
  readonly now?: Date
}

export type Ordered = { readonly run: Run; readonly order: BuildOrder; readonly notices: readonly string[] }

/** What a build becomes, from the inputs as a user writes them. Nothing but the clock and the notices is asked of the world. */
export async function orderedBuild(given: GivenRun): Promise<Ordered> {
  const around = environment({ begun: (given.now ?? NOW).toISOString(), ...given.environment })
  const variables = { ...given.variables, ...withInputs({ images: 'registry.example/acme/api', ...given.inputs }) }
  const { request } = await readInputs(variables, around)
  const { run, notices } = runOf(request, around, given.asking)
  if (request.origin.kind !== 'build') throw new Error('these inputs name a layout')
  const named = { names: { version: given.version ?? '1.2.3' }, occasion: await learnOccasion(run) }
  return { run, order: await orderBuild(run, request.origin, named), notices }
}

const NOBODY: Asking = { facts: async () => undefined, committed: async () => undefined }

/** A run that has begun and asked nobody. */
export function runOf(
  request: PublishRequest,
  around: Environment,
  asking: Asking = NOBODY,
): Pick<Ordered, 'run' | 'notices'> {
  const notices: string[] = []
  return { notices, run: beginRun({ request, environment: around, edges: edgesThatListen(notices, asking) }) }
}

function edgesThatListen(notices: string[], asking: Asking): Edges {
  const nothing = () => undefined
  const nowhere = (): never => {
    throw new Error('this is not asked of the world')
  }
  return {
    reporter: {
      debug: nothing,
      info: nothing,
      warn: nothing,
      notice: (message) => void notices.push(message),
      group: (_title, body) => body(),
    },
    clock: { now: nowhere, sleep: nowhere, signal: new AbortController().signal },
    project: {
      history: { compare: nowhere, head: nowhere, ...asking },
      codeScanning: { mayUpload: nowhere, upload: nowhere },
    },
    exec: nowhere,
    scratch: { directory: '/nowhere', undoLater: nothing, keep: async () => '' },
    stores: { remote: nowhere, layout: nowhere, download: nowhere, cache: { restore: nowhere, save: nowhere } },
    docker: nowhere,
  }
}

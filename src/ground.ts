import { makeClock } from './action/clock.ts'
import { addMask } from './action/commands.ts'
import { isReportNamed, readReportDirectory } from './action/environment.ts'
import { makeExec } from './action/exec.ts'
import { writeKept } from './action/outputs.ts'
import { cleanUpFolder } from './action/post.ts'
import type { Surroundings } from './action/process.ts'
import { makeReporter } from './action/reporter.ts'
import { makeScratch } from './action/scratch.ts'
import { hasPost } from './action/state.ts'
import type { Edges, Scratch } from './edges.ts'
import type { Environment } from './plan/environment.ts'
import { RELEASE } from './release.ts'
import { type Materials, openWorld } from './world.ts'

/** What a step wants of the world. */
export type Wanted = Pick<Materials, 'logins' | 'aws' | 'settings' | 'parallel' | 'retries' | 'machineLogins'> & {
  readonly environment: Environment
  readonly token: string
}

export type Surrounded = { readonly around: Surroundings; readonly signal: AbortSignal }

/**
 * Does the work of a step on ground of its own: a private folder, and the world behind edges. Where a runner starts no
 * post, the folder is cleared away here. Throws what the work throws.
 */
export async function onGround<T>(
  wanted: Wanted,
  { around, signal }: Surrounded,
  work: (edges: Edges) => Promise<T>,
): Promise<T> {
  const scratch = makeScratch(around.variables, keeper(around))
  const working = inWorld(wanted, scratch, { around, signal }, work)
  if (hasPost(around.variables)) return working
  return working.finally(() => cleanUpNow(around, scratch.directory))
}

async function inWorld<T>(
  { environment, token, ...wanted }: Wanted,
  scratch: Scratch,
  { around, signal }: Surrounded,
  work: (edges: Edges) => Promise<T>,
): Promise<T> {
  const { variables, write } = around
  const { workspace, searchPath, repository } = environment
  const over = new AbortController()
  const world = await openWorld({
    ...wanted,
    variables,
    reporter: makeReporter(write),
    clock: { ...makeClock(signal), sleep: makeClock(AbortSignal.any([signal, over.signal])).sleep },
    exec: makeExec(signal),
    scratch,
    signal,
    project: { workspace, searchPath, repository, api: variables['GITHUB_API_URL'] ?? '', token },
    mask: (secret) => write(addMask(secret)),
    release: RELEASE,
  })
  try {
    return await work(world.edges)
  } finally {
    // What was begun on the side may wait for a registry that wants to be asked later; it would hold up the process.
    over.abort()
    await world.close()
  }
}

/** Writes files into the folder for reports. */
function keeper({ variables, directory }: Surroundings): Scratch['keep'] {
  return (file) => writeKept(readReportDirectory(variables, directory), file, isReportNamed(variables))
}

function cleanUpNow({ variables, write }: Surroundings, directory: string): Promise<void> {
  const exec = makeExec(new AbortController().signal)
  return cleanUpFolder(variables, directory, { exec, reporter: makeReporter(write) })
}

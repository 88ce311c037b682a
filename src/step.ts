import { withSecrets, writeSecrets } from './action/build-secrets.ts'
import { makeClock } from './action/clock.ts'
import { addMask } from './action/commands.ts'
import { isReportNamed, readReportDirectory } from './action/environment.ts'
import { makeExec } from './action/exec.ts'
import type { Inputs } from './action/inputs.ts'
import { writeKept } from './action/outputs.ts'
import { cleanUpFolder } from './action/post.ts'
import type { Surroundings } from './action/process.ts'
import { makeReporter } from './action/reporter.ts'
import { makeScratch } from './action/scratch.ts'
import { hasPost } from './action/state.ts'
import { tell } from './action/tell.ts'
import type { Scratch } from './edges.ts'
import { asLadingError, type LadingError } from './error.ts'
import type { Environment } from './plan/environment.ts'
import { RELEASE } from './release.ts'
import { failureReport } from './report/draft.ts'
import { type Report, run } from './run.ts'
import { openWorld } from './world.ts'

/** What the user asked for, or what is wrong with it. */
export type Asked = AskedWell | { readonly failure: LadingError }
type AskedWell = { readonly environment: Environment; readonly inputs: Inputs }

/** Everything after the first line: does what was asked and tells the runner. The exit code of the step. */
export async function carryOut(asked: Asked, around: Surroundings, signal: AbortSignal): Promise<number> {
  const report = 'failure' in asked ? failureReport(asked.failure) : await publish(asked, around, signal)
  const images = 'failure' in asked ? [] : asked.inputs.request.images
  const told = await tell(report, images, around)
  return told.failure === undefined ? 0 : 1
}

async function publish(asked: AskedWell, around: Surroundings, signal: AbortSignal): Promise<Report> {
  try {
    const scratch = makeScratch(around.variables, keeper(around))
    const publishing = publishIn(scratch, asked, { around, signal })
    if (hasPost(around.variables)) return await publishing
    return await publishing.finally(() => cleanUpNow(around, scratch.directory))
  } catch (thrown) {
    return failureReport(asLadingError(thrown))
  }
}

type Surrounded = { readonly around: Surroundings; readonly signal: AbortSignal }

async function publishIn(
  scratch: ReturnType<typeof makeScratch>,
  { environment, inputs }: AskedWell,
  { around, signal }: Surrounded,
): Promise<Report> {
  const { variables, write } = around
  const { workspace, searchPath, repository } = environment
  const { logins, token, buildSecrets } = inputs.secrets
  const request = withSecrets(inputs.request, await writeSecrets(scratch.directory, buildSecrets))
  const over = new AbortController()
  const world = await openWorld({
    ...inputs,
    logins,
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
    return await run(request, environment, world.edges)
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

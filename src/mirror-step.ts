import { addMask } from './action/commands.ts'
import { readEnvironment } from './action/environment.ts'
import { masksOfFile } from './action/masks.ts'
import { type MirrorInputs, readMirrorInputs } from './action/mirror-inputs.ts'
import type { Surroundings } from './action/process.ts'
import { makeReporter } from './action/reporter.ts'
import { tellMirror } from './action/tell-mirror.ts'
import { asLadingError } from './error.ts'
import { onGround } from './ground.ts'
import { announceMirror } from './plan/announce.ts'
import type { Environment } from './plan/environment.ts'
import { RELEASE } from './release.ts'
import { mirrorFailure } from './report/mirror-report.ts'
import { runMirror } from './run.ts'

/** The whole of a mirror: reads what is asked, does it, and tells the runner. The exit code of the step. */
export async function mirrorStep(around: Surroundings, signal: AbortSignal): Promise<number> {
  let lockFile: string | undefined
  try {
    const { environment, inputs } = await ask(around)
    const { check, dryRun } = inputs.request
    if (check === 'off' && !dryRun) lockFile = inputs.request.lockFile
    const wanted = { ...inputs, environment }
    const mirrored = await onGround(wanted, { around, signal }, (edges) =>
      runMirror(inputs.request, environment, edges),
    )
    return await tellMirror(mirrored, lockFile, around)
  } catch (thrown) {
    const { code, message, hint } = asLadingError(thrown)
    return tellMirror({ report: mirrorFailure({ code, message, hint }) }, undefined, around)
  }
}

async function ask({
  variables,
  directory,
  write,
}: Surroundings): Promise<{ environment: Environment; inputs: MirrorInputs }> {
  const environment = await readEnvironment(variables, directory)
  const inputs = await readMirrorInputs(variables, environment)
  for (const secret of masksOfFile(inputs.logins, inputs.settings)) write(addMask(secret))
  const reporter = makeReporter(write)
  reporter.info(announceMirror(RELEASE, inputs.request))
  for (const notice of inputs.notices) reporter.notice(notice)
  return { environment, inputs }
}

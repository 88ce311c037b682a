import { withSecrets, writeSecrets } from './action/build-secrets.ts'
import type { Inputs } from './action/inputs.ts'
import type { Surroundings } from './action/process.ts'
import { tell } from './action/tell.ts'
import { asLadingError, type LadingError } from './error.ts'
import { onGround } from './ground.ts'
import type { Environment } from './plan/environment.ts'
import { failureReport } from './report/draft.ts'
import { type Report, run } from './run.ts'

/** What the user asked for, or what is wrong with it. */
export type Asked = AskedWell | { readonly mode: Report['mode']; readonly failure: LadingError }
type AskedWell = { readonly mode: Report['mode']; readonly environment: Environment; readonly inputs: Inputs }

/** Everything after the first line: does what was asked and tells the runner. The exit code of the step. */
export async function carryOut(asked: Asked, around: Surroundings, signal: AbortSignal): Promise<number> {
  const report = 'failure' in asked ? failureReport(asked.mode, asked.failure) : await publish(asked, around, signal)
  const images = 'failure' in asked ? [] : asked.inputs.request.images
  const told = await tell(report, images, around)
  return told.failure === undefined ? 0 : 1
}

async function publish(asked: AskedWell, around: Surroundings, signal: AbortSignal): Promise<Report> {
  const { mode, environment, inputs } = asked
  const { logins, token, buildSecrets } = inputs.secrets
  try {
    return await onGround({ ...inputs, logins, token, environment }, { around, signal }, async (edges) => {
      const secrets = await writeSecrets(edges.scratch.directory, buildSecrets)
      return run(withSecrets(inputs.request, secrets), environment, edges)
    })
  } catch (thrown) {
    return failureReport(mode, asLadingError(thrown))
  }
}

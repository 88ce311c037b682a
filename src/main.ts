import { withSecrets, writeSecrets } from './action/build-secrets.ts'
import { cancelSignal } from './action/cancel.ts'
import { makeClock } from './action/clock.ts'
import { addMask } from './action/commands.ts'
import { readEnvironment } from './action/environment.ts'
import { makeExec } from './action/exec.ts'
import { readInputs } from './action/inputs.ts'
import { masksOf } from './action/masks.ts'
import { cleanUp, cleanUpFolder } from './action/post.ts'
import { type Surroundings, surroundings } from './action/process.ts'
import { makeReporter } from './action/reporter.ts'
import { makeScratch } from './action/scratch.ts'
import { readState, saveState } from './action/state.ts'
import { tell, tellFailure } from './action/tell.ts'
import { asLadingError } from './error.ts'
import type { Repository } from './image/reference.ts'
import { failureReport } from './report/draft.ts'
import { type Report, run, VERSION } from './run.ts'
import { openWorld } from './world.ts'

/** The entry of the action: main and post are the same file, told apart by what main leaves in the state. */
async function begin(around: Surroundings): Promise<number> {
  if (readState(around.variables, 'begun') !== undefined) return afterwards(around)
  // First of all: should anything below fail, post must not take itself for main.
  saveState(around.variables, 'begun', 'true')
  for (const secret of await masksOf(around.variables)) around.write(addMask(secret))
  const { report, images } = await publish(around)
  const told = await tell(report, images, around)
  return told.failure === undefined ? 0 : 1
}

type Told = { readonly report: Report; readonly images: readonly Repository[] }

async function publish(around: Surroundings): Promise<Told> {
  const { variables, write } = around
  const reporter = makeReporter(write)
  const signal = cancelSignal(around.signals)
  const exec = makeExec(signal)
  let undo: (() => Promise<void>) | undefined
  let images: readonly Repository[] = []
  try {
    const environment = await readEnvironment(variables, around.directory)
    const inputs = await readInputs(variables, environment)
    images = inputs.request.images
    for (const notice of inputs.notices) reporter.notice(notice)
    const scratch = makeScratch(variables)
    // Without a runner nobody calls post.
    if (variables['GITHUB_STATE'] === undefined)
      undo = () =>
        cleanUpFolder(variables, scratch.directory, { exec: makeExec(new AbortController().signal), reporter })
    const request = withSecrets(inputs.request, await writeSecrets(scratch.directory, inputs.secrets.buildSecrets))
    const mask = (secret: string) => write(addMask(secret))
    const { logins } = inputs.secrets
    const materials = { variables, reporter, clock: makeClock(signal), exec, scratch, signal, mask, release: VERSION }
    const world = await openWorld({ ...materials, ...inputs, logins })
    try {
      return { report: await run(request, environment, world.edges), images }
    } finally {
      await world.close()
    }
  } catch (thrown) {
    return { report: failureReport(asLadingError(thrown)), images }
  } finally {
    await undo?.()
  }
}

/** The post step. It never makes a green job red: what it cannot undo is a warning. */
async function afterwards({ variables, write }: Surroundings): Promise<number> {
  const exec = makeExec(new AbortController().signal)
  await cleanUp(variables, exec, makeReporter(write))
  return 0
}

/** What even the telling could not survive, such as a runner's file on a full disk. */
function lastWords(thrown: unknown, { write }: Surroundings): number {
  tellFailure(asLadingError(thrown), write)
  return 1
}

const around = surroundings()
process.exitCode = await begin(around).catch((thrown: unknown) => lastWords(thrown, around))

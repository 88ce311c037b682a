import { cancelSignal } from './action/cancel.ts'
import { addMask } from './action/commands.ts'
import { readEnvironment } from './action/environment.ts'
import { makeExec } from './action/exec.ts'
import { readInputs } from './action/inputs.ts'
import { masksOf } from './action/masks.ts'
import { cleanUp } from './action/post.ts'
import { type Surroundings, surroundings } from './action/process.ts'
import { readPromoteInputs } from './action/promote-inputs.ts'
import { errorAnnotation, makeReporter } from './action/reporter.ts'
import { readState, saveState } from './action/state.ts'
import { actionOf } from './action/which.ts'
import { asLadingError } from './error.ts'
import { announce } from './plan/announce.ts'
import type { Environment } from './plan/environment.ts'
import { RELEASE } from './release.ts'
import type { Asked } from './step.ts'

/** The entry of the action: main and post are the same file, told apart by what main leaves in the state. */
async function begin(around: Surroundings): Promise<number> {
  if (readState(around.variables, 'begun') !== undefined) return afterwards(around)
  // First of all: should anything below fail, post must not take itself for main.
  saveState(around.variables, 'begun', 'true')
  for (const secret of await masksOf(around.variables)) around.write(addMask(secret))
  const signal = cancelSignal(around.signals)
  if (actionOf(around.program) === 'mirror') {
    const { mirrorStep } = await import('./mirror-step.ts')
    return mirrorStep(around, signal)
  }
  const asked = await ask(around, signal)
  // Nothing but the first line needs to be there at once; the rest is loaded while people read it.
  const { carryOut } = await import('./step.ts')
  return carryOut(asked, around, signal)
}

/** What is to be done, said in the first line of the log; or why nobody can tell. */
async function ask({ program, variables, directory, write }: Surroundings, signal: AbortSignal): Promise<Asked> {
  const mode = actionOf(program) === 'promote' ? 'promote' : 'publish'
  try {
    const found = await readEnvironment(variables, directory)
    const inputs = await READERS[mode](variables, found)
    const environment = inputs.tagContext === 'git' ? await checkedOut(found, signal) : found
    const reporter = makeReporter(write)
    reporter.info(announce(RELEASE, inputs.request, environment))
    for (const notice of inputs.notices) reporter.notice(notice)
    return { mode, environment, inputs }
  } catch (thrown) {
    return { mode, failure: asLadingError(thrown) }
  }
}

const READERS = { publish: readInputs, promote: readPromoteInputs } as const

async function checkedOut(environment: Environment, signal: AbortSignal): Promise<Environment> {
  const { withCheckout } = await import('./action/checkout.ts')
  return withCheckout(environment, makeExec(signal))
}

/** The post step. It never makes a green job red: what it cannot undo is a warning. */
async function afterwards({ variables, write }: Surroundings): Promise<number> {
  const exec = makeExec(new AbortController().signal)
  await cleanUp(variables, exec, makeReporter(write))
  return 0
}

/** What even the telling could not survive, such as a runner's file on a full disk. */
function lastWords(thrown: unknown, { write }: Surroundings): number {
  const { message, hint, code } = asLadingError(thrown)
  write(errorAnnotation(`${message}\nHint: ${hint} (${code})`))
  return 1
}

const around = surroundings()
process.exitCode = await begin(around).catch((thrown: unknown) => lastWords(thrown, around))

import type { Environment } from '../plan/environment.ts'
import type { Carried, PublishRequest } from '../plan/request.ts'
import { closeForm, type Form, openForm, type ProcessVariables } from './form.ts'
import { readFrom } from './from-input.ts'
import { readGate } from './gate-inputs.ts'
import { readImages } from './image-list.ts'
import type { Inputs } from './inputs.ts'
import { readNaming } from './naming-inputs.ts'
import { readChoice, readFlag } from './single-values.ts'
import { readRateLimit, readWay } from './way-inputs.ts'

/**
 * Reads all inputs of promote: it publishes an image that a registry has, so that nothing is said about a build. Touches
 * files of the workspace and nothing else of the world. Throws one `INPUT_INVALID` with every mistake in it (`LOGIN_FAILED`
 * when only credentials are missing).
 */
export async function readPromoteInputs(variables: ProcessVariables, environment: Environment): Promise<Inputs> {
  const form = openForm(variables, 'promote')
  const images = await readImages(form)
  const from = readFrom(form, images)
  const asked = {
    images,
    ...(await readNaming(form, variables)),
    gate: await readGate(form, environment),
    existingTag: readExistingTag(form),
    movingTags: readChoice(form, 'moving-tags', ['forward', 'force']),
    dryRun: readFlag(form, 'dry-run'),
    onRegistryFailure: readChoice(form, 'on-registry-failure', ['abort', 'continue']),
    rateLimit: readRateLimit(form),
    summary: readFlag(form, 'summary'),
  }
  const referrers = readReferrers(form)
  const { logins, ...way } = await readWay(form, environment, { images, sources: from === undefined ? [] : [from] })
  await closeForm(form)
  if (from === undefined) throw new Error('an image that cannot be read was not told as a mistake')
  const request: PublishRequest = { ...asked, ...NOTHING_BUILT, origin: { kind: 'registry', from, referrers } }
  const secrets = { logins, token: form.text('token').trim(), buildSecrets: [] }
  return { request, secrets, ...way, tagContext: 'workflow', notices: form.notices }
}

/** Whoever promotes means it, on whatever event. */
const NOTHING_BUILT = {
  labels: [],
  labelsCompat: false,
  annotations: { own: [], places: [] },
  push: 'yes',
} as const satisfies Partial<PublishRequest>

const EXISTING = ['fail', 'keep', 'overwrite'] as const

/** `auto` and `reuse` ask whether there is anything to build. */
function readExistingTag(form: Form): (typeof EXISTING)[number] {
  const text = form.text('existing-tag').trim()
  if (text !== 'auto' && text !== 'reuse') return readChoice(form, 'existing-tag', EXISTING)
  const why = `${text} is for builds, and nothing is built here: it is fail, keep or overwrite`
  form.mistakes.push({ input: 'existing-tag', text: why })
  return 'fail'
}

const REFERRERS: Readonly<Record<'true' | 'recheck' | 'false', Carried>> = {
  true: 'copied',
  recheck: 'recheck',
  false: 'no',
}

function readReferrers(form: Form): Carried {
  return REFERRERS[readChoice(form, 'referrers', ['true', 'recheck', 'false'])]
}

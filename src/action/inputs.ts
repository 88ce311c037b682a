import type { Environment } from '../plan/environment.ts'
import type { PublishRequest } from '../plan/request.ts'
import { readAnnotations, readPlaces } from './annotations.ts'
import { closeForm, type Form, openForm, type ProcessVariables } from './form.ts'
import { readGate } from './gate-inputs.ts'
import { readImages } from './image-list.ts'
import type { NamedLogin } from './logins.ts'
import { readNaming } from './naming-inputs.ts'
import { readOrigin } from './origin.ts'
import { readLabels, type SecretValue } from './pairs.ts'
import { quoted } from './quoted.ts'
import { readChoice, readFlag } from './single-values.ts'
import { readRateLimit, readWay, type Way } from './way-inputs.ts'

/** What the inputs say: the request without secrets, and beside it what only the edges may hold. */
export type Inputs = Omit<Way, 'logins'> & {
  /** build secrets are still missing in it: `writeSecrets` and `withSecrets` put their files in */
  readonly request: PublishRequest
  readonly secrets: {
    readonly logins: readonly NamedLogin[]
    readonly token: string
    readonly buildSecrets: readonly SecretValue[]
  }
  /** whose ref and commit names tell: those of the event, or those that are checked out */
  readonly tagContext: 'workflow' | 'git'
  /** remarks for the run's page */
  readonly notices: readonly string[]
}

/**
 * Reads all inputs of publish. Touches files of the workspace and nothing else of the world.
 * Throws one `INPUT_INVALID` with every mistake in it (`LOGIN_FAILED` when only credentials are missing).
 */
export async function readInputs(variables: ProcessVariables, environment: Environment): Promise<Inputs> {
  const form = openForm(variables)
  const images = await readImages(form)
  const naming = await readNaming(form, variables)
  const labels = await readLabels(form)
  const labelsCompat = readFlag(form, 'labels-compat')
  const { origin, secrets: buildSecrets } = await readOrigin(form, environment)
  const built = origin.kind === 'build' && origin.platforms.length > 0 ? origin.platforms : [environment.machine]
  const annotations = {
    own: await readAnnotations(form, built),
    places: readPlaces(form, variables, built),
  }
  const gate = await readGate(form, environment)
  const request: PublishRequest = {
    images,
    ...naming,
    labels,
    labelsCompat,
    annotations,
    origin,
    gate,
    push: readPush(form),
    dryRun: readFlag(form, 'dry-run'),
    onRegistryFailure: readChoice(form, 'on-registry-failure', ['abort', 'continue']),
    existingTag: readChoice(form, 'existing-tag', ['auto', 'fail', 'reuse', 'keep', 'overwrite']),
    movingTags: readChoice(form, 'moving-tags', ['forward', 'force']),
    rateLimit: readRateLimit(form),
    summary: readFlag(form, 'summary'),
  }
  const { logins, ...way } = await readWay(form, environment, { images, sources: [] })
  const tagContext = readChoice(form, 'tag-context', ['workflow', 'git'])
  await closeForm(form)
  const secrets = { logins, token: form.text('token').trim(), buildSecrets }
  return { request, secrets, ...way, tagContext, notices: form.notices }
}

function readPush(form: Form): PublishRequest['push'] {
  const text = form.text('push').trim().toLowerCase()
  if (text === 'true') return 'yes'
  if (text === 'false') return 'no'
  if (text === 'auto') return 'auto'
  form.mistakes.push({ input: 'push', text: `${quoted(text)} is none of auto, true, false` })
  return 'auto'
}

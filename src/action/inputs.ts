import type { RegistrySettings } from '../access.ts'
import type { Environment } from '../plan/environment.ts'
import type { PublishRequest } from '../plan/request.ts'
import { readAnnotations, readPlaces } from './annotations.ts'
import { readFlavor } from './flavor-lines.ts'
import { closeForm, type Form, openForm, type ProcessVariables } from './form.ts'
import { readGate } from './gate-inputs.ts'
import { readImages } from './image-list.ts'
import { type NamedLogin, readLogins } from './logins.ts'
import { readOrigin } from './origin.ts'
import { readLabels, type SecretValue } from './pairs.ts'
import { quoted } from './quoted.ts'
import { MOST_PARALLEL, readRegistrySettings } from './registry-settings.ts'
import { readChoice, readCount, readFlag } from './single-values.ts'
import { readTags } from './tag-lines.ts'

/** What the inputs say: the request without secrets, and beside it what only the edges may hold. */
export type Inputs = {
  /** build secrets are still missing in it: `writeSecrets` and `withSecrets` put their files in */
  readonly request: PublishRequest
  readonly secrets: {
    readonly logins: readonly NamedLogin[]
    readonly token: string
    readonly buildSecrets: readonly SecretValue[]
  }
  readonly settings: readonly RegistrySettings[]
  /** transfers at a time for each registry */
  readonly parallel: number
  /** how often one request is repeated */
  readonly retries: number
  /** whose ref and commit names tell: those of the event, or those that are checked out */
  readonly tagContext: 'workflow' | 'git'
  /** remarks for the run's page */
  readonly notices: readonly string[]
}

const MOST_RETRIES = 100
const MOST_RESERVE = 1_000_000

/**
 * Reads all inputs of publish. Touches files of the workspace and nothing else of the world.
 * Throws one `INPUT_INVALID` with every mistake in it (`LOGIN_FAILED` when only credentials are missing).
 */
export async function readInputs(variables: ProcessVariables, environment: Environment): Promise<Inputs> {
  const form = openForm(variables)
  const images = await readImages(form)
  const tags = await readTags(form)
  const flavor = await readFlavor(form)
  const version = readVersion(form)
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
    tags,
    flavor,
    shortSha: readShortSha(form, variables),
    ...(version === '' ? {} : { version }),
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
    rateLimit: {
      rateLimit: readChoice(form, 'rate-limit', ['fail', 'strict', 'warn', 'off']),
      reserve: readCount(form, 'rate-limit-reserve', 0, MOST_RESERVE),
    },
    summary: readFlag(form, 'summary'),
  }
  const logins = await readLogins(form, environment, images)
  const settings = await readRegistrySettings(form, environment.workspace)
  const parallel = readCount(form, 'parallel', 1, MOST_PARALLEL)
  const retries = readCount(form, 'retries', 0, MOST_RETRIES)
  const tagContext = readChoice(form, 'tag-context', ['workflow', 'git'])
  await closeForm(form)
  const secrets = { logins, token: form.text('token').trim(), buildSecrets }
  return { request, secrets, settings, parallel, retries, tagContext, notices: form.notices }
}

// semver.org, "Is there a suggested regular expression": the presets cut a version into its parts.
const SEMVER =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/

function readVersion(form: Form): string {
  const version = form.text('version').trim().replace(/^v/, '')
  if (version === '' || SEMVER.test(version)) return version
  form.mistakes.push({ input: 'version', text: `${quoted(version)} is not a version such as 1.2.3 or 1.2.3-rc.1` })
  return ''
}

const SHORT_SHA = 7
const SHORT_SHA_SWITCH = 'DOCKER_METADATA_SHORT_SHA_LENGTH'

/** The switch of metadata-action; a length that leaves nothing of the commit would give every commit one name. */
function readShortSha(form: Form, variables: ProcessVariables): number {
  const text = (variables[SHORT_SHA_SWITCH] ?? '').trim()
  if (text === '') return SHORT_SHA
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  form.mistakes.push({ input: SHORT_SHA_SWITCH, text: `${quoted(text)} is not a whole number from 1` })
  return SHORT_SHA
}

function readPush(form: Form): PublishRequest['push'] {
  const text = form.text('push').trim().toLowerCase()
  if (text === 'true') return 'yes'
  if (text === 'false') return 'no'
  if (text === 'auto') return 'auto'
  form.mistakes.push({ input: 'push', text: `${quoted(text)} is none of auto, true, false` })
  return 'auto'
}

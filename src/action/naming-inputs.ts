import type { PublishRequest } from '../plan/request.ts'
import { readFlavor } from './flavor-lines.ts'
import type { Form, ProcessVariables } from './form.ts'
import { quoted } from './quoted.ts'
import { readTags } from './tag-lines.ts'

/** What the inputs say about names. */
export async function readNaming(
  form: Form,
  variables: ProcessVariables,
): Promise<Pick<PublishRequest, 'tags' | 'flavor' | 'version' | 'shortSha'>> {
  const tags = await readTags(form)
  const flavor = await readFlavor(form)
  const version = readVersion(form)
  return { tags, flavor, shortSha: readShortSha(form, variables), ...(version === '' ? {} : { version }) }
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

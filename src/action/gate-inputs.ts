import type { Environment } from '../plan/environment.ts'
import { type Gate, SBOM_FORMATS, SEVERITIES, type Severity } from '../plan/request.ts'
import { readDuration } from './duration.ts'
import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import { readItems } from './lists.ts'
import { checkReference } from './origin.ts'
import { quoted } from './quoted.ts'
import { readTrivy } from './scanner-inputs.ts'
import { readScope } from './scope.ts'
import { readChoice, readFlag } from './single-values.ts'

const HOUR_MS = 3_600_000
const LIMITS = {
  databaseAge: { least: HOUR_MS, most: 10_000 * HOUR_MS },
  // One second is for tests of one's own; what takes six hours ends with the job.
  scan: { least: 1000, most: 6 * HOUR_MS },
} as const

/** What the inputs say about the scan. */
export async function readGate(form: Form, environment: Environment): Promise<Gate> {
  const scan = readChoice(form, 'scan', ['gate', 'report', 'off'])
  const baseline = readBaseline(form)
  const sbom = form.has('sbom-format') ? readChoice(form, 'sbom-format', ['', ...SBOM_FORMATS]) : ''
  const uploadSarif = form.has('upload-sarif') && readFlag(form, 'upload-sarif')
  if (scan === 'off') {
    const asked = { 'scan-baseline': baseline !== '', 'sbom-format': sbom !== '', 'upload-sarif': uploadSarif }
    for (const input of ['scan-baseline', 'sbom-format', 'upload-sarif'] as const) {
      if (asked[input]) form.mistakes.push({ input, text: 'it comes from a scan, and `scan` is off' })
    }
  }
  return {
    scan,
    severities: await readSeverities(form),
    ignoreUnfixed: readFlag(form, 'ignore-unfixed'),
    scope: await readScope(form, environment.workspace),
    trivy: readTrivy(form, environment),
    databases: await readDatabases(form, 'db-repository'),
    javaDatabases: await readDatabases(form, 'java-db-repository'),
    databaseMaxAgeHours: readDuration(form, 'db-max-age', LIMITS.databaseAge) / HOUR_MS,
    timeoutMs: readDuration(form, 'scan-timeout', LIMITS.scan),
    useCache: readFlag(form, 'scan-cache'),
    ...(baseline === '' ? {} : { baseline }),
    ...(sbom === '' ? {} : { sbom }),
    uploadSarif,
  }
}

async function readSeverities(form: Form): Promise<readonly Severity[]> {
  const items = await readItems(form, 'severity')
  const named = new Set<string>()
  for (const { text, line } of items) {
    const severity = SEVERITIES.find((candidate) => candidate === text.toUpperCase())
    if (severity !== undefined) named.add(severity)
    else {
      const meant = { word: text, among: SEVERITIES }
      form.mistakes.push({
        input: 'severity',
        line,
        text: `${quoted(text)} is none of ${SEVERITIES.join(', ')}`,
        meant,
      })
    }
  }
  return SEVERITIES.filter((severity) => named.has(severity))
}

async function readDatabases(form: Form, input: InputName): Promise<readonly string[]> {
  const items = await readItems(form, input)
  for (const item of items) checkReference(form, input, item)
  return items.map(({ text }) => text)
}

// As the distribution spec has it ("Pulling manifests").
const TAG = /^\w[\w.-]{0,127}$/

function readBaseline(form: Form): string {
  const tag = form.text('scan-baseline').trim()
  if (tag === '' || TAG.test(tag)) return tag
  form.mistakes.push({ input: 'scan-baseline', text: `${quoted(tag)} is not a tag of an image, such as latest` })
  return ''
}

import { resolve } from 'node:path'
import type { Environment } from '../plan/environment.ts'
import { DEFAULT_TRIVY, objection, parseTrivyVersion, type Trivy, type TrivyRelease } from '../plan/trivy.ts'
import type { Form } from './form.ts'
import { quoted } from './quoted.ts'

/** Which Trivy scans. Whether its files are there is for the scan to say: a scanner that is missing is a gate that stays closed. */
export function readTrivy(form: Form, { workspace }: Environment): Trivy {
  const [path, archive] = [form.text('trivy-path').trim(), form.text('trivy-archive').trim()]
  const release = readRelease(form)
  if (path === '') return { kind: 'release', ...release, archive: archive === '' ? '' : resolve(workspace, archive) }
  for (const input of ['trivy-version', 'trivy-archive'] as const) {
    if (form.given(input)) {
      form.mistakes.push({ input, text: 'it is about a release and cannot be used together with `trivy-path`' })
    }
  }
  return { kind: 'program', path: resolve(workspace, path) }
}

function readRelease(form: Form): TrivyRelease {
  const input = 'trivy-version'
  const text = form.text(input).trim()
  const release = parseTrivyVersion(text)
  if (release === undefined) {
    const forms = `a version such as ${DEFAULT_TRIVY} nor one with the hash of its archive, ${DEFAULT_TRIVY}@sha256:…`
    form.mistakes.push({ input, text: `${quoted(text)} is neither ${forms}` })
    return { version: '' }
  }
  const why = objection(release)
  if (why !== undefined) form.mistakes.push({ input, text: why, code: 'TOOL_UNVERIFIED' })
  return release
}

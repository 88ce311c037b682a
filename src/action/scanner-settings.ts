import { resolve } from 'node:path'
import type { Pair } from 'yaml'
import type { ScannerSettings, SettingValue } from '../plan/request.ts'
import { kindOf, readBounded } from './files.ts'
import type { Form } from './form.ts'
import { quoted } from './quoted.ts'
import { scalarText } from './yaml-list.ts'

const INPUT = 'trivy-config'
const LONGEST_FILE = 1024 * 1024

// Names as Trivy 0.74 has them (`ConfigName` in its pkg/flag). It passes over a name that it does not know in silence.

/** Settings that are taken: how Trivy looks and judges, where no input says it. */
const TAKEN = [
  'image.removed-pkgs',
  'license.confidenceLevel',
  'license.forbidden',
  'license.full',
  'license.ignored',
  'license.notice',
  'license.permissive',
  'license.reciprocal',
  'license.restricted',
  'license.unencumbered',
  'misconfiguration.scanners',
  'pkg.include-dev-deps',
  'pkg.relationships',
  'scan.detection-priority',
  'scan.file-patterns',
  'scan.parallel',
  'secret.config',
  'vulnerability.ignore-status',
  'vulnerability.severity-source',
]

/** Settings that an input has: said twice they could contradict each other, and hide something unseen. */
const INPUTS_FOR: Readonly<Record<string, string>> = {
  severity: 'severity',
  ignorefile: 'trivyignores',
  'scan.scanners': 'scanners',
  'scan.skip-dirs': 'skip-dirs',
  'scan.skip-files': 'skip-files',
  'pkg.types': 'pkg-types',
  'vulnerability.type': 'pkg-types',
  'vulnerability.ignore-unfixed': 'ignore-unfixed',
  'vulnerability.vex': 'vex',
  'db.repository': 'db-repository',
}

/** Settings of how Trivy is run and what it prints, which this action decides. They hide nothing, so they are passed over. */
const PASSED_OVER = [
  'cache.backend',
  'cache.clear',
  'cache.dir',
  'cache.ttl',
  'db.no-progress',
  'db.skip-update',
  'debug',
  'dependency-tree',
  'exit-code',
  'format',
  'list-all-pkgs',
  'output',
  'quiet',
  'report',
  'scan.disable-telemetry',
  'scan.show-suppressed',
  'scan.skip-version-check',
  'table-mode',
  'template',
  'timeout',
]

type Setting = { readonly name: string; readonly line: number; readonly value: SettingValue | undefined }

/** `trivy-config`: a `trivy.yaml`. What is taken is written anew for Trivy, so that nothing else of it has an effect. */
export async function readSettings(form: Form, workspace: string): Promise<ScannerSettings | undefined> {
  const file = form.text(INPUT).trim()
  if (file === '') return undefined
  const text = await readBounded(resolve(workspace, file), LONGEST_FILE)
  if (text === undefined) {
    form.mistakes.push({ input: INPUT, text: `there is no file ${quoted(file)} that can be read` })
    return undefined
  }
  const settings = await parseSettings(form, file, text)
  for (const setting of settings) judgeSetting(form, file, setting)
  const passedOver = settings.filter(({ name }) => PASSED_OVER.includes(name)).map(({ name }) => name)
  if (passedOver.length > 0)
    form.notices.push(`trivy-config: ${passedOver.join(', ')} of ${file} is for this action to say`)
  const values: Record<string, SettingValue> = {}
  for (const { name, value } of settings) if (value !== undefined && TAKEN.includes(name)) values[name] = value
  const secretRules = await readSecretRules(form, workspace, values['secret.config'])
  return { file, values: { ...values, ...secretRules } }
}

async function parseSettings(form: Form, file: string, text: string): Promise<readonly Setting[]> {
  const { isMap, isScalar, isSeq, LineCounter, parseDocument } = await import('yaml')
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, version: '1.2' })
  const [broken] = document.errors
  if (broken !== undefined) {
    const { line } = counter.linePos(broken.pos[0])
    form.mistakes.push({ input: INPUT, text: `${file}, line ${line}: this is not YAML (${broken.code})` })
    return []
  }
  const settingOf = (node: unknown): SettingValue | undefined => {
    if (isScalar(node)) return simple(node.value)
    if (!isSeq(node)) return undefined
    const items = node.items.map((item) => (isScalar(item) ? simple(item.value) : undefined))
    const known = items.filter((item) => item !== undefined)
    return known.length === items.length ? known : undefined
  }
  const flatten = (pairs: readonly Pair[], prefix: string): readonly Setting[] =>
    pairs.flatMap(({ key, value }) => {
      const name = `${prefix}${scalarText(key) ?? ''}`
      // A section that is empty, or commented out.
      if (value === null || (isScalar(value) && value.value === null)) return []
      if (isMap(value)) return flatten(value.items, `${name}.`)
      return [{ name, line: lineOf(key), value: settingOf(value) }]
    })
  const lineOf = (node: unknown): number => (isScalar(node) ? counter.linePos(node.range?.[0] ?? 0).line : 1)
  if (isMap(document.contents)) return flatten(document.contents.items, '')
  if (document.contents !== null) form.mistakes.push({ input: INPUT, text: `${file} is not a map of settings` })
  return []
}

function simple(value: unknown): string | number | boolean | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}

function judgeSetting(form: Form, file: string, { name, line, value }: Setting): void {
  const at = `${file}, line ${line}:`
  const input = Object.hasOwn(INPUTS_FOR, name) ? INPUTS_FOR[name] : undefined
  if (input !== undefined)
    form.mistakes.push({ input: INPUT, text: `${at} ${name} is what the input \`${input}\` says` })
  else if (![...TAKEN, ...PASSED_OVER].includes(name)) {
    const meant = { word: name, among: TAKEN }
    form.mistakes.push({
      input: INPUT,
      text: `${at} ${quoted(name)} is no setting that is taken from this file`,
      meant,
    })
  } else if (value === undefined) {
    form.mistakes.push({ input: INPUT, text: `${at} the value of ${name} is one value or a list of them` })
  }
}

/** Trivy works in another folder; one that is missing would be passed over there. */
async function readSecretRules(
  form: Form,
  workspace: string,
  value: SettingValue | undefined,
): Promise<Readonly<Record<string, SettingValue>>> {
  if (value === undefined) return {}
  const path = resolve(workspace, String(value))
  if ((await kindOf(path)) !== 'file') {
    form.mistakes.push({ input: INPUT, text: `secret.config: there is no file ${quoted(String(value))}` })
  }
  return { 'secret.config': path }
}

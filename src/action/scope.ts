import { resolve } from 'node:path'
import { PACKAGE_TYPES, type PackageType, SCANNERS, type ScannerName, type Scope } from '../plan/request.ts'
import { readExceptions } from './exceptions.ts'
import { readBounded } from './files.ts'
import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import { type ListItem, readItems } from './lists.ts'
import { quoted } from './quoted.ts'
import { readSettings } from './scanner-settings.ts'

/** What the scan looks for, where, and what of it is accepted. Every file that is named is read here. */
export async function readScope(form: Form, workspace: string): Promise<Scope> {
  const settings = await readSettings(form, workspace)
  return {
    scanners: await readScanners(form),
    packageTypes: await readPackageTypes(form),
    skipDirectories: await readGlobs(form, 'skip-dirs'),
    skipFiles: await readGlobs(form, 'skip-files'),
    exceptions: await readExceptions(form, workspace),
    vex: await readVex(form, workspace),
    ...(settings === undefined ? {} : { settings }),
  }
}

const EFFECTS = ['gate', 'report'] as const
/** What stops a publish when nothing is said; the others are advice, and are reported. */
const GATING: readonly ScannerName[] = ['vuln', 'secret']

/** `scanners`: `vuln`, or `license=gate` for another effect than its own. */
async function readScanners(form: Form): Promise<Scope['scanners']> {
  const items = await readItems(form, 'scanners')
  const named = new Map<ScannerName, 'gate' | 'report'>()
  for (const item of items) {
    const [word = '', ...rest] = item.text.split('=').map((part) => part.trim())
    const scanner = SCANNERS.find((name) => name === word)
    if (scanner === undefined) {
      wrong(form, 'scanners', { ...item, text: word }, SCANNERS)
      continue
    }
    const said = rest.join('=')
    const effect = EFFECTS.find((name) => name === said)
    if (rest.length > 0 && effect === undefined) wrong(form, 'scanners', { ...item, text: said }, EFFECTS)
    if (named.has(scanner)) mistake(form, 'scanners', item, `${scanner} is there twice`)
    named.set(scanner, effect ?? (GATING.includes(scanner) ? 'gate' : 'report'))
  }
  return Object.fromEntries(SCANNERS.flatMap((name) => (named.has(name) ? [[name, named.get(name)]] : [])))
}

async function readPackageTypes(form: Form): Promise<readonly PackageType[]> {
  const items = await readItems(form, 'pkg-types')
  return items.flatMap((item) => {
    const type = PACKAGE_TYPES.find((name) => name === item.text)
    if (type !== undefined) return [type]
    wrong(form, 'pkg-types', item, PACKAGE_TYPES)
    return []
  })
}

async function readGlobs(form: Form, input: InputName): Promise<readonly string[]> {
  const items = await readItems(form, input)
  return items.map(({ text }) => text)
}

const LONGEST_VEX = 32 * 1024 * 1024

/** Trivy would find out about a document that is missing or broken only after the scan. */
async function readVex(form: Form, workspace: string): Promise<readonly string[]> {
  const items = await readItems(form, 'vex')
  const paths = await Promise.all(items.map((item) => readDocument(form, item, workspace)))
  return paths.flat()
}

async function readDocument(form: Form, item: ListItem, workspace: string): Promise<readonly string[]> {
  if (['repo', 'oci', 'sbom-ref'].includes(item.text)) {
    // They ask the network, and what they find would change from run to run; nothing is in a registry yet either.
    mistake(form, 'vex', item, `${quoted(item.text)} is a source of documents elsewhere; this version reads files`)
    return []
  }
  const path = resolve(workspace, item.text)
  const text = await readBounded(path, LONGEST_VEX)
  if (text === undefined) mistake(form, 'vex', item, `there is no file ${quoted(item.text)} that can be read`)
  else if (!isJsonObject(text))
    mistake(form, 'vex', item, `${quoted(item.text)} is no VEX document: it is not a JSON object`)
  else return [path]
  return []
}

function isJsonObject(text: string): boolean {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null && !Array.isArray(json)
  } catch {
    return false
  }
}

function mistake(form: Form, input: InputName, { line }: ListItem, text: string): void {
  form.mistakes.push({ input, line, text })
}

function wrong(form: Form, input: InputName, { text: word, line }: ListItem, among: readonly string[]): void {
  form.mistakes.push({ input, line, text: `${quoted(word)} is none of ${among.join(', ')}`, meant: { word, among } })
}

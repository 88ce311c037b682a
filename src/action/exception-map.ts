import type { Node, YAMLMap } from 'yaml'
import type { Exception, ScannerName } from '../plan/request.ts'
import type { Fault, Parsed } from './exceptions.ts'
import { parseInstant } from './instant.ts'
import { quoted } from './quoted.ts'
import { scalarText } from './yaml-list.ts'

/** The sections of a `.trivyignore.yaml` (Trivy's pkg/result/ignore.go), and what each is about. */
const SECTIONS: Readonly<Record<string, ScannerName>> = {
  vulnerabilities: 'vuln',
  misconfigurations: 'misconfig',
  secrets: 'secret',
  licenses: 'license',
}
const KEYS = ['id', 'paths', 'purls', 'expired_at', 'statement']

type Yaml = Pick<typeof import('yaml'), 'isMap' | 'isSeq' | 'isScalar'>

/** What the parts of one reading share. */
type Reading = {
  readonly yaml: Yaml
  readonly name: string
  readonly lineOf: (node: unknown) => number
  readonly fault: (node: unknown, text: string, meant?: Fault['meant']) => void
}

/** The YAML form. Unknown and repeated keys, wrong types, ids that are missing and dates that are none are faults. */
export async function parseExceptionMap(text: string, name: string): Promise<Parsed> {
  const yaml = await import('yaml')
  const counter = new yaml.LineCounter()
  const document = yaml.parseDocument(text, { lineCounter: counter, prettyErrors: false, version: '1.2' })
  const faults: Fault[] = []
  const [broken] = document.errors
  if (broken !== undefined) {
    return {
      exceptions: [],
      faults: [{ line: counter.linePos(broken.pos[0]).line, text: `this is not YAML (${broken.code})` }],
    }
  }
  const lineOf = (node: unknown): number => counter.linePos(isNode(node) ? (node.range?.[0] ?? 0) : 0).line
  const fault: Reading['fault'] = (node, why, meant) => {
    faults.push({ line: lineOf(node), text: why, ...(meant === undefined ? {} : { meant }) })
  }
  const exceptions = readSections({ yaml, name, lineOf, fault }, document.contents)
  return { exceptions, faults }
}

function readSections(reading: Reading, root: unknown): readonly Exception[] {
  const { yaml, fault } = reading
  // A file of comments alone.
  if (root === null) return []
  if (!yaml.isMap(root)) {
    fault(root, `it is a map of ${Object.keys(SECTIONS).join(', ')}`)
    return []
  }
  return root.items.flatMap(({ key, value }) => {
    const section = scalarText(key) ?? ''
    const about = Object.hasOwn(SECTIONS, section) ? SECTIONS[section] : undefined
    if (about === undefined) {
      fault(key, `unknown key ${quoted(section)}`, { word: section, among: Object.keys(SECTIONS) })
      return []
    }
    if (isNothing(reading, value)) return []
    if (yaml.isSeq(value)) return value.items.flatMap((item) => readEntry(reading, about, item))
    fault(key, `${section} is a list: begin each entry with a dash`)
    return []
  })
}

function readEntry(reading: Reading, about: ScannerName, entry: unknown): readonly Exception[] {
  const { yaml, fault, lineOf, name } = reading
  if (!yaml.isMap(entry)) {
    fault(entry, 'an entry is a map such as `id: CVE-2026-1234`')
    return []
  }
  for (const { key } of entry.items) {
    const word = scalarText(key) ?? ''
    if (!KEYS.includes(word)) fault(key, `unknown key ${quoted(word)}`, { word, among: KEYS })
  }
  const id = textOf(reading, entry, 'id')
  if (id === '') fault(entry, 'an entry names its `id`')
  const written = textOf(reading, entry, 'expired_at')
  const expires = written === '' ? '' : parseInstant(written)
  if (expires === undefined) fault(entry.get('expired_at', true), `${quoted(written)} is no date such as 2026-12-31`)
  const purls = listOf(reading, entry, 'purls')
  for (const purl of purls.filter((text) => !/^pkg:[a-z][a-z0-9.+-]*\/./i.test(text))) {
    fault(entry.get('purls', true), `${quoted(purl)} is no package URL such as pkg:apk/alpine/musl`)
  }
  if (about !== 'vuln' && purls.length > 0) fault(entry.get('purls', true), '`purls` are for vulnerabilities only')
  return [
    {
      about: [about],
      id,
      paths: listOf(reading, entry, 'paths'),
      purls,
      statement: textOf(reading, entry, 'statement'),
      expires: expires ?? '',
      origin: `${name}, line ${lineOf(entry)}`,
    },
  ]
}

function textOf({ yaml, fault }: Reading, entry: YAMLMap, key: string): string {
  const node = entry.get(key, true)
  if (node === undefined) return ''
  if (yaml.isScalar(node)) return (scalarText(node) ?? '').trim()
  fault(node, `the value of ${quoted(key)} is one text`)
  return ''
}

function listOf(reading: Reading, entry: YAMLMap, key: string): readonly string[] {
  const { yaml, fault } = reading
  const node = entry.get(key, true)
  if (node === undefined || isNothing(reading, node)) return []
  const texts = yaml.isSeq(node)
    ? node.items.map((item) => (yaml.isScalar(item) ? scalarText(item) : undefined))
    : [undefined]
  const known = texts.filter((text) => text !== undefined && text !== '').map(String)
  if (known.length < texts.length) fault(node, `the value of ${quoted(key)} is a list of texts`)
  return known
}

function isNothing({ yaml }: Reading, node: unknown): boolean {
  return node === null || (yaml.isScalar(node) && node.value === null)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value
}

import type { Node, Pair, YAMLMap } from 'yaml'
import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import { quoted } from './quoted.ts'

/** One value of an entry, and its line. */
export type YamlValue = { readonly text: string; readonly line: number }
/** One entry of a YAML list: the texts by key, and the line on which it begins. */
export type YamlEntry = { readonly values: Readonly<Record<string, YamlValue>>; readonly line: number }

/**
 * Reads an input that is a YAML list of flat maps. Unknown and repeated keys, nested values and anything that is no
 * such list are mistakes with their line. Messages show keys and never values, which may be secrets.
 */
export async function readYamlList(
  form: Form,
  input: InputName,
  known: readonly string[],
): Promise<readonly YamlEntry[]> {
  const text = form.text(input)
  if (text.trim() === '') return []
  const { isMap, isSeq, LineCounter, parseDocument } = await import('yaml')
  const counter = new LineCounter()
  // No aliases are followed: `maxAliasCount` guards only conversion to JS, which is never asked for.
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, version: '1.2', schema: 'core' })
  const mistake = (offset: number, why: string) =>
    form.mistakes.push({ input, line: counter.linePos(offset).line, text: why })
  for (const error of document.errors) mistake(error.pos[0], `this is not YAML (${error.code})`)
  if (document.errors.length > 0) return []
  const list = document.contents
  if (!isSeq(list)) {
    mistake(0, 'it is a YAML list: begin each entry with a dash')
    return []
  }
  return list.items.flatMap((item) => {
    if (isMap(item)) return [readEntry({ form, input, known, lineOf: (offset) => counter.linePos(offset).line }, item)]
    mistake(offsetOf(item), 'an entry is a map such as `registry: ghcr.io`')
    return []
  })
}

type Reading = {
  readonly form: Form
  readonly input: InputName
  readonly known: readonly string[]
  readonly lineOf: (offset: number) => number
}

function readEntry(reading: Reading, map: YAMLMap): YamlEntry {
  const values = map.items.flatMap((pair) => readPair(reading, pair))
  return { values: Object.fromEntries(values), line: reading.lineOf(map.range?.[0] ?? 0) }
}

function readPair({ form, input, known, lineOf }: Reading, pair: Pair): readonly (readonly [string, YamlValue])[] {
  const line = lineOf(offsetOf(pair.key))
  const key = scalarText(pair.key)
  if (key === undefined || !known.includes(key)) {
    form.mistakes.push({
      input,
      line,
      text: `unknown key ${quoted(key ?? '')}`,
      meant: { word: key ?? '', among: known },
    })
    return []
  }
  const text = pair.value === null ? '' : scalarText(pair.value)
  if (text !== undefined) return [[key, { text, line }]]
  form.mistakes.push({ input, line, text: `the value of ${quoted(key)} is one text` })
  return []
}

/** A scalar as it was written: a password `0123` or `1e3` must not pass through a number. */
export function scalarText(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null || !('value' in node)) return undefined
  if ('source' in node && typeof node.source === 'string') return node.value === null ? '' : node.source
  return node.value === null ? '' : String(node.value)
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value
}

import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import type { ListRecord } from './lists.ts'
import { quoted } from './quoted.ts'
import { parseFlag } from './single-values.ts'

/** A record of the kind `name=…,enable=…`: its attributes, and the words without an `=`. */
export type Attributes = {
  readonly words: readonly string[]
  readonly values: Readonly<Record<string, string>>
  readonly line: number
}

/** Splits a record into words and attributes. Unknown and repeated attributes are mistakes. */
export function readAttributes(form: Form, input: InputName, record: ListRecord, known: readonly string[]): Attributes {
  const words: string[] = []
  const values = new Map<string, string>()
  for (const field of record.fields.filter((text) => text !== '')) {
    const equals = field.indexOf('=')
    if (equals < 0) {
      words.push(field)
      continue
    }
    const key = field.slice(0, equals).trim().toLowerCase()
    const mistake = judgeKey(key, known, values)
    if (mistake !== undefined) form.mistakes.push({ input, line: record.line, ...mistake })
    values.set(key, field.slice(equals + 1).trim())
  }
  return { words, values: Object.fromEntries(values), line: record.line }
}

/** The attribute `enable` (or another flag); `fallback` when it is absent. */
export function readFlagAttribute(form: Form, input: InputName, attributes: Attributes, key: string) {
  const text = attributes.values[key]
  if (text === undefined) return undefined
  const flag = parseFlag(text)
  if (flag !== undefined) return flag
  const why = text.includes('{{')
    ? 'no {{…}} expressions are known here; use one of the workflow'
    : 'it is true or false'
  form.mistakes.push({ input, line: attributes.line, text: `${key}=${quoted(text)}: ${why}` })
  return true
}

function judgeKey(key: string, known: readonly string[], seen: ReadonlyMap<string, string>) {
  if (seen.has(key)) return { text: `the attribute ${quoted(key)} is there twice` }
  if (known.includes(key)) return undefined
  return { text: `unknown attribute ${quoted(key)}`, meant: { word: key, among: known } }
}

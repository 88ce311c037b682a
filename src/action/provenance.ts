import { readAttributes } from './attributes.ts'
import type { Form } from './form.ts'
import { readRecords } from './lists.ts'
import { quoted } from './quoted.ts'
import { parseFlag } from './single-values.ts'

const INPUT = 'provenance'
// BuildKit docs, "Provenance attestations", and buildx's own `disabled`.
const KNOWN = ['mode', 'inline-only', 'builder-id', 'version', 'reproducible', 'disabled']

/** `provenance`: empty, `true`, `false`, or attributes such as `mode=max,inline-only=true`. */
export async function readProvenance(form: Form): Promise<string> {
  const text = form.text(INPUT).trim()
  const flag = parseFlag(text)
  if (text === '') return ''
  if (flag !== undefined) return String(flag)
  const records = await readRecords(form, INPUT)
  const [record] = records
  if (record === undefined || records.length > 1) {
    form.mistakes.push({ input: INPUT, text: 'it is one line: true, false or mode=max' })
    return ''
  }
  const { words, values } = readAttributes(form, INPUT, record, KNOWN)
  const mode = values['mode']
  const [word] = words
  if (word !== undefined)
    form.mistakes.push({ input: INPUT, text: `${quoted(word)} is neither true, false nor an attribute` })
  if (mode !== undefined && mode !== 'min' && mode !== 'max') {
    form.mistakes.push({ input: INPUT, text: `mode=${quoted(mode)} is neither min nor max` })
  }
  return text
}

import { PRESETS, type Preset, type TagRule } from '../tags/rule.ts'
import { type Attributes, readAttributes, readFlagAttribute } from './attributes.ts'
import type { Form } from './form.ts'
import { type ListRecord, readRecords } from './lists.ts'
import { quoted } from './quoted.ts'

const INPUT = 'tags'
const KNOWN = ['type', 'value', 'enable', 'fixed']
// What metadata-action knows besides; saying so helps more than "unknown type".
const LATER = ['schedule', 'semver', 'pep440', 'match', 'edge', 'ref', 'sha']

/** The rules of `tags`: presets, bare words, and `type=raw,value=…` with `enable` and `fixed`. */
export async function readTags(form: Form): Promise<readonly TagRule[]> {
  const records = await readRecords(form, INPUT)
  const rules = records.flatMap((record) => {
    const type = typeOf(record)
    if (type === 'raw') return rulesOf(form, readAttributes(form, INPUT, record, KNOWN))
    form.mistakes.push({ input: INPUT, line: record.line, ...wrongType(type) })
    return []
  })
  if (form.given(INPUT) && rules.some((rule) => rule.type === 'preset' && rule.preset === 'latest')) {
    form.notices.push(
      'tags: `latest` is the preset: stable releases and pushes to the default branch only; `type=raw,value=latest` sets it always',
    )
  }
  return rules
}

// Asked first: the attributes of another type would only be further mistakes.
function typeOf({ fields }: ListRecord): string {
  const field = fields.find((text) => /^type\s*=/i.test(text))
  return field === undefined ? 'raw' : field.slice(field.indexOf('=') + 1).trim()
}

function rulesOf(form: Form, attributes: Attributes): readonly TagRule[] {
  const { words, values } = attributes
  if (Object.keys(values).length > 0) return rawRule(form, attributes)
  return words.flatMap((word) =>
    isPreset(word) ? [{ type: 'preset', preset: word }] : plainTag(form, word, attributes),
  )
}

function isPreset(word: string): word is Preset {
  return PRESETS.some((preset) => preset === word)
}

function plainTag(form: Form, word: string, { line }: Attributes): readonly TagRule[] {
  if (refuseExpression(form, word, line)) return []
  return [{ type: 'raw', value: word, enable: true }]
}

// As in metadata-action, a word with attributes is the value of a rule of type raw, `latest,enable=…` too.
function rawRule(form: Form, attributes: Attributes): readonly TagRule[] {
  const { words, values, line } = attributes
  const named = [...words, ...(values['value'] === undefined ? [] : [values['value']])]
  const value = named[0]
  if (value === undefined || named.length > 1) {
    form.mistakes.push({ input: INPUT, line, text: 'a rule has exactly one value: type=raw,value=…' })
    return []
  }
  const enable = readFlagAttribute(form, INPUT, attributes, 'enable') ?? true
  const fixed = readFlagAttribute(form, INPUT, attributes, 'fixed')
  if (value === '') {
    form.notices.push(`tags, line ${line}: the rule has an empty value and is left out`)
    return []
  }
  if (refuseExpression(form, value, line)) return []
  return [{ type: 'raw', value, enable, ...(fixed === undefined ? {} : { fixed }) }]
}

function wrongType(type: string) {
  const knows = `this version knows type=raw and the presets ${PRESETS.join(', ')}`
  if (LATER.includes(type)) return { text: `type=${type} is not supported: ${knows}` }
  return { text: `unknown type ${quoted(type)}: ${knows}`, meant: { word: type, among: ['raw'] } }
}

function refuseExpression(form: Form, value: string, line: number): boolean {
  if (!value.includes('{{')) return false
  form.mistakes.push({ input: INPUT, line, text: `${quoted(value)}: this version knows no {{…}} expressions` })
  return true
}

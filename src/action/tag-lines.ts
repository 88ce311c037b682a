import {
  type Pattern,
  PRESETS,
  PRIORITY,
  type Preset,
  REF_EVENTS,
  RULE_TYPES,
  type RuleType,
  SHA_FORMATS,
  type TagRule,
  VERSION_VALUES,
} from '../tags/rule.ts'
import { DATES, plainTemplate, type Template } from '../tags/template.ts'
import { type Attributes, readAttributes, readFlagAttribute } from './attributes.ts'
import type { Form } from './form.ts'
import { type ListRecord, readRules } from './lists.ts'
import { quoted } from './quoted.ts'
import { parseFlag } from './single-values.ts'
import { readTemplate } from './templates.ts'

const INPUT = 'tags'
// What every rule may say, and `fixed`, which is our own.
const COMMON = ['type', 'enable', 'priority', 'prefix', 'suffix', 'fixed']

/** The rules of `tags`: presets, bare words, and the rules of metadata-action with all their attributes. */
export async function readTags(form: Form): Promise<readonly TagRule[]> {
  const records = await readRules(form, INPUT)
  const rules = records.flatMap((record) => readRecord(form, record))
  if (rules.length === 0 && form.mistakes.every(({ input }) => input !== INPUT)) {
    form.mistakes.push({ input: INPUT, text: 'there is no rule in it' })
  }
  if (form.given(INPUT) && rules.some((rule) => rule.type === 'preset' && rule.preset === 'latest')) {
    form.notices.push(
      'tags: `latest` is the preset: stable releases and pushes to the default branch only; `type=raw,value=latest` sets it always',
    )
  }
  return rules
}

function readRecord(form: Form, record: ListRecord): readonly TagRule[] {
  const type = typeOf(record)
  const known = RULE_TYPES.find((candidate) => candidate === type)
  if (known === undefined) {
    form.mistakes.push({
      input: INPUT,
      line: record.line,
      text: `unknown type ${quoted(type)}: there are ${RULE_TYPES.join(', ')}`,
      meant: { word: type, among: RULE_TYPES },
    })
    return []
  }
  const before = form.mistakes.length
  const attributes = readAttributes(form, INPUT, record, [...COMMON, ...OWN[known]])
  const isUnderstood = form.mistakes.length === before
  const { words, values } = attributes
  // As in metadata-action, a word with attributes is the value of a rule of type raw, `latest,enable=…` too.
  if (Object.keys(values).length > 0) return readRule({ form, type: known, attributes, isUnderstood })
  return words.map((word) => (isPreset(word) ? { type: 'preset', preset: word } : plainTag(form, word, record)))
}

// Asked first: the attributes of another type would only be further mistakes.
function typeOf({ fields }: ListRecord): string {
  const field = fields.find((text) => /^type\s*=/i.test(text))
  return field === undefined ? 'raw' : field.slice(field.indexOf('=') + 1).trim()
}

function isPreset(word: string): word is Preset {
  return PRESETS.some((preset) => preset === word)
}

function plainTag(form: Form, word: string, { line }: ListRecord): TagRule {
  const value = readTemplate(form, INPUT, { text: word, line })
  return { type: 'raw', text: word, enable: plainTemplate('true'), priority: PRIORITY.raw, value }
}

/** The attributes of each type beside those of all. */
const OWN: Readonly<Record<RuleType, readonly string[]>> = {
  schedule: ['pattern'],
  semver: ['pattern', 'value', 'match'],
  pep440: ['pattern', 'value', 'match'],
  match: ['pattern', 'value', 'group'],
  edge: ['branch'],
  ref: ['event'],
  raw: ['value'],
  sha: ['format'],
}

/** One rule, while it is read. */
type Reading = {
  readonly form: Form
  readonly type: RuleType
  readonly attributes: Attributes
  /** whether every attribute has a meaning; else one that is missing may be one that is misspelt */
  readonly isUnderstood: boolean
}

function readRule(reading: Reading): readonly TagRule[] {
  const { form } = reading
  const whole = { ...reading, attributes: withValue(reading) }
  const before = form.mistakes.length
  const rule = { ...readCommon(whole), ...readOwn(whole) }
  return form.mistakes.length === before ? [rule] : []
}

// A word without a key is the value, where there can be one.
function withValue(reading: Reading): Attributes {
  const { type, attributes } = reading
  const { words, values } = attributes
  const takesValue = OWN[type].includes('value')
  const given = [...words, ...(takesValue && values['value'] !== undefined ? [values['value']] : [])]
  const [value] = given
  if (value === undefined) {
    if (type === 'raw') lacks(reading, 'value', '…')
    return attributes
  }
  if (given.length === 1 && takesValue) return { ...attributes, values: { ...values, value } }
  mistake(reading, takesValue ? `a rule has exactly one value: type=${type},value=…` : `type=${type} takes no value`)
  return attributes
}

function readCommon(reading: Reading) {
  const { form, type, attributes } = reading
  const fixed = readFlagAttribute(form, INPUT, attributes, 'fixed')
  const prefix = optionalTemplate(reading, 'prefix') ?? ownPrefix(type, attributes)
  const suffix = optionalTemplate(reading, 'suffix')
  return {
    text: textOf(type, attributes),
    enable: readEnable(reading),
    priority: readPriority(reading),
    ...(prefix === undefined ? {} : { prefix }),
    ...(suffix === undefined ? {} : { suffix }),
    ...(fixed === undefined ? {} : { fixed }),
  }
}

function ownPrefix(type: RuleType, { values }: Attributes): Template | undefined {
  if (type === 'sha') return plainTemplate('sha-')
  return type === 'ref' && values['event'] === 'pr' ? plainTemplate('pr-') : undefined
}

function textOf(type: RuleType, { values }: Attributes): string {
  const rest = Object.entries(values).filter(([key]) => key !== 'type')
  return [`type=${type}`, ...rest.map(([key, value]) => `${key}=${value}`)].join(',')
}

function readEnable(reading: Reading): Template {
  const text = reading.attributes.values['enable'] ?? 'true'
  if (text.includes('{{')) return template(reading, 'enable')
  const flag = parseFlag(text)
  if (flag === undefined)
    mistake(reading, `enable=${quoted(text)}: it is true or false, or an expression that gives one`)
  return plainTemplate(`${flag ?? true}`)
}

function readPriority(reading: Reading): number {
  const text = reading.attributes.values['priority']
  if (text === undefined) return PRIORITY[reading.type]
  const number = text === '' ? Number.NaN : Number(text)
  if (Number.isFinite(number)) return number
  mistake(reading, `priority=${quoted(text)}: it is a number`)
  return 0
}

type Distributed<T> = T extends unknown
  ? Omit<T, 'text' | 'enable' | 'priority' | 'prefix' | 'suffix' | 'fixed'>
  : never
type Own = Distributed<Exclude<TagRule, { readonly type: 'preset' }>>

function readOwn(reading: Reading): Own {
  const { type } = reading
  switch (type) {
    case 'schedule':
      return { type, pattern: template(reading, 'pattern', 'nightly', DATES) }
    case 'semver':
    case 'pep440':
      return { type, pattern: required(reading, VERSION_VALUES[type]), ...readValue(reading), ...readMatch(reading) }
    case 'match':
      return { type, pattern: readPattern(reading), group: readGroup(reading), ...readValue(reading) }
    case 'edge':
      return { type, branch: reading.attributes.values['branch'] ?? '' }
    case 'ref':
      return { type, event: readWord(reading, 'event', REF_EVENTS) }
    case 'raw':
      return { type, value: template(reading, 'value') }
    case 'sha':
      return { type, format: readWord(reading, 'format', SHA_FORMATS, 'short') }
  }
}

function required(reading: Reading, known: readonly string[]): Template {
  if (reading.attributes.values['pattern'] === undefined) lacks(reading, 'pattern', '{{version}}')
  return template(reading, 'pattern', '', known)
}

/** The first group of `match` is the version within the text, so there must be one. */
function readMatch(reading: Reading): { readonly match?: Pattern } {
  const source = reading.attributes.values['match'] ?? ''
  if (source === '') return {}
  const groups = groupsOf(reading, 'match', { source, flags: '' })
  if (groups === 0) mistake(reading, `match=${quoted(source)}: it has no group ( ) around the version`)
  return { match: { source, flags: '' } }
}

function readPattern(reading: Reading): Pattern {
  const text = reading.attributes.values['pattern']
  if (text === undefined) lacks(reading, 'pattern', '\\d+')
  const [, source = text ?? '', flags = ''] = /^\/(.+)\/(.*)$/.exec(text ?? '') ?? []
  const groups = groupsOf(reading, 'pattern', { source, flags })
  const group = Number(reading.attributes.values['group'] ?? 0)
  if (groups !== undefined && !flags.includes('g') && group > groups) {
    mistake(reading, `group=${group}: the pattern has ${groups === 0 ? 'no group ( )' : `no more than ${groups}`}`)
  }
  return { source, flags }
}

/** How many groups an expression has; `undefined` when it is none, which is told. */
function groupsOf(reading: Reading, key: string, { source, flags }: Pattern): number | undefined {
  try {
    return countGroups(new RegExp(source, flags))
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message.replace(/^Invalid regular expression: /, '') : String(thrown)
    mistake(reading, `${key}=${quoted(source)} is no regular expression: ${why}`)
    return undefined
  }
}

// With nothing as an alternative it matches everywhere, and tells its groups.
function countGroups({ source, flags }: RegExp): number {
  const match = ''.match(new RegExp(`${source}|`, flags.replace(/[gy]/g, '')))
  return match === null ? 0 : match.length - 1
}

function readGroup(reading: Reading): number {
  const text = reading.attributes.values['group'] ?? '0'
  if (/^(?:0|[1-9]\d{0,3})$/.test(text)) return Number(text)
  mistake(reading, `group=${quoted(text)}: it is the number of a group`)
  return 0
}

function readWord<const T extends string>(reading: Reading, key: string, words: readonly [T, ...T[]], fallback?: T): T {
  const text = reading.attributes.values[key]
  if (text === undefined && fallback !== undefined) return fallback
  const word = words.find((candidate) => candidate === text)
  if (word !== undefined) return word
  if (text === undefined) lacks(reading, key, words.join('|'))
  else {
    const meant = { word: text, among: words }
    const { form, attributes } = reading
    form.mistakes.push({
      input: INPUT,
      line: attributes.line,
      text: `${key}=${quoted(text)} is none of ${words.join(', ')}`,
      meant,
    })
  }
  return words[0]
}

function optionalTemplate(reading: Reading, key: string): Template | undefined {
  return reading.attributes.values[key] === undefined ? undefined : template(reading, key)
}

function template(reading: Reading, key: string, fallback = '', known?: readonly string[]): Template {
  const { form, attributes } = reading
  return readTemplate(form, INPUT, { text: attributes.values[key] ?? fallback, line: attributes.line }, known)
}

// As in metadata-action, where a value that is written empty is one that is not written.
function readValue(reading: Reading): { readonly value?: Template } {
  return (reading.attributes.values['value'] ?? '') === '' ? {} : { value: template(reading, 'value') }
}

function lacks(reading: Reading, key: string, example: string): void {
  if (reading.isUnderstood) mistake(reading, `type=${reading.type} needs ${key}, such as ${key}=${example}`)
}

function mistake({ form, attributes }: Reading, text: string): void {
  form.mistakes.push({ input: INPUT, line: attributes.line, text })
}

import { formatGoTime, isGoLayout } from './go-time.ts'

/**
 * The part of Go's `text/template` that names in a mirror's file need, with functions of regclient's `pkg/template`.
 * Plain data.
 */
export type NameTemplate = {
  /** as the user wrote it */
  readonly text: string
  readonly pieces: readonly Piece[]
}

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly value: Expression }

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number }
  /** `.Sync.Source` is `Sync.Source` */
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly given: readonly Expression[] }

/** What a function is given and gives. */
type Kind = 'text' | 'quoted' | 'number' | 'list'
type Signature = { readonly takes: readonly Kind[]; readonly gives: Kind }

// `quoted` is a text that stands there itself: what is read of the world is known before anything is done.
const FUNCTIONS = {
  env: { takes: ['quoted'], gives: 'text' },
  file: { takes: ['quoted'], gives: 'text' },
  lower: { takes: ['text'], gives: 'text' },
  upper: { takes: ['text'], gives: 'text' },
  trimSpace: { takes: ['text'], gives: 'text' },
  default: { takes: ['text', 'text'], gives: 'text' },
  split: { takes: ['text', 'text'], gives: 'list' },
  join: { takes: ['list', 'text'], gives: 'text' },
  index: { takes: ['list', 'number'], gives: 'text' },
  // Times are those of UTC, with and without saying so.
  'time.Now.Format': { takes: ['quoted'], gives: 'text' },
  'time.Now.UTC.Format': { takes: ['quoted'], gives: 'text' },
} as const satisfies Readonly<Record<string, Signature>>
export type FunctionName = keyof typeof FUNCTIONS

/** Why a text is no template, or what a template says is no name. */
export type NameMistake = {
  readonly why: string
  /** a word that nobody knows, and the words it could have been */
  readonly meant?: { readonly word: string; readonly among: readonly string[] }
}

/** What expressions stand for. A variable or file that is not there is empty, as for regclient. */
export type NameFacts = {
  readonly fields: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  /** by the name that the template has for it */
  readonly file: Readonly<Record<string, string>>
  readonly now: Date
}

/** Longer templates are no names. */
const LONGEST = 10_000
const DEEPEST = 50

/** Understands a template. `fields` are the names that may stand in it, such as `Sync.Source`. */
export function parseNameTemplate(text: string, fields: readonly string[]): NameTemplate | NameMistake {
  if (text.length > LONGEST) return { why: `it is longer than ${LONGEST} characters` }
  const pieces: Piece[] = []
  let rest = text
  for (let open = rest.indexOf('{{'); open >= 0; open = rest.indexOf('{{')) {
    const found = readAction(rest.slice(open + 2), fields)
    if ('why' in found) return found
    const before = rest.slice(0, open)
    pieces.push(...textPiece(found.trimsBefore ? before.trimEnd() : before), ...found.pieces)
    rest = found.rest
  }
  return { text, pieces: [...pieces, ...textPiece(rest)] }
}

/** The names of variables and files that a template asks for. */
export function asksFor({ pieces }: NameTemplate, name: 'env' | 'file'): readonly string[] {
  return [...new Set(pieces.flatMap((piece) => (piece.kind === 'action' ? literalsOf(piece.value, name) : [])))]
}

/** The template with what it reads of the world put in, so that it can be used later and elsewhere. */
export function settled(template: NameTemplate, facts: Pick<NameFacts, 'env' | 'file'>): NameTemplate {
  const pieces = template.pieces.map((piece) =>
    piece.kind === 'text' ? piece : { ...piece, value: settle(piece.value, facts) },
  )
  return { ...template, pieces }
}

/** The text with every expression replaced. */
export function expandName({ pieces }: NameTemplate, facts: NameFacts): string | NameMistake {
  let text = ''
  for (const piece of pieces) {
    const value = piece.kind === 'text' ? piece.text : evaluate(piece.value, facts)
    if (typeof value === 'object' && 'why' in value) return value
    text += String(value)
  }
  return text
}

/** A text that is taken as it stands. */
function textPiece(text: string): readonly Piece[] {
  return text === '' ? [] : [{ kind: 'text', text }]
}

type Action = { readonly pieces: readonly Piece[]; readonly rest: string; readonly trimsBefore: boolean }

/** Reads what follows `{{`, up to and with its `}}`. A dash at an end takes the white space beside it away. */
function readAction(text: string, fields: readonly string[]): Action | NameMistake {
  const trimsBefore = /^-\s/.test(text)
  const inner = trimsBefore ? text.slice(1).trimStart() : text
  const comment = /^\/\*[\s\S]*?\*\/(\s-)?\}\}/.exec(inner)
  if (comment !== null)
    return { pieces: [], rest: afterAction(inner, comment[0].length, comment[1] !== undefined), trimsBefore }
  const lexed = lex(inner)
  if ('why' in lexed) return lexed
  const reading: Reading = { tokens: lexed.tokens, at: 0, fields, depth: 0 }
  const value = readPipeline(reading)
  if (reading.at < reading.tokens.length) fail(reading, unexpected(reading.tokens[reading.at]))
  if (kindOf(value) === 'list') fail(reading, 'a list is no name: take one of it with index, or all with join')
  if (reading.mistake !== undefined) return reading.mistake
  return { pieces: [{ kind: 'action', value }], rest: afterAction(inner, lexed.length, lexed.trims), trimsBefore }
}

function afterAction(text: string, length: number, trims: boolean): string {
  const rest = text.slice(length)
  return trims ? rest.trimStart() : rest
}

type Token = { readonly kind: 'text' | 'number' | 'field' | 'word' | '(' | ')' | '|'; readonly text: string }
type Lexed = { readonly tokens: readonly Token[]; readonly length: number; readonly trims: boolean }

const TOKEN =
  /(?<space>\s+)|(?<end>\}\})|"(?<quoted>(?:[^"\\\n]|\\.)*)"|`(?<raw>[^`]*)`|(?<number>-?\d{1,9}\b)|(?<field>(?:\.[A-Za-z_]\w*)+)|(?<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?<sign>[()|])/y

function lex(text: string): Lexed | NameMistake {
  const tokens: Token[] = []
  const pattern = new RegExp(TOKEN)
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex
    const trims = /^\s-\}\}/.test(text.slice(at, at + 4))
    if (trims) return { tokens, length: at + 4, trims }
    const found = pattern.exec(text)?.groups
    if (found === undefined) return { why: `nobody can read it from “${text.slice(at, at + 20)}” on; ${POSSIBLE}` }
    if (found['end'] !== undefined) return { tokens, length: pattern.lastIndex, trims: false }
    const token = tokenOf(found)
    if (token === undefined) return { why: 'a quoted text in it has an escape that nobody knows' }
    tokens.push(...token)
  }
  return { why: 'a {{ is not closed' }
}

function tokenOf(found: Readonly<Record<string, string | undefined>>): readonly Token[] | undefined {
  const { space, quoted, raw, number, field, word, sign } = found
  if (space !== undefined) return []
  if (quoted !== undefined) {
    const text = unquote(quoted)
    return text === undefined ? undefined : [{ kind: 'text', text }]
  }
  if (raw !== undefined) return [{ kind: 'text', text: raw }]
  if (number !== undefined) return [{ kind: 'number', text: number }]
  if (field !== undefined) return [{ kind: 'field', text: field.slice(1) }]
  if (word !== undefined) return [{ kind: 'word', text: word }]
  return sign === '(' || sign === ')' || sign === '|' ? [{ kind: sign, text: sign }] : undefined
}

// Go and JSON have the escapes in common that anybody writes.
function unquote(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(`"${text.replaceAll('\t', '\\t')}"`)
    return typeof value === 'string' ? value : undefined
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}

type Reading = {
  readonly tokens: readonly Token[]
  readonly fields: readonly string[]
  at: number
  depth: number
  /** the first one */
  mistake?: NameMistake
}

const POSSIBLE = `possible are fields, quoted texts, and ${Object.keys(FUNCTIONS).join(', ')}`
const NOTHING: Expression = { kind: 'literal', value: '' }

/** `a | b "c"` is `b "c" a`: what comes out of one command is the last that the next one is given. */
function readPipeline(reading: Reading): Expression {
  let value = readCommand(reading, [])
  while (reading.mistake === undefined && reading.tokens[reading.at]?.kind === '|') {
    reading.at += 1
    value = readCommand(reading, [value])
  }
  return value
}

function readCommand(reading: Reading, piped: readonly Expression[]): Expression {
  const first = reading.tokens[reading.at]
  if (first?.kind !== 'word')
    return piped.length === 0 ? readOperand(reading) : fail(reading, 'after a | stands a function')
  reading.at += 1
  const name = first.text
  if (!isFunction(name)) {
    return fail(reading, `there is no ${name} here; ${POSSIBLE}`, { word: name, among: Object.keys(FUNCTIONS) })
  }
  const given: Expression[] = []
  while (reading.mistake === undefined && isOperand(reading.tokens[reading.at])) given.push(readOperand(reading))
  return checkCall(reading, name, [...given, ...piped])
}

function isOperand(token: Token | undefined): boolean {
  return token !== undefined && token.kind !== ')' && token.kind !== '|'
}

function readOperand(reading: Reading): Expression {
  const token = reading.tokens[reading.at]
  reading.at += 1
  switch (token?.kind) {
    case 'text':
      return { kind: 'literal', value: token.text }
    case 'number':
      return { kind: 'literal', value: Number(token.text) }
    case 'field':
      return readField(reading, token.text)
    case 'word':
      return fail(reading, `put ${token.text} and what it is given in ( )`)
    case '(':
      return readParenthesis(reading)
    default:
      return fail(reading, unexpected(token))
  }
}

function readField(reading: Reading, name: string): Expression {
  if (reading.fields.includes(name)) return { kind: 'field', name }
  const known = reading.fields.map((field) => `.${field}`)
  const why =
    known.length === 0 ? `there is nothing called .${name} here` : `there is no .${name}; known are ${known.join(', ')}`
  return fail(reading, why, { word: `.${name}`, among: known })
}

function readParenthesis(reading: Reading): Expression {
  if (reading.depth === DEEPEST) return fail(reading, 'it is nested too deep')
  reading.depth += 1
  const value = readPipeline(reading)
  reading.depth -= 1
  if (reading.mistake === undefined && reading.tokens[reading.at]?.kind !== ')')
    return fail(reading, 'a ( is not closed')
  reading.at += 1
  return value
}

function checkCall(reading: Reading, name: FunctionName, given: readonly Expression[]): Expression {
  const { takes } = FUNCTIONS[name]
  const fits = given.length === takes.length && given.every((one, at) => isOfKind(one, takes[at]))
  if (!fits && reading.mistake === undefined) {
    return fail(reading, `${name} is given ${takes.map((kind) => WORDS[kind]).join(' and ')}`)
  }
  const [layout] = given
  if (name.startsWith('time.') && layout?.kind === 'literal' && !isGoLayout(String(layout.value))) {
    return fail(reading, 'a date in a name has year, month, day, hour, minute and second, such as 20060102-150405')
  }
  return { kind: 'call', name, given }
}

const WORDS: Readonly<Record<Kind, string>> = {
  text: 'a text',
  quoted: 'a quoted text',
  number: 'a number',
  list: 'a list',
}

function isOfKind(value: Expression, kind: Kind | undefined): boolean {
  if (kind === 'quoted') return value.kind === 'literal' && typeof value.value === 'string'
  return kindOf(value) === kind
}

function kindOf(value: Expression): Kind {
  if (value.kind === 'literal') return typeof value.value === 'number' ? 'number' : 'text'
  return value.kind === 'field' ? 'text' : FUNCTIONS[value.name].gives
}

function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(FUNCTIONS, name)
}

function unexpected(token: Token | undefined): string {
  return token === undefined ? 'there is nothing between {{ and }}' : `nobody expects “${token.text}” there`
}

function fail(reading: Reading, why: string, meant?: NameMistake['meant']): Expression {
  reading.mistake ??= { why, ...(meant === undefined ? {} : { meant }) }
  return NOTHING
}

function literalsOf(value: Expression, name: 'env' | 'file'): readonly string[] {
  if (value.kind !== 'call') return []
  const own = value.name === name ? value.given.map((one) => (one.kind === 'literal' ? String(one.value) : '')) : []
  return [...own, ...value.given.flatMap((one) => literalsOf(one, name))]
}

function settle(value: Expression, facts: Pick<NameFacts, 'env' | 'file'>): Expression {
  if (value.kind !== 'call') return value
  if (value.name !== 'env' && value.name !== 'file') {
    return { ...value, given: value.given.map((one) => settle(one, facts)) }
  }
  const [name = ''] = literalsOf(value, value.name)
  return { kind: 'literal', value: outside(facts[value.name], name) }
}

type Value = string | number | readonly string[]

function evaluate(value: Expression, facts: NameFacts): Value | NameMistake {
  if (value.kind === 'literal') return value.value
  if (value.kind === 'field') return Object.hasOwn(facts.fields, value.name) ? (facts.fields[value.name] ?? '') : ''
  const given: Value[] = []
  for (const one of value.given) {
    const result = evaluate(one, facts)
    if (typeof result === 'object' && 'why' in result) return result
    given.push(result)
  }
  return call(value.name, given, facts)
}

function call(name: FunctionName, given: readonly Value[], facts: NameFacts): Value | NameMistake {
  const text = (at: number) => String(given[at] ?? '')
  const [list] = given
  switch (name) {
    case 'env':
    case 'file':
      return outside(facts[name], text(0))
    case 'lower':
      return text(0).toLowerCase()
    case 'upper':
      return text(0).toUpperCase()
    case 'trimSpace':
      return text(0).trim()
    case 'default':
      return text(1) === '' ? text(0) : text(1)
    case 'split':
      return text(0).split(text(1))
    case 'join':
      return typeof list === 'object' ? list.join(text(1)) : ''
    case 'index':
      return pick(typeof list === 'object' ? list : [], Number(given[1]))
    case 'time.Now.Format':
    case 'time.Now.UTC.Format':
      return formatGoTime(text(0), facts.now)
  }
}

function pick(list: readonly string[], at: number): string | NameMistake {
  const one = at < 0 ? undefined : list[at]
  return one ?? { why: `index ${at} is beyond a list of ${list.length}, counted from 0` }
}

function outside(known: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(known, name) ? (known[name] ?? '') : ''
}

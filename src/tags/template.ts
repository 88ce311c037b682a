import { formatDate, isTimeZone } from './date-format.ts'

/** Functions that tell a date: of the run, of the commit. */
export const DATES = ['date', 'commit_date'] as const
/** Values that tell of the run. */
export const GLOBAL_VALUES = ['branch', 'tag', 'sha', 'base_ref', 'is_default_branch', 'is_not_default_branch'] as const
/** What expressions may name everywhere. */
export const GLOBALS: readonly string[] = [...GLOBAL_VALUES, ...DATES]

export type DateName = (typeof DATES)[number]

/** A text with `{{…}}` expressions, understood. Plain data. */
export type Template = {
  /** as the user wrote it */
  readonly text: string
  readonly pieces: readonly Piece[]
}

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly name: string }
  | { readonly kind: 'date'; readonly name: DateName; readonly format: string; readonly zone: string }
  /** `{{#if name}}…{{else}}…{{/if}}`; `unless` is one with its sides exchanged */
  | { readonly kind: 'choice'; readonly name: string; readonly yes: readonly Piece[]; readonly no: readonly Piece[] }

/** Why a text is no template. */
export type TemplateMistake = {
  readonly why: string
  /** a word that nobody knows, and the words it could have been */
  readonly meant?: { readonly word: string; readonly among: readonly string[] }
}

/** What expressions stand for. */
export type TemplateFacts = {
  /** by name; a name that is allowed and not in it is empty */
  readonly values: Readonly<Record<string, string>>
  /** of the run */
  readonly date: Date
  /** of the commit */
  readonly commitDate: Date
}

/**
 * Understands a text with expressions: the part of Handlebars that metadata-action documents, with comments, `if` and
 * `unless`. `\{{` is two braces. `known` are the names that may stand in it; any other name is a mistake, where Handlebars
 * would leave an empty space.
 */
export function parseTemplate(text: string, known: readonly string[] = GLOBALS): Template | TemplateMistake {
  const reading: Reading = { parts: splitParts(text), at: 0, known }
  const pieces = readPieces(reading)
  return reading.mistake ?? { text, pieces }
}

/** The text with every expression replaced. Nothing is escaped: neither tags nor labels are HTML. */
export function expand(template: Template, facts: TemplateFacts): string {
  return expandPieces(template.pieces, facts)
}

/** A text that is taken as it stands. */
export function plainTemplate(text: string): Template {
  return { text, pieces: text === '' ? [] : [{ kind: 'text', text }] }
}

/** Whether a template is this value and nothing else. */
export function isOnly({ pieces }: Template, name: string): boolean {
  return pieces.length === 1 && pieces[0]?.kind === 'value' && pieces[0].name === name
}

/** Whether a date stands anywhere in a template. */
export function hasDate({ pieces }: Template): boolean {
  return namesIn(pieces).some((name) => DATES.some((date) => date === name))
}

/** Every name in a template, those of sides not taken too. */
export function namesOf({ pieces }: Template): readonly string[] {
  return [...new Set(namesIn(pieces))]
}

function namesIn(pieces: readonly Piece[]): readonly string[] {
  return pieces.flatMap((piece) => {
    if (piece.kind === 'text') return []
    return piece.kind === 'choice' ? [piece.name, ...namesIn(piece.yes), ...namesIn(piece.no)] : [piece.name]
  })
}

function expandPieces(pieces: readonly Piece[], facts: TemplateFacts): string {
  return pieces.map((piece) => expandPiece(piece, facts)).join('')
}

function expandPiece(piece: Piece, facts: TemplateFacts): string {
  if (piece.kind === 'text') return piece.text
  if (piece.kind === 'value') return facts.values[piece.name] ?? ''
  if (piece.kind === 'choice') return expandPieces(holds(piece.name, facts) ? piece.yes : piece.no, facts)
  return formatDate(piece.name === 'date' ? facts.date : facts.commitDate, piece.format, piece.zone)
}

// Handlebars takes the words `false` for true, so that `{{#if is_default_branch}}` always holds there; nobody means that.
function holds(name: string, { values }: TemplateFacts): boolean {
  return !['', 'false', '0'].includes(values[name] ?? '')
}

/** A text as it is split at its braces: what stands literally, what stands between them, and braces that stay open. */
type Part = { readonly kind: 'text' | 'code' | 'open'; readonly text: string }

/** How far the reading is, and the first mistake that it met. */
type Reading = {
  readonly parts: readonly Part[]
  at: number
  readonly known: readonly string[]
  mistake?: TemplateMistake
}

// Comments with dashes may hold braces. Three braces and `&` ask Handlebars not to escape, which nothing here does.
const EXPRESSION =
  /(?<slashes>\\*)(?:\{\{!--(?<comment>[\s\S]*?)--\}\}|\{\{\{(?<bare>[^{}]*)\}\}\}|\{\{&?(?<code>[^{}]*)\}\}|(?<open>\{\{.*))/g

function splitParts(text: string): readonly Part[] {
  const parts: Part[] = []
  let end = 0
  for (const match of text.matchAll(EXPRESSION)) {
    const { slashes = '', comment, bare, code, open } = match.groups ?? {}
    parts.push({ kind: 'text', text: text.slice(end, match.index) })
    end = match.index + match[0].length
    // One backslash makes the braces text; of more, one is taken away.
    if (slashes.length === 1) parts.push({ kind: 'text', text: match[0].slice(1) })
    else {
      parts.push({ kind: 'text', text: slashes.slice(1) })
      if (open !== undefined) parts.push({ kind: 'open', text: open })
      else if (comment === undefined) parts.push({ kind: 'code', text: (bare ?? code ?? '').trim() })
    }
  }
  return [...parts, { kind: 'text', text: text.slice(end) }]
}

/** Reads to the end of the text, or to one of the words that end a block, which is left to the caller. */
function readPieces(reading: Reading, ends: readonly string[] = []): readonly Piece[] {
  const pieces: Piece[] = []
  for (let part = next(reading); part !== undefined; part = next(reading)) {
    if (part.kind === 'code' && ends.includes(part.text)) {
      reading.at -= 1
      return pieces
    }
    if (part.kind === 'code') pieces.push(...readCode(reading, part.text))
    else if (part.kind === 'open') refuse(reading, { why: `the braces of “${part.text.slice(0, 80)}” are not closed` })
    else if (part.text !== '') pieces.push({ kind: 'text', text: part.text })
  }
  return pieces
}

function readCode(reading: Reading, code: string): readonly Piece[] {
  if (code.startsWith('!')) return []
  const [, word, name = ''] = /^#(if|unless)\s+(\S+)$/.exec(code) ?? []
  if (word !== undefined) return readChoice(reading, word, name)
  const [first = '', ...rest] = wordsOf(code)
  checkName(reading, first, `{{${code}}}`)
  const date = DATES.find((candidate) => candidate === first)
  if (date !== undefined) return readDate(reading, date, rest)
  if (rest.length > 0) refuse(reading, { why: `{{${code}}} has more than a name: {{${first}}} takes nothing` })
  return [{ kind: 'value', name: first }]
}

function readChoice(reading: Reading, word: string, name: string): readonly Piece[] {
  // A date is always there: a condition on one would always hold.
  const values = reading.known.filter((known) => !DATES.some((date) => date === known))
  checkName(reading, name, `{{#${word} ${name}}}`, values)
  const end = `/${word}`
  const first = readPieces(reading, ['else', '^', end])
  const hasOther = ['else', '^'].includes(next(reading)?.text ?? '')
  const second = hasOther ? readPieces(reading, [end]) : []
  if (hasOther) next(reading)
  if (reading.parts[reading.at - 1]?.text !== end) refuse(reading, { why: `{{#${word} ${name}}} has no {{${end}}}` })
  const [yes, no] = word === 'if' ? [first, second] : [second, first]
  return [{ kind: 'choice', name, yes, no }]
}

function readDate(reading: Reading, name: DateName, words: readonly string[]): readonly Piece[] {
  const [formatWord = '', zoneWord = "tz='UTC'", ...more] = words
  const format = unquoted(formatWord)
  const key = zoneWord.slice(0, Math.max(0, zoneWord.indexOf('=')))
  const zone = unquoted(zoneWord.slice(key.length + 1))
  if (format === undefined || zone === undefined || key === '' || more.length > 0) {
    refuse(reading, { why: `{{${name}}} is written {{${name} 'YYYYMMDD'}} or {{${name} 'YYYYMMDD' tz='Asia/Tokyo'}}` })
  } else if (key !== 'tz') {
    refuse(reading, { why: `unknown attribute “${key}” of {{${name}}}`, meant: { word: key, among: ['tz'] } })
  } else if (!isTimeZone(zone)) {
    refuse(reading, {
      why: `“${zone}” is no time zone`,
      meant: { word: zone, among: Intl.supportedValuesOf('timeZone') },
    })
  }
  return [{ kind: 'date', name, format: format ?? '', zone: zone ?? 'UTC' }]
}

function checkName(reading: Reading, name: string, shown: string, known = reading.known): void {
  if (known.includes(name)) return
  const why = known.length === 0 ? 'no expressions are known here' : `known here are ${known.join(', ')}`
  refuse(reading, { why: `${shown} means nothing: ${why}`, meant: { word: name, among: known } })
}

// The first mistake is the one to tell; those after it are often its echo.
function refuse(reading: Reading, mistake: TemplateMistake): void {
  reading.mistake ??= mistake
}

function next(reading: Reading): Part | undefined {
  reading.at += 1
  return reading.parts[reading.at - 1]
}

/** Words between spaces; a quoted one may hold spaces. */
function wordsOf(code: string): readonly string[] {
  return code.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
}

/** What stands between the quotes; `undefined` without them, because Handlebars takes such a word for a name. */
function unquoted(word: string): string | undefined {
  return /^(['"])(?<inside>.*)\1$/.exec(word)?.groups?.['inside']
}

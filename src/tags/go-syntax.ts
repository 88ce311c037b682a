import { classOf, folded, namedClass, type OneOf, perlClass, unicodeClass } from './go-class.ts'

/** A regular expression of Go, understood (RE2 syntax, pkg.go.dev/regexp/syntax). Groups hold nothing: who matches is all that is asked. */
export type Expression =
  | { readonly kind: 'character'; readonly is: OneOf }
  | { readonly kind: 'place'; readonly at: Place }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'choice'; readonly among: readonly Expression[] }
  /** `most` absent: without end */
  | { readonly kind: 'repeat'; readonly part: Expression; readonly least: number; readonly most?: number }

export type Place = 'text-start' | 'text-end' | 'line-start' | 'line-end' | 'word-edge' | 'no-word-edge'

/** Why a text is no regular expression of Go. */
export type SyntaxMistake = { readonly why: string }

/** A longer one is no pattern for names of 128 characters. */
const LONGEST = 1000
const DEEPEST = 100
/** Go's own limit (`regexp/syntax`, `repeat`). */
const MOST_REPEATS = 1000
const UNKNOWN_CLASS = 'it names a class of characters that nobody knows'

/** Understands a regular expression as `regexp.Compile` does, with its quirks: `^*` is one, `a**` is none. */
export function parseGoExpression(text: string): Expression | SyntaxMistake {
  if (text.length > LONGEST) return { why: `it is longer than ${LONGEST} characters` }
  const reading: Reading = {
    text,
    at: 0,
    flags: { fold: false, lines: false, dotAll: false },
    depth: 0,
  }
  const expression = readChoice(reading)
  if (reading.why === undefined && reading.at < text.length) reading.why = 'a ) has no ( before it'
  return reading.why === undefined ? expression : { why: reading.why }
}

/** `fold`: upper and lower case are one; `lines`: ^ and $ mean lines; `dotAll`: a dot is a line's end too. */
type Flags = { readonly fold: boolean; readonly lines: boolean; readonly dotAll: boolean }

type Reading = {
  readonly text: string
  at: number
  flags: Flags
  depth: number
  /** the first mistake; everything stops there */
  why?: string
}

function readChoice(reading: Reading): Expression {
  const among = [readSequence(reading)]
  while (take(reading, '|')) among.push(readSequence(reading))
  const [only, ...more] = among
  return only !== undefined && more.length === 0 ? only : { kind: 'choice', among }
}

function readSequence(reading: Reading): Expression {
  const parts: Expression[] = []
  let repeated = false
  while (goesOn(reading)) {
    const count = readCount(reading)
    if (count === undefined) {
      parts.push(...readPart(reading))
      repeated = false
      continue
    }
    const part = parts.pop()
    if (part === undefined) return fail(reading, 'there is nothing before a * + ? or {} that could be repeated')
    if (repeated) return fail(reading, 'two of * + ? {} follow each other')
    parts.push({ kind: 'repeat', part, ...count })
    repeated = true
  }
  return { kind: 'sequence', parts }
}

function goesOn({ text, at, why }: Reading): boolean {
  return why === undefined && at < text.length && text[at] !== '|' && text[at] !== ')'
}

type Count = { readonly least: number; readonly most?: number }

const COUNTS: Readonly<Record<string, Count>> = { '*': { least: 0 }, '+': { least: 1 }, '?': { least: 0, most: 1 } }

/** `*`, `+`, `?`, `{2}`, `{2,}`, `{2,4}` and their lazy forms; braces that hold no count are text. */
function readCount(reading: Reading): Count | undefined {
  const { text, at } = reading
  const braces = /^\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}/.exec(text.slice(at))
  const count = braces === null ? COUNTS[text[at] ?? ''] : countOf(braces)
  if (count === undefined) return undefined
  reading.at += braces === null ? 1 : braces[0].length
  take(reading, '?')
  const { least, most = least } = count
  if (most > MOST_REPEATS || least > MOST_REPEATS || most < least) {
    fail(reading, `a count in braces goes up to ${MOST_REPEATS}, the lower one first`)
  }
  return count
}

function countOf([, least = '', comma, most]: RegExpExecArray): Count {
  if (comma === undefined) return { least: Number(least), most: Number(least) }
  return { least: Number(least), ...(most === undefined ? {} : { most: Number(most) }) }
}

/** One character, class, place or group. None for what only sets flags; several for `\Q…\E`. */
function readPart(reading: Reading): readonly Expression[] {
  const { flags } = reading
  if (take(reading, '(')) return readGroup(reading)
  if (take(reading, '[')) return [readClass(reading)]
  if (take(reading, '.')) return [{ kind: 'character', is: flags.dotAll ? () => true : (one) => one !== '\n' }]
  if (take(reading, '^')) return [place(flags.lines ? 'line-start' : 'text-start')]
  if (take(reading, '$')) return [place(flags.lines ? 'line-end' : 'text-end')]
  if (take(reading, '\\')) return readEscaped(reading)
  return [literal(reading, next(reading))]
}

function readGroup(reading: Reading): readonly Expression[] {
  if (reading.depth === DEEPEST) return [fail(reading, `its groups are nested more than ${DEEPEST} deep`)]
  const outer = reading.flags
  if (take(reading, '?')) {
    const what = readGroupHead(reading)
    if (what !== 'group') return []
  }
  reading.depth += 1
  const inner = readChoice(reading)
  reading.depth -= 1
  reading.flags = outer
  if (reading.why === undefined && !take(reading, ')')) return [fail(reading, 'a ( is not closed')]
  return [inner]
}

/** What follows `(?`: a name, or flags for a group (`i:`) or for the rest of the group around it (`i)`). */
function readGroupHead(reading: Reading): 'group' | 'flags' | undefined {
  const rest = reading.text.slice(reading.at)
  const named = /^P?<\w+>/.exec(rest)
  if (named !== null) {
    reading.at += named[0].length
    return 'group'
  }
  const head = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest)
  if (head === null) {
    fail(reading, 'after (? stands a name such as P<name>, or flags such as i: — Go knows nothing that looks around')
    return undefined
  }
  const [whole, on = '', off = '', end] = head
  reading.at += whole.length
  reading.flags = withFlags(reading.flags, on, off)
  return end === ':' ? 'group' : 'flags'
}

// U only says which of several matches is found, and that is not asked.
function withFlags(flags: Flags, on: string, off: string): Flags {
  const flag = (letter: string, was: boolean) => !off.includes(letter) && (was || on.includes(letter))
  return { fold: flag('i', flags.fold), lines: flag('m', flags.lines), dotAll: flag('s', flags.dotAll) }
}

function readEscaped(reading: Reading): readonly Expression[] {
  const places: Readonly<Record<string, Place>> = { A: 'text-start', z: 'text-end', b: 'word-edge', B: 'no-word-edge' }
  const letter = reading.text[reading.at] ?? ''
  const found = places[letter]
  if (found !== undefined) {
    reading.at += 1
    return [place(found)]
  }
  if (take(reading, 'Q')) return readQuoted(reading)
  const kind = readClassEscape(reading)
  return [kind === undefined ? literal(reading, readEscape(reading)) : { kind: 'character', is: kind }]
}

function readQuoted(reading: Reading): readonly Expression[] {
  const end = reading.text.indexOf('\\E', reading.at)
  const stop = end < 0 ? reading.text.length : end
  const quoted = reading.text.slice(reading.at, stop)
  reading.at = end < 0 ? stop : stop + 2
  return [...quoted].map((one) => literal(reading, one))
}

/** `\d`, `\pL`, `\p{Greek}` and their kin, after the backslash; `undefined` when it is none of them. */
function readClassEscape(reading: Reading): OneOf | undefined {
  const rest = reading.text.slice(reading.at)
  const perl = perlClass(rest[0] ?? '')
  if (perl !== undefined) {
    reading.at += 1
    return perl
  }
  const named = /^([pP])(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(rest)
  if (named === null) return undefined
  const [whole, letter, not, long, short] = named
  reading.at += whole.length
  const known = unicodeClass(long ?? short ?? '')
  if (known === undefined) fail(reading, UNKNOWN_CLASS)
  const is = reading.flags.fold ? folded(known ?? (() => false)) : (known ?? (() => false))
  return (letter === 'P') === (not === '^') ? is : (one) => !is(one)
}

const CONTROLS: Readonly<Record<string, string>> = { a: '\u0007', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** One escaped character, after the backslash. */
function readEscape(reading: Reading): string {
  const rest = reading.text.slice(reading.at)
  const number = /^(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,6})\}|(0[0-7]{0,2}|[1-7][0-7]{1,2}))/.exec(rest)
  if (number !== null) {
    const [whole, hex, long, octal = '0'] = number
    reading.at += whole.length
    const given = hex ?? long
    const code = given === undefined ? Number.parseInt(octal, 8) : Number.parseInt(given, 16)
    if (code <= 0x10ffff) return String.fromCodePoint(code)
  } else {
    const one = next(reading)
    const control = CONTROLS[one]
    if (control !== undefined) return control
    if (/^[!-/:-@[-`{-~ ]$/.test(one)) return one
  }
  fail(reading, 'a backslash stands before what needs none, or at the end')
  return ''
}

function readClass(reading: Reading): Expression {
  const { fold } = reading.flags
  const not = take(reading, '^')
  const members: OneOf[] = []
  for (let first = true; first || reading.text[reading.at] !== ']'; first = false) {
    if (reading.why !== undefined) return EMPTY
    if (reading.at >= reading.text.length) return fail(reading, 'a [ is not closed')
    members.push(readMember(reading))
  }
  reading.at += 1
  const any: OneOf = (one) => members.some((member) => member(one))
  const is = fold ? folded(any) : any
  return { kind: 'character', is: not ? (one) => !is(one) : is }
}

function readMember(reading: Reading): OneOf {
  const kind = readNamedMember(reading) ?? readEscapedClass(reading)
  if (kind !== undefined) return kind
  const low = readClassCharacter(reading)
  const [dash, after] = [reading.text[reading.at], reading.text[reading.at + 1]]
  if (dash !== '-' || after === ']' || after === undefined) return classOf(low, low)
  reading.at += 1
  const high = readClassCharacter(reading)
  if ((low.codePointAt(0) ?? 0) > (high.codePointAt(0) ?? 0)) fail(reading, 'a range in [] ends before it begins')
  return classOf(low, high)
}

/** `[:alpha:]` within a class. */
function readNamedMember(reading: Reading): OneOf | undefined {
  const named = /^\[:(\^?)([\s\S]*?):\]/.exec(reading.text.slice(reading.at))
  if (named === null) return undefined
  const [whole, not, name = ''] = named
  reading.at += whole.length
  const known = namedClass(name)
  if (known === undefined) fail(reading, UNKNOWN_CLASS)
  return not === '^' ? (one) => known?.(one) !== true : known
}

function readEscapedClass(reading: Reading): OneOf | undefined {
  if (!take(reading, '\\')) return undefined
  const kind = readClassEscape(reading)
  if (kind === undefined) reading.at -= 1
  return kind
}

function readClassCharacter(reading: Reading): string {
  return take(reading, '\\') ? readEscape(reading) : next(reading)
}

function literal({ flags }: Reading, text: string): Expression {
  const is = classOf(text, text)
  return { kind: 'character', is: flags.fold ? folded(is) : is }
}

function place(at: Place): Expression {
  return { kind: 'place', at }
}

function take(reading: Reading, text: string): boolean {
  if (!reading.text.startsWith(text, reading.at)) return false
  reading.at += text.length
  return true
}

function next(reading: Reading): string {
  const code = reading.text.codePointAt(reading.at)
  if (code === undefined) return ''
  const one = String.fromCodePoint(code)
  reading.at += one.length
  return one
}

const EMPTY: Expression = { kind: 'sequence', parts: [] }

function fail(reading: Reading, why: string): Expression {
  reading.why ??= why
  return EMPTY
}

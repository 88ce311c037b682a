/** The values of variables by name, as `ARG` and `--build-arg` give them. */
export type Values = ReadonlyMap<string, string>

type Cursor = { readonly text: string; readonly values: Values; readonly escape: string; at: number; broken: boolean }

// A name in a FROM nests once or twice; this bound keeps a hostile file from exhausting the stack.
const DEEPEST = 20

/**
 * Puts the values of variables into a word of a Dockerfile, as BuildKit's shell lexer does: `$X`, `${X}`, `${X:-word}`,
 * `${X-word}`, `${X:+word}`, `${X+word}`, `${X:?}`, quotes, and the escape character.
 * `undefined` when the word uses more than that, or is broken: then nobody here knows what BuildKit makes of it.
 */
export function expand(text: string, values: Values, escapedBy = '\\'): string | undefined {
  const cursor: Cursor = { text, values, escape: escapedBy, at: 0, broken: false }
  const result = readUntil(cursor, '', 0)
  return cursor.broken ? undefined : result
}

function readUntil(cursor: Cursor, end: string, depth: number): string {
  let result = ''
  if (depth > DEEPEST) cursor.broken = true
  while (!cursor.broken && cursor.at < cursor.text.length) {
    if (peek(cursor) === end) break
    result += readPiece(cursor, depth)
  }
  return result
}

function readPiece(cursor: Cursor, depth: number): string {
  const character = take(cursor)
  if (character === "'") return closed(cursor, readPlain(cursor, /[^']*/y), "'")
  if (character === '"') return closed(cursor, readUntil(cursor, '"', depth + 1), '"')
  if (character === cursor.escape) return take(cursor)
  return character === '$' ? readVariable(cursor, depth) : character
}

function readVariable(cursor: Cursor, depth: number): string {
  if (peek(cursor) === '{') return readBraces(cursor, depth)
  const name = readPlain(cursor, /[A-Za-z_][A-Za-z0-9_]*/y)
  return name === '' ? '$' : (cursor.values.get(name) ?? '')
}

function readBraces(cursor: Cursor, depth: number): string {
  cursor.at += 1
  const name = readPlain(cursor, /[A-Za-z_][A-Za-z0-9_]*/y)
  const operator = readPlain(cursor, /:?[-+?]/y)
  if (name === '' || (operator === '' && peek(cursor) !== '}')) cursor.broken = true
  const word = readUntil(cursor, '}', depth + 1)
  return closed(cursor, choose(cursor, { name, operator, word }), '}')
}

function choose(cursor: Cursor, variable: { name: string; operator: string; word: string }): string {
  const value = cursor.values.get(variable.name)
  // With the colon, an empty value counts as none (POSIX shell, 2.6.2).
  const given = value !== undefined && !(variable.operator.startsWith(':') && value === '')
  if (variable.operator.endsWith('-')) return given ? value : variable.word
  if (variable.operator.endsWith('+')) return given ? variable.word : ''
  if (variable.operator.endsWith('?') && !given) cursor.broken = true
  return value ?? ''
}

function closed(cursor: Cursor, text: string, end: string): string {
  if (take(cursor) !== end) cursor.broken = true
  return text
}

function readPlain(cursor: Cursor, pattern: RegExp): string {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)?.[0] ?? ''
  cursor.at += found.length
  return found
}

function peek(cursor: Cursor): string {
  return cursor.text.charAt(cursor.at)
}

function take(cursor: Cursor): string {
  const character = peek(cursor)
  cursor.at += 1
  return character
}

import { LadingError } from '../error.ts'
import { type ActionName, defaultOf, type InputName, type InputRow, inputsOf, variableOf } from './input-table.ts'

/** The variables of a process, as `process.env` has them. */
export type ProcessVariables = Readonly<Record<string, string | undefined>>

/** Something wrong with an input. `line` counts from 1 within the input's value. */
export type Mistake = {
  readonly input: string
  readonly line?: number
  readonly text: string
  /** a word that nobody knows, and the words it could have been */
  readonly meant?: { readonly word: string; readonly among: readonly string[] }
  /** the code of the failure when nothing else is wrong; default: `INPUT_INVALID` */
  readonly code?: 'LOGIN_FAILED' | 'TOOL_UNVERIFIED'
}

/** All inputs as text, and what was found wrong or worth a remark while they are read. */
export type Form = {
  readonly text: (name: InputName) => string
  /** whether the user wrote something else than the default */
  readonly given: (name: InputName) => boolean
  /** whether the action has such an input at all */
  readonly has: (name: InputName) => boolean
  readonly mistakes: Mistake[]
  readonly notices: string[]
}

/** Takes the inputs out of the variables. Absent and empty both mean the default: expressions that yield nothing are common. */
export function openForm(variables: ProcessVariables, action: ActionName = 'publish'): Form {
  const rows = inputsOf(action)
  const values = new Map<string, string>(rows.map((row) => [row.name, textOf(row, variables)]))
  const defaults = new Map<string, string>(rows.map((row) => [row.name, defaultOf(row)]))
  const text = (name: InputName) => values.get(name) ?? ''
  const given = (name: InputName) => text(name).trim() !== (defaults.get(name) ?? '')
  const has = (name: InputName) => values.has(name)
  return { text, given, has, mistakes: unknownInputs(variables, rows), notices: [] }
}

/**
 * Ends the reading: throws all mistakes as one error. `INPUT_INVALID`, or what they are all of one mind about:
 * `LOGIN_FAILED` when nothing but credentials is missing, since that is what a misspelt secret looks like, or
 * `TOOL_UNVERIFIED` for a program that must not be run.
 */
export async function closeForm(form: Form): Promise<void> {
  if (form.mistakes.length === 0) return
  const lines = await Promise.all(form.mistakes.map(describe))
  const [code = 'INPUT_INVALID', ...others] = new Set(form.mistakes.map((mistake) => mistake.code ?? 'INPUT_INVALID'))
  throw new LadingError(others.length === 0 ? code : 'INPUT_INVALID', `reading the inputs: ${listed(lines)}`)
}

function textOf(row: InputRow, variables: ProcessVariables): string {
  const value = variables[variableOf(row.name)]
  return value === undefined || value.trim() === '' ? defaultOf(row) : value
}

// A runner makes INPUT_* out of every key below `with:`, unknown ones included. It upper-cases all of them,
// so a variable with a lower-case letter or a space in its name is somebody else's.
function unknownInputs(variables: ProcessVariables, rows: readonly InputRow[]): Mistake[] {
  const known = rows.map((row) => row.name)
  const made = new Set(known.map(variableOf))
  return Object.keys(variables)
    .filter((name) => /^INPUT_./.test(name) && name === name.toUpperCase() && !/\s/.test(name) && !made.has(name))
    .sort()
    .map((name) => name.slice('INPUT_'.length).toLowerCase())
    .map((word) => ({ input: word, text: 'this action has no such input', meant: { word, among: known } }))
}

function listed(lines: readonly string[]): string {
  if (lines.length === 1) return lines.join()
  return [`${lines.length} mistakes:`, ...lines.map((line) => `  ${line}`)].join('\n')
}

async function describe(mistake: Mistake): Promise<string> {
  const where = mistake.line === undefined ? `\`${mistake.input}\`` : `\`${mistake.input}\`, line ${mistake.line}`
  const nearest = mistake.meant === undefined ? undefined : await nearestOf(mistake.meant.word, mistake.meant.among)
  return `${where}: ${mistake.text}${nearest === undefined ? '' : `; did you mean \`${nearest}\`?`}`
}

async function nearestOf(word: string, among: readonly string[]): Promise<string | undefined> {
  const { closest, distance } = await import('fastest-levenshtein')
  // Long words make the comparison slow, and are no slip of the finger.
  if (among.length === 0 || word.length > 100) return undefined
  const plain = word.toLowerCase().replaceAll('_', '-')
  const lower = among.map((candidate) => candidate.toLowerCase())
  const nearest = closest(plain, lower)
  if (distance(plain, nearest) > Math.max(2, Math.floor(nearest.length / 3))) return undefined
  return among[lower.indexOf(nearest)]
}

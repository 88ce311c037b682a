import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import { quoted } from './quoted.ts'

// The YAML 1.2 core schema, as getBooleanInput of @actions/core reads it.
const TRUE = ['true', 'True', 'TRUE']
const FALSE = ['false', 'False', 'FALSE']

/** `true` or `false`, nothing else. */
export function readFlag(form: Form, name: InputName): boolean {
  const text = form.text(name).trim()
  const flag = parseFlag(text)
  if (flag === undefined) form.mistakes.push({ input: name, text: `${quoted(text)} is neither true nor false` })
  return flag ?? false
}

/** The flag that a text says, or `undefined`. */
export function parseFlag(text: string): boolean | undefined {
  if (TRUE.includes(text)) return true
  return FALSE.includes(text) ? false : undefined
}

/** One of a few words. The first of `choices` stands in for a word that is none of them. */
export function readChoice<const T extends string>(form: Form, name: InputName, choices: readonly [T, ...T[]]): T {
  const text = form.text(name).trim()
  const choice = choices.find((candidate) => candidate === text)
  if (choice !== undefined) return choice
  const meant = { word: text, among: choices }
  form.mistakes.push({
    input: name,
    text: `${quoted(text)} is none of ${choices.filter((word) => word !== '').join(', ')}`,
    meant,
  })
  return choices[0]
}

/** A whole number within bounds, both included. */
export function readCount(form: Form, name: InputName, least: number, most: number): number {
  const text = form.text(name).trim()
  const count = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (count >= least && count <= most) return count
  form.mistakes.push({ input: name, text: `${quoted(text)} is not a whole number from ${least} to ${most}` })
  return least
}

/** A word that becomes an argument of a program: it must not look like an option, nor hide anything. */
export function readWord(form: Form, name: InputName): string {
  const text = form.text(name).trim()
  if (text === '' || /^[A-Za-z0-9_][\w.@:/+-]*$/.test(text)) return text
  form.mistakes.push({ input: name, text: `${quoted(text)} is not a name` })
  return ''
}

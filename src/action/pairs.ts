import type { Template } from '../tags/template.ts'
import type { Form } from './form.ts'
import { type ListItem, readLines } from './lists.ts'
import { quoted } from './quoted.ts'
import { readTemplate } from './templates.ts'

/** A build secret as the user wrote it. */
export type SecretValue = { readonly id: string; readonly value: string }

/** `labels`: `key=value` a line, with expressions. */
export async function readLabels(form: Form): Promise<readonly Template[]> {
  const lines = await readLines(form, 'labels')
  return lines.map((item) => {
    const line = readTemplate(form, 'labels', item)
    // One that could not be understood is empty, and told already.
    if (line.text !== '' && !hasKey(line))
      form.mistakes.push({ input: 'labels', line: item.line, text: `${quoted(item.text)} is not key=value` })
    return line
  })
}

/** Whether there is an `=` after something. One within an expression does not count: it goes when that is replaced. */
export function hasKey({ pieces }: Template): boolean {
  const at = pieces.findIndex((piece) => piece.kind === 'text' && piece.text.includes('='))
  const piece = pieces[at]
  return at > 0 || (piece?.kind === 'text' && !/^\s*=/.test(piece.text))
}

/** `build-args`: `KEY=value` or `KEY` a line, with expressions. */
export async function readBuildArgs(form: Form): Promise<readonly Template[]> {
  const lines = await readLines(form, 'build-args')
  return lines.map((item) => {
    if (!/^[^=\s]+(?:=|$)/.test(item.text))
      form.mistakes.push({ input: 'build-args', line: item.line, text: `${quoted(item.text)} is not KEY=value` })
    return readTemplate(form, 'build-args', item)
  })
}

/** `secrets`: `id=value` a line. One without a value would make a build that lacks it, so it is a mistake. */
export async function readSecrets(form: Form): Promise<readonly SecretValue[]> {
  const lines = await readLines(form, 'secrets')
  const seen = new Set<string>()
  return lines.flatMap((item) => {
    const [id, value] = splitPair(item) ?? ['', '']
    const why = judgeSecret(id, value, seen)
    seen.add(id)
    if (why === undefined) return [{ id, value }]
    form.mistakes.push({ input: 'secrets', line: item.line, text: why })
    return []
  })
}

// No part of the line is shown: with the `=` missing it may be the secret itself.
function judgeSecret(id: string, value: string, seen: ReadonlySet<string>): string | undefined {
  if (id === '') return 'it is not id=value'
  // The id travels in `--secret id=…,src=…`, which buildx reads as CSV.
  if (!/^[A-Za-z0-9_][\w.:/-]*$/.test(id)) return 'an id has only letters, digits and . _ - : /'
  if (value === '') return `the secret ${quoted(id)} has no value`
  return seen.has(id) ? `the secret ${quoted(id)} is there twice` : undefined
}

function splitPair({ text }: ListItem): readonly [string, string] | undefined {
  const equals = text.indexOf('=')
  return equals < 1 ? undefined : [text.slice(0, equals).trim(), text.slice(equals + 1)]
}

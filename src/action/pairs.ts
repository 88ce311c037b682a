import type { Form } from './form.ts'
import { type ListItem, readLines } from './lists.ts'
import { quoted } from './quoted.ts'

/** A build secret as the user wrote it. */
export type SecretValue = { readonly id: string; readonly value: string }

/** `labels`: `key=value` a line; of two with one key the last wins, as in metadata-action. */
export async function readLabels(form: Form): Promise<Readonly<Record<string, string>>> {
  const lines = await readLines(form, 'labels')
  const pairs = lines.flatMap((item) => {
    const pair = splitPair(item)
    if (pair !== undefined) return [pair]
    form.mistakes.push({ input: 'labels', line: item.line, text: `${quoted(item.text)} is not key=value` })
    return []
  })
  return Object.fromEntries(pairs)
}

/** `build-args`: `KEY=value` or `KEY` a line, handed to the build as they are. */
export async function readBuildArgs(form: Form): Promise<readonly string[]> {
  const lines = await readLines(form, 'build-args')
  for (const { text, line } of lines) {
    if (/^[^=\s]+(?:=|$)/.test(text)) continue
    form.mistakes.push({ input: 'build-args', line, text: `${quoted(text)} is not KEY=value` })
  }
  return lines.map(({ text }) => text)
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

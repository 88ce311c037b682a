import { resolve } from 'node:path'
import {
  asksFor,
  expandName,
  type NameMistake,
  type NameTemplate,
  parseNameTemplate,
  settled,
} from '../tags/name-template.ts'
import type { FileReading, Located } from './file-section.ts'
import { readBounded } from './files.ts'
import type { ProcessVariables } from './form.ts'
import { quoted } from './quoted.ts'

/** What templates of a file may read: variables of the step, and files of the workspace. */
export type Around = { readonly variables: ProcessVariables; readonly workspace: string }

const LARGEST_FILE = 1024 * 1024

/** A text of the file with its template replaced; `undefined` after a mistake. `fields` are what it may name. */
export async function expandLocated(
  reading: FileReading,
  around: Around,
  located: Located,
  fields: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const template = await settleLocated(reading, around, located, Object.keys(fields))
  if (template === undefined) return undefined
  const name = expandName(template, { fields, env: {}, file: {}, now: new Date(0) })
  if (typeof name === 'string') return name
  reading.fault(located.line, name.why)
  return undefined
}

/** A template with variables and files put in, for names that are made later; `undefined` after a mistake. */
export async function settleLocated(
  reading: FileReading,
  around: Around,
  { text, line, secret = false }: Located,
  fields: readonly string[],
): Promise<NameTemplate | undefined> {
  const template = parseNameTemplate(text, fields)
  if ('why' in template) {
    // What nobody can read may be a password with braces in it.
    if (secret) reading.fault(line, 'a template that nobody can read; here are possible {{env "X"}} and {{file "x"}}')
    else reading.fault(line, `a template: ${template.why}`, meantOf(template))
    return undefined
  }
  const env = new Map(asksFor(template, 'env').map((name) => [name, variable(around, name)]))
  for (const [name, value] of env) {
    // An empty login has a mistake of its own.
    if (value === undefined && !secret && !text.includes('default')) {
      reading.remark(line, `the variable ${quoted(name)} is not set, and is taken for empty`)
    }
  }
  const file = new Map<string, string>()
  for (const name of asksFor(template, 'file')) {
    const content = await readBounded(resolve(around.workspace, name), LARGEST_FILE)
    // For regclient such a file is empty, and a login then anonymous.
    if (content === undefined) reading.fault(line, `the file ${quoted(name)} cannot be read, or is larger than 1 MiB`)
    file.set(name, content?.trim() ?? '')
  }
  const filled = Object.fromEntries([...env].map(([name, value]) => [name, value ?? '']))
  return settled(template, { env: filled, file: Object.fromEntries(file) })
}

function variable({ variables }: Around, name: string): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined
}

function meantOf({ meant }: NameMistake) {
  return meant === undefined ? {} : { meant }
}

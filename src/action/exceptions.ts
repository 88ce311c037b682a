import { extname, resolve } from 'node:path'
import { type Exception, SCANNERS } from '../plan/request.ts'
import { parseExceptionMap } from './exception-map.ts'
import { kindOf, readBounded } from './files.ts'
import type { Form, Mistake } from './form.ts'
import { parseInstant } from './instant.ts'
import { type ListItem, readItems } from './lists.ts'
import { quoted } from './quoted.ts'

const INPUT = 'trivyignores'
/** The longest file that is read, in bytes: some ten thousand entries. */
const LONGEST_FILE = 1024 * 1024

/** What a file says, and what in it nobody can understand. Lines count from 1. */
export type Parsed = { readonly exceptions: readonly Exception[]; readonly faults: readonly Fault[] }
export type Fault = Pick<Mistake, 'text' | 'meant'> & { readonly line: number }

/**
 * `trivyignores`: files of exceptions, plain or YAML. Trivy passes over a wrong key, date or file name in silence, so
 * that an exception either hides nothing or hides for ever; here each is a mistake with its file and line.
 */
export async function readExceptions(form: Form, workspace: string): Promise<readonly Exception[]> {
  const items = await readItems(form, INPUT)
  const files = await Promise.all(items.map((item) => readFile(form, item, workspace)))
  return files.flat()
}

async function readFile(form: Form, { text: name, line }: ListItem, workspace: string): Promise<readonly Exception[]> {
  const path = resolve(workspace, name)
  if ((await kindOf(path)) !== 'file') {
    form.mistakes.push({ input: INPUT, line, text: `there is no file ${quoted(name)}` })
    return []
  }
  const text = await readBounded(path, LONGEST_FILE)
  if (text === undefined) {
    form.mistakes.push({ input: INPUT, line, text: `${quoted(name)} cannot be read, or is larger than 1 MiB` })
    return []
  }
  // Trivy tells the two forms apart by the name alone, case included.
  const isYaml = ['.yaml', '.yml'].includes(extname(name))
  const { exceptions, faults } = isYaml ? await parseExceptionMap(text, name) : parsePlain(text, name)
  for (const { line: at, ...fault } of faults) {
    form.mistakes.push({ input: INPUT, ...fault, text: `${name}, line ${at}: ${fault.text}` })
  }
  return exceptions
}

/** The plain form: an id a line, `exp:2026-12-31` after it, comments after `#`. It does not say what the id is about. */
export function parsePlain(text: string, name: string): Parsed {
  const exceptions: Exception[] = []
  const faults: Fault[] = []
  for (const [at, whole] of text.split(/\r?\n/).entries()) {
    const line = at + 1
    const [id = '', ...more] = whole
      .replace(/(?:^|\s)#.*$/, '')
      .trim()
      .split(/\s+/)
    if (id === '') continue
    const expiry = more.find((word) => word.startsWith('exp:'))
    const expires = expiry === undefined ? '' : parseInstant(expiry.slice('exp:'.length))
    const why = faultOf(id, more, expires)
    if (why !== undefined) faults.push({ line, text: why })
    else {
      const origin = `${name}, line ${line}`
      exceptions.push({ about: SCANNERS, id, paths: [], purls: [], statement: '', expires: expires ?? '', origin })
    }
  }
  return { exceptions, faults }
}

function faultOf(id: string, more: readonly string[], expires: string | undefined): string | undefined {
  if (id === '-' || id.endsWith(':'))
    return `${quoted(id)} looks like YAML, which is read from .yaml and .yml files only`
  if (id.startsWith('exp:')) return 'an id stands before its date'
  // Trivy passes over such a word: a misspelt date would then hide the finding for ever.
  const strange = more.find((word) => !word.startsWith('exp:'))
  if (strange !== undefined) return `${quoted(strange)} is no exp:YYYY-MM-DD; a comment begins with #`
  if (more.length > 1) return 'there is more than one date'
  if (expires === undefined) return `${quoted(more.join(' '))} is no date such as exp:2026-12-31`
  return undefined
}

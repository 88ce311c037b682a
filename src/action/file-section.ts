import type { Form, Mistake } from './form.ts'
import { quoted } from './quoted.ts'
import { parseFlag } from './single-values.ts'
import type { YamlEntries, YamlTree } from './yaml-tree.ts'

/** One reading of a file: what is wrong in it or worth a remark is told with its line, and only once. */
export type FileReading = {
  readonly fault: (line: number, text: string, more?: Pick<Mistake, 'meant' | 'code'>) => void
  readonly remark: (line: number, text: string) => void
}

/** A map of the file whose keys are known. */
export type Section = { readonly reading: FileReading; readonly entries: YamlEntries; readonly line: number }
/** A text of the file, and its line. `secret`: no message shows it. */
export type Located = { readonly text: string; readonly line: number; readonly secret?: boolean }

/** Nobody mends more at a time. */
const MOST_FAULTS = 100

/** Starts the reading of `file`, as the workflow names it, for an input. Maps that several entries share are told of once. */
export function openReading(form: Pick<Form, 'mistakes' | 'notices'>, input: string, file: string): FileReading {
  const told = new Set<string>()
  let faults = 0
  const once = (line: number, text: string): string | undefined => {
    const whole = `${file}, line ${line}: ${text}`
    if (told.has(whole)) return undefined
    told.add(whole)
    return whole
  }
  return {
    fault: (line, text, more = {}) => {
      const whole = once(line, text)
      if (whole === undefined) return
      faults += 1
      if (faults <= MOST_FAULTS) form.mistakes.push({ input, text: whole, ...more })
      if (faults === MOST_FAULTS)
        form.mistakes.push({ input, text: `${file}, line ${line}: here reading ends, with this many mistakes` })
    },
    remark: (line, text) => {
      const whole = once(line, text)
      if (whole !== undefined) form.notices.push(whole)
    },
  }
}

/** A map with these keys, and with any that begin with `x-`; `undefined` when it is none. */
export function openSection(reading: FileReading, tree: YamlTree, known: readonly string[]): Section | undefined {
  if (tree.kind !== 'map') {
    reading.fault(
      tree.line,
      `here belongs a map of ${known.slice(0, 4).join(', ')}${known.length > 4 ? ' and others' : ''}`,
    )
    return undefined
  }
  for (const [key, { line }] of tree.entries) {
    if (!known.includes(key) && !key.startsWith('x-')) {
      reading.fault(line, `unknown key ${quoted(key)}`, { meant: { word: key, among: known } })
    }
  }
  return { reading, entries: tree.entries, line: tree.line }
}

/** The map under a key; `undefined` when there is none. */
export function sectionAt({ reading, entries }: Section, key: string, known: readonly string[]): Section | undefined {
  const found = valueAt(entries, key)
  return found === undefined ? undefined : openSection(reading, found, known)
}

/** The maps of the list under a key. */
export function sectionsAt(section: Section, key: string, known: readonly string[]): readonly Section[] | undefined {
  return itemsAt(section, key)?.flatMap((item) => openSection(section.reading, item, known) ?? [])
}

/** The text under a key; `undefined` when there is none, or an empty one. `secret`: no message shows it. */
export function textAt(section: Section, key: string, secret = false): Located | undefined {
  const found = valueAt(section.entries, key)
  if (found === undefined) return undefined
  const text = textOf(section.reading, found, secret)
  if (text === undefined) section.reading.fault(found.line, `the value of \`${key}\` is one text`)
  return text === undefined || text === '' ? undefined : { text, line: found.line, secret }
}

/** The texts of the list under a key; `undefined` when there is no such list. */
export function textsAt(section: Section, key: string): readonly Located[] | undefined {
  return itemsAt(section, key)?.flatMap((item) => {
    const text = textOf(section.reading, item, false)
    if (text === undefined) section.reading.fault(item.line, `\`${key}\` is a list of texts`)
    return text === undefined ? [] : [{ text, line: item.line }]
  })
}

export function flagAt({ reading, entries }: Section, key: string): boolean | undefined {
  const found = valueAt(entries, key)
  if (found === undefined) return undefined
  const flag = found.kind === 'value' && found.type === 'flag' ? parseFlag(found.text) : undefined
  if (flag === undefined) reading.fault(found.line, `\`${key}\` is true or false`)
  return flag
}

/** A whole number within bounds, both included. */
export function countAt(
  { reading, entries }: Section,
  key: string,
  { least, most }: { readonly least: number; readonly most: number },
): number | undefined {
  const found = valueAt(entries, key)
  if (found === undefined) return undefined
  const text = found.kind === 'value' && found.type === 'number' ? found.plain : ''
  const count = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (count >= least && count <= most) return count
  reading.fault(found.line, `\`${key}\` is a whole number from ${least} to ${most}`)
  return undefined
}

/** One of a few words. */
export function choiceAt<const T extends string>(section: Section, key: string, choices: readonly T[]): T | undefined {
  const found = textAt(section, key)
  if (found === undefined) return undefined
  const choice = choices.find((candidate) => candidate === found.text)
  if (choice === undefined) {
    const meant = { word: found.text, among: choices }
    section.reading.fault(found.line, `${key}: ${quoted(found.text)} is none of ${choices.join(', ')}`, { meant })
  }
  return choice
}

/** A time in milliseconds, as `time.ParseDuration` of Go has it (`1h30m`, `1.5h`); with `d` for days where this action has its own keys. */
export function durationAt(section: Section, key: string, days = false): number | undefined {
  const found = textAt(section, key)
  if (found === undefined) return undefined
  const duration = parseGoDuration(found.text, days)
  if (duration === undefined) {
    section.reading.fault(found.line, `${key}: ${quoted(found.text)} is no time such as 90m or ${days ? '2d' : '48h'}`)
  }
  return duration
}

/** The values of a map of texts under a key. */
export function textMapAt(section: Section, key: string): Readonly<Record<string, string>> {
  const found = valueAt(section.entries, key)
  if (found === undefined) return {}
  if (found.kind !== 'map') {
    section.reading.fault(found.line, `\`${key}\` is a map of texts`)
    return {}
  }
  const texts = [...found.entries].map(([name, { value }]) => {
    const text = textOf(section.reading, value, false)
    if (text === undefined) section.reading.fault(value.line, `\`${key}\` is a map of texts`)
    return [name, text ?? ''] as const
  })
  return Object.fromEntries(texts)
}

/** The line of a key that says something. */
export function lineAt({ entries }: Section, key: string): number | undefined {
  return valueAt(entries, key) === undefined ? undefined : entries.get(key)?.line
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function parseGoDuration(text: string, days: boolean): number | undefined {
  if (text === '0') return 0
  const parts = /^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhd]))+$/.test(text) ? (text.match(/[\d.]+[a-z]+/g) ?? []) : []
  if (parts.length === 0 || (!days && text.includes('d'))) return undefined
  return Math.round(
    parts.reduce((sum, part) => sum + Number.parseFloat(part) * (UNIT_MS[part.replace(/[\d.]+/, '')] ?? 0), 0),
  )
}

function valueAt(entries: YamlEntries, key: string): YamlTree | undefined {
  const found = entries.get(key)?.value
  return found?.kind === 'value' && found.type === 'nothing' ? undefined : found
}

function itemsAt({ reading, entries }: Section, key: string): readonly YamlTree[] | undefined {
  const found = valueAt(entries, key)
  if (found === undefined) return undefined
  if (found.kind === 'list') return found.items
  reading.fault(found.line, `\`${key}\` is a list: begin each entry with a dash`)
  return []
}

/**
 * A value where a text belongs. What YAML takes for a number comes out of regsync as that number is written usually
 * (`3.10` as `3.1`): so it is read, and said.
 */
function textOf(reading: FileReading, tree: YamlTree, secret: boolean): string | undefined {
  if (tree.kind !== 'value') return undefined
  if (tree.text === tree.plain) return tree.plain
  const shown = secret ? 'this' : quoted(tree.text)
  if (tree.type === 'number' && /^\d+\.\d+$/.test(tree.text)) {
    reading.remark(
      tree.line,
      `${shown} is a number to YAML and is read as ${secret ? 'such' : quoted(tree.plain)}; put it in quotes`,
    )
    return tree.plain
  }
  reading.fault(tree.line, `${shown} is a ${tree.type === 'number' ? 'number' : 'flag'} to YAML; put it in quotes`)
  return ''
}

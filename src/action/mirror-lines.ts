import type { Reference, Repository } from '../image/reference.ts'
import type { MirrorEntry, MirrorNames, MirrorWishes } from '../plan/mirror-request.ts'
import { patternFault, type TagSelection } from '../tags/select.ts'
import type { Form, Mistake } from './form.ts'
import { clashesOf, imageNamed, type Named, repositoryNamed, splitName, targetNamed } from './mirror-names.ts'
import { parsePlatform } from './platform-names.ts'
import { quoted } from './quoted.ts'
import { parseFlag } from './single-values.ts'

const INPUT = 'images'
const ATTRIBUTES = ['tags', 'newest', 'platforms', 'referrers', 'allow-empty']
/** More entries than this are a list that went wrong. */
const MOST_LINES = 10_000
const MOST_NEWEST = 10_000

/** What lines say nothing about: what the other inputs say, and the platform of this machine, which is `local`. */
export type LineSurroundings = { readonly wishes: MirrorWishes; readonly machine: string }

/**
 * `images` of a mirror: `source => target[, target…]` a line, and attributes at its end, each after a `;`. With `tags=`
 * (globs over the whole tag) or `newest=` a repository is meant, else one image.
 */
export function readMirrorLines(
  form: Pick<Form, 'mistakes' | 'notices'>,
  text: string,
  surroundings: LineSurroundings,
): readonly MirrorEntry[] {
  const lines = text.split(/\r?\n/).map((written, index) => ({ text: written.trim(), line: index + 1 }))
  const said = lines.filter((one) => one.text !== '' && !one.text.startsWith('#'))
  const beyond = said[MOST_LINES]
  if (beyond !== undefined) {
    form.mistakes.push({ input: INPUT, line: beyond.line, text: `there are more than ${MOST_LINES} images` })
    return []
  }
  const entries = said.flatMap((one) => readLine(readingOf(form, one.line), one.text, surroundings))
  for (const { entry, text: why } of clashesOf(entries)) {
    form.mistakes.push({ input: INPUT, line: entry.origin.line, text: why })
  }
  return entries
}

type LineReading = { readonly line: number; readonly mistake: (text: string, meant?: Mistake['meant']) => undefined }

function readingOf(form: Pick<Form, 'mistakes'>, line: number): LineReading {
  return {
    line,
    mistake: (text, meant) => {
      form.mistakes.push({ input: INPUT, line, text, ...(meant === undefined ? {} : { meant }) })
      return undefined
    },
  }
}

function readLine(reading: LineReading, text: string, { wishes, machine }: LineSurroundings): readonly MirrorEntry[] {
  const [names = '', ...written] = text.split(';').map((part) => part.trim())
  const attributes = readAttributes(reading, written)
  const arrow = names.indexOf('=>')
  if (arrow < 0) {
    reading.mistake(`${quoted(names)} does not say where to: write source => target`)
    return []
  }
  const source = names.slice(0, arrow).trim()
  const targets = names
    .slice(arrow + 2)
    .split(',')
    .map((target) => target.trim())
  const selection = readSelection(reading, attributes)
  const found =
    selection === undefined ? readImage(reading, source, targets) : readRepository(reading, source, targets, selection)
  const own = readWishes(reading, attributes, { wishes, machine })
  if (found === undefined) return []
  const fields = { 'Sync.Source': source, 'Sync.Target': targets.join(', '), 'Sync.Type': found.kind }
  return [{ ...found, ...own, origin: { file: INPUT, line: reading.line }, fields }]
}

type Attributes = ReadonlyMap<string, string>

function readAttributes(reading: LineReading, written: readonly string[]): Attributes {
  const attributes = new Map<string, string>()
  for (const part of written.filter((text) => text !== '')) {
    const equals = part.indexOf('=')
    const key = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase()
    const value = equals < 0 ? '' : part.slice(equals + 1).trim()
    if (!ATTRIBUTES.includes(key)) reading.mistake(`unknown attribute ${quoted(key)}`, { word: key, among: ATTRIBUTES })
    else if (attributes.has(key)) reading.mistake(`the attribute ${quoted(key)} is there twice`)
    else if (value === '' && key !== 'allow-empty') reading.mistake(`${key}= says nothing`)
    attributes.set(key, value)
  }
  return attributes
}

/** `undefined` where one image is meant. */
function readSelection(reading: LineReading, attributes: Attributes): TagSelection | undefined {
  const [tags, newest] = [attributes.get('tags'), attributes.get('newest')]
  if (tags === undefined && newest === undefined) return undefined
  const allow = listOf(tags).map((text) => ({ text, reading: 'glob' as const }))
  for (const pattern of allow) {
    const why = patternFault(pattern)
    if (why !== undefined) reading.mistake(`tags=${quoted(pattern.text)}: ${why}`)
  }
  const count = newest === undefined || newest === '' ? undefined : readNewest(reading, newest)
  return { sets: [{ ranges: [], allow, deny: [], ...(count === undefined ? {} : { newest: count }) }] }
}

function readNewest(reading: LineReading, text: string): number | undefined {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= MOST_NEWEST) return count
  return reading.mistake(`newest=${quoted(text)} is no number from 1 to ${MOST_NEWEST}`)
}

function readImage(reading: LineReading, source: string, targets: readonly string[]): MirrorNames | undefined {
  const from = checked<Reference>(reading, imageNamed(source))
  if (from === undefined) return undefined
  const { tag, digest } = splitName(source)
  if (tag === undefined && digest === undefined) {
    return reading.mistake(
      `${quoted(source)} does not say which: add a tag, or ;tags=3.* or ;newest=5 (;tags=* takes all)`,
    )
  }
  const to = targets.map((target) => {
    const parts = splitName(target)
    if (target === '' || parts.tag !== undefined || parts.digest !== undefined)
      return checked(reading, targetNamed(target))
    if (tag !== undefined) return checked(reading, targetNamed(`${target}:${tag}`))
    return reading.mistake(`${quoted(target)} needs a tag, since ${quoted(source)} has none to take over`)
  })
  const known = to.filter((target) => target !== undefined)
  return known.length < to.length ? undefined : { kind: 'image', source: from, targets: known }
}

function readRepository(
  reading: LineReading,
  source: string,
  targets: readonly string[],
  tags: TagSelection,
): MirrorNames | undefined {
  const { tag, digest } = splitName(source)
  if (tag !== undefined || digest !== undefined) {
    const what = digest === undefined ? 'tag' : 'digest'
    return reading.mistake(
      `${quoted(source)} has a ${what}, and \`tags=\` or \`newest=\` chooses others: leave one of them away`,
    )
  }
  const from = checked<Repository>(reading, repositoryNamed(source))
  const to = targets.flatMap((target) => checked<Repository>(reading, repositoryNamed(target)) ?? [])
  return from === undefined || to.length < targets.length
    ? undefined
    : { kind: 'repository', source: from, targets: to, tags }
}

function checked<T extends object>(reading: LineReading, found: Named<T>): T | undefined {
  return 'why' in found ? reading.mistake(String(found.why)) : found
}

function readWishes(reading: LineReading, attributes: Attributes, { wishes, machine }: LineSurroundings): MirrorWishes {
  const named = listOf(attributes.get('platforms'))
  const platforms = named.flatMap(
    (text) =>
      parsePlatform(text, machine) ?? reading.mistake(`${quoted(text)} is no platform such as linux/arm64`) ?? [],
  )
  const carry = readReferrers(reading, attributes.get('referrers'))
  return {
    ...wishes,
    ...(named.length === 0 ? {} : { platforms: { kind: 'subset', platforms } }),
    ...(carry === undefined ? {} : { referrers: { ...wishes.referrers, carry }, digestTags: carry }),
    allowEmpty: readAllowEmpty(reading, attributes.get('allow-empty')) ?? wishes.allowEmpty,
  }
}

/** The words of the input `referrers`; tags beside an image are the older way of the same. */
function readReferrers(reading: LineReading, text: string | undefined): MirrorWishes['digestTags'] | undefined {
  if (text === undefined || text === '') return undefined
  if (text === 'recheck') return 'recheck'
  const flag = parseFlag(text)
  if (flag === undefined) return reading.mistake(`referrers=${quoted(text)} is none of true, false, recheck`)
  return flag ? 'copied' : 'no'
}

function readAllowEmpty(reading: LineReading, text: string | undefined): boolean | undefined {
  if (text === undefined || text === '') return text === '' ? true : undefined
  return parseFlag(text) ?? reading.mistake(`allow-empty=${quoted(text)} is neither true nor false`)
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

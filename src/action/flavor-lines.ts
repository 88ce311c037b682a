import type { Flavor } from '../tags/flavor.ts'
import type { Form, Mistake } from './form.ts'
import { type ListItem, readRules } from './lists.ts'
import { quoted } from './quoted.ts'
import { readTemplate } from './templates.ts'

const INPUT = 'flavor'
const KEYS = ['latest', 'prefix', 'suffix', 'onlatest']
const LATEST: Readonly<Record<string, Flavor['latest']>> = { auto: 'auto', true: 'yes', false: 'no' }

/** What is known so far, and the affix that a following `onlatest` is about. */
type Reading = { readonly flavor: Flavor; readonly affix?: 'prefix' | 'suffix' }

/**
 * `flavor`: `latest`, `prefix` and `suffix`, one or more a line; what comes later wins. `onlatest` belongs to the prefix
 * or suffix before it on its line.
 */
export async function readFlavor(form: Form): Promise<Flavor> {
  const records = await readRules(form, INPUT)
  return records.reduce<Flavor>(
    (flavor, { fields, line }) => {
      const items = fields.filter((text) => text !== '').map((text) => ({ text, line }))
      return items.reduce<Reading>((reading, item) => readField(form, reading, item), { flavor }).flavor
    },
    { latest: 'auto' },
  )
}

function readField(form: Form, reading: Reading, { text, line }: ListItem): Reading {
  const { flavor } = reading
  const equals = Math.max(0, text.indexOf('='))
  const key = text.slice(0, equals).trim().toLowerCase()
  const value = text.slice(equals + 1).trim()
  const refuse = (why: string, meant?: Mistake['meant']): Reading => {
    form.mistakes.push({ input: INPUT, line, text: why, ...(meant === undefined ? {} : { meant }) })
    return reading
  }
  if (key === 'latest') {
    const latest = LATEST[value]
    return latest === undefined
      ? refuse(`latest=${quoted(value)} is none of auto, true, false`)
      : { flavor: { ...flavor, latest } }
  }
  if (key === 'prefix' || key === 'suffix') {
    const affix = { text: readTemplate(form, INPUT, { text: value, line }), onLatest: flavor[key]?.onLatest ?? false }
    return { flavor: { ...flavor, [key]: affix }, affix: key }
  }
  if (key !== 'onlatest')
    return refuse(`${quoted(text)} is none of latest=, prefix=, suffix=`, { word: key, among: KEYS })
  if (value !== 'true' && value !== 'false') return refuse(`onlatest=${quoted(value)} is neither true nor false`)
  return (
    withOnLatest(reading, value === 'true') ?? refuse('onlatest stands behind the prefix= or suffix= that it is about')
  )
}

function withOnLatest({ flavor, affix }: Reading, onLatest: boolean): Reading | undefined {
  const known = affix === undefined ? undefined : flavor[affix]
  if (affix === undefined || known === undefined) return undefined
  return { flavor: { ...flavor, [affix]: { ...known, onLatest } }, affix }
}

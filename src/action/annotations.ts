import { normalPlatform } from '../image/platform.ts'
import { LEVELS, type Level, type OwnAnnotation, type Place } from '../tags/annotation.ts'
import type { Form, ProcessVariables } from './form.ts'
import { readLines } from './lists.ts'
import { hasKey } from './pairs.ts'
import { quoted } from './quoted.ts'
import { readTemplate } from './templates.ts'

const INPUT = 'annotations'
/** metadata-action's switch, which workflows set in their `env:`. */
const SWITCH = 'DOCKER_METADATA_ANNOTATIONS_LEVELS'

// Levels with their platforms, separated by commas, before the first colon: as buildx reads `--annotation`.
const LEVELS_AHEAD = /^(?<levels>[a-z-]+(?:\[[^\]=]*\])?(?:,[a-z-]+(?:\[[^\]=]*\])?)*):(?<pair>[\s\S]*)$/

/**
 * `annotations`: `key=value` a line, with `manifest:`, `index[…]:` and their like before it.
 * @param platforms those that are built; a selector that names another one would do nothing
 */
export async function readAnnotations(form: Form, platforms: readonly string[]): Promise<readonly OwnAnnotation[]> {
  const lines = await readLines(form, INPUT)
  return lines.flatMap((item) => {
    const { levels, pair = item.text } = LEVELS_AHEAD.exec(item.text)?.groups ?? {}
    const places = levels === undefined ? [] : levels.split(',').map((text) => readPlace(text, platforms))
    const wrong = places.find((place) => 'text' in place)
    if (wrong !== undefined) form.mistakes.push({ input: INPUT, line: item.line, ...wrong })
    const line = readTemplate(form, INPUT, { text: pair, line: item.line })
    if (line.text !== '' && !hasKey(line))
      form.mistakes.push({ input: INPUT, line: item.line, text: `${quoted(pair)} is not key=value` })
    return [{ places: places.filter((place) => 'level' in place), line }]
  })
}

/** The levels at which annotations stand that name none themselves; none: the usual ones. */
export function readPlaces(form: Form, variables: ProcessVariables, platforms: readonly string[]): readonly Place[] {
  const texts = (variables[SWITCH] ?? '').split(',').map((text) => text.trim())
  const places = [...new Set(texts.filter((text) => text !== ''))].map((text) => readPlace(text, platforms))
  for (const wrong of places.filter((place) => 'text' in place)) {
    form.mistakes.push({ input: INPUT, ...wrong, text: `${SWITCH}: ${wrong.text}` })
  }
  return places.filter((place) => 'level' in place)
}

type Wrong = { readonly text: string; readonly meant?: { readonly word: string; readonly among: readonly string[] } }

function readPlace(text: string, platforms: readonly string[]): Place | Wrong {
  const [, word = '', , platform] = /^([^[]*)(\[(.*)\])?$/.exec(text) ?? []
  const level = LEVELS.find((candidate) => candidate === word)
  if (level === undefined) return unknownLevel(text, word)
  if (platform === undefined) return { level }
  if (level.startsWith('index')) return { text: `${quoted(text)}: an index is of no platform` }
  const known = platforms.map(normalPlatform)
  if (known.includes(normalPlatform(platform))) return { level, platform }
  return { text: `${quoted(platform)} is not built: \`platforms\` gives ${platforms.join(', ')}` }
}

function unknownLevel(text: string, word: string): Wrong {
  const among: readonly Level[] = LEVELS
  const instead = `a key with a colon in it needs a level before it, such as manifest:${text}:…`
  return { text: `${quoted(word)} is none of ${LEVELS.join(', ')}; ${instead}`, meant: { word, among } }
}

import { goMatcher, type Matcher } from './go-match.ts'
import { type Expression, parseGoExpression } from './go-syntax.ts'
import {
  compareLoosely,
  isInRange,
  type LooseVersion,
  parseLooseVersion,
  parseRange,
  type VersionRange,
} from './version-range.ts'

/** Which tags of a repository are taken: what any of its sets takes, and all of them when there is none. */
export type TagSelection = { readonly sets: readonly TagSet[] }

/** Ranges first, then `allow`, then `deny`, then the newest of what is left: the order of regsync's `filterTagList`. */
export type TagSet = {
  /** semver ranges, one of which must hold; none: any tag, and those that are no version too */
  readonly ranges: readonly string[]
  /** none: all */
  readonly allow: readonly TagPattern[]
  readonly deny: readonly TagPattern[]
  /** this many, and no more */
  readonly newest?: number
}

/** A pattern as it was written; `go`: as regsync reads it, wrapped in `^` and `$`; `glob`: the whole name. */
export type TagPattern = { readonly text: string; readonly reading: 'go' | 'glob' }

/** When the image of a tag was made, in milliseconds since 1970, for tags that were asked about and have such a time. */
export type TagTimes = ReadonlyMap<string, number>

export type Selected = {
  /** in the order of the sets, and within one in that of the list */
  readonly taken: readonly string[]
  /** every other tag, and what each of the sets says against it */
  readonly left: readonly { readonly tag: string; readonly reasons: readonly string[] }[]
  /** patterns and ranges that fit no tag of the list, as they were written */
  readonly idle: readonly { readonly text: string; readonly of: 'range' | 'allow' | 'deny' }[]
}

/**
 * The tags that are taken. Order and union are those of regsync (`processRepo`); `times` tells the ages of the tags that
 * `tagsToDate` names. Patterns and ranges were checked when they were read: one that cannot be understood throws.
 */
export function selectTags(selection: TagSelection, tags: readonly string[], times: TagTimes = new Map()): Selected {
  if (selection.sets.length === 0) return { taken: tags, left: [], idle: [] }
  const sifted = selection.sets.map((set) => sift(compileSet(set), tags, times))
  const taken = new Set(sifted.flatMap((one) => one.taken))
  const left = tags
    .filter((tag) => !taken.has(tag))
    .map((tag) => ({ tag, reasons: [...new Set(sifted.flatMap(({ against }) => against.get(tag) ?? []))] }))
  return { taken: [...taken], left, idle: sifted.flatMap((one) => one.idle) }
}

/** The tags whose time decides which of them are the newest: those of sets with `newest` that hold no version. */
export function tagsToDate(selection: TagSelection, tags: readonly string[]): readonly string[] {
  const asked = selection.sets
    .filter((set) => set.newest !== undefined)
    .map((set) => {
      const compiled = compileSet(set)
      return tags.filter((tag) => objection(compiled, tag) === undefined)
    })
    .filter((candidates) => candidates.every((tag) => parseLooseVersion(tag) === undefined))
  return [...new Set(asked.flat())]
}

/** Patterns that fit names of other things in the same way: the repositories of a registry. */
export function selectNames({ allow, deny }: Pick<TagSet, 'allow' | 'deny'>, names: readonly string[]): Selected {
  return selectTags({ sets: [{ ranges: [], allow, deny }] }, names)
}

/** Whether a pattern fits a name. */
export function fits(pattern: TagPattern, name: string): boolean {
  return compile(pattern).matches(name)
}

/** Why a pattern cannot be understood; `undefined` when it can. */
export function patternFault({ text, reading }: TagPattern): string | undefined {
  const matcher = goMatcher(asGo(text, reading))
  return 'why' in matcher ? matcher.why : undefined
}

/**
 * What a pattern of regsync's does that it does not look like. It is put between `^` and `$` as it stands, so that in
 * `a|b` each of the two holds one end only, and `*` repeats the `^`.
 */
export function patternSurprise(text: string): string | undefined {
  if (/^[*+?]|^\{\d/.test(text)) return 'repeats the ^ that is put before it, and no character; any name is .*'
  const expression = parseGoExpression(text)
  if ('why' in expression || !isHalfHeld(expression)) return undefined
  return `is read as ^${text}$, where each side of the | is held at one end only; the whole name is (${text.replace(/^\^|\$$/g, '')})`
}

function isHalfHeld(expression: Expression): boolean {
  if (expression.kind !== 'choice') return false
  const last = expression.among.length - 1
  return expression.among.some((way, at) => {
    const parts = way.kind === 'sequence' ? way.parts : []
    return !((at === 0 || isPlace(parts[0], 'text-start')) && (at === last || isPlace(parts.at(-1), 'text-end')))
  })
}

function isPlace(expression: Expression | undefined, at: 'text-start' | 'text-end'): boolean {
  return expression?.kind === 'place' && expression.at === at
}

type CompiledPattern = { readonly text: string; readonly matches: Matcher }
type CompiledSet = {
  readonly ranges: readonly { readonly text: string; readonly range: VersionRange }[]
  readonly allow: readonly CompiledPattern[]
  readonly deny: readonly CompiledPattern[]
  readonly newest: number | undefined
}

function compileSet({ ranges, allow, deny, newest }: TagSet): CompiledSet {
  return { ranges: ranges.map(compileRange), allow: allow.map(compile), deny: deny.map(compile), newest }
}

function compileRange(text: string): CompiledSet['ranges'][number] {
  const range = parseRange(text)
  if (range === undefined) throw new TypeError(`${text} is no range of versions`)
  return { text, range }
}

function compile({ text, reading }: TagPattern): CompiledPattern {
  const matches = goMatcher(asGo(text, reading))
  if ('why' in matches) throw new TypeError(`${text} is no pattern: ${matches.why}`)
  return { text, matches }
}

function asGo(text: string, reading: TagPattern['reading']): string {
  return reading === 'go' ? `^${text}$` : `^${[...text].map(globPart).join('')}$`
}

function globPart(character: string): string {
  if (character === '*') return '.*'
  if (character === '?') return '.'
  return /[!-/:-@[-`{-~]/.test(character) ? `\\${character}` : character
}

type Sifted = Pick<Selected, 'taken' | 'idle'> & { readonly against: ReadonlyMap<string, string> }

function sift(set: CompiledSet, tags: readonly string[], times: TagTimes): Sifted {
  const against = new Map<string, string>()
  for (const tag of tags) {
    const why = objection(set, tag)
    if (why !== undefined) against.set(tag, why)
  }
  const candidates = tags.filter((tag) => !against.has(tag))
  const newest = set.newest === undefined ? undefined : newestOf(candidates, set.newest, times)
  const taken = candidates.filter((tag) => newest?.has(tag) !== false)
  for (const tag of candidates) if (newest?.has(tag) === false) against.set(tag, `not among the ${set.newest} newest`)
  return { taken, against, idle: idleOf(set, tags) }
}

/** Why a tag is not taken, or `undefined`. */
function objection({ ranges, allow, deny }: CompiledSet, tag: string): string | undefined {
  if (ranges.length > 0) {
    const version = parseLooseVersion(tag)
    if (version === undefined) return 'no version'
    if (!ranges.some(({ range }) => isInRange(range, version))) return 'in no range'
  }
  if (allow.length > 0 && !allow.some(({ matches }) => matches(tag))) return 'allowed by no pattern'
  const denied = deny.find(({ matches }) => matches(tag))
  return denied === undefined ? undefined : `denied by ${denied.text}`
}

/**
 * By version where any of them is one, the others left out then; else by time, and one without a time is the oldest.
 * What both orders cannot tell apart is ordered by its name.
 */
function newestOf(candidates: readonly string[], count: number, times: TagTimes): ReadonlySet<string> {
  const versions = new Map<string, LooseVersion>()
  for (const tag of candidates) {
    const version = parseLooseVersion(tag)
    if (version !== undefined) versions.set(tag, version)
  }
  const among = versions.size > 0 ? [...versions.keys()] : candidates
  const ordered = among.toSorted((one, other) => {
    const [ours, theirs] = [versions.get(one), versions.get(other)]
    const order =
      ours === undefined || theirs === undefined
        ? (times.get(other) ?? 0) - (times.get(one) ?? 0)
        : compareLoosely(theirs, ours)
    return order !== 0 ? order : other.localeCompare(one, 'en', { numeric: true })
  })
  return new Set(ordered.slice(0, count))
}

function idleOf({ ranges, allow, deny }: CompiledSet, tags: readonly string[]): Selected['idle'] {
  const versions = ranges.length === 0 ? [] : tags.map(parseLooseVersion).filter((version) => version !== undefined)
  const idle = (patterns: readonly CompiledPattern[], of: 'allow' | 'deny') =>
    patterns.filter(({ matches }) => !tags.some(matches)).map(({ text }) => ({ text, of }))
  const empty = ranges.filter(({ range }) => !versions.some((version) => isInRange(range, version)))
  return [...empty.map(({ text }) => ({ text, of: 'range' as const })), ...idle(allow, 'allow'), ...idle(deny, 'deny')]
}

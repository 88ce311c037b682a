import { LadingError } from '../error.ts'
import { checkTag } from '../image/reference.ts'
import type { Affix, Flavor } from './flavor.ts'
import type { Affixes, Line } from './line.ts'
import { nameByRule } from './metadata-rule.ts'
import { factsOf, type Occasion } from './occasion.ts'
import { isStable, nameByPreset, releaseOf } from './preset.ts'
import { type Given, nothing, type Result } from './result.ts'
import { type MetadataRule, PRIORITY, type TagRule, templatesOf } from './rule.ts'
import { dashed, LONGEST_TAG, sanitizeTag } from './tag-text.ts'
import { expand, namesOf } from './template.ts'

/** What the user says about names. */
export type Naming = { readonly tags: readonly TagRule[]; readonly flavor: Flavor }

export type Name = {
  readonly tag: string
  /** whether it may ever name another image */
  readonly kind: 'fixed' | 'moving'
  /** what it follows when it moves */
  readonly line: Line
  /** what the user puts around the names of this flavor; not a part of any version */
  readonly affixes: Affixes
}

export type Names = {
  /** the version of this image, as metadata-action's output; empty when there is none */
  readonly version: string
  /** the release that this image is, `1.2.3` or one of PEP 440; `undefined`: it is none */
  readonly release: string | undefined
  /** by priority, then in the order of the rules, each once */
  readonly tags: readonly Name[]
  /** rules that gave nothing, and why */
  readonly skipped: readonly Skipped[]
  readonly warnings: readonly string[]
  readonly notices: readonly string[]
}

type Skipped = { readonly rule: string; readonly why: string }

/**
 * The names of an image: from what happened and the rules, and from nothing else.
 * Throws `INPUT_INVALID` when the rules give no name at all, or one that no registry takes.
 */
export function nameImage({ tags: rules, flavor }: Naming, occasion: Occasion): Names {
  const situation = { flavor, occasion }
  const ordered = rules.toSorted((one, other) => priorityOf(other) - priorityOf(one))
  const applied = ordered.map((rule) => apply(rule, situation))
  const named = applied.flatMap((one) => ('name' in one ? [one] : []))
  const skipped = applied.flatMap((one) => ('why' in one ? [{ rule: told(one.rule), why: one.why }] : []))
  if (named.length === 0) throw noName(skipped, occasion)
  const tags = unique([...named.map(({ name }) => name), ...flavorLatest(named, situation)])
  for (const { tag } of tags) checkName(tag)
  return {
    version: versionOf(named, situation),
    release: releaseIn(named, occasion),
    tags,
    skipped,
    warnings: [...new Set(applied.flatMap(({ warnings }) => warnings))],
    notices: occasion.committed === undefined && tellsCommitDate({ tags: rules, flavor }) ? [GUESSED_DATE] : [],
  }
}

/** Whether some name may hold the date of the commit. */
export function tellsCommitDate({ tags, flavor }: Naming): boolean {
  const templates = [...tags.flatMap(templatesOf), ...[flavor.prefix, flavor.suffix].map((affix) => affix?.text)]
  return templates.some((template) => template !== undefined && namesOf(template).includes('commit_date'))
}

const GUESSED_DATE = 'nobody tells when the commit was made, so commit_date stands for the date of this run'

type Named = { readonly rule: TagRule; readonly name: Name; readonly given: Given }
type Situation = { readonly flavor: Flavor; readonly occasion: Occasion }

type Applied = { readonly rule: TagRule; readonly warnings: readonly string[] } & (Named | { readonly why: string })

function apply(rule: TagRule, situation: Situation): Applied {
  const result = applyRule(rule, situation)
  if (!('given' in result)) return { rule, ...result }
  const name = nameOf(rule, result.given, situation)
  if (name === undefined) return { rule, why: 'its name is empty', warnings: result.warnings }
  return { rule, name, ...result }
}

function applyRule(rule: TagRule, { flavor, occasion }: Situation): Result {
  if (rule.type !== 'preset') return isEnabled(rule, occasion) ? nameByRule(rule, occasion) : nothing('enable=false')
  if (rule.preset === 'latest' && flavor.latest === 'no') return nothing('the flavor says latest=false')
  return nameByPreset(rule.preset, occasion)
}

function isEnabled({ enable, text }: MetadataRule, occasion: Occasion): boolean {
  const answer = expand(enable, factsOf(occasion))
  if (answer === 'true' || answer === 'false') return answer === 'true'
  const why = `its enable gives “${answer.slice(0, 140)}”, which is neither true nor false`
  throw new LadingError('INPUT_INVALID', `tags: ${text}: ${why}`)
}

/** The name that a rule gives, with prefix and suffix; `undefined` when it is empty. */
function nameOf(rule: TagRule, given: Given, situation: Situation): Name | undefined {
  const affixes = affixesOf(rule, given, situation)
  const tag = rule.type === 'preset' ? fitted(given, affixes) : dashed(around(given.value, affixes))
  if (tag === '') return undefined
  const isFixed = (rule.type === 'preset' ? undefined : rule.fixed) ?? given.kind === 'fixed'
  const isLatest = rule.type === 'preset' && rule.preset === 'latest'
  // `latest` without the suffix stands for the versions that have it.
  return {
    tag,
    kind: isFixed ? 'fixed' : 'moving',
    line: given.line,
    affixes: inTag(isLatest ? flavorAffixes(situation) : affixes),
  }
}

/** What stands around the name of a rule: its own, else the flavor's. */
function affixesOf(rule: TagRule, given: Given, situation: Situation): Affixes {
  if (rule.type === 'preset' && rule.preset === 'latest') return latestAffixes(situation)
  const { prefix, suffix } = flavorAffixes(situation)
  if (rule.type === 'preset') return { prefix: given.ownPrefix ?? prefix, suffix }
  const facts = factsOf(situation.occasion)
  return {
    prefix: rule.prefix === undefined ? prefix : expand(rule.prefix, facts),
    suffix: rule.suffix === undefined ? suffix : expand(rule.suffix, facts),
  }
}

function flavorAffixes({ flavor, occasion }: Situation): Affixes {
  const facts = factsOf(occasion)
  const text = (affix: Affix | undefined) => (affix === undefined ? '' : expand(affix.text, facts))
  return { prefix: text(flavor.prefix), suffix: text(flavor.suffix) }
}

/** The flavor goes around `latest` only where it says so. */
function latestAffixes(situation: Situation): Affixes {
  const { prefix, suffix } = flavorAffixes(situation)
  const { flavor } = situation
  return {
    prefix: flavor.prefix?.onLatest === true ? prefix : '',
    suffix: flavor.suffix?.onLatest === true ? suffix : '',
  }
}

/** As they stand in a tag. Not before they are put around a name: a run of what no tag may hold is one dash. */
function inTag({ prefix, suffix }: Affixes): Affixes {
  return { prefix: dashed(prefix), suffix: dashed(suffix) }
}

function around(value: string, { prefix, suffix }: Affixes): string {
  return `${prefix}${value}${suffix}`
}

// Cut before the commit, never within it: the commit is what makes the tag unique.
function fitted({ value, end = '' }: Given, { prefix, suffix }: Affixes): string {
  const rest = dashed(`${end}${suffix}`)
  return `${sanitizeTag(`${prefix}${value}`).slice(0, LONGEST_TAG - rest.length)}${rest}`
}

/** `latest` beside the names of the rules, where the flavor says so or leaves it to the first of them. */
function flavorLatest(named: readonly Named[], situation: Situation): readonly Name[] {
  if (!hasLatest(named, situation)) return []
  const tag = dashed(around('latest', latestAffixes(situation)))
  return [{ tag, kind: 'moving', line: 'release', affixes: inTag(flavorAffixes(situation)) }]
}

// Presets do not count: those who use them have one that says `latest`.
function hasLatest(named: readonly Named[], { flavor, occasion }: Situation): boolean {
  if (flavor.latest !== 'auto') return flavor.latest === 'yes'
  const first = named.find(({ rule }) => rule.type !== 'preset')
  if (first === undefined || occasion.version === undefined) return first?.given.latest ?? false
  return isStable(releaseOf(occasion))
}

/**
 * The first name, as in metadata-action. A preset stands for the version itself, whichever part of it is the name; so
 * does the input `version`.
 */
function versionOf(named: readonly Named[], situation: Situation): string {
  const [first] = named
  const own = applyRule(VERSION, situation)
  const name = 'given' in own ? nameOf(VERSION, own.given, situation) : undefined
  const isFirst = situation.occasion.version === undefined && first?.rule.type !== 'preset'
  return (isFirst ? undefined : name?.tag) ?? first?.name.tag ?? ''
}

const VERSION: TagRule = { type: 'preset', preset: 'version' }

/** The input `version`, else what the first rule for versions read, else the tag of the run. */
function releaseIn(named: readonly Named[], occasion: Occasion): string | undefined {
  const read = named.find(({ given }) => given.release !== undefined)?.given.release
  return occasion.version ?? read ?? releaseOf(occasion)?.version
}

/** Each tag once; where two rules give the same one, it is fixed as soon as one of them says so. */
function unique(names: readonly Name[]): readonly Name[] {
  const byTag = new Map<string, Name>()
  for (const name of names) {
    const known = byTag.get(name.tag) ?? name
    byTag.set(name.tag, name.kind === 'fixed' ? { ...known, kind: 'fixed' } : known)
  }
  return [...byTag.values()]
}

function checkName(tag: string): void {
  try {
    checkTag(tag)
  } catch (cause) {
    throw new LadingError(
      'INPUT_INVALID',
      `tags: a rule gives “${tag.slice(0, 140)}”, which no registry takes as a tag`,
      {
        hint: 'A tag has 1 to 128 letters, digits, dots, dashes and underscores, and starts with none of . -',
        cause,
      },
    )
  }
}

function noName(skipped: Names['skipped'], { event, ref }: Occasion): LadingError {
  const reasons = skipped.map(({ rule, why }) => `${rule}: ${why}`).join('; ')
  return new LadingError(
    'INPUT_INVALID',
    `tags: no rule gives a tag for ${event || 'this run'} on ${ref || 'no ref'} (${reasons})`,
    {
      hint: 'Add a rule that fits this event, for example `commit`, or run the step only where there is something to name.',
    },
  )
}

function priorityOf(rule: TagRule): number {
  return rule.type === 'preset' ? PRIORITY.preset : rule.priority
}

function told(rule: TagRule): string {
  return rule.type === 'preset' ? rule.preset : rule.text
}

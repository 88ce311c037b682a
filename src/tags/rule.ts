import type { Template } from './template.ts'

/** The one-word presets of the input `tags`. */
export const PRESETS = ['version', 'version-commit', 'commit', 'major-minor', 'major', 'latest'] as const
export type Preset = (typeof PRESETS)[number]

/** The rules of metadata-action, by type. */
export const RULE_TYPES = ['schedule', 'semver', 'pep440', 'match', 'edge', 'ref', 'raw', 'sha'] as const
export type RuleType = (typeof RULE_TYPES)[number]

/** One rule of the input `tags`. */
export type TagRule = PresetRule | MetadataRule

export type PresetRule = { readonly type: 'preset'; readonly preset: Preset }

/** What every rule of metadata-action may say. */
type Common = {
  /** as the user wrote it, for people */
  readonly text: string
  /** gives `true` or `false` */
  readonly enable: Template
  /** rules with a higher one go first, and the first name is the version */
  readonly priority: number
  /** instead of the flavor's, also when it is empty */
  readonly prefix?: Template
  readonly suffix?: Template
  /** whether the tag may never name another image; by the kind of rule when absent */
  readonly fixed?: boolean
}

export type MetadataRule =
  | (Common & { readonly type: 'schedule'; readonly pattern: Template })
  | VersionRule
  | (Common & {
      readonly type: 'match'
      readonly pattern: Pattern
      /** number of the group that is taken; with the flag `g`, of the match */
      readonly group: number
      /** the text that is searched; the git tag when absent */
      readonly value?: Template
    })
  /** `branch` is the default branch when empty */
  | (Common & { readonly type: 'edge'; readonly branch: string })
  | (Common & { readonly type: 'ref'; readonly event: RefEvent })
  | (Common & { readonly type: 'raw'; readonly value: Template })
  | (Common & { readonly type: 'sha'; readonly format: ShaFormat })

export type VersionRule = Common & {
  readonly type: 'semver' | 'pep440'
  /** over `VERSION_VALUES` */
  readonly pattern: Template
  /** the text that is a version; the input `version` or the git tag when absent */
  readonly value?: Template
  /** its first group is the version within the text */
  readonly match?: Pattern
}

/** A regular expression as plain data. */
export type Pattern = { readonly source: string; readonly flags: string }

export const REF_EVENTS = ['branch', 'tag', 'pr'] as const
export type RefEvent = (typeof REF_EVENTS)[number]

export const SHA_FORMATS = ['short', 'long'] as const
export type ShaFormat = (typeof SHA_FORMATS)[number]

/** What the pattern of a version may name. */
export const VERSION_VALUES = {
  semver: ['version', 'raw', 'major', 'minor', 'patch', 'prerelease', 'build'],
  pep440: ['version', 'raw', 'major', 'minor', 'patch'],
} as const

/** As in metadata-action; presets stand with the versions, which most of them are. */
export const PRIORITY: Readonly<Record<RuleType | 'preset', number>> = {
  schedule: 1000,
  semver: 900,
  pep440: 900,
  preset: 900,
  match: 800,
  edge: 700,
  ref: 600,
  raw: 200,
  sha: 100,
}

/** Every template in a rule. */
export function templatesOf(rule: TagRule): readonly Template[] {
  if (rule.type === 'preset') return []
  const own = 'pattern' in rule && 'pieces' in rule.pattern ? [rule.pattern] : []
  const value = 'value' in rule && rule.value !== undefined ? [rule.value] : []
  return [rule.enable, ...own, ...value, ...[rule.prefix, rule.suffix].filter((affix) => affix !== undefined)]
}

import type { SemVer } from 'semver'
// This function alone: the whole library costs 5 ms before the first line of the log.
import parse from 'semver/functions/parse.js'
import { LadingError } from '../error.ts'
import { checkTag } from '../image/reference.ts'
import type { Affixes, Line } from './line.ts'
import type { Preset, TagRule } from './rule.ts'

/** What names are made from. */
export type Occasion = {
  readonly event: string
  readonly ref: string
  readonly sha: string
  readonly defaultBranch: string
  readonly pullRequest?: { readonly number: number }
  /** the input `version` */
  readonly version?: string
}

/** A tag, whether it may ever name another image, and if so what it follows. */
export type Name = {
  readonly tag: string
  readonly kind: 'fixed' | 'moving'
  readonly line: Line
  /** what the flavor put around it */
  readonly affixes: Affixes
}

export type Names = {
  /** the version of this image: a release, a branch, `pr-12`, `nightly`; empty when there is none */
  readonly version: string
  /** the release that this image is, if it is one */
  readonly release: string | undefined
  /** in the order of the rules, each once */
  readonly tags: readonly Name[]
  /** rules that gave nothing, and why */
  readonly skipped: readonly { readonly rule: string; readonly why: string }[]
}

/** Characters of the commit in names; Git's and metadata-action's short form. */
const SHORT_SHA = 7

/**
 * The names of an image: from what happened and the rules, and from nothing else.
 * Throws `INPUT_INVALID` when the rules give no name at all, or one that no registry takes.
 */
export function nameImage(rules: readonly TagRule[], occasion: Occasion): Names {
  const release = releaseOf(occasion)
  const version = release?.version ?? occasionName(occasion)
  const results = rules.map((rule) => ({ rule, result: apply(rule, { occasion, release, version }) }))
  const tags = unique(results.flatMap(({ result }) => ('tag' in result ? [result] : [])))
  const skipped = results.flatMap(({ rule, result }) =>
    'why' in result ? [{ rule: describe(rule), why: result.why }] : [],
  )
  for (const { tag } of tags) checkName(tag)
  if (tags.length === 0) {
    const reasons = skipped.map(({ rule, why }) => `${rule}: ${why}`).join('; ')
    throw new LadingError(
      'INPUT_INVALID',
      `tags: no rule gives a tag for ${occasion.event || 'this run'} on ${occasion.ref || 'no ref'} (${reasons})`,
      {
        hint: 'Add a rule that fits this event, for example `commit`, or run the step only where there is something to name.',
      },
    )
  }
  return { version: version ?? tags[0]?.tag ?? '', release: release?.version, tags, skipped }
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

/** Text as a tag, as metadata-action does it: what no tag may hold becomes a dash. */
export function sanitizeTag(text: string): string {
  return text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 128)
}

/** Whether text is a full version, `1.2.3` or `v1.2.3-rc.1`. */
export function isFullVersion(text: string): boolean {
  return parse(text) !== null
}

type Situation = {
  readonly occasion: Occasion
  readonly release: SemVer | undefined
  readonly version: string | undefined
}
type Result = Name | { readonly why: string }

const BARE: Affixes = { prefix: '', suffix: '' }

function moving(tag: string, line: Line): Name {
  return { tag, kind: 'moving', line, affixes: BARE }
}

function fixed(tag: string): Name {
  return { tag, kind: 'fixed', line: 'other', affixes: BARE }
}

function apply(rule: TagRule, situation: Situation): Result {
  if (rule.type === 'preset') return PRESET[rule.preset](situation)
  if (!rule.enable) return { why: 'enable=false' }
  const isFixed = rule.fixed ?? isFullVersion(rule.value)
  const tag = sanitizeTag(rule.value)
  return isFixed ? fixed(tag) : moving(tag, lineOf(situation.occasion, tag))
}

const PRESET: Readonly<Record<Preset, (situation: Situation) => Result>> = {
  version: ({ release, version, occasion }) =>
    version === undefined
      ? { why: NO_NAME }
      : release === undefined
        ? moving(version, lineOf(occasion, version))
        : fixed(version),
  'version-commit': ({ version, occasion }) =>
    version === undefined ? { why: NO_NAME } : withCommit(version, occasion),
  commit: ({ occasion }) => withCommit('sha', occasion),
  'major-minor': ({ release }) => stable(release, ({ major, minor }) => `${major}.${minor}`),
  // 0.1 and 0.2 promise each other nothing (semver.org, item 4), so there is no `0`.
  major: ({ release }) =>
    release?.major === 0 ? { why: 'there is no major tag below 1.0.0' } : stable(release, ({ major }) => `${major}`),
  latest: ({ release, occasion }) => {
    if (release === undefined && isDefaultBranchPush(occasion)) return moving('latest', 'release')
    return stable(release, () => 'latest')
  },
}

function lineOf(occasion: Occasion, tag: string): Line {
  if (tag === 'latest' || /^v?\d+(?:\.\d+)?$/.test(tag)) return 'release'
  if (tag !== occasionName(occasion)) return 'other'
  return occasion.pullRequest === undefined
    ? occasion.ref.startsWith('refs/heads/')
      ? 'branch'
      : 'other'
    : 'pull-request'
}

const NO_NAME = 'this run has no version, branch, tag or pull request'

function stable(release: SemVer | undefined, name: (release: SemVer) => string): Result {
  if (release === undefined) return { why: 'only for releases' }
  if (release.prerelease.length > 0) return { why: `${release.version} is a pre-release` }
  return moving(name(release), 'release')
}

function withCommit(start: string, { sha }: Occasion): Result {
  if (sha === '') return { why: 'the commit is not known' }
  // Cut before the commit, never within it: the commit is what makes the tag unique.
  const end = `-${sha.slice(0, SHORT_SHA)}`
  return fixed(`${start.slice(0, 128 - end.length)}${end}`)
}

/** The release that this run is about: the input, else a tag that is a version. Build metadata has no place in a tag. */
function releaseOf({ version, ref }: Occasion): SemVer | undefined {
  const text = version ?? (ref.startsWith('refs/tags/') ? ref.slice('refs/tags/'.length) : '')
  return parse(text) ?? undefined
}

/** What a run without a release is called, as metadata-action's default rules call it. */
function occasionName({ event, ref, pullRequest }: Occasion): string | undefined {
  if (event === 'schedule') return 'nightly'
  if (pullRequest !== undefined) return `pr-${pullRequest.number}`
  const [, kind, name] = /^refs\/(heads|tags|pull)\/(.+)$/.exec(ref) ?? []
  if (kind === undefined || name === undefined) return undefined
  const tag = sanitizeTag(kind === 'pull' ? `pr-${name.split('/')[0]}` : name)
  return tag === '' ? undefined : tag
}

function isDefaultBranchPush({ event, ref, defaultBranch }: Occasion): boolean {
  return event === 'push' && defaultBranch !== '' && ref === `refs/heads/${defaultBranch}`
}

/** Each tag once; where two rules give the same one, it is fixed as soon as one of them says so. */
function unique(names: readonly Name[]): readonly Name[] {
  const distinct = new Map<string, Name>()
  for (const name of names) {
    const known = distinct.get(name.tag)
    if (known === undefined || known.kind === 'moving') distinct.set(name.tag, name)
  }
  return [...distinct.values()]
}

function describe(rule: TagRule): string {
  return rule.type === 'preset' ? rule.preset : `type=raw,value=${rule.value}`
}

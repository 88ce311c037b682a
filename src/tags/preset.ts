import type { SemVer } from 'semver'
import parse from 'semver/functions/parse.js'
import { branchOf, type Occasion, pullOf, tagOf } from './occasion.ts'
import { type Given, gives, nothing, type Result } from './result.ts'
import type { Preset } from './rule.ts'
import { sanitizeTag } from './tag-text.ts'

/** Characters of the commit in presets. */
const SHORT_SHA = 7

export function nameByPreset(preset: Preset, occasion: Occasion): Result {
  return PRESET[preset](occasion)
}

/** The release that this run is about: the input, else a tag that is a version. */
export function releaseOf(occasion: Occasion): SemVer | undefined {
  return parse(occasion.version ?? tagOf(occasion) ?? '') ?? undefined
}

const PRESET: Readonly<Record<Preset, (occasion: Occasion) => Result>> = {
  version: nameOccasion,
  'version-commit': (occasion) => withCommit(nameOccasion(occasion), occasion),
  commit: ({ sha }) => (sha === '' ? nothing(NO_COMMIT) : gives({ ...COMMIT, value: sha.slice(0, SHORT_SHA) })),
  'major-minor': (occasion) => nameStable(occasion, ({ major, minor }) => `${major}.${minor}`),
  // 0.1 and 0.2 promise each other nothing (semver.org, item 4), so there is no `0`.
  major: (occasion) =>
    releaseOf(occasion)?.major === 0
      ? nothing('there is no major tag below 1.0.0')
      : nameStable(occasion, ({ major }) => `${major}`),
  latest: (occasion) =>
    releaseOf(occasion) === undefined && isDefaultBranchPush(occasion)
      ? gives({ value: 'latest', kind: 'moving', line: 'release', latest: false })
      : nameStable(occasion, () => 'latest'),
}

// The prefix is its own, as that of `type=sha`.
const COMMIT: Given = { value: '', kind: 'fixed', line: 'other', latest: false, ownPrefix: 'sha-' }
const NO_COMMIT = 'the commit is not known'

/** Whether a release is one that people should get without asking. */
export function isStable(release: SemVer | undefined): boolean {
  return release !== undefined && release.prerelease.length === 0
}

/** A release, else what metadata-action's default rules call a run. Build metadata has no place in a tag. */
function nameOccasion(occasion: Occasion): Result {
  const release = releaseOf(occasion)
  if (release !== undefined) {
    const { version } = release
    return gives({ value: version, kind: 'fixed', line: 'release', latest: false, release: version })
  }
  if (occasion.event === 'schedule') return gives(movingName('nightly', 'other'))
  const pull = occasion.pullRequest?.number ?? pullOf(occasion)?.split('/')[0]
  if (pull !== undefined) return gives({ ...movingName(`${pull}`, 'pull-request'), ownPrefix: 'pr-' })
  const branch = branchOf(occasion)
  const value = sanitizeTag(branch ?? tagOf(occasion) ?? '')
  if (value === '') return nothing('this run has no version, branch, tag or pull request')
  return gives(movingName(value, branch === undefined ? 'other' : 'branch'))
}

function movingName(value: string, line: Given['line']): Given {
  return { value, kind: 'moving', line, latest: false }
}

function nameStable(occasion: Occasion, name: (release: SemVer) => string): Result {
  const release = releaseOf(occasion)
  if (release === undefined) return nothing('only for releases')
  if (release.prerelease.length > 0) return nothing(`${release.version} is a pre-release`)
  return gives({ value: name(release), kind: 'moving', line: 'release', latest: false, release: release.version })
}

function withCommit(result: Result, { sha }: Occasion): Result {
  if (!('given' in result)) return result
  if (sha === '') return nothing(NO_COMMIT)
  return { ...result, given: { ...result.given, kind: 'fixed', end: `-${sha.slice(0, SHORT_SHA)}` } }
}

function isDefaultBranchPush({ event, ref, defaultBranch }: Occasion): boolean {
  return event === 'push' && defaultBranch !== '' && ref === `refs/heads/${defaultBranch}`
}

import { compare as comparePep440 } from '@renovatebot/pep440/lib/operator.js'
import { parse as parsePep440 } from '@renovatebot/pep440/lib/version.js'
import compareSemver from 'semver/functions/compare.js'
import parseSemver from 'semver/functions/parse.js'

/**
 * A release of either kind. `plain` is `1.2.3`, which both kinds read and order alike; the others are what only one of
 * them means in this form.
 */
export type Release = {
  /** as people write it, without a leading `v` */
  readonly text: string
  readonly kind: 'plain' | 'semver' | 'pep440'
  /** the numbers as they are written: `1.2` has two */
  readonly numbers: readonly number[]
  /** no pre-release and no development release */
  readonly isStable: boolean
}

/** As the semver package has it; what is longer is an attack on whoever reads it. */
const LONGEST = 256
const PLAIN = /^\d+\.\d+\.\d+$/

/**
 * Reads a release of semver.org or of PEP 440; `undefined` when the text is neither. The implicit post-release of PEP 440
 * (`1.2.3-5`) is not read: in tags that is a version and a commit which happens to have no letter.
 */
export function parseRelease(text: string): Release | undefined {
  const semver = parseSemver(text)
  if (semver !== null) {
    const { version, major, minor, patch, prerelease } = semver
    const isPlain = PLAIN.test(version) && semver.build.length === 0
    return {
      text: version,
      kind: isPlain ? 'plain' : 'semver',
      numbers: [major, minor, patch],
      isStable: prerelease.length === 0,
    }
  }
  const pep440 = text.length > LONGEST || /\d-\d/.test(text) ? null : parsePep440(text)
  if (pep440 === null) return undefined
  const { release, pre, dev } = pep440
  const isStable = !Array.isArray(pre) && !Array.isArray(dev)
  return { text: text.replace(/^v/i, ''), kind: 'pep440', numbers: release, isStable }
}

/**
 * Below zero when `one` is the lower release, zero when they are the same (build metadata has no order, semver.org item
 * 10), `undefined` when they cannot be compared because one is written as only semver and the other as only PEP 440.
 */
export function compareReleases(one: Release, other: Release): number | undefined {
  const kinds = new Set([one.kind, other.kind])
  if (kinds.has('semver') && kinds.has('pep440')) return undefined
  return kinds.has('pep440') ? Math.sign(comparePep440(one.text, other.text)) : compareSemver(one.text, other.text)
}

import type { Candidate } from './candidate.ts'
import { compareReleases, parseRelease, type Release } from './version.ts'

/** What a moving tag follows. `release`: `latest`, `1` and `1.2`; `other`: a name of the user's own, `edge`, `nightly`. */
export type Line = 'release' | 'branch' | 'pull-request' | 'other'

/** A tag that moves, and what it follows. */
export type MovingTag = { readonly name: string; readonly line: Line }

/** What the flavor puts around names; it says which images belong together, and nothing about versions. */
export type Affixes = { readonly prefix: string; readonly suffix: string }

/**
 * The version in a name without the flavor around it; the whole name where the flavor is not around it, because labels
 * are written by tools that know of no flavor.
 */
export function withoutAffixes(text: string, affixes: Affixes): string {
  return bareName(text, affixes) ?? text
}

/**
 * The highest stable release among the tags of a repository that is in the line of a tag: `1.2` looks at 1.2.*, `1` at
 * 1.*, every other name at all of them. Only tags of the same flavor count. The candidate's own release is left out:
 * that it has a tag by now tells nothing about the others.
 */
export function highestRelease(
  tags: readonly string[],
  { name }: MovingTag,
  candidate: Candidate,
  affixes: Affixes,
): Release | undefined {
  const own = releaseOf(candidate, affixes)
  const line = numbersOf(withoutAffixes(name, affixes))
  const releases = tags.flatMap((tag) => readRelease(bareName(tag, affixes) ?? '', candidate, affixes) ?? [])
  const others = releases.filter((one) => one.isStable && isIn(line, one) && isOther(one, own))
  return others.reduce<Release | undefined>(
    (highest, one) => (highest === undefined || (compareReleases(one, highest) ?? 0) > 0 ? one : highest),
    undefined,
  )
}

/** The release that the candidate is; `undefined` when it is none, or one of no known kind. */
export function releaseOf({ release }: Candidate, affixes: Affixes): Release | undefined {
  return release === undefined ? undefined : parseRelease(withoutAffixes(release, affixes))
}

/**
 * A version that an image or a tag tells, when it is a release of this project. PEP 440 reads nearly every number as one,
 * so dates (`20260105`), commits without a letter and branches called `17.0` must be told apart: a release has at most
 * one number fewer than the candidate's. Beside a build of a branch it has two, or three where branches are called like
 * versions.
 */
export function readRelease(text: string, candidate: Candidate, affixes: Affixes): Release | undefined {
  const release = parseRelease(withoutAffixes(text, affixes))
  return release !== undefined && release.numbers.length >= leastNumbers(candidate, affixes) ? release : undefined
}

function leastNumbers(candidate: Candidate, affixes: Affixes): number {
  const own = releaseOf(candidate, affixes)
  if (own !== undefined) return own.numbers.length - 1
  return parseRelease(withoutAffixes(candidate.version, affixes)) === undefined ? 2 : 3
}

function bareName(text: string, { prefix, suffix }: Affixes): string | undefined {
  const isWithin = text.length >= prefix.length + suffix.length && text.startsWith(prefix) && text.endsWith(suffix)
  return isWithin ? text.slice(prefix.length, text.length - suffix.length) : undefined
}

/** `1.2` is a line of its own; `latest` has all of them. */
function numbersOf(name: string): readonly number[] {
  return /^v?\d+(?:\.\d+)*$/.test(name) ? name.replace('v', '').split('.').map(Number) : []
}

function isIn(line: readonly number[], { numbers }: Release): boolean {
  return line.every((number, index) => (numbers[index] ?? 0) === number)
}

function isOther(one: Release, own: Release | undefined): boolean {
  if (own === undefined) return true
  const order = compareReleases(one, own)
  return order !== undefined && order !== 0
}

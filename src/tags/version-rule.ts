import { parse as parsePep440, stringify } from '@renovatebot/pep440/lib/version.js'
// This function alone: the whole library costs 5 ms before the first line of the log.
import parseSemver from 'semver/functions/parse.js'
import { factsOf, type Occasion, tagOf } from './occasion.ts'
import { gives, nothing, nothingAloud, type Result } from './result.ts'
import type { Pattern, VersionRule } from './rule.ts'
import { expand, isOnly, namesOf, type Template } from './template.ts'

/** `type=semver` and `type=pep440`: a version, or parts of it. */
export function nameVersion(rule: VersionRule, occasion: Occasion): Result {
  const text = textOf(rule.value, occasion)
  if (text === undefined) return nothing('only for tags, and with a value')
  const { found, warnings } = findVersion(rule.match, text)
  // As in metadata-action, so that `app/v1.2.3` is not taken for `v1.2.3` unless `match` says so.
  const name = found.replaceAll('/', '-')
  const version = readVersion(rule.type, name)
  if (version === undefined) return nothingAloud(`${name} is no version of ${STANDARD[rule.type]}`, warnings)
  const isWhole = version.isWhole || isFull(rule.pattern)
  return gives(
    {
      value: textBy(rule.pattern, version, occasion),
      kind: isWhole ? 'fixed' : 'moving',
      line: 'release',
      latest: !version.isWhole,
      // The library writes the parts of a local version with commas between them.
      release: (version.values['version'] ?? '').replaceAll(',', '.'),
    },
    warnings,
  )
}

/** The text that a rule looks at: its own value, else the version of this run, else its tag. */
export function textOf(value: Template | undefined, occasion: Occasion): string | undefined {
  if (value !== undefined) return expand(value, factsOf(occasion))
  return occasion.version ?? tagOf(occasion)
}

/** Whether text is a full version, `1.2.3` or `v1.2.3-rc.1`. */
export function isFullVersion(text: string): boolean {
  return parseSemver(text) !== null
}

const STANDARD = { semver: 'semver.org', pep440: 'PEP 440' }

type Version = {
  /** what the pattern may name */
  readonly values: Readonly<Record<string, string>>
  /** whether it is told in full whatever the pattern: a pre-release is no 1.2 */
  readonly isWhole: boolean
}

// A pattern that does not match leaves the whole text, as in metadata-action; the warning says so.
function findVersion(match: Pattern | undefined, text: string) {
  if (match === undefined) return { found: text, warnings: [] }
  const found = text.match(toRegExp(match))?.[1]
  if (found !== undefined) return { found, warnings: [] }
  return { found: text, warnings: [`${match.source} does not match ${text}, so the whole of it is taken`] }
}

function readVersion(type: 'semver' | 'pep440', text: string): Version | undefined {
  return type === 'semver' ? readSemver(text) : readPep440(text)
}

function readSemver(text: string): Version | undefined {
  const semver = parseSemver(text)
  if (semver === null) return undefined
  const { version, major, minor, patch, prerelease, build } = semver
  const values = {
    raw: text,
    version,
    major: `${major}`,
    minor: `${minor}`,
    patch: `${patch}`,
    prerelease: prerelease.join(','),
    build: build.join(','),
  }
  return { values, isWhole: prerelease.length > 0 }
}

function readPep440(text: string): Version | undefined {
  const pep440 = parsePep440(text)
  if (pep440 === null) return undefined
  const [major = 0, minor = 0, patch = 0] = pep440.release
  const values = {
    raw: text,
    version: stringify(pep440) ?? text,
    major: `${major}`,
    minor: `${minor}`,
    patch: `${patch}`,
  }
  return { values, isWhole: [pep440.pre, pep440.post, pep440.dev].some(Array.isArray) }
}

function textBy(pattern: Template, { values, isWhole }: Version, { begun }: Occasion): string {
  if (!isWhole) return expand(pattern, { values, date: begun, commitDate: begun })
  return values[isOnly(pattern, 'raw') ? 'raw' : 'version'] ?? ''
}

/** Whether a name by this pattern belongs to one release and to no other. */
function isFull(pattern: Template): boolean {
  const names = namesOf(pattern)
  const has = (name: string) => names.includes(name)
  return has('version') || has('raw') || ['major', 'minor', 'patch'].every(has)
}

export function toRegExp({ source, flags }: Pattern): RegExp {
  return new RegExp(source, flags)
}

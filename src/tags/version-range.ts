/**
 * Versions and ranges as regclient reads them (`internal/semver`), which is not semver.org: any count of numbers, a `v`
 * in front, everything after the first dash is a pre-release. So `22-alpine` is a pre-release of 22, and `<2.0.0` takes
 * `2.0.0-alpine`.
 */
export type LooseVersion = {
  readonly numbers: readonly bigint[]
  /** empty: none */
  readonly prerelease: string
}

/** What a range asks of a version, all of it at once. */
export type VersionRange = readonly Bound[]

type Bound = { readonly operator: '=' | '>' | '>=' | '<' | '<='; readonly version: LooseVersion }

/** The largest number of Go's `int`. */
const LARGEST = 2n ** 63n - 1n

/** Reads a tag as a version; `undefined` when it is none. */
export function parseLooseVersion(text: string): LooseVersion | undefined {
  const [bare = ''] = text.replace(/^v/, '').split('+')
  const dash = bare.indexOf('-')
  const digits = (dash < 0 ? bare : bare.slice(0, dash)).split('.')
  if (!digits.every((part) => /^\d{1,128}$/.test(part))) return undefined
  const numbers = digits.map((part) => BigInt(part))
  if (numbers.some((number) => number > LARGEST)) return undefined
  return { numbers, prerelease: dash < 0 ? '' : bare.slice(dash + 1) }
}

/** Reads `>=1.2 <2`, `^1.2`, `~1.2.3`, `1.2.3`; what stands beside each other must all hold. `undefined`: it is no range. */
export function parseRange(text: string): VersionRange | undefined {
  const words = text.split(/\s+/).filter((word) => word !== '')
  const bounds = words.map(parseBounds)
  return words.length > 0 && bounds.every((some) => some !== undefined) ? bounds.flat() : undefined
}

/** What a range does that it does not look like: below a release lie its own pre-releases. */
export function rangeSurprise(text: string): string | undefined {
  const [, release] = /(?:^|\s)<(v?\d+(?:\.\d+)*)(?=\s|$)/.exec(text) ?? []
  if (release === undefined) return undefined
  return `takes ${release}-rc.1 and ${release}-alpine too, which count as lower than ${release}; <${release}-0 does not`
}

export function isInRange(range: VersionRange, version: LooseVersion): boolean {
  return range.every(({ operator, version: bound }) => {
    const order = compareLoosely(version, bound)
    if (operator === '=') return order === 0
    if (operator === '>') return order > 0
    if (operator === '<') return order < 0
    return operator === '>=' ? order >= 0 : order <= 0
  })
}

/** Below zero when `one` is the lower version. Missing numbers are zeros; a pre-release is lower than its release. */
export function compareLoosely(one: LooseVersion, other: LooseVersion): number {
  const length = Math.max(one.numbers.length, other.numbers.length)
  for (let at = 0; at < length; at += 1) {
    const difference = (one.numbers[at] ?? 0n) - (other.numbers[at] ?? 0n)
    if (difference !== 0n) return difference < 0n ? -1 : 1
  }
  if (one.prerelease === other.prerelease) return 0
  if (one.prerelease === '') return 1
  return other.prerelease === '' ? -1 : comparePrereleases(one.prerelease, other.prerelease)
}

function parseBounds(word: string): readonly Bound[] | undefined {
  const [, operator = '', text = ''] = /^(\^|~|>=|<=|>|<|=)?(.*)$/.exec(word) ?? []
  const version = parseLooseVersion(text)
  if (version === undefined) return undefined
  switch (operator) {
    case '^':
      return [
        { operator: '>=', version },
        { operator: '<', version: afterCaret(version) },
      ]
    case '~':
      return [
        { operator: '>=', version },
        { operator: '<', version: release(numberAt(version, 0), numberAt(version, 1) + 1n, 0n) },
      ]
    case '>':
    case '>=':
    case '<':
    case '<=':
      return [{ operator, version }]
    default:
      return [{ operator: '=', version }]
  }
}

// The leftmost number that is not zero stays.
function afterCaret(version: LooseVersion): LooseVersion {
  const [major, minor, patch] = [numberAt(version, 0), numberAt(version, 1), numberAt(version, 2)]
  if (major > 0n) return release(major + 1n, 0n, 0n)
  return minor > 0n ? release(0n, minor + 1n, 0n) : release(0n, 0n, patch + 1n)
}

function release(...numbers: readonly bigint[]): LooseVersion {
  return { numbers, prerelease: '' }
}

function numberAt({ numbers }: LooseVersion, at: number): bigint {
  return numbers[at] ?? 0n
}

function comparePrereleases(one: string, other: string): number {
  const [ours, theirs] = [one.split('.'), other.split('.')]
  for (let at = 0; at < Math.min(ours.length, theirs.length); at += 1) {
    const order = compareParts(ours[at] ?? '', theirs[at] ?? '')
    if (order === undefined) return 0
    if (order !== 0) return order
  }
  return Math.sign(ours.length - theirs.length)
}

/**
 * `rc2` before `rc11`: words as words, numbers as numbers. `undefined` where two parts are the same word without a
 * number: there regclient stops, so that `alpha.1` and `alpha.2` are one to it.
 */
function compareParts(ours: string, theirs: string): number | undefined {
  if (ours === '' || theirs === '') return Math.sign(ours.length - theirs.length)
  const [us, them] = [splitNumber(ours), splitNumber(theirs)]
  if (us.head !== them.head) return us.head < them.head ? -1 : 1
  if (us.number !== them.number) return (us.number ?? -1n) < (them.number ?? -1n) ? -1 : 1
  return us.number === undefined ? undefined : compareParts(us.tail, them.tail)
}

function splitNumber(text: string): {
  readonly head: string
  readonly number: bigint | undefined
  readonly tail: string
} {
  const [, head = '', digits = '', tail = ''] = /^([^0-9]*)([0-9]*)([\s\S]*)$/.exec(text) ?? []
  const number = digits === '' ? undefined : BigInt(digits)
  return { head, number: number === undefined || number > LARGEST ? undefined : number, tail }
}

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compareLoosely,
  isInRange,
  type LooseVersion,
  parseLooseVersion,
  parseRange,
} from '../../src/tags/version-range.ts'

function read(text: string): LooseVersion {
  const version = parseLooseVersion(text)
  if (version === undefined) throw new Error(`${text} is no version`)
  return version
}

const fits = (range: string, version: string) => isInRange(parseRange(range) ?? [], read(version))

// The tables are those of regclient's internal/semver/semver_test.go, so that a file means the same here and there.
describe('a version', () => {
  test.each<[string, readonly bigint[], string]>([
    ['1.2.3', [1n, 2n, 3n], ''],
    ['v1.2.3', [1n, 2n, 3n], ''],
    ['1.2.3-rc1', [1n, 2n, 3n], 'rc1'],
    ['v1.2.3-beta.1', [1n, 2n, 3n], 'beta.1'],
    ['1.2.3+build123', [1n, 2n, 3n], ''],
    ['1', [1n], ''],
    ['1.2', [1n, 2n], ''],
    ['0.0.0', [0n, 0n, 0n], ''],
    ['10.0.17763.2114', [10n, 0n, 17763n, 2114n], ''],
  ])('is read from %s', (text, numbers, prerelease) => {
    expect(parseLooseVersion(text)).toEqual({ numbers, prerelease })
  })

  test.each(['abc', '', 'v', '1.', '1..2', '-1', '1.x', 'V1', '9223372036854775808'])(
    'is not read from “%s”',
    (text) => {
      expect(parseLooseVersion(text)).toBeUndefined()
    },
  )

  test.each<[string, string, number]>([
    ['1.2.3', '1.2.3', 0],
    ['1.2.3', '2.2.3', -1],
    ['2.2.3', '1.2.3', 1],
    ['1.2.3', '1.3.3', -1],
    ['1.3.3', '1.2.3', 1],
    ['1.2.3', '1.2.4', -1],
    ['1.2.4', '1.2.3', 1],
    ['v1.2.3', 'v1.2.3', 0],
    ['1.2.3-rc1', '1.2.3', -1],
    ['1.2.3', '1.2.3-rc1', 1],
    ['1.2.3-alpha', '1.2.3-beta', -1],
    ['1.2.3-rc2', '1.2.3-rc11', -1],
    ['10.0.17763.2114', '10.0.17763.2114', 0],
    ['10.0.17763.2114', '10.0.17763.2115', -1],
    ['10.0.17763.2115', '10.0.17763.2114', 1],
    ['10.0.17763', '10.0.17763.0', 0],
    ['1.2.3', '1.2.3.1', -1],
    ['1.2.3.1', '1.2.3', 1],
    // Not in those tables, and what their code does.
    ['1.2.3-rc', '1.2.3-rc1', -1],
    ['1.2.3-rc1', '1.2.3-rc', 1],
    ['1.2.3-rc1', '1.2.3-rc1.1', -1],
    ['1.2.3-rc1a', '1.2.3-rc1', 1],
    ['1.2.3-alpha.1', '1.2.3-alpha.2', 0],
  ])('%s to %s is %i', (one, other, order) => {
    expect(compareLoosely(read(one), read(other))).toBe(order)
  })
})

describe('a range', () => {
  test.each(['', ' ', '>=abc', 'invalid range', '>=', '1.x', '>= 1.0'])('is not read from “%s”', (text) => {
    expect(parseRange(text)).toBeUndefined()
  })

  test.each<[string, string, boolean]>([
    ['>=1.0.0', '1.0.0', true],
    ['>=1.0.0', '1.5.0', true],
    ['>=1.0.0', '0.9.0', false],
    ['<=2.0.0', '2.0.0', true],
    ['<=2.0.0', '1.5.0', true],
    ['<=2.0.0', '2.1.0', false],
    ['>1.0.0', '1.0.1', true],
    ['>1.0.0', '1.0.0', false],
    ['<2.0.0', '1.9.9', true],
    ['<2.0.0', '2.0.0', false],
    ['=1.0.0', '1.0.0', true],
    ['=1.0.0', '1.0.1', false],
    ['1.0.0', '1.0', true],
    ['>=1.0.0 <2.0.0', '1.5.0', true],
    ['>=1.0.0 <2.0.0', '1.0.0', true],
    ['>=1.0.0 <2.0.0', '2.0.0', false],
    ['>=1.0.0 <2.0.0', '0.9.0', false],
    ['>=1.0.0 <2.0.0', '2.1.0', false],
    ['^1.2.3', '1.2.3', true],
    ['^1.2.3', '1.5.0', true],
    ['^1.2.3', '1.2.5', true],
    ['^1.2.3', '2.0.0', false],
    ['^1.2.3', '1.2.2', false],
    ['^0.2.3', '0.2.5', true],
    ['^0.2.3', '0.3.0', false],
    ['^0.0.3', '0.0.3', true],
    ['^0.0.3', '0.0.4', false],
    ['~1.2.3', '1.2.3', true],
    ['~1.2.3', '1.2.5', true],
    ['~1.2.3', '1.3.0', false],
    ['~1.2.3', '1.2.2', false],
    ['>=1.0.0', 'v1.5.0', true],
    ['>=v1.0.0', '1.5.0', true],
    ['>=1.0.0-rc1', '1.0.0-rc2', true],
    ['>=1.0.0-rc1', '1.0.0', true],
    ['<2.0.0', '2.0.0-alpine', true],
  ])('%s of %s: %s', (range, version, expected) => {
    expect(fits(range, version)).toBe(expected)
  })

  test('takes every version or its opposite does', () => {
    const number = fc.nat({ max: 3 })
    const version = fc
      .tuple(
        fc.array(number, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('', '-rc1', '-rc2', '-rc11', '-alpine3.2'),
      )
      .map(([numbers, end]) => `${numbers.join('.')}${end}`)
    fc.assert(
      fc.property(version, version, (one, other) => {
        expect(fits(`<${one}`, other)).toBe(!fits(`>=${one}`, other))
        expect(fits(`>${one}`, other)).toBe(!fits(`<=${one}`, other))
        expect(fits(one, other)).toBe(fits(`<=${one}`, other) && fits(`>=${one}`, other))
        expect(compareLoosely(read(one), read(other))).toBe(0 - compareLoosely(read(other), read(one)))
      }),
    )
  })
})

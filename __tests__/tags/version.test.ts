import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareReleases, parseRelease, type Release } from '../../src/tags/version.ts'

function read(text: string): Release {
  const release = parseRelease(text)
  if (release === undefined) throw new Error(`${text} is no release`)
  return release
}

describe('a release', () => {
  test.each<[string, string, Release['kind'], boolean]>([
    ['1.2.3', '1.2.3', 'plain', true],
    ['v1.2.3', '1.2.3', 'plain', true],
    ['1.2.3-rc.1', '1.2.3-rc.1', 'semver', false],
    ['1.2.3-alpine', '1.2.3-alpine', 'semver', false],
    ['1.2.3+build.5', '1.2.3', 'semver', true],
    ['1.2', '1.2', 'pep440', true],
    ['v1.2', '1.2', 'pep440', true],
    ['1.2.3.4', '1.2.3.4', 'pep440', true],
    ['1.2.3rc1', '1.2.3rc1', 'pep440', false],
    ['1.2.3.dev4', '1.2.3.dev4', 'pep440', false],
    ['1.2.3.post1', '1.2.3.post1', 'pep440', true],
    ['1.2.3.post1.dev2', '1.2.3.post1.dev2', 'pep440', false],
    ['1!2.0', '1!2.0', 'pep440', true],
    ['2026.01', '2026.01', 'pep440', true],
  ])('is read from %s', (text, written, kind, isStable) => {
    expect(parseRelease(text)).toMatchObject({ text: written, kind, isStable })
  })

  test.each([
    '',
    'main',
    'latest',
    'pr-12',
    'sha-90dd603',
    '1.2.3-0123456',
    '2026-01-05',
    '3.12-slim',
    '1.x',
    '1'.repeat(300),
  ])('is not read from “%s”', (text) => expect(parseRelease(text)).toBeUndefined())

  test.each<[string, string]>([
    ['1.9.0', '1.10.0'],
    ['1.0.0-rc.9', '1.0.0-rc.10'],
    ['1.0.0-rc.1', '1.0.0'],
    ['1.0.dev1', '1.0a1'],
    ['1.0a1', '1.0b1'],
    ['1.0b1', '1.0rc1'],
    ['1.0rc1', '1.0.0'],
    ['1.0.0', '1.0.post1'],
    ['1.0.post1', '1.0.1'],
    ['2026.1', '1!1.0'],
  ])('%s is lower than %s', (lower, higher) => {
    expect(compareReleases(read(lower), read(higher))).toBe(-1)
    expect(compareReleases(read(higher), read(lower))).toBe(1)
  })

  test.each([
    ['1.0', '1.0.0'],
    ['1.0.0+1', '1.0.0+2'],
    ['1.0rc1', '1.0.0c1'],
  ])('%s and %s are the same', (one, other) => {
    expect(compareReleases(read(one), read(other))).toBe(0)
  })

  test('of one kind is not compared with the other kind', () => {
    expect(compareReleases(read('1.0.0-rc.1'), read('1.0.0.post1'))).toBeUndefined()
  })

  const number = fc.nat({ max: 2 })
  const plain = fc.tuple(number, number, number).map((numbers) => numbers.join('.'))
  const ends = {
    semver: ['', '-1', '-rc.1', '-rc.2', '-a.b', '+x'],
    pep440: ['', 'rc1', 'a2', '.post1', '.dev3', '.1', 'rc1.dev2'],
  }

  test.each(Object.entries(ends))('has a place in one order with all others of %s', (_kind, kindEnds) => {
    const one = fc.tuple(plain, fc.constantFrom(...kindEnds)).map(([start, end]) => read(start + end))
    fc.assert(
      fc.property(one, one, one, (a, b, c) => {
        const order = (x: Release, y: Release) => compareReleases(x, y) ?? Number.NaN
        expect(order(a, b) + order(b, a)).toBe(0)
        expect(order(a, a)).toBe(0)
        if (order(a, b) <= 0 && order(b, c) <= 0) expect(order(a, c)).toBeLessThanOrEqual(0)
      }),
      { numRuns: 500 },
    )
  })
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDuration } from '../../src/action/duration.ts'

test.each<[string, number | undefined]>([
  ['90s', 90_000],
  ['10m', 600_000],
  ['48h', 172_800_000],
  ['2d', 172_800_000],
  ['1h30m', 5_400_000],
  ['', undefined],
  ['10', undefined],
  ['10 m', undefined],
  ['-1h', undefined],
  ['1.5h', undefined],
  ['10m ', undefined],
  ['1w', undefined],
])('reads %j as %j', (text, expected) => {
  expect(parseDuration(text)).toBe(expected)
})

test('reads whatever it is given as a time or as none', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const duration = parseDuration(text)
      expect(duration === undefined || Number.isSafeInteger(duration)).toBe(true)
    }),
  )
})

import { expect, it } from 'vitest'
import { formatBytes, formatCount, formatDuration } from '../../src/report/quantity.ts'

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [4_100_000, '4.1 MB'],
  [9_940_000, '9.9 MB'],
  [9_960_000, '10 MB'],
  [88_400_000, '88 MB'],
  [999_600, '1.0 MB'],
  [2_500_000_000, '2.5 GB'],
  [5e15, '5000 TB'],
])('%d bytes are shown as %s', (bytes, shown) => {
  expect(formatBytes(bytes)).toBe(shown)
})

it.each([
  [0, '0.0 s'],
  [350, '0.4 s'],
  [41_200, '41.2 s'],
  [59_940, '59.9 s'],
  [59_960, '1 min'],
  [125_000, '2 min 5 s'],
  [3_599_600, '1 h'],
  [3_780_000, '1 h 3 min'],
  [21_600_000, '6 h'],
])('%d milliseconds are shown as %s', (milliseconds, shown) => {
  expect(formatDuration(milliseconds)).toBe(shown)
})

it('counts have their plural', () => {
  expect([formatCount(1, 'blob'), formatCount(0, 'blob'), formatCount(2, 'retry', 'retries')]).toEqual([
    '1 blob',
    '0 blobs',
    '2 retries',
  ])
})

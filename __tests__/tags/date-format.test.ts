import { describe, expect, test } from 'vitest'
import { formatDate, isTimeZone } from '../../src/tags/date-format.ts'

const SPRING = new Date('2026-02-03T04:05:06.789Z')

// The examples of https://momentjs.com/docs/#/displaying/format/ and of metadata-action's README; each token besides is
// compared with recordings in metadata-action.test.ts.
describe('formatDate', () => {
  test.each([
    ['dddd, MMMM Do YYYY, h:mm:ss a', 'Tuesday, February 3rd 2026, 4:05:06 am'],
    ['YYYY-MM-DDTHH:mm:ss.SSS[Z]', '2026-02-03T04:05:06.789Z'],
    ['GGGG-[W]WW-E', '2026-W06-2'],
    ['[today] dddd', 'today Tuesday'],
    ['[a]b]', 'a]b'],
    ['\\YYYY', 'YYYY'],
    ['foo\nbar', 'foo\nbamr'],
    ['hmm Hmmss SSSS', '405 40506 7890'],
    ['', '2026-02-03T04:05:06Z'],
  ])('writes %j', (format, expected) => {
    expect(formatDate(SPRING, format, 'UTC')).toBe(expected)
  })

  test.each([
    [1, '1st'],
    [2, '2nd'],
    [3, '3rd'],
    [4, '4th'],
    [11, '11th'],
    [12, '12th'],
    [13, '13th'],
    [21, '21st'],
    [22, '22nd'],
    [23, '23rd'],
    [30, '30th'],
  ])('counts day %d as %s', (day, expected) => {
    expect(formatDate(new Date(Date.UTC(2026, 0, day)), 'Do', 'UTC')).toBe(expected)
  })

  test.each([
    ['2026-01-01', '2026-W01', '2026-01'],
    ['2027-01-01', '2026-W53', '2027-01'],
    ['2024-12-30', '2025-W01', '2025-01'],
    ['2023-01-01', '2022-W52', '2023-01'],
    ['2021-01-02', '2020-W53', '2021-01'],
    ['2022-12-31', '2022-W52', '2022-53'],
  ])('counts the weeks around New Year: %s', (day, iso, american) => {
    expect(formatDate(new Date(day), 'GGGG-[W]WW', 'UTC')).toBe(iso)
    expect(formatDate(new Date(day), 'gggg-ww', 'UTC')).toBe(american)
  })

  test.each([
    ['Asia/Tokyo', '2026-02-03T13:05:06+09:00'],
    ['America/St_Johns', '2026-02-03T00:35:06-03:30'],
    ['Pacific/Kiritimati', '2026-02-03T18:05:06+14:00'],
    ['Pacific/Honolulu', '2026-02-02T18:05:06-10:00'],
    ['Europe/Berlin', '2026-02-03T05:05:06+01:00'],
  ])('knows the clocks of %s', (zone, expected) => {
    expect(formatDate(SPRING, '', zone)).toBe(expected)
  })

  test('knows daylight saving time', () => {
    expect(formatDate(new Date('2026-07-01T00:00:00Z'), 'HH Z', 'Europe/Berlin')).toBe('02 +02:00')
    expect(formatDate(new Date('2026-03-29T00:59:59Z'), 'HH:mm Z', 'Europe/Berlin')).toBe('01:59 +01:00')
    expect(formatDate(new Date('2026-03-29T01:00:00Z'), 'HH:mm Z', 'Europe/Berlin')).toBe('03:00 +02:00')
  })

  test('says so when there is no date', () => {
    expect(formatDate(new Date('yesterday'), 'YYYY', 'UTC')).toBe('Invalid date')
  })
})

test.each([
  ['Europe/Berlin', true],
  ['utc', true],
  ['EST5EDT', true],
  ['Mars/Base', false],
  ['', false],
])('isTimeZone of “%s” is %s', (zone, expected) => {
  expect(isTimeZone(zone)).toBe(expected)
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lastLine, lastLines, logLine, plainLine, withoutPaths } from '../src/plain-text.ts'

describe('plainLine', () => {
  test.each([
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['a title for the terminal', '\u001b]0;owned\u0007rest', 'rest'],
    ['line ends, as forged log lines need them', 'a\r\n::error::b', 'a ::error::b'],
    ['marks that turn the direction', 'a\u202eb', 'a b'],
    ['half of a character', '\ud800a', '\ufffda'],
    ['nothing of a usual text', 'musl 1.1.19 → 1.1.22 (größer)', 'musl 1.1.19 → 1.1.22 (größer)'],
  ])('takes out %s', (_name, text, plain) => {
    expect(plainLine(text)).toBe(plain)
  })

  test('is one short line without hidden characters, whatever comes in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer({ min: 1, max: 50 }), (text, limit) => {
        const line = plainLine(text, limit)
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        expect(line.length).toBeLessThanOrEqual(limit)
        expect(line.isWellFormed()).toBe(true)
      }),
    )
  })
})

describe('lastLines', () => {
  test('keeps the last twenty that say something', () => {
    const log = Array.from({ length: 30 }, (_, at) => `line ${at}\n\n`).join('')
    expect(lastLines(log, [])).toEqual(Array.from({ length: 20 }, (_, at) => `line ${at + 10}`))
  })

  test('shows no folder of ours', () => {
    expect(lastLines('open /t/room/images/x: no\nin /t/room', ['/t', '/t/room', ''])).toEqual([
      'open images/x: no',
      'in .',
    ])
    expect(withoutPaths('/a/b/c', ['/a', '/a/b'])).toBe('c')
  })
})

test.each([
  ['colours', '\u001b[31mred\u001b[0m', 'red'],
  ['links of terminals', '\u001b]8;;https://evil\u0007text\u001b]8;;\u0007', 'text'],
  ['a carriage return', 'shown\r::error::hidden', 'shown::error::hidden'],
  ['reversed text', 'abc\u202Edef', 'abcdef'],
  ['tabs', '\tx', '  x'],
])('logLine takes out %s', (_name, line, plain) => {
  expect(logLine(line)).toBe(plain)
})

test('logLine leaves one short line without control characters, whatever it is given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 5000 }), (line) => {
      const plain = logLine(line)
      expect(plain).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      expect(plain.length).toBeLessThanOrEqual(2001)
    }),
  )
})

test.each([
  ['a\nb\n\n  \n', 'b'],
  ['', ''],
])('lastLine of %j is %j', (output, line) => {
  expect(lastLine(output)).toBe(line)
})

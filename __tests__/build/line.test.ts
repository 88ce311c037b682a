import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lastLine, plainLine } from '../../src/build/line.ts'

test.each([
  ['colours', '\u001b[31mred\u001b[0m', 'red'],
  ['links of terminals', '\u001b]8;;https://evil\u0007text\u001b]8;;\u0007', 'text'],
  ['a carriage return', 'shown\r::error::hidden', 'shown::error::hidden'],
  ['reversed text', 'abc\u202Edef', 'abcdef'],
  ['tabs', '\tx', '  x'],
])('plainLine takes out %s', (_name, line, plain) => {
  expect(plainLine(line)).toBe(plain)
})

test('plainLine leaves one short line without control characters, whatever it is given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 5000 }), (line) => {
      const plain = plainLine(line)
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

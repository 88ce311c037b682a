import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitIntoLines } from '../../src/action/line-splitter.ts'

function lines(chunks: readonly Uint8Array[]): readonly string[] {
  const found: string[] = []
  const splitter = splitIntoLines((line) => found.push(line))
  for (const chunk of chunks) splitter.feed(chunk)
  splitter.end()
  return found
}

test('it makes no difference where a pipe cuts', () => {
  const text = fc.array(fc.constantFrom('a', 'é', '🚢', '\r', '\n', '\r\n')).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 5 }), (whole, size) => {
      const bytes = Buffer.from(whole)
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      )
      const expected = whole.split(/\r\n|\r|\n/)
      if (expected.at(-1) === '') expected.pop()
      expect(lines(chunks)).toEqual(expected)
    }),
  )
})

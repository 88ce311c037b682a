import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextLink } from '../../src/net/link.ts'

test.each<readonly [string, readonly string[], string | undefined]>([
  ['as distribution writes it', ['</v2/a/tags/list?last=b&n=2>; rel="next"'], '/v2/a/tags/list?last=b&n=2'],
  ['without quotes', ['<?page=2>;rel=next'], '?page=2'],
  ['in capitals and with spaces', ['  < /p >  ;  REL = "NEXT" '], '/p'],
  ['with several relations', ['</p>; rel="last next"'], '/p'],
  ['after another parameter', ['</p>; title="a; rel=prev, <b>"; rel="next"'], '/p'],
  ['after another link of the field', ['</0>; rel="prev", </2>; rel="next"'], '/2'],
  ['in another field', ['</0>; rel="prev"', '</2>; rel="next"'], '/2'],
  ['with a comma and a semicolon in it', ['</p?a=1,2;3>; rel="next"'], '/p?a=1,2;3'],
  ['with the first `rel` of two', ['</p>; rel="prev"; rel="next"'], undefined],
  ['of another relation', ['</p>; rel="nextish"'], undefined],
  ['without a relation', ['</p>'], undefined],
  ['in a title alone', ['</p>; title="; rel=next"'], undefined],
  ['without brackets', ['/p; rel="next"'], undefined],
  ['of no field', [], undefined],
  ['that is endless', [`<${'a'.repeat(10_000)}>; rel="next"`], undefined],
])('the next link %s', (_name, fields, target) => {
  expect(nextLink(fields)).toBe(target)
})

test('any text at all is read quickly and without trouble', () => {
  const piece = fc.constantFrom('<', '>', ';', ',', '"', 'rel', '=', 'next', ' ', 'a')
  const began = performance.now()
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 200 }).map((pieces) => pieces.join(''))), (fields) => {
      expect(['undefined', 'string']).toContain(typeof nextLink(fields))
    }),
  )
  for (const run of ['<', '<>;', '<>; a', '<>;rel=" ', '<> ', '<>;a =']) nextLink([run.repeat(8000 / run.length)])
  nextLink([`<>${';a= '.repeat(2000)}"`])
  nextLink([`<>${' '.repeat(8000)}`])
  expect(performance.now() - began).toBeLessThan(5000)
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { goMatcher } from '../../src/tags/go-match.ts'
import recorded from '../fixtures/regsync/patterns.json' with { type: 'json' }

function isFound(pattern: string, text: string): boolean {
  const matcher = goMatcher(pattern)
  if ('why' in matcher) throw new Error(`${pattern}: ${matcher.why}`)
  return matcher(text)
}

// pkg.go.dev/regexp/syntax; where JavaScript reads a line differently, that line is why this matcher exists.
test('does with every recorded pattern what Go does', () => {
  const differences = Object.entries(recorded.patterns).filter(([pattern, found]) => {
    const matcher = goMatcher(`^${pattern}$`)
    const ours = 'why' in matcher ? null : recorded.texts.flatMap((text, at) => (matcher(text) ? [at] : []))
    return JSON.stringify(ours) !== JSON.stringify(found)
  })
  expect(Object.keys(recorded.patterns).length).toBeGreaterThan(400)
  expect(differences).toEqual([])
})

describe('a regular expression of Go', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['^3\\.\\d+$', ['3.1', '3.21'], ['3.', '13.1', '3.1-alpine']],
    ['^a|b$', ['a', 'abc', 'cab', 'b'], ['ca', 'bc']],
    ['^*$', ['', 'anything'], []],
    ['^(?i)RC\\d$', ['rc1', 'Rc2'], ['rc']],
    ['^(?i:a)b$', ['Ab', 'ab'], ['AB']],
    ['^(?P<major>\\d+)(?<rest>\\..*)?$', ['1', '1.2'], ['v1']],
    ['\\Aab\\z', ['ab'], ['abc', 'cab']],
    ['^[[:digit:]]+[[:^digit:]]$', ['12a'], ['12', 'a']],
    ['^[]a]+$', [']a]'], ['b']],
    ['^[^]a]+$', ['b'], ['a', ']']],
    ['^[a-]+$', ['a-a'], ['b']],
    ['^[\\d.]+$', ['1.2'], ['1a']],
    ['^[\\w-]+$', ['a-b_c'], ['a.b']],
    ['^(?i)[^a]$', ['b'], ['a', 'A']],
    ['^\\Qa.b\\E+$', ['a.bb'], ['axb']],
    ['^\\Qa.b$', ['a.b$'], ['a.b']],
    ['^a{2}$', ['aa'], ['a', 'aaa']],
    ['^a{2,}$', ['aa', 'aaaa'], ['a']],
    ['^a{1,2}?b$', ['ab', 'aab'], ['b', 'aaab']],
    ['^a{,2}$', ['a{,2}'], ['aa']],
    ['^a{02}$', ['a{02}'], ['aa']],
    ['^\\x41\\x{42}\\103$', ['ABC'], ['abc']],
    ['^\\pL\\p{Lu}\\P{L}\\p{^L}$', ['aB12'], ['ab12', 'aBc2', 'aB1c']],
    ['^\\p{Latin}$', ['a'], ['1', 'я']],
    ['^(?s).$', ['\n', 'a'], ['']],
    ['^.$', ['a'], ['\n']],
    ['(?m)^b$', ['a\nb\nc', 'b'], ['ab']],
    ['^\\bv\\b1$', [], ['v1']],
    ['^v\\b-1\\B$', [], ['v-1']],
    ['^v\\B1\\b$', ['v1'], ['v-1']],
    ['^()$', [''], ['a']],
    ['^(|a)+$', ['', 'aaa'], ['b']],
    ['^(a*)*$', ['', 'aaa'], ['b']],
    ['^\\_\\-\\ $', ['_- '], ['-']],
    ['^a(?i)*$', ['', 'aa'], ['A']],
    ['^(?U)a+?$', ['aa'], ['']],
  ])('%s', (pattern, found, missed) => {
    expect(found.filter((text) => !isFound(pattern, text))).toEqual([])
    expect(missed.filter((text) => isFound(pattern, text))).toEqual([])
  })

  test.each<[string, string]>([
    ['a**', 'follow each other'],
    ['a+*', 'follow each other'],
    ['a{2}{3}', 'follow each other'],
    ['*', 'nothing before'],
    ['a|*', 'nothing before'],
    ['(*)', 'nothing before'],
    ['(a', 'not closed'],
    ['a)', 'no ( before'],
    ['[a', 'a [ is not closed'],
    ['[]', 'a [ is not closed'],
    ['[z-a]', 'ends before it begins'],
    ['[a-\\d]', 'backslash'],
    ['[[:foo:]]', 'class of characters'],
    ['\\p{Foo}', 'class of characters'],
    ['\\Z', 'backslash'],
    ['\\8', 'backslash'],
    ['\\1', 'backslash'],
    ['\\y', 'backslash'],
    ['\\', 'backslash'],
    ['\\x{110000}', 'backslash'],
    ['(?=a)', 'looks around'],
    ['(?!a)', 'looks around'],
    ['(?<=a)b', 'looks around'],
    ['(?P<a', 'looks around'],
    ['(?i-)a', 'looks around'],
    ['a{1001}', 'up to 1000'],
    ['a{2,1}', 'the lower one first'],
    ['((((a{100}){100}){100}){100})', 'multiply'],
    ['('.repeat(101), 'nested'],
    ['a'.repeat(1001), 'longer than'],
  ])('%s is none', (pattern, why) => {
    const matcher = goMatcher(pattern)
    expect('why' in matcher ? matcher.why : 'understood').toContain(why)
  })

  test('is no slower for a pattern that holds up others for ever', () => {
    expect(isFound('^(a|a)*(a*)*(a+)+b$', 'a'.repeat(128))).toBe(false)
    expect(isFound('^(.*.*.*.*.*.*.*.*)*x$', '1'.repeat(128))).toBe(false)
  })

  test('finds what JavaScript finds, where both speak the same language', () => {
    const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        tie('part'),
        fc.tuple(tie('part'), tie('pattern')).map(([one, other]) => one + other),
        fc.tuple(tie('pattern'), tie('pattern')).map(([one, other]) => `${one}|${other}`),
      ),
      part: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '\\.', '^', '$', '\\b', 'a{1,2}'),
        tie('pattern').map((inner) => `(${inner})`),
        fc
          .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '*?'))
          .map(([inner, count]) => `(?:${inner})${count}`),
      ),
    }))
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', '.', '-'), maxLength: 6 })
    fc.assert(
      fc.property(pattern, text, (written, subject) => {
        expect(isFound(written, subject)).toBe(new RegExp(written, 'u').test(subject))
      }),
      { numRuns: 1000 },
    )
  })

  test('never throws, whatever stands there', () => {
    const unit = fc.constantFrom(...'ab1.*+?|()[]{}^$\\:-,pPQExi<>=!d', 'é', '\n')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 20 }), fc.string({ maxLength: 10 }), (pattern, text) => {
        const matcher = goMatcher(pattern)
        if (!('why' in matcher)) expect([true, false]).toContain(matcher(text))
        else expect(matcher.why).not.toBe('')
      }),
      { numRuns: 1000 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  expand,
  hasDate,
  isOnly,
  namesOf,
  parseTemplate,
  plainTemplate,
  type Template,
} from '../../src/tags/template.ts'

const FACTS = {
  values: { branch: 'feature/"x"', sha: '90dd603', is_default_branch: 'false', tag: '', major: '0' },
  date: new Date('2026-02-03T04:05:06.789Z'),
  commitDate: new Date('2026-01-30T08:11:12Z'),
}

function parsed(text: string, values?: readonly string[]): Template {
  const template = parseTemplate(text, values)
  if ('why' in template) throw new Error(template.why)
  return template
}

function refused(text: string) {
  const template = parseTemplate(text)
  if ('why' in template) return template
  throw new Error(`“${text}” was taken`)
}

describe('an expression', () => {
  test.each([
    ['a name', '{{branch}}-{{ sha }}', 'feature/"x"-90dd603'],
    ['a name that is empty here', 'x{{tag}}y{{base_ref}}z', 'xyz'],
    ['a name in the forms that do not escape', '{{{branch}}} {{&branch}}', 'feature/"x" feature/"x"'],
    ['a comment', 'a{{! b }}c{{!-- {{d}} --}}e', 'ace'],
    ['braces after a backslash', '\\{{branch}} \\\\{{sha}}', '{{branch}} \\90dd603'],
    ['other braces', '{"a":{"b":1}} }} {', '{"a":{"b":1}} }} {'],
    ['several lines', 'a\n{{sha}}\nb', 'a\n90dd603\nb'],
    ['the date', "{{date 'YYYYMMDD'}}", '20260203'],
    ['the date in double quotes', '{{date "YYYY-MM-DD [at] HH"}}', '2026-02-03 at 04'],
    ['the date elsewhere', "{{date 'YYYYMMDD-HHmmss' tz='Asia/Tokyo'}}", '20260203-130506'],
    ['the date of the commit', "{{commit_date 'YYYYMMDDHHmmss'}}", '20260130081112'],
    ['a date without a format', "{{date ''}}", '2026-02-03T04:05:06Z'],
    ['a condition', '{{#if sha}}a{{/if}}{{#if tag}}b{{else}}c{{/if}}{{#unless tag}}d{{/unless}}', 'acd'],
    ['a condition by words', '{{#if is_default_branch}}main{{else}}other{{/if}}', 'other'],
    ['a condition in a condition', '{{#if tag}}{{#if sha}}a{{/if}}{{^}}b{{#if sha}}c{{/if}}{{/if}}d', 'bcd'],
  ])('stands for %s', (_name, text, expected) => {
    expect(expand(parsed(text), FACTS)).toBe(expected)
  })

  test('may name what a rule knows besides', () => {
    expect(expand(parsed('v{{major}}{{#if major}}!{{/if}}', ['major']), FACTS)).toBe('v0')
    for (const text of ['{{branch}}', "{{date 'X'}}"]) {
      expect(parseTemplate(text, ['major'])).toMatchObject({ why: expect.stringContaining('known here are major') })
    }
    expect(parseTemplate('{{major}}', [])).toMatchObject({
      why: '{{major}} means nothing: no expressions are known here',
    })
  })

  test.each([
    ['a name that nobody knows', '{{branhc}}', '{{branhc}} means nothing: known here are branch, tag', 'branhc'],
    ['no name', '{{}}', '{{}} means nothing', ''],
    ['a partial', '{{> x}}', '{{> x}} means nothing', '>'],
    ['a helper of Handlebars', "{{lookup this 'x'}}", 'means nothing', 'lookup'],
    ['an end without beginning', 'a{{/if}}', '{{/if}} means nothing', '/if'],
    ['a condition on a name that nobody knows', '{{#if x}}{{/if}}', '{{#if x}} means nothing', 'x'],
    ['a condition on a date', '{{#if date}}{{/if}}', '{{#if date}} means nothing', 'date'],
    ['an unknown attribute', "{{date 'X' zone='UTC'}}", 'unknown attribute “zone” of {{date}}', 'zone'],
    ['an unknown time zone', "{{date 'X' tz='Asia/Tokio'}}", '“Asia/Tokio” is no time zone', 'Asia/Tokio'],
  ])('is refused for %s, with the word that may be misspelt', (_name, text, why, word) => {
    const mistake = refused(text)
    expect(mistake.why).toContain(why)
    expect(mistake.meant?.word).toBe(word)
    expect(mistake.meant?.among.length).toBeGreaterThan(0)
  })

  test.each([
    ['open braces', 'a{{branch', 'the braces of “{{branch” are not closed'],
    ['half-open braces', 'a{{branch}', 'the braces of “{{branch}” are not closed'],
    ['an open condition', '{{#if sha}}a', '{{#if sha}} has no {{/if}}'],
    ['an open other side', '{{#unless sha}}a{{else}}', '{{#unless sha}} has no {{/unless}}'],
    ['more than a name', '{{branch sha}}', 'takes nothing'],
    ['a date without format', '{{date}}', "is written {{date 'YYYYMMDD'}}"],
    ['a format without quotes', '{{commit_date YYYY}}', "is written {{commit_date 'YYYYMMDD'}}"],
    ['two formats', "{{date 'YYYY' 'MM'}}", 'is written'],
    ['a time zone without quotes', "{{date 'X' tz=UTC}}", 'is written'],
    ['no time zone', "{{date 'X' tz=''}}", '“” is no time zone'],
  ])('is refused for %s', (_name, text, why) => {
    expect(refused(text).why).toContain(why)
  })
})

describe('a template', () => {
  test('is plain data', () => {
    const template = parsed("a{{#if sha}}{{date 'X'}}{{/if}}")
    expect(JSON.parse(JSON.stringify(template))).toEqual(template)
  })

  test('tells the names in it', () => {
    const template = parsed("{{sha}}{{#if tag}}{{date 'X'}}{{else}}{{sha}}{{/if}}")
    expect(namesOf(template)).toEqual(['sha', 'tag', 'date'])
    expect(hasDate(template)).toBe(true)
    expect(hasDate(parsed('{{sha}} date'))).toBe(false)
  })

  test('tells whether it is one value and nothing else', () => {
    const only = (text: string) => isOnly(parsed(text, ['raw']), 'raw')
    expect(['{{raw}}', '{{{ raw }}}', 'v{{raw}}', '{{raw}}{{raw}}', ''].map(only)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  test('of any text without braces is that text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        if (text.includes('{{')) return
        expect(expand(parsed(text), FACTS)).toBe(text)
        expect(expand(plainTemplate(text), FACTS)).toBe(text)
      }),
    )
  })

  test('is made or refused whatever the text, and never throws', () => {
    const word = fc.constantFrom('{{', '}}', '{', '}', '#if ', '/if', 'else', 'sha', '!', '--', '\\', "'", ' ', 'date')
    fc.assert(
      fc.property(
        fc.array(word).map((words) => words.join('')),
        (text) => {
          const template = parseTemplate(text)
          if (!('why' in template)) expect(typeof expand(template, FACTS)).toBe('string')
        },
      ),
      { numRuns: 2000 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isGoLayout } from '../../src/tags/go-time.ts'
import {
  asksFor,
  expandName,
  type NameFacts,
  type NameTemplate,
  parseNameTemplate,
  settled,
} from '../../src/tags/name-template.ts'

const FIELDS = ['Sync.Source', 'Ref.Tag']
const FACTS: NameFacts = {
  fields: { 'Sync.Source': 'gcr.io/example/repo', 'Ref.Tag': '3.9' },
  env: { USER: ' Octo ', constructor: 'own' },
  file: { token: 'secret' },
  now: new Date('2026-02-03T14:05:06.789Z'),
}

function read(text: string): NameTemplate {
  const template = parseNameTemplate(text, FIELDS)
  if ('why' in template) throw new Error(template.why)
  return template
}

// What comes out is what text/template with regclient's functions makes of it.
describe('a template', () => {
  test.each([
    ['plain', 'plain'],
    ['bkup-{{.Ref.Tag}}', 'bkup-3.9'],
    ['registry:5000/hub/{{ .Sync.Source }}', 'registry:5000/hub/gcr.io/example/repo'],
    ['gcr/{{ index (split .Sync.Source "gcr.io/") 1 }}', 'gcr/example/repo'],
    ['{{env "USER"}}', ' Octo '],
    ['{{ env "USER" | trimSpace | lower }}', 'octo'],
    ['{{ upper (trimSpace (env `USER`)) }}', 'OCTO'],
    ['{{env "ABSENT" | default "nobody"}}', 'nobody'],
    ['{{default "nobody" (env "toString")}}', 'nobody'],
    ['{{env "constructor"}}', 'own'],
    ['{{file "token"}}', 'secret'],
    ['{{ join (split .Sync.Source "/") "-" }}', 'gcr.io-example-repo'],
    ['a {{- .Ref.Tag -}} b', 'a3.9b'],
    ['a {{ .Ref.Tag }} b', 'a 3.9 b'],
    ['a{{/* a }} remark */}}b', 'ab'],
    ['a {{- /* a remark */ -}} b', 'ab'],
    ['{{"}}"}}{{"\\u0041\\""}}', '}}A"'],
    ['{{5}}', '5'],
    ['}} {', '}} {'],
    ['a {{- "" }} b', 'a b'],
    ['{{-5}}', '-5'],
    ['{{time.Now.UTC.Format "15"}}', '14'],
    ['bkup-{{ time.Now.Format "20060102-150405" }}', 'bkup-20260203-140506'],
    [
      '{{time.Now.Format "Jan 2 06 3pm Mon Monday January 1 002 04 5 PM"}}',
      'Feb 3 26 2pm Tue Tuesday February 2 034 05 6 PM',
    ],
    ['{{time.Now.Format "Month-Janet"}}', 'Month-Janet'],
  ])('%s', (text, expected) => {
    expect(expandName(read(text), FACTS)).toBe(expected)
  })

  test.each([
    ['{{', 'not closed'],
    ['{{.Ref.Tag', 'not closed'],
    ['{{}}', 'nothing between'],
    ['{{ /* a remark */}}', 'nobody can read it'],
    ['{{/* a remark */ }}', 'nobody can read it'],
    ['{{.Ref.Tagg}}', 'there is no .Ref.Tagg; known are .Sync.Source, .Ref.Tag'],
    ['{{ if .Ref.Tag }}x{{ end }}', 'there is no if here; possible are'],
    ['{{ printf "%s" .Ref.Tag }}', 'there is no printf here'],
    ['{{ $x := .Ref.Tag }}', 'nobody can read it from'],
    ['{{ . }}', 'nobody can read it'],
    ['{{ env .Ref.Tag }}', 'env is given a quoted text'],
    ['{{ env "A" "B" }}', 'env is given a quoted text'],
    ['{{ .Ref.Tag .Ref.Tag }}', 'nobody expects “Ref.Tag”'],
    ['{{ split .Ref.Tag "." }}', 'a list is no name'],
    ['{{ index .Ref.Tag 0 }}', 'index is given a list and a number'],
    ['{{ lower env "A" }}', 'put env and what it is given in ( )'],
    ['{{ .Ref.Tag | 5 }}', 'after a | stands a function'],
    ['{{ (lower .Ref.Tag }}', 'a ( is not closed'],
    ['{{ lower ) }}', 'lower is given'],
    ['{{ "\\q" }}', 'an escape'],
    ['{{ time.Now }}', 'there is no time.Now here'],
    ['{{ time.Now.Format "2006 MST" }}', 'a date in a name has year'],
    [`{{ ${'('.repeat(60)} }}`, 'nested too deep'],
    ['x'.repeat(10_001), 'longer than'],
  ])('%s is none', (text, why) => {
    const template = parseNameTemplate(text, FIELDS)
    expect('why' in template ? template.why : 'understood').toContain(why)
  })

  test('knows what it asks of the world, and can be given it before it is used', () => {
    const template = read('{{ lower (env "USER") }}-{{ file "token" }}-{{ env "USER" }}-{{ .Ref.Tag }}')
    expect([asksFor(template, 'env'), asksFor(template, 'file')]).toEqual([['USER'], ['token']])
    const later = settled(template, FACTS)
    expect([asksFor(later, 'env'), asksFor(later, 'file')]).toEqual([[], []])
    expect(JSON.parse(JSON.stringify(later))).toEqual(later)
    expect(expandName(later, { ...FACTS, env: {}, file: {} })).toBe(expandName(template, FACTS))
  })

  test('that takes what a list does not have gives no name', () => {
    expect(expandName(read('{{ index (split .Ref.Tag ".") 2 }}'), FACTS)).toEqual({
      why: 'index 2 is beyond a list of 2, counted from 0',
    })
    expect(expandName(read('{{ index (split .Ref.Tag ".") -1 }}'), FACTS)).toHaveProperty('why')
  })

  test('of any kind is read or refused', () => {
    const unit = fc.constantFrom(
      '{{',
      '}}',
      ' ',
      '-',
      '.Ref.Tag',
      '"a"',
      '(',
      ')',
      '|',
      'env',
      'split',
      '1',
      '/*',
      '*/',
      'x',
      '\\',
      '`',
    )
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 20 }), (parts) => {
        const template = parseNameTemplate(parts.join(''), FIELDS)
        if ('why' in template) expect(template.why).not.toBe('')
        else expect(['string', 'object']).toContain(typeof expandName(template, FACTS))
      }),
      { numRuns: 1000 },
    )
  })
})

test.each([
  ['20060102', true],
  ['2006-01-02T15-04-05', true],
  ['15:04:05.000', false],
  ['-0700', false],
  ['Z07:00', false],
  ['_2', false],
])('a layout %s: %s', (layout, known) => {
  expect(isGoLayout(layout)).toBe(known)
})

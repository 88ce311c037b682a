import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SEVERITIES } from '../../src/plan/request.ts'
import { EXAMPLES, PUBLISHED } from './examples.ts'
import { violations } from './json-schema.ts'

const schema: Readonly<Record<string, unknown>> = JSON.parse(
  readFileSync(new URL('../../docs/report.schema.json', import.meta.url), 'utf8'),
)
const check = (value: unknown) => violations(JSON.parse(JSON.stringify(value)), schema)

describe('the schema of the report', () => {
  it.each(Object.entries(EXAMPLES))('takes the example %s', (_name, report) => {
    expect(check(report)).toEqual([])
  })

  it.each([
    ['another version', { ...PUBLISHED, schema: 2 }, '/schema: is not the constant'],
    ['an unknown result', { ...PUBLISHED, result: 'fine' }, '/result: is none of the words'],
    ['a digest cut short', { ...PUBLISHED, digest: 'sha256:1234' }, '/digest: has another form'],
    ['a member that nobody knows', { ...PUBLISHED, password: 'x' }, '/password: is not known'],
    ['a missing list', { ...PUBLISHED, references: undefined }, '/references: is missing'],
    [
      'a number as text',
      { ...PUBLISHED, phases: [{ name: 'build', milliseconds: '1' }] },
      '/phases/0/milliseconds: is no integer',
    ],
    [
      'a negative number',
      { ...PUBLISHED, phases: [{ name: 'build', milliseconds: -1 }] },
      '/phases/0/milliseconds: is too small',
    ],
    ['an outcome of another version', withOutcome('skipped'), '/references/0/outcome: is none of the words'],
    [
      'a failure without a hint',
      { ...PUBLISHED, failure: { code: 'INTERNAL', message: 'x' } },
      '/failure/hint: is missing',
    ],
  ])('refuses %s', (_name, report, violation) => {
    expect(check(report)).toContain(violation)
  })

  it('takes counts of every severity', () => {
    const total = Object.fromEntries(SEVERITIES.map((severity) => [severity, 1]))
    expect(check({ ...PUBLISHED, scan: { ...PUBLISHED.scan, total } })).toEqual([])
  })
})

function withOutcome(outcome: string) {
  return { ...PUBLISHED, references: PUBLISHED.references.map((one) => ({ ...one, outcome })) }
}

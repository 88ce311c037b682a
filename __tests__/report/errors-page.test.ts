import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DEFAULT_HINTS } from '../../src/error.ts'

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const sections = page.split(/^## /m).slice(1)

describe('the page of failure codes', () => {
  it('has one section for each code, in the order of the code', () => {
    expect(sections.map((section) => section.split('\n')[0])).toEqual(Object.keys(DEFAULT_HINTS))
  })

  it.each(sections.map((section) => [section.split('\n')[0], section] as const))(
    'says of %s what it means, what causes it and what to do',
    (_code, section) => {
      expect(section).toMatch(/^[A-Z_]+\n\n\S.{20,}\n\nUsual causes:\n\n(?:- \S.+\n)+\nWhat to do: \S.+\n*$/)
    },
  )
})

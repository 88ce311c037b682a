import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { OUTPUTS } from '../../src/report/output-table.ts'

it('action.yml declares the outputs of the table with the same words', () => {
  const { outputs } = parse(readFileSync(new URL('../../action.yml', import.meta.url), 'utf8'))
  const table = OUTPUTS.map(({ name, description }) => [name, { description }])
  expect(Object.entries(outputs)).toEqual(table)
})

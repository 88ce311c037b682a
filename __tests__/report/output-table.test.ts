import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { outputRows } from '../../src/report/output-table.ts'

it.each([
  ['action.yml', 'publish'],
  ['promote/action.yml', 'promote'],
] as const)('%s declares the outputs of the table with the same words', (file, action) => {
  const { outputs } = parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))
  const table = outputRows(action).map(({ name, description }) => [name, { description }])
  expect(Object.entries(outputs)).toEqual(table)
})

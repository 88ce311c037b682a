import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { inputsOf } from '../src/action/input-table.ts'

type ActionFile = {
  readonly inputs: Readonly<
    Record<string, { readonly description: string; readonly required: boolean; readonly default: string }>
  >
  readonly outputs: Readonly<Record<string, { readonly description: string }>>
  readonly runs: Readonly<Record<string, string>>
}

const root = new URL('../', import.meta.url)
const action: ActionFile = parse(readFileSync(new URL('action.yml', root), 'utf8'))
const readme = existsSync(new URL('README.md', root)) ? readFileSync(new URL('README.md', root), 'utf8') : ''

/** The rows of the README's tables of inputs: default by name. */
function readmeRows(): ReadonlyMap<string, string> {
  const tables = readme.split(/\n(?!\|)/).filter((block) => /^\| *Input *\|/m.test(block))
  const rows = tables.flatMap((table) => [...table.matchAll(/^\| *`([a-z-]+)` *\| *([^|]*?) *\|/gm)])
  return new Map(rows.map((row) => [row[1] ?? '', row[2] ?? '']))
}

test('action.yml has the inputs of the table, with their defaults, in its order', () => {
  const declared = Object.entries(action.inputs).map(([name, input]) => ({ name, ...input }))
  const table = inputsOf('publish').map(({ name, description, required, default: value }) => ({
    name,
    description,
    required,
    default: value,
  }))
  expect(declared).toEqual(table)
})

test('action.yml declares the outputs that work', () => {
  expect(Object.keys(action.outputs)).toEqual(
    'digest digests version tags tag-names labels annotations bake-file image-refs tag-refs subjects published pushed scan-result vulnerabilities sarif-file sbom-file report-file rate-limit-limit rate-limit-remaining rate-limit-source rate-limit-reset failure-reason json'.split(
      ' ',
    ),
  )
})

test('the bundle serves main and post, always', () => {
  expect(action.runs).toEqual({ using: 'node24', main: 'dist/index.js', post: 'dist/index.js', 'post-if': 'always()' })
})

test('descriptions are one short line', () => {
  for (const { description } of [...Object.values(action.inputs), ...Object.values(action.outputs)]) {
    expect(description).toMatch(/^[^\n]{10,130}$/)
  }
})

test('secret inputs are those that hold secrets', () => {
  expect(
    inputsOf('publish')
      .filter(({ secret }) => secret)
      .map(({ name }) => name),
  ).toEqual(['password', 'registry-auth', 'secrets', 'token'])
})

describe.skipIf(readme === '')('the README', () => {
  test('shows the inputs of the table and no others', () => {
    expect([...readmeRows().keys()].sort()).toEqual(
      inputsOf('publish')
        .map(({ name }) => name)
        .sort(),
    )
  })

  test('shows the defaults of the table', () => {
    const table = inputsOf('publish').map(({ name, required, default: value }) => [
      name,
      required ? '**required**' : shown(value),
    ])
    expect(Object.fromEntries(readmeRows())).toEqual(Object.fromEntries(table))
  })
})

/** A default as the README writes it: in code, a list with commas. */
function shown(value: string): string {
  return value === ''
    ? ''
    : value
        .split('\n')
        .map((line) => `\`${line}\``)
        .join(', ')
}

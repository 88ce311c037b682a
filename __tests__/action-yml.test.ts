import { readFileSync } from 'node:fs'
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
const readme = readFileSync(new URL('README.md', root), 'utf8')

const ACTIONS = [
  {
    action: 'publish',
    file: 'action.yml',
    part: 'inputs',
    main: 'dist/index.js',
    secrets: ['password', 'registry-auth', 'secrets', 'token'],
    outputs:
      'digest digests version tags tag-names labels annotations bake-file image-refs tag-refs subjects published pushed scan-result vulnerabilities sarif-file sbom-file report-file rate-limit-limit rate-limit-remaining rate-limit-source rate-limit-reset failure-reason json',
  },
  {
    action: 'mirror',
    file: 'mirror/action.yml',
    part: 'mirror-inputs',
    main: '../dist/mirror.js',
    secrets: ['registry-auth', 'token'],
    outputs:
      'copied unchanged held failed drift buildkitd-config report-file rate-limit-limit rate-limit-remaining rate-limit-source rate-limit-reset failure-reason json',
  },
  {
    action: 'promote',
    file: 'promote/action.yml',
    part: 'promote-inputs',
    main: '../dist/promote.js',
    secrets: ['password', 'registry-auth', 'token'],
    outputs:
      'digest digests version tags tag-names image-refs tag-refs subjects published pushed scan-result vulnerabilities sarif-file report-file rate-limit-limit rate-limit-remaining rate-limit-source rate-limit-reset failure-reason json',
  },
] as const

/** The rows of the README's tables of inputs between two markers: default by name. */
function readmeRows(part: string): ReadonlyMap<string, string> {
  const [, text = ''] = readme.split(`<!-- ${part}:start -->`)
  const [tables = ''] = text.split(`<!-- ${part}:end -->`)
  const rows = [...tables.matchAll(/^\| *`([a-z-]+)` *\| *([^|]*?) *\|/gm)]
  return new Map(rows.map((row) => [row[1] ?? '', row[2] ?? '']))
}

describe.each(ACTIONS)('$action', ({ action, file, part, main, secrets, outputs }) => {
  const declared: ActionFile = parse(readFileSync(new URL(file, root), 'utf8'))

  test('its file has the inputs of the table, with their defaults, in its order', () => {
    const inputs = Object.entries(declared.inputs).map(([name, input]) => ({ name, ...input }))
    const table = inputsOf(action).map(({ name, description, required, default: value }) => ({
      name,
      description,
      required,
      default: value,
    }))
    expect(inputs).toEqual(table)
  })

  test('its file declares the outputs that work', () => {
    expect(Object.keys(declared.outputs)).toEqual(outputs.split(' '))
  })

  test('the bundle serves main and post, always', () => {
    expect(declared.runs).toEqual({ using: 'node24', main, post: main, 'post-if': 'always()' })
  })

  test('descriptions are one short line', () => {
    for (const { description } of [...Object.values(declared.inputs), ...Object.values(declared.outputs)]) {
      expect(description).toMatch(/^[^\n]{10,130}$/)
    }
  })

  test('secret inputs are those that hold secrets', () => {
    const found = inputsOf(action).filter(({ secret }) => secret)
    expect(found.map(({ name }) => name)).toEqual(secrets)
  })

  test('the README shows the inputs of the table and no others', () => {
    const names = inputsOf(action).map(({ name }) => name)
    expect([...readmeRows(part).keys()].sort()).toEqual(names.sort())
  })

  test('the README shows the defaults of the table', () => {
    const table = inputsOf(action).map(({ name, required, default: value }) => [
      name,
      required ? '**required**' : shown(value),
    ])
    expect(Object.fromEntries(readmeRows(part))).toEqual(Object.fromEntries(table))
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

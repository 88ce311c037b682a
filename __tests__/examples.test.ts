import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { inputsOf } from '../src/action/input-table.ts'
import { readMirrorInputs } from '../src/action/mirror-inputs.ts'
import { environment, withInputs } from './action/given.ts'

type Workflow = { readonly jobs?: Readonly<Record<string, { readonly steps: readonly Step[] }>> }
type Step = { readonly uses?: string; readonly with?: Readonly<Record<string, string>> }

const EXAMPLES = join(import.meta.dirname, '../examples')
const uses = readdirSync(EXAMPLES).flatMap((file) => {
  const workflow: Workflow = parse(readFileSync(join(EXAMPLES, file), 'utf8'))
  const steps = Object.values(workflow.jobs ?? {}).flatMap((job) => job.steps)
  return steps.flatMap(({ uses: name = '', with: inputs = {} }) => {
    const action = /^OWNER\/lading(?:\/(mirror|promote))?@v1$/.exec(name)
    return action === null ? [] : [{ file, action: actionNamed(action[1]), inputs: Object.keys(inputs) }]
  })
})

function actionNamed(folder: string | undefined): 'publish' | 'mirror' | 'promote' {
  return folder === 'mirror' || folder === 'promote' ? folder : 'publish'
}

describe('the examples', () => {
  test('use each of the actions', () => {
    expect(new Set(uses.map(({ action }) => action))).toEqual(new Set(['publish', 'mirror', 'promote']))
  })

  test.each(uses)('name only inputs that there are: $file', ({ action, inputs }) => {
    const known = inputsOf(action).map(({ name }) => name)
    expect(inputs.filter((name) => !known.includes(name))).toEqual([])
  })

  test('have a file of regsync that is read without a word', async () => {
    const inputs = withInputs({ config: 'mirror-config.yml' })
    const { request, notices } = await readMirrorInputs(inputs, environment({ workspace: EXAMPLES }))
    expect(notices).toEqual([])
    expect(request.entries.map(({ kind }) => kind)).toEqual(['repository', 'image', 'image', 'image'])
  })
})

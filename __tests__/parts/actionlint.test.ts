import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run } from '../../scripts/part/command.ts'
import { need, requirePart } from '../../scripts/part/index.ts'

const ROOT = resolve(import.meta.dirname, '../..')

async function workflowsIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(join(ROOT, folder)).catch(() => [])
  return names.filter((name) => /\.ya?ml$/.test(name)).map((name) => join(folder, name))
}

const workflows = [...(await workflowsIn('examples')), ...(await workflowsIn('.github/workflows'))]

describe.skipIf(!(await need(['actionlint'])))('actionlint', () => {
  test('is shown the examples', () => {
    expect(workflows).toContain('examples/release.yml')
  })

  test.each(workflows)('has nothing to say about %s', async (workflow) => {
    expect(await run(await requirePart('actionlint'), ['-no-color', workflow], { folder: ROOT })).toMatchObject({
      code: 0,
      stdout: '',
    })
  })
})

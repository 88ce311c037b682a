import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run } from '../../scripts/part/command.ts'
import { need, requirePart } from '../../scripts/part/index.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** Workflows, and not the files that they name. */
async function workflowsIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(join(ROOT, folder)).catch(() => [])
  const paths = names.filter((name) => /\.ya?ml$/.test(name)).map((name) => join(folder, name))
  const texts = await Promise.all(paths.map((path) => readFile(join(ROOT, path), 'utf8')))
  return paths.filter((_, at) => /^jobs:/m.test(texts[at] ?? ''))
}

const workflows = [...(await workflowsIn('examples')), ...(await workflowsIn('.github/workflows'))]

describe.skipIf(!(await need(['actionlint'])))('actionlint', () => {
  test('is shown the examples', () => {
    const examples = ['mirror', 'mirror-check', 'promote', 'pull-request', 'release']
    expect(workflows).toEqual(expect.arrayContaining(examples.map((name) => `examples/${name}.yml`)))
  })

  test.each(workflows)('has nothing to say about %s', async (workflow) => {
    expect(await run(await requirePart('actionlint'), ['-no-color', workflow], { folder: ROOT })).toMatchObject({
      code: 0,
      stdout: '',
    })
  })
})

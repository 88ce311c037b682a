import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
// @ts-expect-error a script without types: it has to run before anything is installed
import { build } from '../scripts/build.mjs'
import { RELEASE } from '../src/release.ts'

const root = join(import.meta.dirname, '..')

test('dist/ is exactly what the sources make', { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dist-'))
  try {
    await build(folder)
    expect(await contents(join(root, 'dist'))).toEqual(await contents(folder))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('the version in the code is the one of package.json', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  expect(RELEASE).toBe(version)
})

/** File names and what their bytes hash to. */
async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).toSorted()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return Object.fromEntries(
    names.map((name, index) => [
      name,
      createHash('sha256')
        .update(texts[index] ?? '')
        .digest('hex'),
    ]),
  )
}

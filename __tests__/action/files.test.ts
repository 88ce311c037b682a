import { join } from 'node:path'
import { expect, test } from 'vitest'
import { kindOf, readBounded } from '../../src/action/files.ts'
import { folderWith } from './given.ts'

test('a text is read up to its bound, and never beyond', async () => {
  const folder = folderWith({ text: 'abcdé', empty: '' })
  expect(await readBounded(join(folder, 'text'), 6)).toBe('abcdé')
  expect(await readBounded(join(folder, 'text'), 5)).toBeUndefined()
  expect(await readBounded(join(folder, 'empty'), 5)).toBe('')
  expect(await readBounded(join(folder, 'absent'), 5)).toBeUndefined()
  expect(await readBounded(folder, 5)).toBeUndefined()
  expect(await readBounded('/dev/zero', 1000)).toBeUndefined()
})

test('files, folders and nothing are told apart', async () => {
  const folder = folderWith({ text: '' })
  expect(await Promise.all([kindOf(folder), kindOf(join(folder, 'text')), kindOf(join(folder, 'no'))])).toEqual([
    'folder',
    'file',
    'absent',
  ])
})

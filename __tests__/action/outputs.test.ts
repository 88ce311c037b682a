import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeKept, writeOutputs, writeSummary } from '../../src/action/outputs.ts'
import { folderWith } from './given.ts'

test('outputs keep their lines, and none can end early', () => {
  const file = join(folderWith({ out: '' }), 'out')
  const values = { tags: 'a\nb', json: '{"x":"ghadelimiter_1\\ny<<z"}', empty: '', trick: 'a\nEOF\npublished=true' }
  writeOutputs({ GITHUB_OUTPUT: file }, values)
  const text = readFileSync(file, 'utf8')
  const records = [...text.matchAll(/(.+)<<(ghadelimiter_[0-9a-f-]{36})\n([\s\S]*?)\n\2\n/g)]
  expect(Object.fromEntries(records.map((record) => [record[1], record[3]]))).toEqual(values)
  expect(new Set(records.map((record) => record[2])).size).toBe(4)
})

test('without a runner nothing is written', () => {
  expect(() => {
    writeOutputs({}, { a: 'b' })
    writeSummary({ GITHUB_STEP_SUMMARY: '' }, '# x')
  }).not.toThrow()
})

test('a file that the runner promised and does not have is an error of ours', () => {
  expect(() => writeOutputs({ GITHUB_OUTPUT: '/nowhere/at/all' }, { a: 'b' })).toThrow('/nowhere/at/all')
})

test('a summary is added, and cut at a line when it is too long', () => {
  const file = join(folderWith({ summary: 'before\n' }), 'summary')
  writeSummary({ GITHUB_STEP_SUMMARY: file }, '# short')
  expect(readFileSync(file, 'utf8')).toBe('before\n# short\n')
  const long = `<details>\n${'ü'.repeat(99)}\n`.concat(`${'ü'.repeat(99)}\n`.repeat(6000))
  writeSummary({ GITHUB_STEP_SUMMARY: file }, long)
  const text = readFileSync(file, 'utf8')
  expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024)
  expect(text).toMatch(/ü{99}\n\n<\/details>\n\n\n\*The rest of this summary is left out/)
  expect(text).not.toContain('\ufffd')
})

test('the report takes a name of its own in a shared folder, and its place in a named one', async () => {
  const shared = folderWith()
  const report = (text: string) => ({ name: 'lading-report', extension: 'json', text }) as const
  expect(await writeKept(shared, report('1'), false)).toBe(join(shared, 'lading-report.json'))
  expect(await writeKept(shared, report('2'), false)).toBe(join(shared, 'lading-report-2.json'))
  expect(await writeKept(shared, { name: 'lading-bake', extension: 'json', text: '3' }, false)).toBe(
    join(shared, 'lading-bake.json'),
  )
  const sarif = { name: 'lading-scan', extension: 'sarif', text: '4' } as const
  expect(await writeKept(shared, sarif, false)).toBe(join(shared, 'lading-scan.sarif'))
  expect(await writeKept(shared, sarif, false)).toBe(join(shared, 'lading-scan-2.sarif'))
  const named = join(folderWith(), 'a/b')
  await writeKept(named, report('1'), true)
  expect(await writeKept(named, report('2'), true)).toBe(join(named, 'lading-report.json'))
  expect(readdirSync(named)).toEqual(['lading-report.json'])
  expect(readFileSync(join(named, 'lading-report.json'), 'utf8')).toBe('2')
})

test('a folder that is none is a mistake in report-dir', async () => {
  const file = join(folderWith({ file: '' }), 'file')
  await expect(writeKept(file, { name: 'lading-report', extension: 'json', text: '{}' }, true)).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  })
})

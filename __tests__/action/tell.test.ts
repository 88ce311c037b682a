import { EventEmitter } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tell } from '../../src/action/tell.ts'
import { outputRows } from '../../src/report/output-table.ts'
import type { Report } from '../../src/report/report.ts'
import { sarifOf } from '../../src/report/sarif.ts'
import { FAILED_EARLY, PROMOTED, REFUSED } from '../report/examples.ts'
import { parseRecords } from '../support/runner/files.ts'
import { folderWith } from './given.ts'

/** What a runner gets from this report: outputs by name, and the files in the folder of the report. */
async function toldOf(report: Report) {
  const directory = folderWith({ out: '' })
  const variables = { GITHUB_OUTPUT: join(directory, 'out'), 'INPUT_REPORT-DIR': 'files', INPUT_SUMMARY: 'false' }
  const told = await tell(report, [], {
    program: 'index.js',
    variables,
    directory,
    signals: new EventEmitter(),
    write: () => undefined,
  })
  const outputs = parseRecords(readFileSync(join(directory, 'out'), 'utf8'))
  return { told, outputs, folder: join(directory, 'files'), files: readdirSync(join(directory, 'files')) }
}

test('a scan leaves its findings as SARIF, also when the gate refuses, and the output says where', async () => {
  const { outputs, folder, told } = await toldOf(REFUSED)
  expect(told).toEqual(REFUSED)
  expect(outputs['sarif-file']).toBe(join(folder, 'lading-scan.sarif'))
  expect(readFileSync(outputs['sarif-file'] ?? '', 'utf8')).toBe(sarifOf(REFUSED))
})

test('a promotion tells the outputs that its action has, and writes no bake file', async () => {
  const { outputs, files } = await toldOf(PROMOTED)
  expect(Object.keys(outputs)).toEqual(outputRows('promote').map(({ name }) => name))
  expect(outputs).toMatchObject({ digest: PROMOTED.digest, published: 'true', version: '1.4.2' })
  expect(files).not.toContain('lading-bake.json')
})

test('without a scan there is no such file, and the output is empty', async () => {
  const { outputs, files } = await toldOf(FAILED_EARLY)
  expect(files).not.toContain('lading-scan.sarif')
  expect(outputs).toMatchObject({ 'sarif-file': '', 'sbom-file': '' })
})

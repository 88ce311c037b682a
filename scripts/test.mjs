// `npm test`: installs what is missing, then runs every check and every test, and ends with one line of counts.
// Runs under the Node that calls it (20 or newer); everything after the installation runs under the project's own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installPackages } from './packages.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules', '.bin')
const isQuick = process.argv.includes('--check')

const CHECKS = [
  { name: 'format and lint', program: 'biome', args: ['ci', '--error-on-warnings', '.'] },
  { name: 'types', program: 'tsc', args: ['-p', '.'] },
  { name: 'nothing unused', program: 'knip', args: [] },
]

installPackages(root)
if (!isQuick) say('parts', run('sh', [join('scripts', 'parts')]) === 0)
const checks = CHECKS.map(({ name, program, args }) => say(name, run(join(bin, program), args) === 0))
const tests = runTests(isQuick ? ['--project', 'rooms', '--project', 'scenarios'] : [])

const passed = checks.filter(Boolean).length + tests.passed
const failed = checks.filter((went) => !went).length + tests.failed
process.exitCode = failed === 0 ? 0 : 1
console.log(`${passed} passed, ${failed} failed${tests.skipped === 0 ? '' : `, ${tests.skipped} skipped`}`)

/** Runs the tests and counts them from their own report; no report at all is a failure, whatever the exit code. */
function runTests(projects) {
  const folder = mkdtempSync(join(tmpdir(), 'test-report-'))
  const file = join(folder, 'report.json')
  try {
    const status = run(join(bin, 'vitest'), [
      'run',
      ...projects,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
    ])
    const report = JSON.parse(readFileSync(file, 'utf8'))
    const broken = report.testResults.filter(
      ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((one) => one.status === 'failed'),
    )
    const failed = report.numFailedTests + broken.length
    return {
      passed: report.numPassedTests,
      failed: failed === 0 && status !== 0 ? 1 : failed,
      skipped: report.numPendingTests + report.numTodoTests,
    }
  } catch (error) {
    console.error(`the tests left no report: ${error.message}`)
    return { passed: 0, failed: 1, skipped: 0 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(program, args) {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` }
  return spawnSync(program, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] }).status ?? 1
}

function say(name, went) {
  console.log(`${went ? 'ok' : 'FAILED'}: ${name}`)
  return went
}

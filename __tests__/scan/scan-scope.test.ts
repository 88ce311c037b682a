import { describe, expect, test } from 'vitest'
import type { Exception, Scope } from '../../src/plan/request.ts'
import { SCANNERS } from '../../src/plan/request.ts'
import { scanImage } from '../../src/scan/scan.ts'
import { settingsFile } from '../../src/scan/settings.ts'
import { scanCommand } from '../../src/scan/trivy.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { sample } from './samples.ts'
import { answers, failure, fakeTrivy, GATE, SCOPE, scannerIn, temporary, world } from './world.ts'

const ROOM = {
  directory: '/t',
  images: '/t/images',
  blobs: '/t/blobs',
  cache: '/t/cache',
  shared: '/t/shared',
  exceptions: '/t/exceptions.yaml',
  settings: '/t/settings.yaml',
  known: '/t/known',
  env: {},
  paths: [],
}

function argumentsOf(scope: Partial<Scope>): readonly string[] {
  const gate = { ...GATE, scope: { ...SCOPE, ...scope } }
  return scanCommand('t', gate, { input: 'i', output: 'o', layers: 'forgotten' }, ROOM).args
}

describe('the command', () => {
  test('names what to leave out so that no glob can be an option or fall apart', () => {
    const args = argumentsOf({
      skipDirectories: ['--exit-code', '{a,b}'],
      skipFiles: ['a"b'],
      vex: ['/w/v.json'],
      packageTypes: ['os'],
    })
    expect(args).toEqual(
      expect.arrayContaining([
        '--skip-dirs=--exit-code',
        '--skip-dirs="{a,b}"',
        '--skip-files="a""b"',
        '--vex=/w/v.json',
      ]),
    )
    expect(args[args.indexOf('--pkg-types') + 1]).toBe('os')
  })

  test('fetches no checks of the day, and reads settings from our file alone', () => {
    expect(argumentsOf({ scanners: { misconfig: 'report' } })).toContain('--skip-check-update')
    const args = argumentsOf({ settings: { file: 'trivy.yaml', values: {} } })
    expect(args[args.indexOf('--config') + 1]).toBe('../settings.yaml')
    expect(argumentsOf({})).not.toContain('--config')
  })
})

test('settings are written in their sections', () => {
  const values = { 'vulnerability.ignore-status': ['affected'], 'scan.parallel': 1, 'scan.file-patterns': [] }
  expect(JSON.parse(settingsFile({ file: 'x', values }))).toEqual({
    vulnerability: { 'ignore-status': ['affected'] },
    scan: { parallel: 1, 'file-patterns': [] },
  })
})

describe('exceptions that hold', () => {
  const known: Exception = {
    about: SCANNERS,
    id: 'CVE-1',
    paths: [],
    purls: [],
    statement: '',
    expires: '',
    origin: 'f, line 1',
  }
  const scanWith = async (body: string) => {
    const layout = await writeSampleLayout(await temporary(), { platforms: [sample('clean')] })
    const gate = { ...GATE, scope: { ...SCOPE, exceptions: [known] } }
    const scanner = scannerIn(await fakeTrivy({ scan: body }))
    const { directory: layoutDirectory, platforms } = layout
    return scanImage({ layoutDirectory, platforms, gate, scanner }, await world())
  }
  const finding = { VulnerabilityID: 'CVE-1', PkgName: 'p', Severity: 'HIGH' }
  const modified = (more: object) => [{ Target: 't', ExperimentalModifiedFindings: [{ Status: 'ignored', ...more }] }]

  test('are handed over in a file beside the working folder, and what they hide is read back', async () => {
    const seen = `const file = JSON.parse(fs.readFileSync(option('--ignorefile')));`
    const results = modified({ Type: 'vulnerability', Statement: 'known', Finding: finding })
    const scan = await scanWith(
      `${seen} if (file.vulnerabilities[0].id !== 'CVE-1') process.exit(1); ${answers(results, 0)}`,
    )
    expect(scan.platforms[0]).toMatchObject({ findings: [], accepted: [{ id: 'CVE-1', reason: 'known' }] })
  })

  test('are told apart from what a VEX document says', async () => {
    const vex = { Type: 'vulnerability', Status: 'not_affected', Statement: 'component_not_present', Source: 'OpenVEX' }
    const scan = await scanWith(answers(modified({ ...vex, Finding: finding }), 0))
    expect(scan.platforms[0]?.accepted).toMatchObject([{ reason: 'not_affected: component_not_present (VEX)' }])
  })

  test('do not explain an exit code that says findings', async () => {
    const results = modified({ Type: 'vulnerability', Statement: 'known', Finding: finding })
    expect((await failure(scanWith(answers(results, 10)))).message).toContain('does not fit')
  })

  test.each([
    ['of no known kind', { Type: 'wasm', Finding: finding }],
    ['without a finding', { Type: 'vulnerability' }],
  ])('and what they hide %s make a report that nobody trusts', async (_name, more) => {
    expect((await failure(scanWith(answers(modified(more), 0)))).code).toBe('SCAN_BROKEN')
  })
})

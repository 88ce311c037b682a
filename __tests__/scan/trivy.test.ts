import { expect, test } from 'vitest'
import { type ScanTarget, scanCommand, versionCommand } from '../../src/scan/trivy.ts'
import type { Workroom } from '../../src/scan/workroom.ts'
import { GATE } from './world.ts'

const ROOM: Workroom = {
  directory: '/t/scan-1',
  images: '/t/scan-1/images',
  blobs: '/t/scan-1/blobs',
  cache: '/t/scan-1/cache',
  shared: '/t/scan-1/shared',
  exceptions: '/t/scan-1/exceptions.yaml',
  settings: '/t/scan-1/settings.yaml',
  known: '/t/scan-1/known',
  env: { HOME: '/t/scan-1/home', TMPDIR: '/t/scan-1/tmp' },
  paths: [],
}
const TARGET: ScanTarget = { input: 'linux-arm64', output: 'linux-arm64.json', layers: 'forgotten' }

test('the scan is a command without a secret, in an empty folder, with nothing of our environment', () => {
  expect(scanCommand('/bin/trivy', { ...GATE, severities: ['MEDIUM', 'HIGH'] }, TARGET, ROOM)).toEqual({
    program: '/bin/trivy',
    args: [
      ...[
        'image',
        '--input',
        'linux-arm64',
        '--format',
        'json',
        '--output',
        '../linux-arm64.json',
        '--exit-code',
        '10',
      ],
      ...['--severity', 'MEDIUM,HIGH', '--scanners', 'vuln,secret'],
      ...['--ignorefile', '../exceptions.yaml', '--show-suppressed'],
      ...['--cache-backend', 'memory', '--cache-dir', '../cache', '--skip-db-update', '--skip-java-db-update'],
      ...['--timeout', '120s', '--list-all-pkgs=false', '--disable-telemetry', '--skip-version-check', '--no-progress'],
    ],
    env: { HOME: '/t/scan-1/home', TMPDIR: '/t/scan-1/tmp' },
    directory: '/t/scan-1/images',
  })
})

test('what is learned of layers is kept in a folder of the room alone, wherever the database is', () => {
  const room = { ...ROOM, cache: '/var/trivy' }
  const { args } = scanCommand('t', GATE, { ...TARGET, layers: 'kept' }, room)
  expect(args.join(' ')).toContain('--cache-backend fs --cache-dir ../shared ')
  expect(args.filter((arg) => arg === '--cache-dir')).toHaveLength(1)
})

test('the scan is the same whether unfixed findings count or not: they stay listed', () => {
  const [with_, without] = [true, false].map((ignoreUnfixed) =>
    scanCommand('t', { ...GATE, ignoreUnfixed }, TARGET, ROOM),
  )
  expect(with_).toEqual(without)
})

test('a cache folder of the caller is named as it is', () => {
  expect(versionCommand('t', { ...ROOM, cache: '/var/trivy' }).args).toEqual([
    'version',
    '--format',
    'json',
    '--cache-dir',
    '/var/trivy',
  ])
})

import { expect, test } from 'vitest'
import { scanCommand, versionCommand } from '../../src/scan/trivy.ts'
import type { Workroom } from '../../src/scan/workroom.ts'
import { GATE } from './world.ts'

const ROOM: Workroom = {
  directory: '/t/scan-1',
  images: '/t/scan-1/images',
  blobs: '/t/scan-1/blobs',
  cache: '/t/scan-1/cache',
  exceptions: '/t/scan-1/exceptions.yaml',
  settings: '/t/scan-1/settings.yaml',
  known: '/t/scan-1/known',
  env: { HOME: '/t/scan-1/home', TMPDIR: '/t/scan-1/tmp' },
  paths: [],
}
const TARGET = { input: 'linux-arm64', output: 'linux-arm64.json' }

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
      ...['--cache-backend', 'memory', '--skip-db-update', '--skip-java-db-update'],
      ...['--timeout', '120s', '--list-all-pkgs=false', '--disable-telemetry', '--skip-version-check', '--no-progress'],
      ...['--cache-dir', '../cache'],
    ],
    env: { HOME: '/t/scan-1/home', TMPDIR: '/t/scan-1/tmp' },
    directory: '/t/scan-1/images',
  })
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

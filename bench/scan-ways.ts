import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { writeSampleLayout } from '../__tests__/support/sample-layout.ts'
import type { Work } from './measure.ts'
import { scanSample } from './scan-sample.ts'

/** What is scanned, and with what. */
export type Setting = {
  /** absolute paths */
  readonly bundle: string
  readonly trivy: string
  /** `127.0.0.1:5000/trivy-db` */
  readonly database: string
  /** for layouts and caches */
  readonly directory: string
  /** of the full size of the sample */
  readonly share: number
}

/** One way to scan an image; `work` is made anew for each run. */
export type Way = { readonly name: string; work(): Promise<Work> }

/** The yardstick: what is right without further ado, one platform after the other with nothing remembered. */
export const BY_HAND = 'Trivy, cache in memory'

/** The ways to scan an image for so many platforms: Lading, and Trivy by hand. */
export async function waysToScan(platforms: number, setting: Setting): Promise<readonly Way[]> {
  const folder = join(setting.directory, `${platforms}`)
  const spec = scanSample(platforms, setting.share)
  await writeSampleLayout(join(folder, 'all'), { platforms: spec })
  // Trivy reads the first image of a layout whatever platform it is told: who scans by hand needs a folder for each.
  const inputs = spec.map((_, at) => join(folder, `platform-${at}`))
  for (const [at, input] of inputs.entries()) await writeSampleLayout(input, { platforms: spec.slice(at, at + 1) })
  return [
    { name: 'Lading', work: async () => lading(join(folder, 'all'), setting) },
    { name: BY_HAND, work: () => byHand(inputs, ['--cache-backend', 'memory'], setting) },
    { name: 'Trivy, its cache of layers', work: () => byHand(inputs, [], setting) },
  ]
}

/** As a step that scans and pushes nothing. */
function lading(layout: string, { bundle, trivy, database }: Setting): Work {
  const env = {
    INPUT_IMAGES: 'bench.invalid/image',
    INPUT_LAYOUT: layout,
    INPUT_PUSH: 'false',
    INPUT_TAGS: 'type=raw,value=bench',
    'INPUT_TRIVY-PATH': trivy,
    'INPUT_DB-REPOSITORY': database,
  }
  return { commands: [[process.execPath, bundle]], env }
}

/** With the levels that Lading looks for, and the report in a file. */
async function byHand(inputs: readonly string[], more: readonly string[], setting: Setting): Promise<Work> {
  const cache = await mkdtemp(join(setting.directory, 'cache-'))
  await mkdir(join(cache, 'reports'))
  const commands = inputs.map((input, at) => [
    ...[setting.trivy, 'image', '--input', input, '--scanners', 'vuln,secret', '--severity', 'HIGH,CRITICAL'],
    ...['--db-repository', setting.database, '--cache-dir', cache, ...more, '--exit-code', '10'],
    ...['--format', 'json', '--output', join(cache, 'reports', `${at}.json`), '--no-progress'],
    ...['--disable-telemetry', '--skip-version-check'],
  ])
  return { commands }
}

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, type StartedRegistry, startRegistry } from '../../scripts/part/index.ts'
import { alpine, FALSE_TOKEN, sample } from '../scan/samples.ts'
import type { SampleLayer, SamplePlatform } from '../support/sample-layout.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'
import { type LayoutStep, publishLayout } from './layouts.ts'
import { askedDuring, expectGreen, expectRed, isWrite, toldBy } from './stage.ts'

const ready = await need(['registry3', 'trivy', 'trivy-db'])
const CLEAN = [sample('clean', 'linux/amd64'), sample('clean', 'linux/arm64')]

describe.skipIf(!ready)('the gate, the real Trivy and a layout', () => {
  let registry: StartedRegistry
  let database: DatabaseServer

  beforeAll(async () => {
    registry = await startRegistry(3)
    database = await serveDatabase()
  })
  afterAll(() => Promise.all([registry?.stop(), database?.stop()]))

  const publish = (step: LayoutStep) => publishLayout({ registry, database }, step)

  /** The alarm of a step that is refused, which no registry has seen a write of. */
  async function refused(step: LayoutStep): Promise<string> {
    const { result, asked } = await askedDuring([registry], () => publish(step))
    const alarm = expectRed(result, 'SCAN_FINDINGS')
    for (const lines of asked) expect(lines.filter(isWrite)).toEqual([])
    expect(toldBy(result)).not.toContain(FALSE_TOKEN)
    return alarm
  }

  test.each(['gzip', 'zstd', 'none'] as const)(
    'layers that are compressed by %s are all looked at',
    async (compression) => {
      const packed = (layers: readonly SampleLayer[]) => layers.map((layer) => ({ ...layer, compression }))
      const own = { 'app/.env': `GITHUB_TOKEN=${FALSE_TOKEN}\n` }
      const platform: SamplePlatform = {
        platform: 'linux/amd64',
        layers: packed([alpine({ musl: '1.1.19-r2' }), { files: own }]),
      }
      const alarm = await refused({ repository: `acme/${compression}`, platforms: [platform] })
      expect(alarm).toContain('2 findings stop this image')
      expect(alarm).toContain('CVE-2019-14697')
      expect(alarm).toContain('github-pat in /app/.env:1')
    },
  )

  test('a platform in an index within the index is one of the image', async () => {
    const platforms = [
      sample('clean', 'linux/amd64'),
      sample('clean', 'linux/arm64'),
      sample('vulnerable', 'linux/s390x'),
    ]
    const alarm = await refused({ repository: 'acme/nested', platforms, spec: { index: 'nested' } })
    expect(alarm).toMatch(/CVE-2019-14697.*\(linux\/s390x\)/)
  })

  test('an index within an index is published as it is, with all its platforms scanned', async () => {
    const platforms = [...CLEAN, sample('clean', 'linux/s390x')]
    const end = await publish({ repository: 'acme/deep', platforms, spec: { index: 'nested', attestations: true } })
    expectGreen(end)
    expect(end.main.report?.scan.platforms.map(({ platform }) => platform)).toEqual([
      'linux/amd64',
      'linux/arm64',
      'linux/s390x',
    ])
  })

  test('a finding in the first platform only stops the image', async () => {
    const platforms = [sample('vulnerable', 'linux/amd64'), sample('clean', 'linux/arm64')]
    const alarm = await refused({ repository: 'acme/first', platforms })
    expect(alarm).toMatch(/CVE-2019-14697.*\(linux\/amd64\)/)
  })

  test('what is only medium passes, and counts when it is asked for', async () => {
    const platforms = [{ platform: 'linux/amd64', layers: [alpine({ openssl: '1.1.1c-r0', musl: '1.1.22-r3' })] }]
    const inputs = { severity: 'CRITICAL' }
    expectGreen(await publish({ repository: 'acme/medium', platforms, inputs }))
    const alarm = await refused({ repository: 'acme/medium-2', platforms, inputs: { severity: 'medium' } })
    expect(alarm).toContain('MEDIUM CVE-2019-1549')
  })

  test('an image without a package database is clean', async () => {
    const end = await publish({ repository: 'acme/scratch', platforms: [sample('scratch')] })
    expectGreen(end)
    expect(end.main.outputs['scan-result']).toBe('clean')
  })
})

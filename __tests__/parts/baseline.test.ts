import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { need, type StartedRegistry, startRegistry } from '../../scripts/part/index.ts'
import { alpine, FALSE_TOKEN, sample } from '../scan/samples.ts'
import { temporary } from '../scan/world.ts'
import { makeRunner, type StepEnd } from '../support/runner.ts'
import { blobPath, type SamplePlatform, writeSampleLayout } from '../support/sample-layout.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'
import { publishLayout } from './layouts.ts'
import { askedDuring, craneAs, expectGreen, expectRed, isWrite, toldBy } from './stage.ts'

const ready = await need(['registry3', 'crane', 'trivy', 'trivy-db'])

describe.skipIf(!ready)('a layout, the real Trivy and what is live already', () => {
  let registry: StartedRegistry
  let database: DatabaseServer

  beforeAll(async () => {
    registry = await startRegistry(3)
    database = await serveDatabase()
  })
  afterAll(() => Promise.all([registry?.stop(), database?.stop()]))

  const publish = (
    repository: string,
    platforms: readonly SamplePlatform[],
    inputs: Readonly<Record<string, string>>,
  ): Promise<StepEnd> => publishLayout({ registry, database }, { repository, platforms, inputs })

  /** What is live before the test, as somebody else has pushed it. */
  async function live(repository: string, platforms: readonly SamplePlatform[]): Promise<string> {
    const runner = await makeRunner()
    onTestFinished(() => runner[Symbol.asyncDispose]())
    await writeSampleLayout(`${runner.temp}/live`, { platforms })
    const reference = `${registry.host}/${repository}:latest`
    await craneAs()('push', '--index', `${runner.temp}/live`, reference)
    return `${reference}@${await craneAs()('digest', reference)}`
  }

  const vulnerable = [sample('vulnerable', 'linux/amd64'), sample('vulnerable', 'linux/arm64')]

  test('a finding that the baseline has too is shown and lets a fix through', async () => {
    const baseline = await live('acme/same', vulnerable)
    expectRed(await publish('acme/same', vulnerable, {}), 'SCAN_FINDINGS')
    const end = await publish('acme/same', vulnerable, { 'scan-baseline': 'latest' })
    expectGreen(end)
    expect(end.main.outputs).toMatchObject({
      'scan-result': 'clean',
      published: 'true',
      vulnerabilities: '{"CRITICAL":0,"HIGH":0}',
    })
    expect(end.main.report?.scan).toMatchObject({
      decision: 'passed',
      baseline,
      findings: [{ id: 'CVE-2019-14697', ignored: true, reason: 'the baseline has it too' }],
    })
    expect(end.main.summary).toContain('1 finding is in')
    expect(end.main.summary).toContain('CVE-2019-14697')
  })

  test('a new one stops the publish, and so does the old one on a platform that is new', async () => {
    await live('acme/new', vulnerable.slice(0, 1))
    const worse = { platform: 'linux/amd64', layers: [alpine({ musl: '1.1.19-r2', openssl: '1.1.1d-r0' })] }
    const { result, asked } = await askedDuring([registry], () =>
      publish('acme/new', [worse, sample('vulnerable', 'linux/arm64')], { 'scan-baseline': 'latest' }),
    )
    const alarm = expectRed(result, 'SCAN_FINDINGS')
    expect(alarm).toMatch(/2 findings stop this image/)
    expect(alarm).toMatch(/CVE-2019-14697 musl .*\(linux\/arm64\)/)
    expect(alarm).toMatch(/CVE-2021-3712 openssl .*\(linux\/amd64\)/)
    for (const lines of asked) expect(lines.filter(isWrite)).toEqual([])
  })

  test('without a live image everything counts', async () => {
    const end = await publish('acme/first', vulnerable, { 'scan-baseline': 'latest' })
    expectRed(end, 'SCAN_FINDINGS')
    expect(end.main.log.text).toContain('no repository has the tag latest yet')
  })

  test.each([
    ['cyclonedx', 'cdx.json'],
    ['spdx-json', 'spdx.json'],
  ])('an SBOM as %s names each platform as it is published, and no secret', async (format, extension) => {
    const platforms = [
      sample('several', 'linux/amd64'),
      { ...sample('clean', 'linux/arm64'), env: [`GH_TOKEN=${FALSE_TOKEN}`] },
    ]
    const end = await publish(`acme/${format}`, platforms, { 'sbom-format': format, scan: 'report' })
    expectGreen(end)
    const files = end.main.report?.scan.sboms ?? []
    expect(files.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64'])
    const digests: Record<string, string> = JSON.parse(end.main.outputs['digests'] ?? '{}')
    for (const { platform, file } of files) {
      expect(file).toMatch(new RegExp(`/lading-sbom-${platform.replace('/', '-')}\\.${extension.replace('.', '\\.')}$`))
      const text = await readFile(file, 'utf8')
      expect(text).toContain(`${registry.host}/acme/${format}@${digests[platform]}`)
      expect(text).toContain(platform === 'linux/amd64' ? 'openssl' : 'musl')
      expect(text).not.toContain(FALSE_TOKEN)
      expect(text).not.toMatch(/linux-(?:amd64|arm64)|\/tmp\//)
      // The scanner is given others in their place.
      for (const digest of await ownDigests(platforms, platform)) expect(text).toContain(digest)
    }
    expect(toldBy(end)).not.toContain(FALSE_TOKEN)
  })
})

/** The configuration of a platform, and the diff IDs in it. */
async function ownDigests(platforms: readonly SamplePlatform[], platform: string): Promise<readonly string[]> {
  const { directory, platforms: written } = await writeSampleLayout(await temporary(), { platforms })
  const config = written.find((one) => one.platform === platform)?.config.digest
  if (config === undefined) throw new Error(`the layout has no ${platform}`)
  const { rootfs } = JSON.parse(await readFile(blobPath(directory, config), 'utf8'))
  return [config, ...rootfs.diff_ids]
}

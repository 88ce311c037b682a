import { readFile, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { mustRun } from '../../scripts/part/command.ts'
import { need, requirePart } from '../../scripts/part/index.ts'
import { parseDigest } from '../../src/image/digest.ts'
import { type Gate, SEVERITIES } from '../../src/plan/request.ts'
import type { DatabaseLimits, Prepared } from '../../src/scan/database.ts'
import { parseFindings } from '../../src/scan/findings.ts'
import { type ScanRequest, scanImage } from '../../src/scan/scan.ts'
import { scanReport } from '../../src/scan/scan-report.ts'
import { judge, refusalError } from '../../src/scan/verdict.ts'
import { databaseFor } from '../scan/databases.ts'
import { FALSE_TOKEN, SAMPLES, type SampleName, sample } from '../scan/samples.ts'
import { failure, GATE, temporary, world } from '../scan/world.ts'
import type { Effect } from '../support/registry/effect.ts'
import { type InProcessRegistry, startRegistry } from '../support/registry/server.ts'
import { blobPath, type SampleLayout, type SamplePlatform, writeSampleLayout } from '../support/sample-layout.ts'
import { javaDatabase, putDatabase, putJavaDatabase, readDatabase } from '../support/trivy-database.ts'

const ready = await need(['trivy', 'trivy-db'])
const program = ready ? await requirePart('trivy') : ''
const scanner = { program, version: '0.74.0', from: 'trivy-path', sha256: '' }

describe.skipIf(!ready)('a scan with the real Trivy', () => {
  let registry: InProcessRegistry

  beforeAll(async () => {
    registry = await startRegistry()
    putDatabase(registry, await readDatabase(DATABASE_DATE))
  })
  afterAll(() => registry.stop())

  const gate = (changes: Partial<Gate> = {}): Gate => ({
    ...GATE,
    databases: [`${registry.host}/trivy-db`],
    ...changes,
  })

  async function scanOf(platforms: readonly SamplePlatform[], changes: Partial<Gate> = {}) {
    return scanLayout(await layoutOf(platforms), gate(changes))
  }

  test('passes a clean image, and knows how old the database is', async () => {
    const { scan, layout, edges } = await scanOf([sample('clean', 'linux/amd64'), sample('clean', 'linux/arm64')])
    expect(judge(layout.root, scan, gate())).toMatchObject({ pass: true, image: { decision: 'passed' } })
    expect(scan.database).toMatchObject({ source: `${registry.host}/trivy-db:2`, ageHours: 2 })
    expect(edges.commands.every((command) => Object.keys(command.env).join() === 'HOME,TMPDIR')).toBe(true)
  })

  test('refuses an image that is vulnerable in its second platform only', async () => {
    const { scan, layout } = await scanOf([sample('clean', 'linux/amd64'), sample('vulnerable', 'linux/arm64')])
    const verdict = judge(layout.root, scan, gate())
    expect(verdict).toMatchObject({ pass: false, blocking: [{ id: 'CVE-2019-14697', platforms: ['linux/arm64'] }] })
    expect(scanReport(scan, verdict)).toMatchObject({
      result: 'findings',
      decision: 'refused',
      platforms: [{ counts: { CRITICAL: 0, HIGH: 0 } }, { counts: { CRITICAL: 1, HIGH: 0 } }],
      total: { CRITICAL: 1, HIGH: 0 },
    })
    if (!verdict.pass)
      expect(refusalError(verdict, gate()).message).toContain('musl 1.1.19-r2 → 1.1.22-r3 (linux/arm64)')
  })

  test('passes an image from scratch', async () => {
    const { scan, layout } = await scanOf([sample('scratch')])
    expect(judge(layout.root, scan, gate()).pass).toBe(true)
  })

  test.each<[SampleName, string]>([
    ['secret-in-env', 'image configuration'],
    ['deleted-secret', '/app/.env'],
  ])('refuses %s, and says nowhere what the secret is', async (name, file) => {
    const { scan, layout, edges } = await scanOf([sample(name)])
    const verdict = judge(layout.root, scan, gate())
    expect(verdict).toMatchObject({ pass: false, blocking: [{ kind: 'secret', id: 'github-pat', file }] })
    const told = JSON.stringify([scan, verdict, scanReport(scan, verdict), edges.said, edges.commands])
    for (const piece of [FALSE_TOKEN, FALSE_TOKEN.slice(4), FALSE_TOKEN.slice(-8)]) expect(told).not.toContain(piece)
  })

  test('passes what has no fix when that is ignored, and keeps listing it', async () => {
    const { scan, layout } = await scanOf([sample('unfixed')], { ignoreUnfixed: true })
    expect(judge(layout.root, scan, gate()).pass).toBe(false)
    const verdict = judge(layout.root, scan, gate({ ignoreUnfixed: true }))
    expect(verdict.pass).toBe(true)
    expect(scanReport(scan, verdict)).toMatchObject({ result: 'clean', findings: [{ id: 'CVE-2021-3712', fixed: '' }] })
  })

  test('counts as Trivy itself does with its own --ignore-unfixed', async () => {
    const { scan } = await scanOf([sample('several')], { ignoreUnfixed: true, severities: SEVERITIES })
    const [platform] = scanReport(
      scan,
      judge(scan.asked[0]?.manifest ?? never(), scan, gate({ scan: 'report' })),
    ).platforms
    expect(platform?.counts).toEqual({ CRITICAL: 1, HIGH: 0, MEDIUM: 1, LOW: 1, UNKNOWN: 0 })
  })

  test('sees only the levels that were asked for', async () => {
    const { scan } = await scanOf([sample('several')], { severities: ['MEDIUM'] })
    expect(scan.platforms[0]?.findings).toMatchObject([{ id: 'CVE-2019-1549', severity: 'MEDIUM' }])
  })

  test('takes a truncated layer for broken', async () => {
    const layout = await layoutOf([sample('clean', 'linux/amd64'), sample('clean', 'linux/arm64')])
    const [layer] = layout.platforms[1]?.layers ?? []
    if (layer === undefined) return never()
    await truncate(blobPath(layout.directory, layer.digest), 40)
    expect(await failure(scanLayout(layout, gate()))).toMatchObject({ code: 'SCAN_BROKEN' })
  })

  describe('an image with a jar that tells no name', () => {
    const jar = { files: { 'app/gadget-1.0.jar': Buffer.from([80, 75, 5, 6, ...Array(18).fill(0)]) } }
    const image: readonly SamplePlatform[] = [{ platform: 'linux/amd64', layers: [jar] }]

    test('is scanned with the Java database, which nothing else fetches', async () => {
      const java = await startRegistry()
      onTestFinished(() => java.stop())
      putJavaDatabase(java, await javaDatabase([{ group: 'org.acme', artifact: 'gadget', version: '1.0' }]))
      const layout = await layoutOf(image)
      const wanted = gate({ javaDatabases: [`${java.host}/trivy-java-db`] })
      const { scan, edges, database } = await scanLayout(layout, wanted)
      expect(scan.platforms[0]?.findings).toEqual([])
      expect(edges.commands.filter(({ args }) => args.includes('--input'))).toHaveLength(2)
      expect(java.requests.map(({ step }) => step)).toEqual(['manifest-head', 'manifest-get', 'blob-get'])
      expect(await packagesOf(layout, database)).toContain('org.acme:gadget')
    })

    test('is never called clean when there is no such database', async () => {
      const error = await failure(scanOf(image, { javaDatabases: ['127.0.0.1:1/java', `${registry.host}/no-such`] }))
      expect(error.code).toBe('SCAN_DATABASE')
      expect(error.message).toMatch(/Java database.*\n {2}127\.0\.0\.1:1\/java:1: .*refused.*\n.*no-such:1: /)
    })
  })

  test('reads a layout and works in a folder with @ and : in their names', async () => {
    const layout = await layoutOf([sample('vulnerable')], 'odd@name:1-')
    const edges = await world({ directory: await temporary('od@d:2-') })
    const database = await databaseFor(gate(), scanner, edges)
    const scan = await scanImage({ ...requestFor(layout, gate()), database }, edges)
    expect(scan.platforms[0]?.findings).toHaveLength(1)
  })

  test('obeys no configuration of the folder that the step runs in', async () => {
    const workspace = await temporary()
    const before = process.cwd()
    onTestFinished(() => process.chdir(before))
    await writeFile(join(workspace, 'trivy.yaml'), 'severity: [LOW]\nscan: { scanners: [misconfig] }\n')
    await writeFile(join(workspace, '.trivyignore'), 'CVE-2019-14697\n')
    process.chdir(workspace)
    const { scan } = await scanOf([sample('vulnerable')])
    expect(scan.platforms[0]?.findings).toHaveLength(1)
  })

  test('goes on to the next repository when one refuses, resets, is not there, is silent or gives nonsense', async () => {
    const silent = createServer((socket) => void socket.on('error', () => undefined))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void silent.close())
    const port = (silent.address() as { port: number }).port
    const broken = await startRegistry()
    onTestFinished(() => broken.stop())
    putDatabase(broken, Buffer.from('no archive at all'))
    const faulty = await Promise.all(
      FAULTS.map(async (effect) => {
        const one = await startRegistry({ faults: [{ step: ['manifest-head', 'manifest-get', 'blob-get'], effect }] })
        onTestFinished(() => one.stop())
        putDatabase(one, await readDatabase(DATABASE_DATE))
        return `${one.host}/trivy-db`
      }),
    )
    const databases = [
      `${registry.host}/no-such`,
      '127.0.0.1:1/refused',
      `127.0.0.1:${port}/silent`,
      `${broken.host}/trivy-db`,
      ...faulty,
      `${registry.host}/trivy-db`,
    ]
    const layout = await layoutOf([sample('vulnerable')])
    const limits = { silentMs: 1000, wholeMs: 20_000, trialMs: 20_000 }
    const { scan, edges } = await scanLayout(layout, gate({ databases }), limits)
    expect(scan.database?.source).toBe(`${registry.host}/trivy-db:2`)
    expect(scan.platforms[0]?.findings).toHaveLength(1)
    expect(edges.said.filter((line) => line.includes('could not be had'))).toHaveLength(4 + FAULTS.length)
  })

  test('fails with every reason when all repositories refuse', async () => {
    const databases = [`${registry.host}/no-such`, '127.0.0.1:1/refused']
    const error = await failure(scanOf([sample('clean')], { databases }))
    expect(error.code).toBe('SCAN_DATABASE')
    expect(error.message).toMatch(/no-such:2: .*no-such has no 2\n {2}127\.0\.0\.1:1\/refused:2: .*connection refused/)
  })

  test('fails when what can be had is older than `db-max-age`', async () => {
    const error = await failure(scanOf([sample('clean')], { databaseMaxAgeHours: 1 }))
    expect(error.message).toContain('it is 2 h old, and `db-max-age` allows 1 h')
  })

  test.each(Object.keys(SAMPLES) as SampleName[])('says about %s what was recorded of it', async (name) => {
    const { scan } = await scanOf([sample(name)], { severities: SEVERITIES })
    const text = await readFile(join(import.meta.dirname, '../fixtures/trivy', `${name}.json`), 'utf8')
    const [asked] = scan.asked
    if (asked === undefined) return never()
    // Recorded of the copy of the configuration that the scanner is given.
    const config = parseDigest(JSON.parse(text).Metadata.ImageID)
    const layers = new Set(asked.layers.map(({ digest }) => digest))
    const expected = { platform: asked.platform, config, layers, input: 'linux-amd64', severities: SEVERITIES }
    const recorded = { ...parseFindings(text, expected), imageId: asked.config.digest }
    expect(scan.platforms).toEqual([recorded])
  })
})

async function layoutOf(platforms: readonly SamplePlatform[], prefix = 'layout-'): Promise<SampleLayout> {
  return writeSampleLayout(await temporary(prefix), { platforms, attestations: platforms.length > 1 })
}

async function scanLayout(layout: SampleLayout, gate: Gate, limits?: DatabaseLimits) {
  const world_ = await world()
  // Where the database's date comes from, two hours before.
  const clock = { ...world_.clock, now: () => new Date(DATABASE_DATE.getTime() + 2 * 3_600_000) }
  const edges = { ...world_, clock }
  const database = await databaseFor(gate, scanner, edges, limits === undefined ? {} : { limits })
  const scan = await scanImage({ ...requestFor(layout, gate), database }, edges)
  return { scan, layout, edges, database }
}

/** What Trivy itself calls the packages of an image, with the databases of this folder. */
async function packagesOf({ directory }: SampleLayout, database: Prepared): Promise<readonly unknown[]> {
  const home = await temporary()
  const args = [
    ...['image', '--input', directory, '--format', 'json', '--scanners', 'vuln', '--list-all-pkgs', '--quiet'],
    ...['--cache-dir', database.directory, '--cache-backend', 'memory', '--skip-db-update', '--skip-java-db-update'],
  ]
  const environment = { HOME: home, TMPDIR: home }
  const report: unknown = JSON.parse(await mustRun('list the packages of an image', program, args, { environment }))
  return JSON.stringify(report).match(/(?<="Name":")[^"]+/g) ?? []
}

function requestFor(layout: SampleLayout, gate: Gate): ScanRequest {
  return { layoutDirectory: layout.directory, platforms: layout.platforms, gate, scanner }
}

const FAULTS: readonly Effect[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 429 },
  { kind: 'status', status: 403 },
  { kind: 'reset' },
  { kind: 'corrupt' },
  { kind: 'cut', after: 100 },
  { kind: 'stall', after: 100 },
  { kind: 'html' },
]

const DATABASE_DATE = new Date('2026-11-20T06:00:00Z')

function never(): never {
  throw new Error('the sample is not what the test needs')
}

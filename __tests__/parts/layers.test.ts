import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, requirePart, trivyDatabase } from '../../scripts/part/index.ts'
import { type Digest, digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { type Gate, SCANNERS, type ScannerName, SEVERITIES } from '../../src/plan/request.ts'
import { type PlatformScan, parseFindings } from '../../src/scan/findings.ts'
import { type ScanPlatform, scanImage } from '../../src/scan/scan.ts'
import { databaseFor } from '../scan/databases.ts'
import { alpine, FALSE_TOKEN, INNER_COMMAND } from '../scan/samples.ts'
import { GATE, SCOPE, temporary, world } from '../scan/world.ts'
import {
  blobPath,
  type SampleLayer,
  type SampleLayout,
  type SamplePlatform,
  writeSampleLayout,
} from '../support/sample-layout.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'

const ready = await need(['trivy', 'trivy-db'])

const HARMLESS: SampleLayer = { files: { hello: 'hello, this is all there is\n' } }
const TOKEN: SampleLayer = { files: { 'app/.env': `GITHUB_TOKEN=${FALSE_TOKEN}\n` } }

describe.skipIf(!ready)('the real Trivy sees every layer', () => {
  let database: DatabaseServer
  let program: string

  beforeAll(async () => {
    program = await requirePart('trivy')
    database = await serveDatabase(new Date('2026-11-21T10:00:00Z'))
  })
  afterAll(() => database.stop())

  async function idsFound(layout: SampleLayout, platforms: readonly ScanPlatform[]) {
    const scanner = { program, version: '0.74.0', from: 'trivy-path', sha256: '' }
    const gate = { ...GATE, severities: SEVERITIES, databases: [database.repository] }
    const edges = await world()
    const prepared = await databaseFor(gate, scanner, edges)
    const wanted = { layoutDirectory: layout.directory, platforms, gate, scanner, database: prepared }
    const scan = await scanImage(wanted, edges)
    return scan.platforms.map(({ findings }) => findings.map(({ id, layer }) => [id, layer]))
  }

  test.each<[string, (own: readonly Digest[]) => readonly Digest[]]>([
    ['have the diff ID of the one below', ([first = NONE]) => [first, first]],
    ['have each other’s diff IDs', (own) => own.toReversed()],
    ['have a diff ID that is nobody’s', () => [NONE, NONE]],
    ['have no diff ID', () => []],
  ])('of an image whose layers %s', async (_name, change) => {
    const layers = [HARMLESS, TOKEN]
    const layout = await writeSampleLayout(await temporary(), { platforms: [{ platform: 'linux/amd64', layers }] })
    const image = await withDiffIds(layout, change)
    expect(await idsFound(layout, [image])).toEqual([[['github-pat', image.layers[1]?.digest]]])
  })

  test('of an image whose layer has the diff ID of a harmless one of another platform', async () => {
    const platforms = [
      { platform: 'linux/amd64', layers: [HARMLESS] },
      { platform: 'linux/arm64', layers: [HARMLESS, TOKEN, alpine({ musl: '1.1.19-r2' })] },
    ]
    const layout = await writeSampleLayout(await temporary(), { platforms })
    const arm = await withDiffIds(layout, ([first = NONE]) => [first, first, first], 1)
    const [amd = arm] = layout.platforms
    const found = [
      ['CVE-2019-14697', arm.layers[2]?.digest],
      ['github-pat', arm.layers[1]?.digest],
    ]
    expect(await idsFound(layout, [amd, arm])).toEqual([[], found])
    expect(await idsFound(layout, [arm, amd])).toEqual([found, []])
  })

  test('of platforms that share some, as it does of each by itself, in any order', async () => {
    const scanners = ['vuln', 'secret', 'license'] as const
    const known = new Map<string, Promise<PlatformScan>>()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.constantFrom(...Object.keys(POOL)), { minLength: 1, maxLength: 4 }), {
          minLength: 2,
          maxLength: 3,
        }),
        async (images) => {
          const platforms = images.map((names, at) => ({
            platform: `linux/${['amd64', 'arm64', 's390x'][at]}`,
            layers: names.map((name) => POOL[name] ?? HARMLESS),
          }))
          const found = await scanOf(platforms, scanners)
          for (const [at, platform] of platforms.entries()) {
            const key = JSON.stringify([platform.platform, images[at]])
            known.set(key, known.get(key) ?? ownWords(platform, scanners))
            expect(found[at]).toEqual(await known.get(key))
          }
        },
      ),
      { numRuns: 8, examples: EXAMPLES },
    )
  })

  test('of each kind and compression, with every scanner, when it has seen them in another platform', async () => {
    const layers = Object.values(POOL)
    const [amd, arm] = [
      { platform: 'linux/amd64', layers },
      { platform: 'linux/arm64', layers: layers.toReversed() },
    ]
    const found = await scanOf([amd, arm], SCANNERS)
    expect(found).toEqual([await ownWords(amd, SCANNERS), await ownWords(arm, SCANNERS)])
    const kinds = new Set(found.flatMap(({ findings }) => findings.map(({ kind }) => kind)))
    expect(kinds).toEqual(new Set(['vulnerability', 'secret', 'misconfiguration', 'license']))
  })

  test('also below an inner CMD, when another platform has the same layer as its own', async () => {
    const [below, above] = [INNER_COMMAND, { platform: 'linux/arm64', layers: INNER_COMMAND.layers }]
    for (const platforms of [
      [below, above],
      [above, below],
    ]) {
      const found = await scanOf(platforms, ['secret'])
      expect(found.map(({ findings }) => findings.map(({ id }) => id))).toEqual([['github-pat'], ['github-pat']])
    }
  })

  async function scanOf(platforms: readonly SamplePlatform[], scanners: readonly ScannerName[]) {
    const layout = await writeSampleLayout(await temporary(), { platforms })
    const scope = { ...SCOPE, scanners: Object.fromEntries(scanners.map((name) => [name, 'gate'])) }
    const gate: Gate = { ...GATE, severities: SEVERITIES, scope, databases: [database.repository] }
    const scanner = { program, version: '0.74.0', from: 'trivy-path', sha256: '' }
    const edges = await world()
    const request = { layoutDirectory: layout.directory, platforms: layout.platforms, gate, scanner }
    const needed = gate.scope.scanners.vuln === undefined ? {} : { database: await databaseFor(gate, scanner, edges) }
    return (await scanImage({ ...request, ...needed }, edges)).platforms
  }
})

/** Layers that say something to a scanner, by themselves or to the one above or below. */
const POOL: Readonly<Record<string, SampleLayer>> = {
  clean: alpine({ musl: '1.1.22-r3' }),
  vulnerable: { ...alpine({ musl: '1.1.19-r2', openssl: '1.1.1c-r0' }), compression: 'zstd' },
  'without packages': { files: {}, deleted: ['lib/apk/db/installed'] },
  'without a system': { files: {}, deleted: ['etc/os-release', 'etc/alpine-release'] },
  harmless: HARMLESS,
  empty: { files: {} },
  token: TOKEN,
  'token in other words': { files: { 'app/.env': `# mine\nTOKEN=${FALSE_TOKEN}\n` }, compression: 'none' },
  'token taken away': { files: {}, deleted: ['app/.env'] },
  library: {
    files: {
      'srv/package-lock.json': JSON.stringify({
        name: 'srv',
        lockfileVersion: 1,
        dependencies: { lodash: { version: '4.17.4' } },
      }),
      'srv/node_modules/lodash/package.json': JSON.stringify({ name: 'lodash', version: '4.17.4', license: 'MIT' }),
    },
    compression: 'none',
  },
  settings: { files: { 'srv/Dockerfile': 'FROM alpine:3.10\nRUN apk add curl\n' }, compression: 'zstd' },
}

const EXAMPLES: [string[][]][] = [
  [[['vulnerable', 'token'], ['vulnerable']]],
  [
    [
      ['token', 'token taken away'],
      ['token', 'token in other words'],
    ],
  ],
  [
    [
      ['vulnerable', 'without a system'],
      ['vulnerable', 'without packages'],
      ['vulnerable', 'vulnerable'],
    ],
  ],
]

/** What the real Trivy says by itself: of the image as it is, with nothing remembered, and of this platform alone. */
async function ownWords(platform: SamplePlatform, scanners: readonly string[]): Promise<PlatformScan> {
  const [program, database, directory] = [await requirePart('trivy'), await trivyDatabase(), await temporary()]
  const input = 'image'
  const layout = await writeSampleLayout(join(directory, input), { platforms: [platform] })
  const [image] = layout.platforms
  if (image === undefined) throw new Error('the sample has no platform')
  const args = [
    ...['image', '--input', input, '--format', 'json', '--output', 'report.json', '--scanners', scanners.join(',')],
    ...['--cache-backend', 'memory', '--cache-dir', database, '--skip-db-update', '--skip-check-update'],
    ...['--list-all-pkgs=false', '--quiet', '--disable-telemetry', '--skip-version-check'],
  ]
  const ended = await (await world()).exec({ program, args, env: { HOME: directory, TMPDIR: directory }, directory })
  expect(ended).toMatchObject({ kind: 'exited', code: 0 })
  const config = JSON.parse(await readFile(blobPath(layout.directory, image.config.digest), 'utf8'))
  const diffIds: readonly Digest[] = config.rootfs.diff_ids
  const expected = { platform: image.platform, config: image.config.digest, input, severities: SEVERITIES }
  const report = await readFile(join(directory, 'report.json'), 'utf8')
  const scan = parseFindings(report, { ...expected, layers: new Set(diffIds) })
  // There a layer has the name of its tar, with us that of its blob.
  const blobOf = new Map(diffIds.map((diffId, at) => [diffId, image.layers[at]?.digest]))
  const named = scan.findings.map((finding) => {
    const blob = finding.layer === undefined ? undefined : blobOf.get(finding.layer)
    return blob === undefined ? finding : { ...finding, layer: blob }
  })
  return { ...scan, findings: named }
}

const NONE = digestOf('no layer at all')

/** An image of a layout with other diff IDs in its configuration, and all digests as they should be. */
async function withDiffIds(layout: SampleLayout, change: (own: readonly Digest[]) => readonly Digest[], at = 0) {
  const image = layout.platforms[at]
  if (image === undefined) throw new Error('the sample has no such platform')
  const write = async (mediaType: string, value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value))
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length }
    await writeFile(blobPath(layout.directory, descriptor.digest), bytes)
    return descriptor
  }
  const read = async (digest: Digest) => JSON.parse(await readFile(blobPath(layout.directory, digest), 'utf8'))
  const own = await read(image.config.digest)
  const rootfs = { ...own.rootfs, diff_ids: change(own.rootfs.diff_ids) }
  const config = await write(image.config.mediaType, { ...own, rootfs })
  const manifest = await write(MEDIA_TYPE.ociManifest, { ...(await read(image.manifest.digest)), config })
  return { ...image, config, manifest }
}

import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, requirePart } from '../../scripts/part/index.ts'
import { type Digest, digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { SEVERITIES } from '../../src/plan/request.ts'
import { type ScanPlatform, scanImage } from '../../src/scan/scan.ts'
import { databaseFor } from '../scan/databases.ts'
import { alpine, FALSE_TOKEN } from '../scan/samples.ts'
import { GATE, temporary, world } from '../scan/world.ts'
import { blobPath, type SampleLayer, type SampleLayout, writeSampleLayout } from '../support/sample-layout.ts'
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
})

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

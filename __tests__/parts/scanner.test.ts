import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, requirePart } from '../../scripts/part/index.ts'
import { scanImage } from '../../src/scan/scan.ts'
import { prepareScanner } from '../../src/scan/scanner.ts'
import { databaseFor } from '../scan/databases.ts'
import { sample } from '../scan/samples.ts'
import { GATE, temporary, world } from '../scan/world.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { releaseArchive, sha256Of } from '../support/trivy-archive.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'

const ready = await need(['trivy', 'trivy-db'])

describe.skipIf(!ready)('the real Trivy in an archive like that of its release', () => {
  let database: DatabaseServer

  beforeAll(async () => {
    // Three hours before the moment at which the tests stand still.
    database = await serveDatabase(new Date('2026-11-21T09:00:00Z'))
  })
  afterAll(() => database.stop())

  test('is checked, unpacked, knows its version and scans', async () => {
    const bytes = await releaseArchive(await readFile(await requirePart('trivy')))
    const archive = join(await temporary(), 'trivy.tar.gz')
    await writeFile(archive, bytes)
    const edges = await world()
    const never = (): never => {
      throw new Error('nothing is fetched here')
    }
    const scanner = await prepareScanner(
      {
        trivy: { kind: 'release', version: '0.74.0', sha256: sha256Of(bytes), archive },
        system: 'linux/amd64',
        toolCache: '',
        useCache: true,
        mayKeep: true,
        signal: edges.clock.signal,
        archives: {},
      },
      { ...edges, stores: { download: never, cache: { restore: never, save: never } } },
    )
    expect(scanner).toMatchObject({ version: '0.74.0', from: 'trivy-archive', sha256: sha256Of(bytes) })
    expect(scanner.program.startsWith(edges.scratch.directory)).toBe(true)

    const layout = await writeSampleLayout(await temporary(), { platforms: [sample('vulnerable')] })
    const gate = { ...GATE, databases: [database.repository] }
    const { directory: layoutDirectory, platforms } = layout
    const prepared = await databaseFor(gate, scanner, edges)
    const scan = await scanImage({ layoutDirectory, platforms, gate, scanner, database: prepared }, edges)
    expect(scan.platforms[0]?.findings).toMatchObject([{ id: 'CVE-2019-14697' }])
  })
})

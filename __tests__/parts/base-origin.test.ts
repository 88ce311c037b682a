import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { need, requirePart } from '../../scripts/part/index.ts'
import { checkedOnTheWay } from '../../src/content/checked.ts'
import { readImage } from '../../src/content/image.ts'
import { openLayout } from '../../src/content/oci-layout.ts'
import { formatRepository } from '../../src/image/reference.ts'
import { splitByBase } from '../../src/modes/base-origin.ts'
import { SEVERITIES } from '../../src/plan/request.ts'
import type { Finding } from '../../src/scan/findings.ts'
import { scanImage } from '../../src/scan/scan.ts'
import { databaseFor } from '../scan/databases.ts'
import { alpine, FALSE_TOKEN } from '../scan/samples.ts'
import { GATE, temporary, world } from '../scan/world.ts'
import { openClient } from '../support/client.ts'
import { type InProcessRegistry, startRegistry } from '../support/registry/server.ts'
import { blobPath, type SampleLayer, type SampleLayout, writeSampleLayout } from '../support/sample-layout.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'

const ready = await need(['trivy', 'trivy-db'])
const NOW = new Date('2026-11-21T10:00:00Z')
const BOTH = ['linux/amd64', 'linux/arm64']

const token = (file: string): SampleLayer => ({ files: { [file]: `GITHUB_TOKEN=${FALSE_TOKEN}\n` } })

/** What the base brings, and what is put on top of it: one package as it was, one of another version, one file taken away. */
const BASE: readonly SampleLayer[] = [alpine({ musl: '1.1.19-r2', openssl: '1.1.1c-r0' }), token('base/.env')]
const OWN: readonly SampleLayer[] = [
  { ...alpine({ musl: '1.1.19-r2', openssl: '1.1.1d-r0' }), deleted: ['base/.env'] },
  token('app/.env'),
]

describe.skipIf(!ready)('findings by the real Trivy', () => {
  let database: DatabaseServer
  let registry: InProcessRegistry
  let program: string

  beforeAll(async () => {
    program = await requirePart('trivy')
    database = await serveDatabase(NOW)
    registry = await startRegistry()
  })
  afterAll(() => Promise.all([database.stop(), registry.stop()]))

  /** `id subject: origin` of what is found in each platform of an image on a base in the registry. */
  async function origins(compression: 'gzip' | 'none'): Promise<readonly (readonly string[])[]> {
    const packed = (layers: readonly SampleLayer[]) => layers.map((layer) => ({ ...layer, compression }))
    const systems = (layers: readonly SampleLayer[]) => BOTH.map((platform) => ({ platform, layers: packed(layers) }))
    const base = await writeSampleLayout(await temporary(), { platforms: systems(BASE) })
    await put(registry, base)
    const annotations = {
      'org.opencontainers.image.base.name': `${registry.host}/acme/base:3`,
      'org.opencontainers.image.base.digest': base.root.digest,
    }
    const env = [`GH_TOKEN=${FALSE_TOKEN}`]
    const own = await writeSampleLayout(await temporary(), {
      platforms: systems([...BASE, ...OWN]).map((one) => ({ ...one, env })),
      annotations,
    })
    const { directory, platforms } = own
    const edges = await world()
    const gate = { ...GATE, severities: SEVERITIES, databases: [database.repository] }
    const scanner = { program, version: '0.74.0', from: 'trivy-path', sha256: '' }
    const prepared = await databaseFor(gate, scanner, edges)
    const scan = await scanImage({ layoutDirectory: directory, platforms, gate, scanner, database: prepared }, edges)

    const source = checkedOnTheWay(await openLayout(directory))
    const client = openClient()
    onTestFinished(() => client.close())
    const nowhere = (): never => {
      throw new Error('this is not asked of the world')
    }
    const stores = {
      remote: (repository: Parameters<typeof formatRepository>[0]) =>
        client.remote(formatRepository(repository), 'pull'),
      layout: nowhere,
      download: nowhere,
      cache: { restore: nowhere, save: nowhere },
    }
    const images = [{ registry: registry.host, path: 'acme/api' }]
    const cargo = { source, image: await readImage(source, own.root) }
    const split = await splitByBase(scan, cargo, { request: { images }, edges: { ...edges, stores } })
    expect(split.platforms.map((one) => one.base)).toEqual(
      Array(2).fill(`${registry.host}/acme/base:3@${base.root.digest}`),
    )
    return split.platforms.map(({ findings }) => {
      return findings.map((one) => `${one.id} ${subjectOf(one)}: ${one.origin ?? 'unknown'}`).toSorted()
    })
  }

  test.each(['gzip', 'none'] as const)('are told apart by their layers (%s)', async (compression) => {
    const expected = [
      'CVE-2019-14697 musl 1.1.19-r2: base',
      'CVE-2021-3712 openssl 1.1.1d-r0: added',
      'github-pat /base/.env: base',
      'github-pat /app/.env: added',
      'github-pat image configuration: unknown',
    ]
    expect(await origins(compression)).toEqual(Array(2).fill(expected.toSorted()))
  })
})

function subjectOf(finding: Finding): string {
  if (finding.kind === 'vulnerability') return `${finding.package} ${finding.installed}`
  return finding.kind === 'secret' ? finding.file : ''
}

async function put(registry: InProcessRegistry, layout: SampleLayout): Promise<void> {
  const read = (digest: SampleLayout['root']['digest']) => readFile(blobPath(layout.directory, digest))
  for (const { manifest, config, layers } of layout.platforms) {
    const blobs = await Promise.all([config, ...layers].map(({ digest }) => read(digest)))
    registry.put('acme/base', { manifest: await read(manifest.digest), blobs })
  }
  registry.put('acme/base', { manifest: await read(layout.root.digest) })
}

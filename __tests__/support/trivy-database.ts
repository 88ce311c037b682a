import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { trivyDatabase } from '../../scripts/part/index.ts'
import { digestOf } from '../../src/image/digest.ts'
import { type InProcessRegistry, startRegistry } from './registry/server.ts'
import { tarOf } from './sample-layout.ts'

/** A registry that serves the small vulnerability database; `repository` is what `db-repository` takes. */
export type DatabaseServer = { readonly repository: string; stop(): Promise<void> }

export async function serveDatabase(updated = new Date()): Promise<DatabaseServer> {
  const registry = await startRegistry()
  putDatabase(registry, await readDatabase(updated))
  return { repository: `${registry.host}/trivy-db`, stop: () => registry.stop() }
}

/** The small database as the archive that its makers publish, with a date of ours and never asked to be renewed. */
export async function readDatabase(updated: Date): Promise<Buffer> {
  const folder = join(await trivyDatabase(), 'db')
  const metadata = {
    Version: 2,
    NextUpdate: '2099-01-01T00:00:00Z',
    UpdatedAt: updated,
    DownloadedAt: '0001-01-01T00:00:00Z',
  }
  return gzipSync(
    tarOf({ 'trivy.db': await readFile(join(folder, 'trivy.db')), 'metadata.json': JSON.stringify(metadata) }),
  )
}

/** A database that is valid and knows nothing: it has a date, and a scan with it calls everything clean. */
export function emptyDatabase(updated: Date): Buffer {
  const metadata = { Version: 2, NextUpdate: '2099-01-01T00:00:00Z', UpdatedAt: updated }
  return gzipSync(tarOf({ 'trivy.db': emptyBolt(), 'metadata.json': JSON.stringify(metadata) }))
}

const PAGE = 4096

/** A bbolt file without buckets: two meta pages, the list of free pages, one empty leaf (bbolt, db.go and page.go). */
function emptyBolt(): Buffer {
  const file = Buffer.alloc(4 * PAGE)
  for (const [id, flags] of [0x04, 0x04, 0x10, 0x02].entries()) {
    file.writeBigUInt64LE(BigInt(id), id * PAGE)
    file.writeUInt16LE(flags, id * PAGE + 8)
  }
  for (const id of [0, 1]) {
    const meta = file.subarray(id * PAGE + 16, id * PAGE + 16 + 64)
    meta.writeUInt32LE(0xed0cdaed, 0) // magic
    meta.writeUInt32LE(2, 4) // version
    meta.writeUInt32LE(PAGE, 8)
    meta.writeBigUInt64LE(3n, 16) // page of the root bucket
    meta.writeBigUInt64LE(2n, 32) // page of the free list
    meta.writeBigUInt64LE(4n, 40) // pages in use
    meta.writeBigUInt64LE(BigInt(id), 48) // transaction
    meta.writeBigUInt64LE(fnv1a(meta.subarray(0, 56)), 56)
  }
  return file
}

/** FNV-1a of 64 bits, bbolt's checksum of a meta page. */
function fnv1a(bytes: Uint8Array): bigint {
  return bytes.reduce(
    (hash, byte) => ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn,
    0xcbf29ce484222325n,
  )
}

/** Puts an archive where Trivy looks for its database: `trivy-db:2`. */
export function putDatabase(registry: InProcessRegistry, layer: Buffer): void {
  const config = Buffer.from('{}')
  const describe = (mediaType: string, bytes: Buffer, more = {}) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
    ...more,
  })
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: describe('application/vnd.aquasec.trivy.config.v1+json', config),
    layers: [
      describe('application/vnd.aquasec.trivy.db.layer.v1.tar+gzip', layer, {
        annotations: { 'org.opencontainers.image.title': 'db.tar.gz' },
      }),
    ],
  }
  registry.put('trivy-db', { manifest, blobs: [config, layer], tag: '2' })
}

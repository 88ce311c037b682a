import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
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
  return databaseOf({ updated, content: await readFile(join(await trivyDatabase(), 'db', 'trivy.db')) })
}

/** A database that is valid and knows nothing: it has a date, and a scan with it calls everything clean. */
export function emptyDatabase(updated: Date): Buffer {
  return databaseOf({ updated, content: emptyBolt() })
}

/** An archive as the makers of the vulnerability database publish it; `next` is when they mean to renew it. */
export function databaseOf({ content, updated = new Date(), next = new Date('2099-01-01') }: DatabaseSpec): Buffer {
  const metadata = { Version: 2, NextUpdate: next, UpdatedAt: updated, DownloadedAt: '0001-01-01T00:00:00Z' }
  return gzipSync(tarOf({ 'trivy.db': content, 'metadata.json': JSON.stringify(metadata) }))
}

type DatabaseSpec = { readonly content: string | Uint8Array; readonly updated?: Date; readonly next?: Date }

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

/** Jars as the Java database names them. */
export type NamedJar = { readonly group: string; readonly artifact: string; readonly version: string }

/** A database of jars with the tables that Trivy reads (trivy-java-db, pkg/db/db.go), as the archive of its makers. */
export async function javaDatabase(
  jars: readonly NamedJar[],
  updated = new Date('2026-11-19T00:00:00Z'),
): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'java-db-'))
  const path = join(folder, 'trivy-java.db')
  const database = new DatabaseSync(path)
  database.exec(`
    CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
    CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT,
      foreign key (artifact_id) references artifacts(id));
    CREATE UNIQUE INDEX artifacts_idx ON artifacts(artifact_id, group_id);
    CREATE INDEX indices_artifact_idx ON indices(artifact_id);
    CREATE UNIQUE INDEX indices_sha1_idx ON indices(sha1);`)
  for (const [id, { group, artifact, version }] of jars.entries()) {
    database.prepare('INSERT INTO artifacts VALUES (?, ?, ?)').run(id, group, artifact)
    database.prepare("INSERT INTO indices VALUES (?, ?, ?, 'jar')").run(id, version, Buffer.alloc(20, id + 1))
  }
  database.close()
  const metadata = { Version: 1, NextUpdate: updated, UpdatedAt: updated, DownloadedAt: '0001-01-01T00:00:00Z' }
  const bytes = gzipSync(tarOf({ 'trivy-java.db': await readFile(path), 'metadata.json': JSON.stringify(metadata) }))
  await rm(folder, { recursive: true })
  return bytes
}

/** Puts an archive where Trivy looks for its database: `trivy-db:2`. */
export function putDatabase(registry: InProcessRegistry, layer: Buffer): void {
  putArtifact(registry, layer, { repository: 'trivy-db', tag: '2', name: 'db' })
}

/** Puts an archive where Trivy looks for its database of jars: `trivy-java-db:1`. */
export function putJavaDatabase(registry: InProcessRegistry, layer: Buffer): void {
  putArtifact(registry, layer, { repository: 'trivy-java-db', tag: '1', name: 'javadb' })
}

type Place = { readonly repository: string; readonly tag: string; readonly name: 'db' | 'javadb' }

function putArtifact(registry: InProcessRegistry, layer: Buffer, { repository, tag, name }: Place): void {
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
      describe(`application/vnd.aquasec.trivy.${name}.layer.v1.tar+gzip`, layer, {
        annotations: { 'org.opencontainers.image.title': `${name}.tar.gz` },
      }),
    ],
  }
  registry.put(repository, { manifest, blobs: [config, layer], tag })
}

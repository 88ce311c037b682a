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

import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tarOf } from '../__tests__/support/sample-layout.ts'
import type { Descriptor } from '../src/image/descriptor.ts'
import { digestOf, hexOf } from '../src/image/digest.ts'
import { MEDIA_TYPE } from '../src/image/media-type.ts'

/** What an image of a benchmark is made of: platforms, and for each its layers. */
export type Sample = Readonly<Record<string, readonly Uint8Array[]>>

/** The name under which an engine keeps the image once it has loaded the layout. */
export const LOADED = 'bench.invalid/image:loaded'

/** So many layers of so many bytes that nothing can compress, new ones each time: nobody can know them from before. */
export function layers(count: number, size: number): readonly Uint8Array[] {
  return Array.from({ length: count }, () => tarOf({ layer: randomBytes(size) }))
}

/** Writes an OCI layout: a single manifest for one platform, an index for several. The digest of its root. */
export async function writeLayout(directory: string, sample: Sample): Promise<string> {
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true })
  const manifests: Descriptor[] = []
  for (const [architecture, parts] of Object.entries(sample)) {
    manifests.push(await writeImage(directory, architecture, parts))
  }
  const [only] = manifests
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }
  const root = manifests.length === 1 && only !== undefined ? only : await putJson(directory, index)
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  const named = { ...root, annotations: { 'io.containerd.image.name': LOADED } }
  await writeFile(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }))
  return root.digest
}

async function writeImage(directory: string, architecture: string, parts: readonly Uint8Array[]): Promise<Descriptor> {
  const written: Descriptor[] = []
  for (const bytes of parts) written.push(await put(directory, bytes, 'application/vnd.oci.image.layer.v1.tar'))
  const rootfs = { type: 'layers', diff_ids: written.map(({ digest }) => digest) }
  const configuration = JSON.stringify({ os: 'linux', architecture, config: {}, rootfs })
  const config = await put(directory, Buffer.from(configuration), 'application/vnd.oci.image.config.v1+json')
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: written }
  return { ...(await putJson(directory, manifest)), platform: { os: 'linux', architecture } }
}

function putJson(directory: string, content: { readonly mediaType: string }): Promise<Descriptor> {
  return put(directory, Buffer.from(JSON.stringify(content)), content.mediaType)
}

async function put(directory: string, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const digest = digestOf(bytes)
  await writeFile(join(directory, 'blobs', 'sha256', hexOf(digest)), bytes)
  return { mediaType, digest, size: bytes.length }
}

import { Readable } from 'node:stream'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { bytesOf } from './registry/blob.ts'
import type { InProcessRegistry } from './registry/server.ts'

const LAYER = 'application/vnd.oci.image.layer.v1.tar'

/** A blob whose bytes can be opened anew, and how often they were. */
export function layer(
  content: string | Uint8Array = 'a layer',
): Descriptor & { open: () => Promise<Readable>; opened: number } {
  const bytes = Buffer.from(content)
  const described = { mediaType: LAYER, digest: digestOf(bytes), size: bytes.length, opened: 0 }
  const open = async () => {
    blob.opened += 1
    return Readable.from(chunksOf(bytes))
  }
  const blob = { ...described, open }
  return blob
}

function chunksOf(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / 65_536)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * 65_536, (index + 1) * 65_536))
}

/** What the registry saw, in order: `upload-open 202`, or `reset` for a status. */
export const steps = (registry: InProcessRegistry) =>
  registry.requests.map(({ step, status }) => `${step} ${status ?? 'reset'}`)

/** What the registry holds under the blob's digest. */
export function stored(registry: InProcessRegistry, { digest }: Descriptor, path = 'acme/api'): string | undefined {
  const blob = registry.repositories.get(path)?.blobs.get(digest)
  return blob === undefined ? undefined : bytesOf(blob).toString()
}

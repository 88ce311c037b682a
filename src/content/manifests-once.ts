import { Readable } from 'node:stream'
import { MANIFEST_LIMIT } from '../image/manifest.ts'
import { isManifest } from '../image/media-type.ts'
import type { Source } from './store.ts'
import { readVerified } from './verify.ts'

/** The most that is kept of all manifests together, in bytes; what comes after is read each time. */
const KEPT_LIMIT = 64 * 1024 * 1024

/**
 * Wraps a source whose manifests cost to read: each is read once, checked and kept, however many copies need it. On Docker
 * Hub every GET of a manifest counts as a pull (docs.docker.com, "Pull usage and limits"). Everything else passes through.
 */
export function manifestsOnce(source: Source): Source {
  const kept = new Map<string, Promise<Uint8Array>>()
  let size = 0

  return {
    name: source.name,
    resolve: (tagOrDigest) => source.resolve(tagOrDigest),
    async fetch(descriptor) {
      if (!isManifest(descriptor.mediaType) || descriptor.size > MANIFEST_LIMIT) return source.fetch(descriptor)
      const key = `${descriptor.digest} ${descriptor.size}`
      const known = kept.get(key)
      if (known !== undefined) return Readable.from([await known])
      if (size + descriptor.size > KEPT_LIMIT) return source.fetch(descriptor)
      size += descriptor.size
      const reading = source
        .fetch(descriptor)
        .then((bytes) => readVerified(descriptor, bytes, MANIFEST_LIMIT, source.name))
      kept.set(key, reading)
      try {
        return Readable.from([await reading])
      } catch (error) {
        // What could not be read now may be read later.
        kept.delete(key)
        size -= descriptor.size
        throw error
      }
    },
  }
}

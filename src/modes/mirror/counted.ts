import { Readable } from 'node:stream'
import type { Source } from '../../content/store.ts'
import { readVerified } from '../../content/verify.ts'
import type { Descriptor } from '../../image/descriptor.ts'
import type { Digest } from '../../image/digest.ts'
import { MANIFEST_LIMIT } from '../../image/manifest.ts'
import { isManifest } from '../../image/media-type.ts'
import { DOCKER_HUB, type Repository } from '../../image/reference.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'

/**
 * A repository to read an image from, in which each manifest is read once and kept: at Docker Hub each time is a pull, and
 * those are counted. Made for one image, and forgotten with it.
 */
export function readCounted(run: MirrorRun, repository: Repository): Source {
  const remote = remoteOf(run, repository, 'pull')
  const held = new Map<Digest, Promise<Uint8Array>>()

  async function read(descriptor: Descriptor): Promise<Uint8Array> {
    if (repository.registry === DOCKER_HUB) run.facts.pulls.spent += 1
    return readVerified(descriptor, await remote.fetch(descriptor), MANIFEST_LIMIT, remote.name)
  }

  return {
    name: remote.name,
    resolve: (tagOrDigest) => remote.resolve(tagOrDigest),
    async fetch(descriptor) {
      if (!isManifest(descriptor.mediaType)) return remote.fetch(descriptor)
      const known = held.get(descriptor.digest) ?? read(descriptor)
      held.set(descriptor.digest, known)
      try {
        return Readable.from([await known])
      } catch (error) {
        // What could not be read now may be read later.
        held.delete(descriptor.digest)
        throw error
      }
    },
  }
}

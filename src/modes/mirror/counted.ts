import { manifestsOnce } from '../../content/manifests-once.ts'
import type { Source } from '../../content/store.ts'
import { isManifest } from '../../image/media-type.ts'
import { DOCKER_HUB, type Repository } from '../../image/reference.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'

/**
 * A repository to read an image from, in which each manifest is read once and kept: at Docker Hub each time is a pull, and
 * those are counted. Made for one image, and forgotten with it.
 */
export function readCounted(run: MirrorRun, repository: Repository): Source {
  const remote = remoteOf(run, repository, 'pull')
  return manifestsOnce({
    name: remote.name,
    resolve: (tagOrDigest) => remote.resolve(tagOrDigest),
    fetch: (descriptor) => {
      const isPull = repository.registry === DOCKER_HUB && isManifest(descriptor.mediaType)
      if (isPull) run.facts.pulls.spent += 1
      return remote.fetch(descriptor)
    },
  })
}

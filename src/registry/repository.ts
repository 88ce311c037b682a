import type { Readable } from 'node:stream'
import type { Arrival, Elsewhere } from '../content/store.ts'
import type { PullLimit, Remote } from '../edges.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { ACCEPTED_MANIFESTS, isManifest } from '../image/media-type.ts'
import { formatRepository, type Repository } from '../image/reference.ts'
import { pushBlob } from './blobs.ts'
import { type Connection, newMeter } from './connection.ts'
import { hasBlob } from './known-blobs.ts'
import { putManifest, resolveManifest } from './manifests.ts'
import { parsePullLimit } from './pull-limit.ts'
import { askPushRight } from './rights.ts'
import type { Scope } from './scope.ts'
import { blobUrl, looksNew, manifestUrl, nothingLearnt, refused, type Site } from './site.ts'
import { listTags } from './tag-list.ts'
import { putTags } from './tags-at-once.ts'

/** A repository of a registry, as a store and as what a survey asks. */
export function openRepository(repository: Repository, use: 'pull' | 'push', connection: Connection): Remote {
  const { path } = repository
  const scope: Scope = { path, actions: use === 'push' ? 'pull,push' : 'pull' }
  const meter = newMeter()
  const site: Site = {
    connection,
    path,
    name: formatRepository(repository),
    scope,
    send: connection.open([scope], meter),
    meter,
    learnt: nothingLearnt(),
  }
  return {
    name: site.name,
    resolve: (tagOrDigest) => resolveManifest(site, tagOrDigest),
    fetch: (descriptor) => fetchContent(site, descriptor),
    exists: (descriptor, again) =>
      again === 'again' ? isThere(site, descriptor) : isThereAsFarAsKnown(site, descriptor),
    async push(descriptor, open, elsewhere) {
      const arrival = await pushContent(site, descriptor, open, elsewhere)
      if (arrival === 'present') site.learnt.hasLeftovers = true
      site.learnt.brought.add(descriptor.digest)
      return arrival
    },
    tag: (manifest, tag) => putManifest(site, manifest.descriptor, manifest.bytes, tag),
    tagAtOnce: (manifest, tags) => putTags(site, manifest, tags),
    pushRight: (question) => askPushRight(site, question),
    pullLimit: () => askPullLimit(site),
    listTags: ({ limit }) => listTags(site, limit),
    async account() {
      const identity = await connection.auth.identity()
      return identity.kind === 'known' ? identity.username : ''
    },
    traffic: () => ({ requests: { ...meter.requests }, retries: meter.retries }),
  }
}

async function isThereAsFarAsKnown(site: Site, descriptor: Descriptor): Promise<boolean> {
  const { brought, asked } = site.learnt
  if (brought.has(descriptor.digest)) return true
  if (looksNew(site)) return false
  const answer = asked.get(descriptor.digest) ?? isThere(site, descriptor)
  asked.set(descriptor.digest, answer)
  return answer
}

async function isThere(site: Site, descriptor: Descriptor): Promise<boolean> {
  if (!isManifest(descriptor.mediaType)) return hasBlob(site, descriptor)
  // A proxy that answers everything with something else does not have it.
  return (await resolveManifest(site, descriptor.digest))?.digest === descriptor.digest
}

async function pushContent(
  site: Site,
  descriptor: Descriptor,
  open: () => Promise<Readable>,
  elsewhere?: Elsewhere,
): Promise<Arrival> {
  if (!isManifest(descriptor.mediaType)) return pushBlob(site, descriptor, open, elsewhere)
  // A repository that looks new was not asked for its manifests; what it has kept of its blobs says that it may have some.
  if (site.learnt.hasLeftovers && looksNew(site) && (await isThere(site, descriptor))) return 'present'
  await putManifest(site, descriptor, await readAll(await open()), descriptor.digest)
  return 'uploaded'
}

async function fetchContent(site: Site, descriptor: Descriptor): Promise<Readable> {
  const { digest, mediaType } = descriptor
  const url = isManifest(mediaType) ? manifestUrl(site, digest) : blobUrl(site, digest)
  const headers = { accept: `${mediaType}, */*` }
  const response = await site.send({ method: 'GET', url, headers, signal: site.connection.policy.signal })
  if (response.status === 200) return response.body
  throw await refused(site, { what: `reading ${digest} from ${site.name}`, writing: false }, response)
}

async function askPullLimit(site: Site): Promise<PullLimit | undefined> {
  const url = manifestUrl(site, 'latest')
  const response = await site.send({ method: 'HEAD', url, headers: { accept: ACCEPTED_MANIFESTS }, repeatable: false })
  const limit = parsePullLimit(response)
  // Once the quota is used up even HEAD is refused (rapidsai/ci-imgs#427).
  if (response.status === 429) return { limit: 0, windowSeconds: 0, source: '', ...limit, remaining: 0 }
  if (limit !== undefined || response.status === 200 || response.status === 404) return limit
  throw await refused(site, { what: `asking ${site.name} for its pull limit`, writing: false }, response)
}

/** Manifests only: they are small, and the layout they come from bounds them. */
async function readAll(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

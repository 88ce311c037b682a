import type { Readable } from 'node:stream'
import type { Arrival, Elsewhere } from '../content/store.ts'
import type { PullLimit, Remote } from '../edges.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { ACCEPTED_MANIFESTS, isManifest } from '../image/media-type.ts'
import { formatRepository, type Repository } from '../image/reference.ts'
import type { Response } from '../net/send.ts'
import { pushBlob } from './blobs.ts'
import { listRepositories } from './catalog.ts'
import { type Connection, newMeter } from './connection.ts'
import { makeRoom } from './existence.ts'
import { forget, hasBlob } from './known-blobs.ts'
import { putManifest, resolveManifest } from './manifests.ts'
import { parsePullLimit } from './pull-limit.ts'
import { listReferrers } from './referrers.ts'
import { resumed } from './resumed.ts'
import { askPushRight } from './rights.ts'
import type { Scope } from './scope.ts'
import { blobUrl, looksNew, manifestUrl, nothingLearnt, refused, type Site } from './site.ts'
import { listTags } from './tag-list.ts'
import { deleteTag } from './tag-removal.ts'
import { putTags } from './tags-at-once.ts'

/** A repository of a registry, as a store and as what a survey asks. */
export function openRepository(
  repository: Repository,
  use: 'pull' | 'push',
  connection: Connection,
  create?: () => Promise<void>,
): Remote {
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
    ...(create === undefined ? {} : { create }),
  }
  return {
    name: site.name,
    resolve: (tagOrDigest) => resolveManifest(site, tagOrDigest),
    fetch: (descriptor) => fetchContent(site, descriptor),
    async exists(descriptor, again) {
      if (again !== 'again') return isThereAsFarAsKnown(site, descriptor)
      const isStillThere = await isThere(site, descriptor)
      if (!isStillThere) forget(site, descriptor)
      return isStillThere
    },
    async push(descriptor, open, elsewhere) {
      if (site.create !== undefined) await makeRoom(site, 'create')
      // What another image of this run has brought is nothing that an earlier run has left.
      const isKnown = connection.known.get(descriptor.digest)?.path === site.path
      const arrival = await pushContent(site, descriptor, open, elsewhere)
      if (arrival === 'present' && !isKnown) site.learnt.hasLeftovers = true
      site.learnt.brought.add(descriptor.digest)
      return arrival
    },
    tag: (manifest, tag) => putManifest(site, manifest.descriptor, manifest.bytes, tag),
    tagAtOnce: (manifest, tags) => putTags(site, manifest, tags),
    pushRight: (question) => askPushRight(site, question),
    pullLimit: () => askPullLimit(site),
    listTags: ({ limit }) => listTags(site, limit),
    referrers: (subject, artifactType) => listReferrers(site, subject, artifactType),
    listsReferrer: (manifest) => site.learnt.listedReferrers.has(manifest),
    catalog: (question) => listRepositories(site, question),
    deleteTag: (tag) => deleteTag(site, tag),
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
  const isBlob = !isManifest(mediaType)
  const url = isBlob ? blobUrl(site, digest) : manifestUrl(site, digest)
  const ask = async (from: number): Promise<Response> => {
    const headers = { accept: `${mediaType}, */*`, ...(from === 0 ? {} : { range: `bytes=${from}-` }) }
    const response = await site.send({ method: 'GET', url, headers, signal: site.connection.policy.signal })
    if (response.status === 200 || (response.status === 206 && from > 0)) return response
    throw await refused(site, { what: `reading ${digest} from ${site.name}`, writing: false }, response)
  }
  const first = await ask(0)
  // A manifest is small, and a GET of it counts as a pull on Docker Hub.
  return isBlob ? resumed(site, descriptor, first, ask) : first.body
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

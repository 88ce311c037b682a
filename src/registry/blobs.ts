import type { Readable } from 'node:stream'
import type { Arrival } from '../content/store.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { KnownBlob } from './connection.ts'
import { remember } from './known-blobs.ts'
import type { Scope } from './scope.ts'
import type { Site } from './site.ts'
import { mountBlob, uploadBlob } from './upload.ts'

/** Brings a blob there: from a sibling repository of the registry when that has it, else from here. */
export async function pushBlob(site: Site, descriptor: Descriptor, open: () => Promise<Readable>): Promise<Arrival> {
  const sibling = site.connection.known.get(descriptor.digest)
  if (sibling !== undefined && sibling.path !== site.path && (await mountFrom(site, sibling, descriptor)))
    return 'mounted'
  const uploading = site.connection.limits.transfers(() => uploadBlob(site, descriptor, open))
  const there = uploading.then(() => true).catch(() => false)
  // Nothing is awaited between the first look and this line, so only one of two siblings uploads.
  remember(site, descriptor, there)
  return uploading
}

async function mountFrom(site: Site, sibling: KnownBlob, descriptor: Descriptor): Promise<boolean> {
  if (!(await sibling.there)) return false
  // The push scope goes first: some token services look at the first one only.
  const scopes: readonly Scope[] = [site.scope, { path: sibling.path, actions: 'pull' }]
  const send = site.connection.open(scopes, site.meter)
  return site.connection.limits.transfers(() => mountBlob({ ...site, send }, descriptor, sibling.path))
}

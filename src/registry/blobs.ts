import type { Readable } from 'node:stream'
import type { Arrival } from '../content/store.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { remember } from './known-blobs.ts'
import { looksNew, type Site } from './site.ts'
import { uploadBlob } from './upload.ts'

/** Brings a blob there: from a sibling repository of the registry when that has it, else from here. */
export async function pushBlob(site: Site, descriptor: Descriptor, open: () => Promise<Readable>): Promise<Arrival> {
  const sibling = site.connection.known.get(descriptor.digest)
  if (sibling !== undefined && sibling.path !== site.path && (await sibling.there)) {
    return uploadBlob(site, { descriptor, open }, sibling.path)
  }
  // Mounting from the repository itself is a look and the beginning of an upload in one request.
  const uploading = uploadBlob(site, { descriptor, open }, looksNew(site) ? site.path : undefined)
  const there = uploading.then(() => true).catch(() => false)
  // Nothing is awaited between the first look and this line, so only one of two siblings uploads.
  remember(site, descriptor, there)
  return uploading
}

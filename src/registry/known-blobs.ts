import { lookAgain } from '../content/shows-late.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { blobUrl, isWebPage, refused, type Site } from './site.ts'

/**
 * Whether a blob is there, complete: a HEAD, whatever is known; some more where we brought it ourselves or it may just
 * be arriving (`late`).
 */
export async function hasBlob(site: Site, descriptor: Descriptor, when: 'now' | 'late' = 'now'): Promise<boolean> {
  const { brought } = site.learnt
  const look = () => isShown(site, descriptor)
  const mayBeLate = when === 'late' || brought.has(descriptor.digest)
  const found = await (mayBeLate ? lookAgain(look, (shown) => shown, site.connection.policy.sleep) : look())
  if (!found) brought.delete(descriptor.digest)
  return found
}

function isShown(site: Site, descriptor: Descriptor): Promise<boolean> {
  const { limits, policy } = site.connection
  return limits.lookUps(async () => {
    const url = blobUrl(site, descriptor.digest)
    const response = await site.send({ method: 'HEAD', url, signal: policy.signal })
    // A proxy that answers everything with a page of its own does not have it.
    if (response.status === 404 || response.status === 403 || isWebPage(response)) return false
    const what = `looking for blob ${descriptor.digest} in ${site.name}`
    if (response.status !== 200) throw await refused(site, { what, writing: false }, response)
    remember(site, descriptor, Promise.resolve(true))
    return true
  })
}

/** Forgets that a blob is here: the registry has lost it. */
export function forget({ connection, path }: Site, { digest }: Descriptor): void {
  if (connection.known.get(digest)?.path === path) connection.known.delete(digest)
}

/** Notes where a blob is, or will be; the first word stands. */
export function remember({ connection, path }: Site, descriptor: Descriptor, there: Promise<boolean>): void {
  if (!connection.known.has(descriptor.digest)) connection.known.set(descriptor.digest, { path, there })
}

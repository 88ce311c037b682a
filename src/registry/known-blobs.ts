import type { Descriptor } from '../image/descriptor.ts'
import { blobUrl, refused, type Site } from './site.ts'

/** Whether a blob is there, complete. */
export function hasBlob(site: Site, descriptor: Descriptor): Promise<boolean> {
  const { limits, policy } = site.connection
  return limits.lookUps(async () => {
    const url = blobUrl(site, descriptor.digest)
    const response = await site.send({ method: 'HEAD', url, signal: policy.signal })
    if (response.status === 404 || response.status === 403) return false
    const what = `looking for blob ${descriptor.digest} in ${site.name}`
    if (response.status !== 200) throw await refused(site, { what, writing: false }, response)
    remember(site, descriptor, Promise.resolve(true))
    return true
  })
}

/** Notes where a blob is, or will be; the first word stands. */
export function remember({ connection, path }: Site, descriptor: Descriptor, there: Promise<boolean>): void {
  if (!connection.known.has(descriptor.digest)) connection.known.set(descriptor.digest, { path, there })
}

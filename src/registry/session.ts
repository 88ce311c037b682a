import { LadingError } from '../error.ts'
import { inWords, mayLeadTo } from '../net/addresses.ts'
import { discard } from '../net/read.ts'
import { isSameOrigin } from '../net/redirect.ts'
import type { Response } from '../net/send.ts'
import { whyNotBegun } from './missing.ts'
import { isSuccess, refused, type Site, uploadsUrl } from './site.ts'

/** Opens an upload session; where it is. Throws what stands in the way. */
export async function openSession(site: Site): Promise<URL> {
  const response = await site
    .send({ method: 'POST', url: uploadsUrl(site), signal: site.connection.policy.signal })
    .catch(async (thrown: unknown) => {
      throw await whyNotBegun(site, thrown)
    })
  if (!isSuccess(response)) {
    throw await refused(site, { what: `opening an upload to ${site.name}`, writing: true }, response)
  }
  await discard(response)
  return locationOf(site, response)
}

/** Lets the registry forget a session. Not all can (405), and nothing depends on it. */
export async function cancelSession(site: Site, session: URL): Promise<void> {
  const response = await site
    .send({ method: 'DELETE', url: session, repeatable: false, patienceMs: 3000 })
    .catch(() => undefined)
  if (response !== undefined) await discard(response)
}

/**
 * Where a session is. Registries give it absolute, relative, without its scheme, or, behind a proxy that does not tell
 * them, with `http://` or without the port they were asked at (distribution#479); the host they mean is then their own.
 */
export function locationOf({ connection, name }: Site, response: Response): URL {
  const text = response.header('location') ?? ''
  if (text === '' || !URL.canParse(text, response.url.href)) {
    throw new LadingError(
      'REGISTRY_UNREACHABLE',
      `opening an upload to ${name}: the registry did not say where to send it`,
    )
  }
  const location = new URL(text, response.url)
  const isOwnHost = location.hostname === connection.origin.hostname
  const isDegraded = location.protocol !== connection.origin.protocol || location.port === ''
  if (isOwnHost && isDegraded && !isSameOrigin(location, connection.origin)) {
    location.protocol = connection.origin.protocol
    location.port = connection.origin.port
  }
  refuseUnsafe(location, connection.origin, name)
  return location
}

/** What a registry may not make us send an image to. */
function refuseUnsafe(location: URL, origin: URL, name: string): void {
  const what = `opening an upload to ${name}: the registry wants it at`
  if (location.protocol !== 'https:' && location.protocol !== 'http:') {
    throw new LadingError('REGISTRY_UNREACHABLE', `${what} ${location.protocol}//, which is no web address`)
  }
  if (!mayLeadTo(origin, location)) {
    throw new LadingError('REGISTRY_UNREACHABLE', `${what} ${inWords(location)}; nothing is sent there`)
  }
  if (origin.protocol === 'https:' && location.protocol !== 'https:') {
    throw new LadingError('TLS_FAILED', `${what} ${location.origin}, without TLS`)
  }
}

import type { Descriptor } from '../image/descriptor.ts'
import { discard } from '../net/read.ts'
import type { Send } from '../net/send.ts'
import type { Scope } from './scope.ts'
import { locationOf } from './session.ts'
import { isWebPage, type Site, uploadsUrl } from './site.ts'

/** What a registry says to a mount: the blob is there now, a session for its upload instead, or no (`undefined`). */
export type Mounted = 'there' | URL | undefined

/** Mounting from the repository itself is a look and the beginning of an upload in one request. */
export function mountItself(site: Site, descriptor: Descriptor): Promise<Mounted> {
  return mount(site, descriptor, { from: site.path, send: site.send })
}

/** Takes a blob over from a repository that it was brought to with the same login. */
export function mountFromSibling(site: Site, descriptor: Descriptor, from: string): Promise<Mounted> {
  const send = site.connection.open(scopesFor(site, from), site.meter)
  return mount(site, descriptor, { from, send })
}

/**
 * Takes a blob over from a repository that may be closed to us. It costs one token at most: where that tells that nothing
 * may be read there, or where the token service refuses to give one, nothing is sent; where the registry refuses it, it
 * is not asked for another one.
 */
export async function mountFromStranger(site: Site, descriptor: Descriptor, from: string): Promise<Mounted> {
  const { connection, meter } = site
  const scopes = scopesFor(site, from)
  const granted = await connection.auth
    .granted({ path: from, actions: 'pull' }, scopes)
    .catch((): readonly string[] => [])
  if (granted !== undefined && !granted.includes('pull') && !granted.includes('*')) return undefined
  return mount(site, descriptor, { from, send: connection.open(scopes, meter, 'once') })
}

type Way = { readonly from: string; readonly send: Send }

/** The push scope goes first: some token services look at the first one only. */
function scopesFor({ scope }: Site, from: string): readonly Scope[] {
  return [scope, { path: from, actions: 'pull' }]
}

/**
 * Asks the registry to take a blob over from one of its repositories (distribution spec, "Mounting a blob"). A refusal
 * costs nothing but itself.
 */
async function mount(site: Site, { digest }: Descriptor, way: Way): Promise<Mounted> {
  const url = uploadsUrl(site)
  url.searchParams.set('mount', digest)
  url.searchParams.set('from', way.from)
  // Not ended by a cancel: a session that nobody knows of could not be cancelled.
  const response = await way.send({ method: 'POST', url, repeatable: false }).catch(() => undefined)
  if (response === undefined) return undefined
  await discard(response)
  // A proxy's own page says nothing about the blob.
  if (isWebPage(response)) return undefined
  if (response.status === 201) return 'there'
  return response.status === 202 ? locationOf(site, response) : undefined
}

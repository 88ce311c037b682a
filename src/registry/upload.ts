import type { Arrival } from '../content/store.ts'
import type { LadingError } from '../error.ts'
import { discard } from '../net/read.ts'
import { LONGEST_WAITING_MS, waitFor } from '../net/retry.ts'
import { hasBlob } from './known-blobs.ts'
import { whyNotBegun } from './missing.ts'
import { cancelSession, locationOf } from './session.ts'
import { type Site, uploadsUrl } from './site.ts'
import { type Blob, beginUpload, sendBlob, sendInPatch, type Unsent } from './transfer.ts'

/**
 * Brings a blob to a repository; `from` names a repository of the registry that may have it, the same one included.
 * After a failure the blob is looked for first, since GHCR may have committed it (GoogleContainerTools/jib#4301); then
 * all begins again with a new session. The place among the transfers is given back meanwhile, for where they are too
 * many they all fail.
 */
export async function uploadBlob(site: Site, blob: Blob, from?: string): Promise<Arrival> {
  const { limits, policy } = site.connection
  let left = LONGEST_WAITING_MS
  for (let attempt = 0; ; attempt += 1) {
    const ended = await limits.uploads(() => tryUpload(site, blob, attempt === 0 ? from : undefined))
    if (typeof ended === 'string') return ended
    try {
      const waitMs = waitFor(ended.askedMs, attempt, policy)
      if (!ended.again || attempt >= policy.retries || waitMs > left) throw await reasonOf(site, ended)
      left -= waitMs
      await waitBeforeNext(site, ended.error, waitMs)
      if (await arrivedAfterAll(site, blob, ended)) return 'uploaded'
    } finally {
      // Only now: a session that is being committed must not be thrown away.
      if (ended.session !== undefined) await cancelSession(site, ended.session)
    }
  }
}

function reasonOf(site: Site, { error, session }: Unsent): unknown {
  return session === undefined ? whyNotBegun(site, error) : error
}

async function tryUpload(site: Site, blob: Blob, from: string | undefined): Promise<Arrival | Unsent> {
  site.connection.policy.signal.throwIfAborted()
  const mounted = from === undefined ? undefined : await mount(site, blob, from)
  if (mounted === 'there') return from === site.path ? 'present' : 'mounted'
  const session = mounted ?? (await beginUpload(site, blob))
  if (!(session instanceof URL)) return session
  const { habits, limits } = site.connection
  if (habits.bodyIn === 'PATCH') return limits.transfers(() => sendInPatch(site, session, blob))
  const sent = await limits.transfers(() => sendBlob(site, session, blob))
  if (sent !== 'unwanted') return sent
  await cancelSession(site, session)
  const other = await beginUpload(site, blob)
  if (!(other instanceof URL)) return other
  const patched = await limits.transfers(() => sendInPatch(site, other, blob))
  if (patched === 'uploaded') habits.bodyIn = 'PATCH'
  return patched
}

/**
 * Asks the registry to take a blob over from one of its repositories (distribution spec, "Mounting a blob"): `there`, or
 * the session that it opened instead. A refusal costs nothing but itself.
 */
async function mount(site: Site, { descriptor }: Blob, from: string): Promise<'there' | URL | undefined> {
  const url = uploadsUrl(site)
  url.searchParams.set('mount', descriptor.digest)
  url.searchParams.set('from', from)
  const { connection, meter, scope } = site
  // The push scope goes first: some token services look at the first one only.
  const send = from === site.path ? site.send : connection.open([scope, { path: from, actions: 'pull' }], meter)
  // Not ended by a cancel: a session that nobody knows of could not be cancelled.
  const ask = { method: 'POST', url, repeatable: false } as const
  const response = await send(ask).catch(() => undefined)
  if (response === undefined) return undefined
  await discard(response)
  if (response.status === 201) return 'there'
  return response.status === 202 ? locationOf(site, response) : undefined
}

async function arrivedAfterAll(site: Site, { descriptor }: Blob, { session, late }: Unsent): Promise<boolean> {
  return session !== undefined && hasBlob(site, descriptor, late ? 'late' : 'now')
}

async function waitBeforeNext(site: Site, error: LadingError, waitMs: number): Promise<void> {
  const { policy, registry } = site.connection
  site.meter.retries += 1
  policy.debug(`upload to ${registry}: ${error.message}; again in ${waitMs} ms`)
  await policy.sleep(waitMs)
}

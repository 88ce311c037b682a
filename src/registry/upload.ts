import type { Arrival } from '../content/store.ts'
import type { LadingError } from '../error.ts'
import type { Limit } from '../net/limit.ts'
import { LONGEST_WAITING_MS, waitFor } from '../net/retry.ts'
import { hasBlob } from './known-blobs.ts'
import { whyNotBegun } from './missing.ts'
import { cancelSession } from './session.ts'
import type { Site } from './site.ts'
import { type Blob, beginUpload, sendBlob, sendInPatch, type Unsent } from './transfer.ts'

/** How an upload began: it need not be sent, or there is a session for it, or (`undefined`) nothing has begun. */
export type Begun = 'present' | 'mounted' | URL | undefined

/**
 * Brings a blob to a repository. `begin` may find it without sending it; only the first attempt begins that way.
 * After a failure the blob is looked for first, since GHCR may have committed it (GoogleContainerTools/jib#4301); then
 * all begins again with a new session. The place among the transfers is given back meanwhile, for where they are too
 * many they all fail.
 */
export async function uploadBlob(site: Site, blob: Blob, begin: () => Promise<Begun> = nothing): Promise<Arrival> {
  const { policy } = site.connection
  let left = LONGEST_WAITING_MS
  for (let attempt = 0; ; attempt += 1) {
    const ended = await placeFor(site, blob)(() => tryUpload(site, blob, attempt === 0 ? begin : nothing))
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

async function nothing(): Promise<undefined> {
  return undefined
}

async function tryUpload(site: Site, blob: Blob, begin: () => Promise<Begun>): Promise<Arrival | Unsent> {
  site.connection.policy.signal.throwIfAborted()
  const begun = await begin()
  if (typeof begun === 'string') return begun
  const session = begun ?? (await beginUpload(site, blob))
  if (!(session instanceof URL)) return session
  const { habits } = site.connection
  const inTurn = turnOf(site, blob)
  if (habits.bodyIn === 'PATCH') return inTurn(() => sendInPatch(site, session, blob))
  const sent = await inTurn(() => sendBlob(site, session, blob))
  if (sent !== 'unwanted') return sent
  await cancelSession(site, session)
  const other = await beginUpload(site, blob)
  if (!(other instanceof URL)) return other
  const patched = await inTurn(() => sendInPatch(site, other, blob))
  if (patched === 'uploaded') habits.bodyIn = 'PATCH'
  return patched
}

/** Configurations, manifests' companions and thin layers: with these a line is not full, and waiting is all that they do. */
const SMALL_BYTES = 512 * 1024

function isSmall({ descriptor }: Blob): boolean {
  return descriptor.size <= SMALL_BYTES
}

function placeFor({ connection: { limits } }: Site, blob: Blob): Limit {
  return isSmall(blob) ? limits.small : limits.uploads
}

/** A small blob has had its turn when its upload began. */
function turnOf(site: Site, blob: Blob): <T>(work: () => Promise<T>) => Promise<T> {
  return isSmall(blob) ? (work) => work() : site.connection.limits.transfers
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

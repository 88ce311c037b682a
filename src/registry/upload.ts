import type { Readable } from 'node:stream'
import type { Arrival } from '../content/store.ts'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { isLoopback } from '../image/reference.ts'
import { discard } from '../net/read.ts'
import { isSameOrigin } from '../net/redirect.ts'
import { isTemporary, isWorthRepeating, pause, waitAfter } from '../net/retry.ts'
import type { Response } from '../net/send.ts'
import { diagnose } from './diagnosis.ts'
import { hasBlob } from './known-blobs.ts'
import { explain, isSuccess, refused, type Site, uploadsUrl } from './site.ts'

/**
 * Uploads a blob: POST opens a session, one PUT with the whole body and its length closes it. It is the one form that
 * all large registries take: chunks break on GHCR (over 4 MiB) and lose data on ECR (aws/containers-roadmap#2831).
 * After a failed PUT the blob is looked for first: GHCR may have committed it (GoogleContainerTools/jib#4301).
 */
export async function uploadBlob(site: Site, descriptor: Descriptor, open: () => Promise<Readable>): Promise<Arrival> {
  for (let attempt = 0; ; attempt += 1) {
    const session = await openSession(site, descriptor)
    const ended = await putBlob(site, session, descriptor, open)
    if (ended.kind === 'stored') return 'uploaded'
    await cancelSession(site, session)
    if (!ended.again || attempt >= site.connection.policy.retries) throw ended.error
    await waitBeforeNext(site, ended, attempt)
    if (await hasBlob(site, descriptor)) return 'uploaded'
  }
}

/** Asks the registry to take a blob over from another of its repositories. A refusal costs nothing but itself. */
export async function mountBlob(site: Site, descriptor: Descriptor, from: string): Promise<boolean> {
  const url = uploadsUrl(site)
  url.searchParams.set('mount', descriptor.digest)
  url.searchParams.set('from', from)
  const response = await site
    .send({ method: 'POST', url, signal: site.connection.policy.signal })
    .catch(() => undefined)
  if (response === undefined) return false
  await discard(response)
  if (response.status === 201) return true
  // 202 opened an ordinary session instead (distribution spec, "Mounting a blob"); uploading opens its own.
  if (response.status === 202) await cancelSession(site, locationOf(site, response))
  return false
}

/** Opens an upload session; where it is. Throws what stands in the way. */
export async function openSession(site: Site, descriptor?: Descriptor): Promise<URL> {
  const response = await site.send({ method: 'POST', url: uploadsUrl(site), signal: site.connection.policy.signal })
  if (isSuccess(response)) {
    await discard(response)
    return locationOf(site, response)
  }
  const what =
    descriptor === undefined ? `opening an upload to ${site.name}` : `pushing blob ${descriptor.digest} to ${site.name}`
  throw await refused(site, { what, writing: true }, response)
}

/** Lets the registry forget a session. Not all can (405), and nothing depends on it. */
export async function cancelSession(site: Site, session: URL): Promise<void> {
  const response = await site
    .send({ method: 'DELETE', url: session, repeatable: false, patienceMs: 3000 })
    .catch(() => undefined)
  if (response !== undefined) await discard(response)
}

type Put =
  | { readonly kind: 'stored' }
  | { readonly kind: 'failed'; readonly error: LadingError; readonly again: boolean; readonly response?: Response }

async function putBlob(site: Site, session: URL, descriptor: Descriptor, open: () => Promise<Readable>): Promise<Put> {
  const url = new URL(session)
  url.searchParams.set('digest', descriptor.digest)
  try {
    const response = await site.send({
      method: 'PUT',
      url,
      headers: { 'content-type': 'application/octet-stream' },
      body: { kind: 'stream', size: descriptor.size, open },
      signal: site.connection.policy.signal,
    })
    if (isSuccess(response)) {
      await discard(response)
      return { kind: 'stored' }
    }
    const diagnosis = await diagnose(response)
    const what = `pushing blob ${descriptor.digest} (${descriptor.size} bytes) to ${site.name}`
    const error = await explain(site, { what, writing: true }, diagnosis)
    return { kind: 'failed', error, response, again: isTemporary(response.status) || isLostSession(diagnosis.codes) }
  } catch (thrown) {
    if (!(thrown instanceof LadingError)) throw thrown
    return { kind: 'failed', error: thrown, again: isWorthRepeating(thrown) }
  }
}

/** The session ran out or was never there: a new one may do. */
function isLostSession(codes: readonly string[]): boolean {
  return codes.includes('BLOB_UPLOAD_UNKNOWN') || codes.includes('BLOB_UPLOAD_INVALID')
}

async function waitBeforeNext(site: Site, failed: Put & { readonly kind: 'failed' }, attempt: number): Promise<void> {
  const { policy, registry } = site.connection
  const waitMs = failed.response === undefined ? pause(attempt, policy) : waitAfter(failed.response, attempt, policy)
  site.meter.retries += 1
  policy.debug(`PUT ${registry}: ${failed.error.message}; again in ${waitMs} ms`)
  await policy.sleep(waitMs)
}

/**
 * Where a session is. Registries give it absolute, relative, without its scheme, or, behind a proxy that does not tell
 * them, with `http://` or without the port they were asked at (distribution#479); the host they mean is then their own.
 */
function locationOf({ connection, name }: Site, response: Response): URL {
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
  // A registry out there has no business on this machine (server-side request forgery).
  if (isLoopback(location.host) && !isLoopback(connection.origin.host)) {
    throw new LadingError(
      'REGISTRY_UNREACHABLE',
      `opening an upload to ${name}: the registry wants it at ${location.host} on this machine; nothing is sent there`,
    )
  }
  if (connection.origin.protocol === 'https:' && location.protocol !== 'https:') {
    throw new LadingError(
      'TLS_FAILED',
      `opening an upload to ${name}: the registry wants it at ${location.origin}, without TLS`,
    )
  }
  return location
}

import type { Readable } from 'node:stream'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { discard } from '../net/read.ts'
import { askedWait, isWorthRepeating } from '../net/retry.ts'
import type { Request, Response } from '../net/send.ts'
import { type Diagnosis, diagnose, isPassing } from './diagnosis.ts'
import { remarkOnSize } from './layer-limit.ts'
import { locationOf } from './session.ts'
import { explain, isSuccess, isWebPage, type Site, uploadsUrl } from './site.ts'

/** A blob to send, its bytes opened anew for each attempt. */
export type Blob = { readonly descriptor: Descriptor; readonly open: () => Promise<Readable> }

/** How an upload failed, and the session that it leaves behind. */
export type Unsent = {
  readonly error: LadingError
  /** whether a new session may do better */
  readonly again: boolean
  /** all bytes were sent and nobody said no, so the blob may yet show up */
  readonly late: boolean
  /** how long the registry wants to be left alone */
  readonly askedMs: number | undefined
  /** none when not even that could be opened */
  readonly session: URL | undefined
}

const TYPE = { 'content-type': 'application/octet-stream' }
/** A registry may commit for minutes after a large body, also when the request that asks for it is small. */
const COMMIT_MS = 15 * 60_000

/** Opens a session. Not repeated by itself: what is too much for a registry is less of it once others had their turn. */
export async function beginUpload(site: Site, blob: Blob): Promise<URL | Unsent> {
  const answered = await answerTo(site, { method: 'POST', url: uploadsUrl(site), repeatable: false })
  if (!('status' in answered)) return failed(undefined, answered, false)
  if (isWebPage(answered)) return webPage(site, blob, { session: undefined, answered })
  if (!isSuccess(answered)) {
    const diagnosis = await diagnose(answered)
    return refusedUpload(site, blob, { session: undefined, answered, diagnosis, isSent: false })
  }
  await discard(answered)
  return locationOf(site, answered)
}

/**
 * One PUT with the whole body and its length ends a session. It is the one form that all large registries take: chunks
 * break on GHCR (over 4 MiB) and lose data on ECR (aws/containers-roadmap#2831).
 */
export async function sendBlob(site: Site, session: URL, blob: Blob): Promise<'uploaded' | 'unwanted' | Unsent> {
  remarkOnSize(site, blob.descriptor)
  const body = bodyOf(blob)
  const put = { method: 'PUT', url: closing(session, blob), headers: TYPE, body } as const
  const answered = await answerTo(site, put)
  if (!('status' in answered)) return failed(session, answered, body.isSent())
  if (isWebPage(answered)) return webPage(site, blob, { session, answered })
  if (isSuccess(answered)) return stored(answered)
  const diagnosis = await diagnose(answered)
  if (isBodyUnwanted(diagnosis)) return 'unwanted'
  return refusedUpload(site, blob, { session, answered, diagnosis, isSent: body.isSent() })
}

/**
 * For a registry that wants its PUT without a body: all bytes in one PATCH, as a stream without a range, then the PUT.
 * The session moves on with the PATCH, so the PUT goes where its answer says.
 */
export async function sendInPatch(site: Site, session: URL, blob: Blob): Promise<'uploaded' | Unsent> {
  remarkOnSize(site, blob.descriptor)
  const body = bodyOf(blob)
  const patched = await answerTo(site, { method: 'PATCH', url: session, headers: TYPE, body })
  if (!('status' in patched)) return failed(session, patched, false)
  if (isWebPage(patched)) return webPage(site, blob, { session, answered: patched })
  if (!isSuccess(patched)) {
    return refusedUpload(site, blob, { session, answered: patched, diagnosis: await diagnose(patched), isSent: false })
  }
  await discard(patched)
  const next = patched.header('location') === undefined ? session : locationOf(site, patched)
  const put = { method: 'PUT', url: closing(next, blob), repeatable: false, patienceMs: COMMIT_MS } as const
  const closed = await answerTo(site, put)
  if (!('status' in closed)) return failed(next, closed, true)
  if (isWebPage(closed)) return webPage(site, blob, { session: next, answered: closed })
  if (isSuccess(closed)) return stored(closed)
  return refusedUpload(site, blob, { session: next, answered: closed, diagnosis: await diagnose(closed), isSent: true })
}

function closing(session: URL, { descriptor }: Blob): URL {
  const url = new URL(session)
  url.searchParams.set('digest', descriptor.digest)
  return url
}

function bodyOf({ descriptor, open }: Blob) {
  let isSent = false
  return {
    kind: 'stream',
    size: descriptor.size,
    async open() {
      isSent = false
      const bytes = await open()
      bytes.once('end', () => {
        isSent = true
      })
      return bytes
    },
    isSent: () => isSent,
  } as const
}

async function answerTo(site: Site, request: Request): Promise<Response | LadingError> {
  try {
    // The opening of a session is not ended by a cancel: a session that nobody knows of could not be cancelled.
    const ending = request.method === 'POST' ? {} : { signal: site.connection.policy.signal }
    return await site.send({ ...request, ...ending })
  } catch (thrown) {
    if (thrown instanceof LadingError) return thrown
    throw thrown
  }
}

async function stored(answer: Response): Promise<'uploaded'> {
  await discard(answer)
  return 'uploaded'
}

type Paged = Pick<Refused, 'session' | 'answered'>

/** A page for people in place of the registry's answer: a proxy that wants a login, or one that is in trouble. */
async function webPage(site: Site, blob: Blob, { session, answered }: Paged): Promise<Unsent> {
  await discard(answered)
  const message = `${pushing(site, blob)}: a web page came back, so it was not the registry that answered`
  const error = new LadingError('REGISTRY_UNREACHABLE', message)
  return { error, again: true, late: false, askedMs: undefined, session }
}

function pushing(site: Site, { descriptor }: Blob): string {
  return `pushing blob ${descriptor.digest} (${descriptor.size} bytes) to ${site.name}`
}

function failed(session: URL | undefined, error: LadingError, isSent: boolean): Unsent {
  const again = isWorthRepeating(error)
  return { error, again, late: again && isSent, askedMs: undefined, session }
}

type Refused = {
  readonly session: URL | undefined
  readonly answered: Response
  readonly diagnosis: Diagnosis
  readonly isSent: boolean
}

async function refusedUpload(site: Site, blob: Blob, refused: Refused): Promise<Unsent> {
  const { session, answered, diagnosis, isSent } = refused
  const error = await explain(site, { what: pushing(site, blob), writing: true }, diagnosis)
  const isLost = isSessionLost(diagnosis)
  const askedMs = askedWait(answered, diagnosis.text, site.connection.policy.now())
  const isOpen = isLost || diagnosis.status === 502 || diagnosis.status === 504
  return { error, again: isPassing(diagnosis) || isLost, late: isOpen && isSent, askedMs, session }
}

/**
 * The session ran out, was never there, or stands elsewhere: a new one may do. GHCR says BLOB_UNKNOWN when it lost what
 * it was committing, and BLOB_UPLOAD_UNKNOWN when it had not (GoogleContainerTools/jib#4301).
 */
function isSessionLost({ status, codes }: Diagnosis): boolean {
  const lost = ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID', 'BLOB_UNKNOWN']
  return status === 416 || codes.some((code) => lost.includes(code)) || (status === 404 && codes.length === 0)
}

/** 411 is what some answer that read no body because they wait for one in a PATCH. */
function isBodyUnwanted({ status, codes }: Diagnosis): boolean {
  return status === 405 || status === 411 || status === 501 || codes.includes('UNSUPPORTED')
}

import { type FailureCode, LadingError } from '../error.ts'
import { readStart } from '../net/read.ts'
import { isTemporary, type Verdict } from '../net/retry.ts'
import type { Response } from '../net/send.ts'
import type { Identity } from './identity.ts'
import { isUsedUp } from './pull-limit.ts'
import { loginRemedy, missingRemedy, pushRemedy } from './remedy.ts'

/** What a registry says about a refusal (distribution spec, "Error Codes"), as far as it can be read. */
export type Diagnosis = {
  readonly status: number
  /** upper-case codes; empty when the answer is not the spec's JSON */
  readonly codes: readonly string[]
  /** for people; never empty */
  readonly text: string
  /** a pull quota that its headers show to be used up; a HEAD has no words for it */
  readonly usedUp: boolean
}

/** The largest error body that is read, in bytes. */
const ERROR_LIMIT = 64 * 1024

/** Reads a refusal. Bodies come as JSON, as HTML of a proxy, or not at all. */
export async function diagnose(response: Response): Promise<Diagnosis> {
  const { status } = response
  const usedUp = isUsedUp(response)
  const body = await readStart(response, ERROR_LIMIT)
  const errors = parseErrors(body)
  if (errors.length > 0) {
    const text = errors.map(({ code, message }) => (message === '' ? code : `${code}: ${message}`)).join('; ')
    return { status, codes: errors.map(({ code }) => code), text: `status ${status}, ${text.slice(0, 500)}`, usedUp }
  }
  const words = body
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300)
  return { status, codes: [], text: words === '' ? `status ${status}` : `status ${status}, “${words}”`, usedUp }
}

/** Whether asking again helps, where the status alone does not tell: used-up quotas stay used up, GHCR's 403 passes. */
export function judge(response: Response, said: string): Verdict | undefined {
  if (response.status === 429 && (isUsedUp(response) || isPullQuota(said))) return 'final'
  return isAbuseLimit({ status: response.status, text: said }) ? 'again' : undefined
}

/** The same for a refusal that was read. */
export function isPassing(diagnosis: Diagnosis): boolean {
  const { status, text, usedUp } = diagnosis
  if (status === 429) return !usedUp && !isPullQuota(text)
  return isTemporary(status) || isAbuseLimit(diagnosis)
}

/** What was being done when the registry refused. */
export type Deed = {
  /** `pushing layer sha256:… to ghcr.io/acme/api` */
  readonly what: string
  readonly registry: string
  readonly writing: boolean
  readonly identity: Identity
}

/** A refusal as an error with the code and the remedy that fit. */
export function refusal(deed: Deed, diagnosis: Diagnosis): LadingError {
  const { code, hint } = classify(deed, diagnosis)
  return new LadingError(code, `${deed.what}: the registry says ${diagnosis.text}`, hint === undefined ? {} : { hint })
}

type Class = { readonly code: FailureCode; readonly hint?: string }

function classify(deed: Deed, diagnosis: Diagnosis): Class {
  if (isImmutable(diagnosis)) return { code: 'TAG_IMMUTABLE' }
  if (diagnosis.status === 401) return unauthorised(deed)
  const denied = diagnosis.status === 403 || diagnosis.codes.includes('DENIED')
  if (denied && !isAbuseLimit(diagnosis)) return forbidden(deed)
  return temporary(deed, diagnosis) ?? (deed.writing ? unwritten(deed, diagnosis) : unread(diagnosis))
}

function forbidden({ writing, registry }: Deed): Class {
  if (writing) return { code: 'PUSH_DENIED', hint: pushRemedy(registry) }
  return { code: 'LOGIN_FAILED', hint: `Name a login for ${registry} that may pull from this repository.` }
}

function temporary({ writing }: Deed, diagnosis: Diagnosis): Class | undefined {
  const { status } = diagnosis
  if (status === 429) return { code: isPassing(diagnosis) ? 'REGISTRY_BUSY' : 'RATE_LIMITED' }
  if (status === 504 && writing) return { code: 'REGISTRY_BUSY', hint: GATEWAY_HINT }
  return isPassing(diagnosis) || status >= 500 ? { code: 'REGISTRY_BUSY' } : undefined
}

/** GHCR says 403 when it has had enough (“You have exceeded a secondary rate limit”); no right is missing then. */
export function isAbuseLimit({ status, text }: Pick<Diagnosis, 'status' | 'text'>): boolean {
  return status === 403 && /secondary rate limit/i.test(text)
}

const GATEWAY_HINT =
  'A proxy before the registry gave up waiting; raise its time limits (nginx: proxy_read_timeout, proxy_send_timeout).'

function unwritten({ registry }: Deed, { status, codes }: Diagnosis): Class {
  if (codes.includes('NAME_UNKNOWN')) return missing(registry)
  if (status !== 413) return { code: 'CONTENT_REFUSED' }
  const hint = 'A proxy before the registry bounds uploads (nginx: client_max_body_size); raise its limit.'
  return { code: 'CONTENT_REFUSED', hint }
}

function unread({ status, text }: Diagnosis): Class {
  // What Go's and nginx's servers say to plain http on a TLS port.
  if (/HTTP request (?:was sent )?to (?:an )?HTTPS/i.test(text)) return { code: 'TLS_FAILED' }
  return { code: status === 404 ? 'SOURCE_MISSING' : 'REGISTRY_UNREACHABLE' }
}

function missing(registry: string): Class {
  const hint = missingRemedy(registry)
  return { code: 'REPOSITORY_MISSING', ...(hint === undefined ? {} : { hint }) }
}

/** A 401 after a token was given is about rights; before that it is about who we are. */
function unauthorised({ registry, identity }: Deed): Class {
  if (identity.kind === 'anonymous') return { code: 'LOGIN_FAILED', hint: loginRemedy(registry) }
  return identity.checked ? { code: 'PUSH_DENIED', hint: pushRemedy(registry) } : { code: 'LOGIN_FAILED' }
}

/** Docker Hub's pull limit; its abuse limit is another 429, which passes (docs.docker.com, "Pull usage and limits"). */
export function isPullQuota(text: string): boolean {
  return /pull rate limit/i.test(text)
}

/** ECR: `TAG_INVALID … cannot be overwritten because the tag is immutable`; others say it in other words. */
function isImmutable({ text, status }: Diagnosis): boolean {
  return status >= 400 && status < 500 && /immutable|cannot be overwritten/i.test(text)
}

function parseErrors(body: string): readonly { readonly code: string; readonly message: string }[] {
  try {
    const json: unknown = JSON.parse(body)
    if (typeof json !== 'object' || json === null || !('errors' in json) || !Array.isArray(json.errors)) return []
    return json.errors.map(toError).filter(({ code, message }) => code !== '' || message !== '')
  } catch {
    return []
  }
}

function toError(entry: unknown): { readonly code: string; readonly message: string } {
  if (typeof entry !== 'object' || entry === null) return { code: '', message: '' }
  const code = 'code' in entry ? String(entry.code).toUpperCase().slice(0, 100) : ''
  const message = 'message' in entry ? String(entry.message).replace(/\s+/g, ' ') : ''
  return { code, message }
}

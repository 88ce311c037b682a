import { type FailureCode, LadingError } from '../error.ts'
import { readStart } from '../net/read.ts'
import type { Response } from '../net/send.ts'
import type { Identity } from './authorize.ts'

/** What a registry says about a refusal (distribution spec, "Error Codes"), as far as it can be read. */
export type Diagnosis = {
  readonly status: number
  /** upper-case codes; empty when the answer is not the spec's JSON */
  readonly codes: readonly string[]
  /** for people; never empty */
  readonly text: string
}

/** The largest error body that is read, in bytes. */
const ERROR_LIMIT = 64 * 1024

/** Reads a refusal. Bodies come as JSON, as HTML of a proxy, or not at all. */
export async function diagnose(response: Response): Promise<Diagnosis> {
  const { status } = response
  const body = await readStart(response, ERROR_LIMIT)
  const errors = parseErrors(body)
  if (errors.length > 0) {
    const text = errors.map(({ code, message }) => (message === '' ? code : `${code}: ${message}`)).join('; ')
    return { status, codes: errors.map(({ code }) => code), text: `status ${status}, ${text.slice(0, 500)}` }
  }
  const words = body
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300)
  return { status, codes: [], text: words === '' ? `status ${status}` : `status ${status}, “${words}”` }
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
  if (denied) return { code: 'PUSH_DENIED', hint: pushRemedy(deed.registry) }
  return temporary(diagnosis) ?? (deed.writing ? unwritten(diagnosis) : unread(diagnosis))
}

function temporary({ status, text }: Diagnosis): Class | undefined {
  if (status === 429) return { code: isPullQuota(text) ? 'RATE_LIMITED' : 'REGISTRY_BUSY' }
  return status >= 500 || status === 408 ? { code: 'REGISTRY_BUSY' } : undefined
}

function unwritten({ status, codes }: Diagnosis): Class {
  if (codes.includes('NAME_UNKNOWN')) return { code: 'REPOSITORY_MISSING' }
  if (status !== 413) return { code: 'CONTENT_REFUSED' }
  const hint = 'A proxy before the registry bounds uploads (nginx: client_max_body_size); raise its limit.'
  return { code: 'CONTENT_REFUSED', hint }
}

function unread({ status }: Diagnosis): Class {
  return { code: status === 404 ? 'SOURCE_MISSING' : 'REGISTRY_UNREACHABLE' }
}

/** A 401 after a token was given is about rights; before that it is about who we are. */
function unauthorised({ registry, identity }: Deed): Class {
  if (identity.kind === 'anonymous') return { code: 'LOGIN_FAILED', hint: loginRemedy(registry) }
  return identity.checked ? { code: 'PUSH_DENIED', hint: pushRemedy(registry) } : { code: 'LOGIN_FAILED' }
}

/** What to do when nobody is logged in. */
export function loginRemedy(registry: string): string {
  return `Nobody is logged in to ${registry}: name a login for it in \`registry-auth\`, and check that its secret is not empty.`
}

/** Docker Hub's pull limit; its abuse limit is another 429, which passes (docs.docker.com, "Pull usage and limits"). */
export function isPullQuota(text: string): boolean {
  return /pull rate limit/i.test(text)
}

/** ECR: `TAG_INVALID … cannot be overwritten because the tag is immutable`; others say it in other words. */
function isImmutable({ text, status }: Diagnosis): boolean {
  return status >= 400 && status < 500 && /immutable|cannot be overwritten/i.test(text)
}

/** What to do about a missing right, in the words of each registry. */
export function pushRemedy(registry: string): string {
  if (registry === 'ghcr.io') {
    return 'Add `packages: write` to the permissions of the job; if the package was made by another repository, give this one write access in the settings of the package.'
  }
  if (registry === 'docker.io') {
    return 'Use an access token with the scope Read & Write, of an account that may push to this repository.'
  }
  return 'Give this login the right to push to the repository.'
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

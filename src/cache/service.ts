import { createHash } from 'node:crypto'
import { LadingError } from '../error.ts'
import { inWords, mayLeadTo } from '../net/addresses.ts'
import { readBytes } from '../net/read.ts'
import { isSameOrigin } from '../net/redirect.ts'
import type { Body, Headers, Method, Send } from '../net/send.ts'
import { plainLine } from '../plain-text.ts'
import type { KeptFile } from './parts.ts'
import type { Place } from './place.ts'

/** A service that keeps entries, in one of its two languages. What it refuses is thrown, in words. */
export type Service = {
  /** The newest entry for the first of the prefixes that has any. */
  find(prefixes: readonly string[], errand: Errand): Promise<Found | undefined>
  keep(key: string, file: KeptFile, errand: Errand): Promise<void>
}

export type Found = { readonly key: string; readonly url: URL }

/** One thing that is to be brought or kept: how its requests go out, and what ends it. */
export type Errand = {
  readonly send: Send
  readonly signal: AbortSignal
  readonly mask: (secret: string) => void
}

/**
 * The version of all our entries. A service gives an entry only to who names its version; other tools hash the paths in
 * their archives for it, so none of them gets our files, which are no archives, and we get none of theirs.
 */
export const ENTRY_VERSION = createHash('sha256').update('lading|one file as it is|1').digest('hex')

/** The largest answer that is read, in bytes. */
const ANSWER_LIMIT = 64 * 1024
/** For the head of an answer. Nothing that the cache saves is worth a long wait. */
const PATIENCE_MS = 15_000

export type Question = {
  readonly method: Method
  /** relative to the place's base */
  readonly path: string
  readonly headers?: Headers
  readonly json?: object
  readonly body?: Body
}

export type Answer = { readonly status: number; readonly json: Readonly<Record<string, unknown>> }

/** Asks the service itself, with the token. It leads nowhere: an answer that redirects is one like any other. */
export async function ask({ base, token }: Place, question: Question, { send, signal }: Errand): Promise<Answer> {
  const { method, path, headers, json } = question
  const body = json === undefined ? question.body : { kind: 'bytes' as const, bytes: JSON.stringify(json) }
  const response = await send({
    method,
    url: new URL(path, base),
    headers: {
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    // What is sent is opened anew each time, and what a part holds is the same each time.
    repeatable: true,
    signal,
    ...(body?.kind === 'stream' ? {} : { patienceMs: PATIENCE_MS }),
  })
  return { status: response.status, json: parse(await readBytes(response, ANSWER_LIMIT)) }
}

/** What the service did not do, and what it says about that. Without a cause: it is not asked again. */
export function refusal(doing: string, { status, json }: Answer): LadingError {
  // Twirp says `msg`, an answer that is no error `message`, and so does version 1; act says `error`.
  const words = [json['msg'], json['message'], json['error']].find((text) => typeof text === 'string' && text !== '')
  const said = typeof words === 'string' ? `, “${withoutAddresses(plainLine(words))}”` : ''
  return new LadingError('REGISTRY_UNREACHABLE', `${doing}: status ${status}${said}`)
}

/**
 * An address that the service gave, usually a signed one: it is a secret, and goes to another host without the token.
 * Throws when it leads to where the service has no business to send us.
 */
export function addressOf(text: unknown, { base }: Place, mask: Errand['mask']): URL {
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url === null) throw new LadingError('REGISTRY_UNREACHABLE', `${base.host} names no address`)
  // As @actions/cache masks it; the rest of the address gives nobody anything.
  const signature = url.searchParams.get('sig') ?? ''
  for (const form of new Set([signature, encodeURIComponent(signature)])) if (form !== '') mask(form)
  const isWeb = url.protocol === 'https:' || (url.protocol === 'http:' && base.protocol === 'http:')
  if (isWeb && (isSameOrigin(url, base) || mayLeadTo(base, url))) return url
  const where = isWeb ? inWords(url) : `${url.protocol}//${url.host}`
  throw new LadingError('REGISTRY_UNREACHABLE', `${base.host} sends us to ${where}; that is not followed`)
}

/** Some services repeat what they were asked. Whatever looks like an address, a signature or a token is left out. */
function withoutAddresses(text: string): string {
  return text.replace(/\S*[/?=%&+]\S+|\S{30,}/g, '…')
}

function parse(bytes: Uint8Array): Answer['json'] {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

function isObject(value: unknown): value is Answer['json'] {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import { LadingError } from '../error.ts'
import { isLoopback } from '../image/reference.ts'
import { discard, readBytes, readStart } from '../net/read.ts'
import { isSameOrigin, withRedirects } from '../net/redirect.ts'
import { withRetry } from '../net/retry.ts'
import type { Headers, Method, Response, Send } from '../net/send.ts'
import { withTrace } from '../net/trace.ts'
import { plainLine } from '../plain-text.ts'

export type ApiOptions = {
  /** as GITHUB_API_URL; empty: there is nobody to ask */
  readonly api: string
  /** `acme/api` */
  readonly repository: string
  /** of the job; empty: asked without one, as anybody may for what is public */
  readonly token: string
  readonly wire: Send
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly sleep: (milliseconds: number) => Promise<void>
  readonly random: () => number
  readonly debug: (line: string) => void
}

/** GitHub's REST API, as far as it is about one repository. */
export type Api = {
  readonly host: string
  /** Throws when no answer came: `REGISTRY_UNREACHABLE`, `TLS_FAILED`, `CANCELLED`. */
  send(request: ApiRequest): Promise<Response>
}

export type ApiRequest = {
  readonly method: Extract<Method, 'GET' | 'POST'>
  /** below the repository: `/commits`; empty: the repository itself */
  readonly path: string
  /** sent as JSON */
  readonly body?: object
  readonly patienceMs: number
}

export type Json = Readonly<Record<string, unknown>>

/** Nothing of it is worth a long wait: without an answer the step goes on. */
const RETRIES = 2
/** The largest answer that is read, in bytes. A comparison with a commit of 3000 files is far below. */
const ANSWER_LIMIT = 4 * 1024 * 1024

/** `undefined` when there is nobody to ask. */
export function openApi(options: ApiOptions): Api | undefined {
  const base = baseOf(options)
  if (base === undefined) return undefined
  const send = sender(base, options)
  const headers = headersFor(base, options.token)
  return {
    host: base.host,
    send({ method, path, body, patienceMs }) {
      const url = new URL(`${base.href}${path}`)
      const common = { method, url, signal: options.signal, patienceMs }
      if (body === undefined) return send({ ...common, headers })
      const typed = { ...headers, 'content-type': 'application/json' }
      return send({ ...common, headers: typed, body: { kind: 'bytes', bytes: JSON.stringify(body) } })
    },
  }
}

/** The object that an answer holds; `undefined` when it holds none. Throws as `readBytes` does. */
export async function readObject(response: Response): Promise<Json | undefined> {
  const answer = parse(await readBytes(response, ANSWER_LIMIT))
  return isObject(answer) ? answer : undefined
}

/** What an answer of the API says in words; empty when it says nothing. */
export async function wordsOf(response: Response): Promise<string> {
  const said = parse(Buffer.from(await readStart(response, 64 * 1024)))
  await discard(response)
  return plainLine(stringOf(objectOf(said)['message']))
}

/** The address of the repository in the API, if there is one. */
function baseOf({ api, repository }: ApiOptions): URL | undefined {
  const isName = /^[\w.-]+\/[\w.-]+$/.test(repository) && !repository.split('/').some((part) => /^\.+$/.test(part))
  const url = URL.parse(api)
  if (!isName || url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined
  return new URL(`${url.origin}${url.pathname.replace(/\/+$/, '')}/repos/${repository}`)
}

/** A repository that was renamed redirects within the API; what leads elsewhere is not followed, token or no token. */
function sender(base: URL, options: ApiOptions): Send {
  const traced = withTrace(options.wire, { count: () => undefined, note: options.debug, now: () => performance.now() })
  const home: Send = async (request) => {
    if (isSameOrigin(request.url, base)) return traced(request)
    throw new LadingError('REGISTRY_UNREACHABLE', `${base.host} redirects to ${request.url.host}; that is not followed`)
  }
  return withRetry(withRedirects(home), {
    retries: RETRIES,
    now: options.now,
    sleep: options.sleep,
    random: options.random,
    // A limit of the API lasts longer than we wait, and who names a time is not asked before it.
    judge: ({ status, header }) => (status === 429 || header('retry-after') !== undefined ? 'final' : undefined),
  })
}

/** The token goes out where nobody can listen. */
function headersFor(base: URL, token: string): Headers {
  const isSafe = base.protocol === 'https:' || isLoopback(base.host)
  return {
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
    ...(token !== '' && isSafe ? { authorization: `Bearer ${token}` } : {}),
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function objectOf(value: unknown): Json {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

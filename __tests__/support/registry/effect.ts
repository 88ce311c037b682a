import { type Answer, type AnswerHeaders, answer, answerJson, lengthOf, type Reply } from './answer.ts'
import { type Call, Disconnected, type Handle } from './call.ts'
import { isRecord } from './manifest.ts'
import { targetOf } from './route.ts'
import type { Store } from './store.ts'

/** What a fault does to a request. Each is a wrapper around the registry's own handling. */
export type Effect =
  /** Answers so instead of doing anything; after the body has come in, unless `early`. */
  | ({ readonly kind: 'status'; readonly early?: boolean } & Told)
  /** Does the work, then answers so: 200 for 201, or a 504 for what was kept. */
  | ({ readonly kind: 'answer' } & Told)
  /** Does the work and answers as always, but for the status. */
  | { readonly kind: 'other-status'; readonly status: number }
  /** A web page with status 200 for whatever was asked. */
  | { readonly kind: 'html' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** Waits between the body and the moment at which the content shows up. */
  | { readonly kind: 'slow-commit'; readonly ms: number }
  /** The content shows up, the answer takes its time. */
  | { readonly kind: 'slow-answer'; readonly ms: number }
  /** Answers as if done, and keeps nothing. */
  | { readonly kind: 'forget' }
  /** Loses blobs of the repository before the work, as a garbage collection does: one, or all. */
  | { readonly kind: 'lose-blobs'; readonly digest?: string }
  /** Ends the life of every token so far; put before the look at who asks, this request finds its own refused. */
  | { readonly kind: 'expire-tokens' }
  /** Closes the connection: at once, or when that many bytes of the request's body have come in. */
  | { readonly kind: 'reset'; readonly afterBytes?: number }
  /** Does the work, then closes the connection. */
  | { readonly kind: 'reset-after-commit' }
  /** Sends that much of the answer's body, then closes the connection (`cut`) or goes silent (`stall`). */
  | { readonly kind: 'cut' | 'stall'; readonly after: number }
  /** Flips the first bit of the answer's body. */
  | { readonly kind: 'corrupt' }
  /** Sets headers; `undefined` takes one away. */
  | { readonly kind: 'headers'; readonly set: Readonly<Record<string, string | readonly string[] | undefined>> }
  /** Sets members of a JSON body; `undefined` takes one away. */
  | { readonly kind: 'json'; readonly set: Readonly<Record<string, unknown>> }
  | { readonly kind: 'location'; readonly form: LocationForm }

type Told = { readonly status: number; readonly headers?: AnswerHeaders; readonly body?: string | object }

/** `{ host }` is another authority, such as `storage.example:443`. */
export type LocationForm = 'relative' | 'absolute' | 'scheme-less' | 'http' | 'no-port' | { readonly host: string }

export type Surroundings = {
  readonly store: Store
  readonly sleep: (ms: number) => Promise<void>
  readonly expireTokens: () => void
}

export function withEffect(effect: Effect, { store, sleep, expireTokens }: Surroundings, next: Handle): Handle {
  switch (effect.kind) {
    case 'status':
      return async (call) => {
        if (!effect.early) await readToEnd(call)
        return told(effect)
      }
    case 'answer':
      return onAnswer(next, () => told(effect))
    case 'other-status':
      return onAnswer(next, (reply) => ({ ...reply, status: effect.status }))
    case 'html':
      return async () => answer(200, { 'content-type': 'text/html; charset=utf-8' }, [Buffer.from(webPage)])
    case 'delay':
      return async (call) => {
        await sleep(effect.ms)
        return next(call)
      }
    case 'slow-commit':
      return (call) => next({ ...call, commit: { ...call.commit, before: () => sleep(effect.ms) } })
    case 'slow-answer':
      return onAnswer(next, async (reply) => {
        await sleep(effect.ms)
        return reply
      })
    case 'forget':
      return (call) => next({ ...call, commit: { ...call.commit, keep: false } })
    case 'lose-blobs':
      return (call) => {
        loseBlobs(store, call, effect.digest)
        return next(call)
      }
    case 'expire-tokens':
      return (call) => {
        expireTokens()
        return next(call)
      }
    case 'reset':
      return async (call) => {
        if (effect.afterBytes === undefined) return 'reset'
        return next({ ...call, body: cutOff(call.body, effect.afterBytes) })
      }
    case 'reset-after-commit':
      return onAnswer(next, () => 'reset')
    case 'cut':
    case 'stall':
      return onAnswer(next, (reply) => ({ ...reply, ending: effect }))
    case 'corrupt':
      return onAnswer(next, (reply) => ({ ...reply, body: corrupted(reply.body) }))
    case 'headers':
      return onAnswer(next, (reply) => ({ ...reply, headers: withHeaders(reply.headers, effect.set) }))
    case 'json':
      return onAnswer(next, (reply) => withMembers(reply, effect.set))
    case 'location':
      return onAnswer(next, (reply, call) => withLocation(reply, call, effect.form))
  }
}

type Change = (reply: Answer, call: Call) => Reply | Promise<Reply>

function onAnswer(next: Handle, change: Change): Handle {
  return async (call) => {
    const reply = await next(call)
    return reply === 'reset' ? reply : change(reply, call)
  }
}

async function readToEnd({ body }: Call): Promise<void> {
  for await (const chunk of body) void chunk
}

function told({ status, headers, body }: Told): Answer {
  if (typeof body === 'object') return answerJson(status, body, headers)
  return answer(status, { ...(body === undefined ? {} : { 'content-type': 'text/plain' }), ...headers }, [
    Buffer.from(body ?? ''),
  ])
}

const webPage = '<!doctype html><title>Welcome</title><h1>Sign in to continue</h1>'

function loseBlobs({ repositories }: Store, { route }: Call, digest: string | undefined): void {
  const blobs = repositories.get(targetOf(route).repository ?? '')?.blobs
  if (digest === undefined) blobs?.clear()
  else blobs?.delete(digest)
}

async function* cutOff(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let left = limit
  for await (const chunk of body) {
    if (chunk.byteLength >= left) {
      yield chunk.subarray(0, left)
      throw new Disconnected(`cut off after ${limit} bytes`)
    }
    left -= chunk.byteLength
    yield chunk
  }
}

function corrupted(body: readonly Uint8Array[]): Uint8Array[] {
  const bytes = Buffer.concat(body)
  if (bytes.length > 0) bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0)
  return [bytes]
}

type HeaderChange = Readonly<Record<string, string | readonly string[] | undefined>>

function withHeaders(headers: AnswerHeaders, set: HeaderChange): AnswerHeaders {
  const changed = new Map<string, string | readonly string[]>(Object.entries(headers))
  for (const [name, value] of Object.entries(set)) {
    if (value === undefined) changed.delete(name.toLowerCase())
    else changed.set(name.toLowerCase(), value)
  }
  return Object.fromEntries(changed)
}

function withMembers(reply: Answer, set: Readonly<Record<string, unknown>>): Answer {
  const value: unknown = JSON.parse(Buffer.concat(reply.body).toString())
  const body = [Buffer.from(JSON.stringify({ ...(isRecord(value) ? value : {}), ...set }))]
  return { ...reply, headers: { ...reply.headers, 'content-length': String(lengthOf(body)) }, body }
}

function withLocation(reply: Answer, { url }: Call, form: LocationForm): Answer {
  const location = reply.headers['location']
  if (typeof location !== 'string') return reply
  return { ...reply, headers: { ...reply.headers, location: inForm(new URL(location, url), form) } }
}

function inForm(url: URL, form: LocationForm): string {
  const path = `${url.pathname}${url.search}`
  if (typeof form === 'object') return `${url.protocol}//${form.host}${path}`
  const forms = {
    relative: path,
    absolute: url.href,
    'scheme-less': `//${url.host}${path}`,
    http: `http://${url.host}${path}`,
    'no-port': `${url.protocol}//${url.hostname}${path}`,
  }
  return forms[form]
}

import { rm, stat } from 'node:fs/promises'
import type { Cache, CacheEntry, CacheWish } from '../edges.ts'
import { openDownloads } from '../net/download.ts'
import { askedWait, type Patience, withRetry } from '../net/retry.ts'
import type { Send } from '../net/send.ts'
import { withTrace } from '../net/trace.ts'
import { plainLine } from '../plain-text.ts'
import { NO_CACHE } from './none.ts'
import { PART_SIZE } from './parts.ts'
import { type Place, placeOf } from './place.ts'
import type { Errand, Found, Service } from './service.ts'
import { serviceV1 } from './service-v1.ts'
import { serviceV2 } from './service-v2.ts'

export type CacheOptions = Pick<Patience, 'retries' | 'now' | 'sleep' | 'random'> & {
  /** of the step; read: ACTIONS_CACHE_URL and its like */
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly wire: Send
  readonly debug: (line: string) => void
  readonly mask: (secret: string) => void
  /** where a test cannot fill one, in bytes */
  readonly partSize?: number
}

/** Who lets us wait longer is asked by the next run: what the cache has can be had elsewhere. */
const LONGEST_WAIT_MS = 10_000
const MOST_RETRIES = 2
/** By the service's rules for keys (actions/toolkit, `packages/cache/src/cache.ts`). */
const LONGEST_KEY = 512
const MOST_KEYS = 10

/**
 * The cache that GitHub, or what stands in for it, has for the jobs of this repository. An entry is one file as it is.
 * Nothing throws: what cannot be had or kept is told in the debug log, and leaves no file behind.
 */
export function openCache(options: CacheOptions): Cache {
  const { debug, variables } = options
  const place = placeOf(variables)
  if (typeof place === 'string') {
    debug(`The Actions cache is not used: ${place}`)
    return NO_CACHE
  }
  const service = place.dialect === 'v2' ? serviceV2(place) : serviceV1(place)
  return {
    async restore(wish) {
      try {
        return await restoreFrom(service, place, wish, options)
      } catch (error) {
        await rm(wish.path, { force: true }).catch(() => undefined)
        debug(`The Actions cache gives no ${wish.prefixes.join(' or ')}: ${wordsOf(error)}`)
        return undefined
      }
    },
    async save({ key, path, signal }) {
      try {
        await saveTo(service, place, { key, path, signal }, options)
        debug(`The Actions cache keeps ${key}`)
        return true
      } catch (error) {
        debug(`The Actions cache does not keep ${key}: ${wordsOf(error)}`)
        return false
      }
    },
  }
}

async function restoreFrom(
  service: Service,
  place: Place,
  wish: CacheWish,
  options: CacheOptions,
): Promise<CacheEntry | undefined> {
  const { prefixes, path, limit, signal } = wish
  if (!place.mayRead) throw new Error('ACTIONS_CACHE_MODE lets this run read nothing')
  if (prefixes.length === 0 || prefixes.length > MOST_KEYS) throw new Error(`${prefixes.length} keys are asked for`)
  for (const prefix of prefixes) checkKey(prefix)
  const found = await service.find(prefixes, errandFor(signal, options))
  if (found === undefined || !isAsked(found, prefixes)) {
    options.debug(`The Actions cache has no ${prefixes.join(' or ')}`)
    return undefined
  }
  const { sha256, size } = await downloader(place, signal, options)({ url: found.url, path, limit, signal })
  options.debug(`The Actions cache gives ${found.key}, ${size} bytes`)
  return { key: found.key, sha256, size }
}

type Entry = { readonly key: string; readonly path: string; readonly signal: AbortSignal }

async function saveTo(service: Service, { mayWrite }: Place, entry: Entry, options: CacheOptions): Promise<void> {
  const { key, path, signal } = entry
  if (!mayWrite) throw new Error('ACTIONS_CACHE_MODE lets this run write nothing')
  checkKey(key)
  const { size } = await stat(path)
  if (size === 0) throw new Error('the file is empty')
  await service.keep(key, { path, size, partSize: options.partSize ?? PART_SIZE }, errandFor(signal, options))
}

function checkKey(key: string): void {
  if (key === '' || key.length > LONGEST_KEY || key.includes(',')) throw new Error('this is no key')
}

/** Whatever the service gives, it must be something that was asked for. To act, keys have no upper case. */
function isAsked({ key }: Found, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => key.toLowerCase().startsWith(prefix.toLowerCase()))
}

function errandFor(signal: AbortSignal, options: CacheOptions): Errand {
  const { wire, debug, mask } = options
  const traced = withTrace(wire, { count: () => undefined, note: debug, now: () => performance.now(), show })
  const onRetry: Patience['onRetry'] = (_request, why, wait) => debug(`${why}, again in ${wait} ms`)
  return { send: withRetry(traced, { ...patience(signal, options), onRetry }), signal, mask }
}

function downloader({ base }: Place, signal: AbortSignal, options: CacheOptions): ReturnType<typeof openDownloads> {
  const { wire, debug } = options
  return openDownloads({ ...patience(signal, options), wire, debug, show, namedBy: base })
}

type Waits = Pick<Patience, 'retries' | 'now' | 'sleep' | 'random'> & Required<Pick<Patience, 'judge'>>

function patience(signal: AbortSignal, { retries, now, sleep, random }: CacheOptions): Waits {
  return {
    retries: Math.min(retries, MOST_RETRIES),
    now,
    random,
    sleep: (milliseconds) => unlessAborted(sleep(milliseconds), signal),
    judge: (response, said) => {
      const askedMs = askedWait(response, said, now())
      // The limits of the service are counted by the minute; a moment does not help.
      if (askedMs === undefined) return response.status === 429 ? 'final' : undefined
      return askedMs > LONGEST_WAIT_MS ? 'final' : undefined
    },
  }
}

async function unlessAborted(waiting: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const stop = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.race([waiting, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Paths may be secrets here, too: a stand-in for the service may know its jobs by them (act). */
function show({ origin }: URL): string {
  return `${origin}/…`
}

function wordsOf(error: unknown): string {
  return plainLine(error instanceof Error ? error.message : String(error))
}

import type { RegistrySettings } from '../access.ts'
import { LadingError } from '../error.ts'
import type { Digest } from '../image/digest.ts'
import { DOCKER_HUB, isLoopback } from '../image/reference.ts'
import { type Limit, limitTo } from '../net/limit.ts'
import { narrowing } from '../net/narrowing.ts'
import { discard } from '../net/read.ts'
import { isSameOrigin, withRedirects } from '../net/redirect.ts'
import { withRetry } from '../net/retry.ts'
import type { Send } from '../net/send.ts'
import { withTrace } from '../net/trace.ts'
import { type Authorizer, authorizer } from './authorize.ts'
import { judge } from './diagnosis.ts'
import type { LoginSource } from './renewal.ts'
import type { Scope } from './scope.ts'
import { withWholeTokens } from './token.ts'

/** What all repositories of one registry share for one identity. */
export type Connection = {
  readonly registry: string
  readonly origin: URL
  readonly auth: Authorizer
  readonly limits: Limits
  readonly known: KnownBlobs
  readonly habits: Habits
  readonly policy: Policy
  /** Requests for these scopes; `meter` counts them. `once`: no second token for what a first one was refused for. */
  open(scopes: readonly Scope[], meter: Meter, tokens?: 'once'): Send
}

/**
 * Transfers are few and large, look-ups many and small. An upload is begun a little before its transfer, so that no
 * transfer waits for the answer to its beginning.
 */
export type Limits = {
  readonly transfers: Limit
  readonly uploads: Limit
  /** of blobs that are so small that a round trip is all that they cost */
  readonly small: Limit
  readonly lookUps: Limit
}

/** What a registry was found to want or to know. */
export type Habits = {
  /** A few refuse a body in the PUT that ends an upload (old jFrog, containerd#3533). */
  bodyIn: 'PUT' | 'PATCH'
  /** Whether it takes several tags in one PUT; `undefined` while nobody knows, pending while it is tried. */
  tagsAtOnce: Promise<boolean> | undefined
  /** How it takes a tag away: as it is, or with a manifest that is made for it; `undefined` while nobody knows. */
  tagRemoval: 'direct' | 'by manifest' | undefined
  /** Whether its tokens must name `delete` for a deletion (distribution); Quay's must not. */
  namesDelete: boolean
}

/**
 * Which blobs are in which repository of a registry, or on their way there. Two images of one repository need a blob once,
 * and two repositories of one registry share it by mounting: the second waits for the first instead of sending the same
 * bytes.
 */
export type KnownBlobs = Map<Digest, KnownBlob>
export type KnownBlob = { readonly path: string; readonly there: Promise<boolean> }

export type Policy = {
  readonly wire: Send
  readonly retries: number
  /** transfers at a time */
  readonly parallel: number
  /** Aborted when the step is cancelled. The wire itself ends a little later, so that tags are not left half moved. */
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly sleep: (milliseconds: number) => Promise<void>
  readonly random: () => number
  readonly debug: (line: string) => void
  readonly warn: (message: string) => void
  readonly mask: (secret: string) => void
  /** Where a registry is, for those whose address is not their name. */
  readonly address: (registry: string) => URL | undefined
}

/** Counts of one repository's requests. */
export type Meter = { readonly requests: Record<string, number>; retries: number }

export function newMeter(): Meter {
  return { requests: {}, retries: 0 }
}

const LOOK_UPS_AT_A_TIME = 32
/** Small blobs on their way, for each transfer at a time: 16 of them are less in memory than one chunk of four large ones. */
const SMALL_PER_TRANSFER = 4
/** Uploads that have begun or are under way, for each transfer at a time. */
const UPLOADS_PER_TRANSFER = 3

/** Opens a connection to a registry; nothing is sent unless its address has to be found out. */
export async function openConnection(
  registry: string,
  settings: RegistrySettings | undefined,
  login: LoginSource,
  policy: Policy,
): Promise<Connection> {
  const origin = await findOrigin(registry, settings, policy)
  const wire = ledBy(origin, policy.wire)
  const tokenMeter = newMeter()
  const auth = authorizer({
    registry: { name: registry, origin },
    ...login,
    send: pipeline({ ...policy, wire }, tokenMeter, withWholeTokens),
    now: policy.now,
    mask: policy.mask,
  })
  const limits = {
    transfers: limitTo(policy.parallel),
    uploads: limitTo(policy.parallel * UPLOADS_PER_TRANSFER),
    // Who says one means one.
    small: limitTo(policy.parallel === 1 ? 1 : policy.parallel * SMALL_PER_TRANSFER),
    lookUps: limitTo(LOOK_UPS_AT_A_TIME),
  }
  const narrowed = narrowing([limits.transfers, limits.lookUps, limits.uploads, limits.small], ([transfers, lookUps]) =>
    policy.debug(
      `${registry} resets connections: from now on ${transfers} transfers and ${lookUps} look-ups at a time`,
    ),
  )
  let counted = false
  return {
    registry,
    origin,
    auth,
    limits,
    known: new Map(),
    habits: { bodyIn: 'PUT', tagsAtOnce: undefined, tagRemoval: undefined, namesDelete: false },
    policy,
    open(scopes, meter, once) {
      // Token requests belong to no repository; the first one stands for them, so that the sum is right.
      if (!counted) Object.assign(tokenMeter, { requests: meter.requests })
      counted = true
      return pipeline({ ...policy, wire: narrowed(wire) }, meter, (send) => auth.wrap(send, scopes, once))
    },
  }
}

/** Says of every request to another host that this registry named it: a token service, a redirect, an upload. */
function ledBy(origin: URL, send: Send): Send {
  return (request) => send(isSameOrigin(request.url, origin) ? request : { ...request, ledBy: origin })
}

/**
 * The order is policy: repetition is outermost, so that each attempt gets a token that is still good; redirects lie
 * within authorization, which answers a challenge of the registry's own origin only; and every request that
 * really goes out is counted. For tokens, `inner` looks whether they arrived whole instead.
 */
function pipeline(policy: Policy, meter: Meter, inner: (send: Send) => Send): Send {
  const traced = withTrace(policy.wire, {
    count: (method) => {
      meter.requests[method] = (meter.requests[method] ?? 0) + 1
    },
    note: policy.debug,
    now: () => performance.now(),
  })
  return withRetry(inner(withRedirects(traced)), {
    retries: policy.retries,
    now: policy.now,
    sleep: policy.sleep,
    random: policy.random,
    judge,
    onRetry: (request, why, waitMs) => {
      meter.retries += 1
      policy.debug(`${request.method} ${request.url.host}: ${why}; again in ${waitMs} ms`)
    },
  })
}

/**
 * The address of a registry. Loopback speaks plain http without being told, as for docker and crane; an insecure one
 * is tried over https first and over http only when nobody speaks TLS there.
 */
async function findOrigin(registry: string, settings: RegistrySettings | undefined, policy: Policy): Promise<URL> {
  const given = policy.address(registry)
  if (given !== undefined) return given
  if (registry === DOCKER_HUB) return new URL('https://registry-1.docker.io')
  const secure = new URL(`https://${registry}`)
  const plain = new URL(`http://${registry}`)
  if (settings?.insecure === true) return (await speaksTls(secure, policy)) ? secure : plain
  return isLoopback(registry) && settings?.ca === undefined && settings?.client === undefined ? plain : secure
}

async function speaksTls(url: URL, policy: Policy): Promise<boolean> {
  try {
    const response = await policy.wire({
      method: 'GET',
      url: new URL('/v2/', url),
      patienceMs: 10_000,
      signal: policy.signal,
    })
    await discard(response)
    return true
  } catch (error) {
    if (error instanceof LadingError && error.code === 'CANCELLED') throw error
    return false
  }
}

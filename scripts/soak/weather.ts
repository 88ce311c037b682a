import type { Effect } from '../../__tests__/support/registry/effect.ts'
import type { Fault } from '../../__tests__/support/registry/fault.ts'
import type { PullLimit } from '../../__tests__/support/registry/pull-limit.ts'
import type { Step } from '../../__tests__/support/registry/route.ts'
import type { Rules } from '../../__tests__/support/registry/rules.ts'
import { childrenOf } from '../../src/content/copy.ts'
import type { Dice } from './dice.ts'
import type { SoakImage } from './image.ts'

/** Repetitions that the client has; what it is to outlast hits no step more often. */
export const RETRIES = 5

/** Ways in which registries read the spec; each is to be lived with, for ever. */
export function randomRules(dice: Dice): Rules {
  return {
    ...(dice.chance(30) ? { mount: false } : {}),
    ...(dice.chance(30) ? { cancel: false } : {}),
    ...(dice.chance(20) ? { multiTag: true } : {}),
    ...(dice.chance(20) ? { singlePost: true } : {}),
    ...(dice.chance(20) ? { referrers: false } : {}),
    // Then nobody but us sees to it that a tag shows something whole.
    ...(dice.chance(20) ? { validate: false } : {}),
    ...(dice.chance(30) ? { storage: { blobs: dice.chance(50), uploads: dice.chance(50) } } : {}),
  }
}

/** Docker Hub's pull limit, nearly used up: a publish looks with HEADs, so it may not need a pull. */
export function randomPullLimit(dice: Dice): { readonly pullLimit?: PullLimit } {
  if (!dice.chance(20)) return {}
  return { pullLimit: { limit: 100, remaining: dice.between(0, 2), exhausted: dice.pick(['quota', 'abuse']) } }
}

/** What is known of a registry before its faults are chosen. */
export type Ground = {
  /** where tokens come from; `undefined` where none are asked for */
  readonly realm: string | undefined
  /** whether uploads go to another host, which asks for no login */
  readonly uploadsElsewhere: boolean
  /** whether a GET of a manifest may be one too many */
  readonly countsPulls: boolean
  /** whether a manifest is refused when its parts are missing */
  readonly checksContent: boolean
}

/** Faults that end, or that can be lived with: a publish has to come through them. */
export async function passingFaults(dice: Dice, image: SoakImage, ground: Ground): Promise<readonly Fault[]> {
  const gusts = SHARING.flatMap((steps) => gustsAt(steps, dice))
  const oddities = ODDITIES.filter((fault) => dice.chance(8) && isFair(fault, ground))
  const losses = dice.chance(20) ? [await lossOf(dice, image)].filter((fault) => isFair(fault, ground)) : []
  const expiries = dice.chance(40) ? expiry(dice, ground) : []
  return [...gusts, ...oddities, ...losses, ...expiries]
}

/** A fault that does not end. */
export function lastingFault(dice: Dice, tags: readonly [string, ...string[]], ground: Ground): Fault {
  // Then each look is a pull, until there is none left.
  if (ground.countsPulls && dice.chance(50)) return { step: 'manifest-head', effect: { kind: 'status', status: 405 } }
  const step = dice.pick(GUSTY)
  const reference = step === 'tag-put' && dice.chance(50) ? { reference: dice.pick(tags) } : {}
  const fault: Fault = { step, ...reference, effect: dice.pick(LASTING) }
  return isFair(fault, ground) ? fault : { ...fault, effect: { kind: 'reset' } }
}

const GUSTY = [
  'manifest-head',
  'blob-head',
  'mount',
  'upload-open',
  'upload-put',
  'manifest-put',
  'tag-put',
  'token',
] as const satisfies readonly Step[]

/** Steps that share their repetitions: a session and what is sent into it begin again together. */
const SHARING: readonly (readonly Step[])[] = [
  ['upload-open', 'upload-put'],
  ...GUSTY.filter((step) => step !== 'upload-open' && step !== 'upload-put').map((step) => [step]),
]

/** Faults of steps that together hit them no more often than the client repeats. */
function gustsAt(steps: readonly Step[], dice: Dice): readonly Fault[] {
  let left = RETRIES
  return steps.flatMap((step) => {
    if (left === 0 || !dice.chance(25)) return []
    const first = dice.between(1, left)
    left -= first
    const one: Fault = { step, when: { first }, effect: gust(step, dice) }
    if (left === 0 || dice.chance(50)) return [one]
    left -= 1
    // The same requests count for both, so the second fault begins where the first one ends.
    return [one, { step, when: { nth: first + 1 }, effect: gust(step, dice) }]
  })
}

function gust(step: Step, dice: Dice): Effect {
  const status = dice.pick([408, 429, 500, 502, 503, 504])
  const later: Effect = { kind: 'status', status, headers: { 'retry-after': dice.pick(['0', '1', '30']) } }
  const any: readonly [Effect, ...Effect[]] = [{ kind: 'status', status }, later, { kind: 'reset' }]
  if (step === 'upload-put')
    return dice.pick([...any, { kind: 'reset', afterBytes: 3 }, ...lostAnswers(status), PAGE, ABUSE])
  if (step === 'upload-open') return dice.pick([...any, ...lostAnswers(status), PAGE, ABUSE])
  if (step === 'token') return dice.pick([...any, { kind: 'cut', after: 5 }, ABUSE])
  if (step === 'mount') return dice.pick([...any, PAGE])
  // A HEAD has no words, so that a 403 of it cannot be told from a missing right.
  const isLook = step === 'manifest-head' || step === 'blob-head'
  return dice.pick([...any, ...lostAnswers(status), ...(isLook ? [] : [ABUSE])])
}

/** GHCR's word for too many requests. */
const ABUSE: Effect = { kind: 'status', status: 403, body: 'You have exceeded a secondary rate limit.' }
/** A proxy's page for people in place of the answer. */
const PAGE: Effect = { kind: 'html' }

/** The work is done, and nobody learns of it. */
function lostAnswers(status: number): readonly [Effect, Effect] {
  return [{ kind: 'reset-after-commit' }, { kind: 'answer', status }]
}

const ODDITIES: readonly Fault[] = [
  { step: 'manifest-head', effect: { kind: 'headers', set: { 'docker-content-digest': undefined } } },
  { step: 'manifest-head', effect: { kind: 'status', status: 405 } },
  { step: ['upload-open', 'mount'], effect: { kind: 'location', form: 'relative' } },
  { step: ['upload-open', 'mount'], effect: { kind: 'location', form: 'no-port' } },
  { step: ['upload-open', 'mount'], effect: { kind: 'location', form: 'scheme-less' } },
  { step: 'mount', effect: { kind: 'status', status: 403 } },
  { step: 'mount', effect: { kind: 'status', status: 404 } },
  { step: 'upload-put', effect: { kind: 'slow-commit', ms: 2 } },
  { step: 'manifest-head', effect: { kind: 'delay', ms: 2 } },
  { step: 'upload-cancel', effect: { kind: 'status', status: 500 } },
  { step: 'upload-put', when: { nth: 2 }, effect: { kind: 'forget' } },
  { step: 'upload-put', when: { first: 1 }, effect: { kind: 'answer', status: 204 } },
]

/** A garbage collection between the upload of a blob and its manifest. */
async function lossOf(dice: Dice, { source, platforms }: SoakImage): Promise<Fault> {
  const [first, ...others] = platforms
  if (first === undefined) throw new Error('an image without a platform')
  const manifest = dice.pick([first, ...others])
  const [part] = await childrenOf(manifest, source)
  if (part === undefined) throw new Error('a manifest without a config')
  const effect: Effect = { kind: 'lose-blobs', digest: part.digest }
  return { step: 'manifest-put', reference: manifest.digest, when: { first: 1 }, effect }
}

/**
 * Whether anybody could come through. Not where a look costs a pull and there are none, and not where a registry says that
 * it has what it has not, twice: of the blob, and of the manifest that names it.
 */
function isFair({ step, effect }: Fault, { countsPulls, checksContent }: Ground): boolean {
  if (countsPulls && step === 'manifest-head') return false
  return checksContent || (effect.kind !== 'forget' && effect.kind !== 'lose-blobs')
}

/** When these are asked for, somebody has proved already who he is: a request's first token is not its last. */
const WRITES = ['upload-open', 'upload-put', 'manifest-put', 'tag-put'] as const satisfies readonly Step[]

/** One token that the registry no longer takes, or all of them at once, in the middle of everything. */
function expiry(dice: Dice, { realm, uploadsElsewhere }: Ground): readonly Fault[] {
  if (realm === undefined) return []
  if (dice.chance(50)) {
    return [{ step: WRITES, beforeAuth: true, when: { nth: dice.between(1, 40) }, effect: { kind: 'expire-tokens' } }]
  }
  const challenge = `Bearer realm="${realm}",service="soak",error="invalid_token"`
  const effect: Effect = { kind: 'status', status: 401, headers: { 'www-authenticate': challenge } }
  const step = dice.pick<Step>(['upload-put', 'manifest-put', 'tag-put', 'upload-open'])
  return uploadsElsewhere && step === 'upload-put' ? [] : [{ step, when: { nth: 2 }, effect }]
}

const LASTING: readonly [Effect, ...Effect[]] = [
  { kind: 'status', status: 403, body: { errors: [{ code: 'DENIED', message: 'no' }] } },
  { kind: 'status', status: 400, body: { errors: [{ code: 'MANIFEST_INVALID', message: 'no' }] } },
  { kind: 'status', status: 400, body: { errors: [{ code: 'MANIFEST_BLOB_UNKNOWN', message: 'no' }] } },
  { kind: 'status', status: 413, body: '<html>413 Request Entity Too Large</html>' },
  { kind: 'status', status: 503 },
  { kind: 'status', status: 429, headers: { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' } },
  { kind: 'status', status: 429, body: 'Too Many Requests' },
  ABUSE,
  { kind: 'status', status: 401 },
  { kind: 'reset' },
  { kind: 'forget' },
  { kind: 'reset-after-commit' },
  { kind: 'html' },
  { kind: 'headers', set: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } },
]

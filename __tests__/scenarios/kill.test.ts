import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseLock } from '../../src/plan/lock.ts'
import { putIndex, putReferrer } from '../modes/given-mirror.ts'
import type { Effect } from '../support/registry/effect.ts'
import type { Step } from '../support/registry/route.ts'
import { type InProcessRegistry, type RegistryOptions, startRegistry } from '../support/registry/server.ts'
import { makeRunner, type Runner } from '../support/runner.ts'
import { type SampleLayout, writeSampleLayout } from '../support/sample-layout.ts'
import { expectGreen, login, tagsOf, twoPlatforms, unscanned } from './stage.ts'

const PATH = 'acme/api'
const AT_A_TIME = 2
const LONG = 10 * 60_000
/** Everything that a publish may ask for. */
const ALL: readonly Step[] = [
  'ping',
  'manifest-head',
  'manifest-get',
  'blob-head',
  'blob-get',
  'mount',
  'upload-open',
  'upload-put',
  'upload-patch',
  'upload-cancel',
  'manifest-put',
  'tag-put',
  'tags',
  'token',
]
/** Killed while a request waits to be dealt with, and while its answer is on its way. */
const MOMENTS: readonly (readonly [string, Effect])[] = [
  ['arrives', { kind: 'delay', ms: LONG }],
  ['has been dealt with', { kind: 'slow-answer', ms: LONG }],
]

const PASSWORD = 'pass-word-of-the-robot'
/** With tokens, a refusal and a token stand before the first request of each registry. */
const DOORS: readonly (readonly [string, RegistryOptions])[] = [
  ['open registries', {}],
  ['registries behind tokens', { auth: { kind: 'token', users: { robot: { password: PASSWORD } } } }],
]
const WALKS = DOORS.flatMap(([door, options]) =>
  MOMENTS.map(([when, effect]) => [door, when, options, effect] as const),
)

test.each(WALKS)(
  'killed when any request of a publish to %s %s, no tag stands before its time, and the next run sends what is missing',
  { timeout: 300_000 },
  async (...[_door, _when, options, effect]) => {
    const counts = await requestsOfACleanRun(options)
    // Two registries that are asked the same; the moments take turns, so that one walk goes through all requests.
    const which = effect.kind === 'delay' ? 0 : 1
    const moments = Array.from({ length: counts[which] ?? 0 }, (_, at) => at + 1)
    expect(moments.length).toBeGreaterThan(20)
    const walk = moments.values()
    await Promise.all(
      Array.from({ length: AT_A_TIME }, async () => {
        for (const nth of walk) await killAndFinish({ which, nth, effect, options })
      }),
    )
  },
)

type Stage = AsyncDisposable & {
  readonly runner: Runner
  readonly registries: readonly InProcessRegistry[]
  readonly layout: SampleLayout
  readonly inputs: Readonly<Record<string, string>>
}

async function openStage(options: RegistryOptions): Promise<Stage> {
  const [runner, ...registries] = await Promise.all([makeRunner(), startRegistry(options), startRegistry(options)])
  const layout = await writeSampleLayout(join(runner.workspace, 'layout'), twoPlatforms())
  const inputs = {
    ...unscanned(...registries.map(({ host }) => `${host}/${PATH}`)),
    tags: 'version\nlatest',
    ...(options.auth === undefined
      ? {}
      : { 'registry-auth': registries.map(({ host }) => login(host, PASSWORD)).join('') }),
  }
  return {
    runner,
    registries,
    layout,
    inputs,
    async [Symbol.asyncDispose]() {
      await Promise.all([runner[Symbol.asyncDispose](), ...registries.map((registry) => registry.stop())])
    },
  }
}

async function requestsOfACleanRun(options: RegistryOptions): Promise<readonly number[]> {
  await using stage = await openStage(options)
  expectGreen(await stage.runner.step({ inputs: stage.inputs }))
  return stage.registries.map(({ requests }) => {
    expect(requests.some(({ step }) => step === 'token')).toBe(options.auth !== undefined)
    return requests.length
  })
}

type Moment = {
  /** which of the registries, and which of its requests */
  readonly which: number
  readonly nth: number
  readonly effect: Effect
  readonly options: RegistryOptions
}

async function killAndFinish({ which, nth, effect, options }: Moment): Promise<void> {
  await using stage = await openStage(options)
  const { runner, registries, inputs, layout } = stage
  const victim = registries[which]
  // Before the look at who asks, so that what is refused there counts too.
  victim?.fail({ step: ALL, beforeAuth: true, when: { nth }, effect })
  const killed = await runner.step({ inputs, killWhen: () => (victim?.requests.length ?? 0) >= nth })
  expect(killed.main.signals, `request ${nth}`).toEqual(['SIGKILL'])

  const held = registries.map(contentOf)
  const moved = registries.flatMap((registry) => Object.entries(tagsOf(registry, PATH)))
  // A tag says that everything is everywhere.
  if (moved.length > 0) expect(held.map(({ size }) => size)).toEqual([PIECES, PIECES])
  for (const [tag, digest] of moved) expect([tag, digest]).toEqual([tag, layout.root.digest])

  for (const registry of registries) {
    registry.heal()
    registry.reset()
  }
  expectGreen(await runner.step({ inputs }))
  for (const [at, registry] of registries.entries()) {
    expect(contentOf(registry).size).toBe(PIECES)
    expect(new Set(Object.values(tagsOf(registry, PATH)))).toEqual(new Set([layout.root.digest]))
    expect(Object.keys(tagsOf(registry, PATH)).toSorted()).toEqual(['1.2.3', 'latest'])
    const sent = registry.requests.flatMap(({ step, digest = '' }) => (step === 'upload-put' ? [digest] : []))
    expect(sent.filter((digest) => held[at]?.has(digest))).toEqual([])
  }
}

/** Index, two manifests, two configs, three layers. */
const PIECES = 8

test('killed at any request of a mirror, no tag stands before its time, and the next run reads and sends what is missing', {
  timeout: 300_000,
}, async () => {
  const counts = await requestsOfACleanMirror()
  const moments = counts.flatMap((count, which) => Array.from({ length: count }, (_, at) => ({ which, nth: at + 1 })))
  expect(moments.length).toBeGreaterThan(25)
  const walk = moments.values()
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      for (const { which, nth } of walk) await killMirror(which, nth)
    }),
  )
})

const SOURCE = 'up/app'
/** An image of two platforms, and its signature. */
const MIRRORED_TAGS = ['1.0']

async function openMirrorStage() {
  const [runner, ...registries] = await Promise.all([makeRunner(), startRegistry(), startRegistry()])
  const [from, to] = registries
  if (from === undefined || to === undefined) throw new Error('there are two')
  const digests = Object.fromEntries(MIRRORED_TAGS.map((tag) => [tag, putIndex(from, SOURCE, { tag })]))
  const [first] = Object.values(digests)
  if (first !== undefined) putReferrer(from, SOURCE, first, 'signed')
  const images = `${from.host}/${SOURCE} => ${to.host}/${PATH} ; tags=*`
  return {
    runner,
    from,
    to,
    digests,
    step: { action: 'mirror', inputs: { images, 'lock-file': 'lock.json' } } as const,
    async [Symbol.asyncDispose]() {
      await Promise.all([runner[Symbol.asyncDispose](), from.stop(), to.stop()])
    },
  }
}

async function requestsOfACleanMirror(): Promise<readonly number[]> {
  await using stage = await openMirrorStage()
  expectGreen(await stage.runner.step(stage.step), [LOCK])
  return [stage.from.requests.length, stage.to.requests.length]
}

const LOCK = 'workspace/lock.json'

async function killMirror(which: number, nth: number): Promise<void> {
  await using stage = await openMirrorStage()
  const { runner, from, to, digests, step } = stage
  const victim = which === 0 ? from : to
  // What arrives and what has been dealt with take turns, so that one walk has both.
  const effect: Effect = nth % 2 === 0 ? { kind: 'delay', ms: LONG } : { kind: 'slow-answer', ms: LONG }
  victim.fail({ step: [...ALL, 'referrers'], beforeAuth: true, when: { nth }, effect })
  const killed = await runner.step({ ...step, killWhen: () => victim.requests.length >= nth })
  expect(killed.main.signals, `request ${nth} of ${which}`).toEqual(['SIGKILL'])
  const held = contentOf(to)
  for (const [tag, digest] of Object.entries(tagsOf(to, PATH))) expect([tag, digest]).toEqual([tag, digests[tag]])

  for (const registry of [from, to]) {
    registry.heal()
    registry.reset()
  }
  expectGreen(await runner.step(step), [LOCK])
  expect(tagsOf(to, PATH)).toEqual(digests)
  const sent = to.requests.flatMap(({ step: kind, digest = '' }) => (kind === 'upload-put' ? [digest] : []))
  expect(sent.filter((digest) => held.has(digest))).toEqual([])
  const read = from.requests.flatMap(({ step: kind, digest = '' }) => (kind === 'blob-get' ? [digest] : []))
  expect(read.filter((digest) => held.has(digest))).toEqual([])
  expect(typeof parseLock(await readFile(join(runner.workspace, 'lock.json'), 'utf8'))).toBe('object')
}

function contentOf(registry: InProcessRegistry): ReadonlySet<string> {
  const { blobs = new Map(), manifests = new Map() } = registry.repositories.get(PATH) ?? {}
  return new Set([...blobs.keys(), ...manifests.keys()])
}

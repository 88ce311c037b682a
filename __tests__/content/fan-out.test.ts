import { Readable } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { copyToAll, type FanOut } from '../../src/content/fan-out.ts'
import { oneByOne } from '../../src/content/one-by-one.ts'
import type { Target } from '../../src/content/store.ts'
import { turns } from '../../src/content/turns.ts'
import { LadingError } from '../../src/error.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { parseRepository } from '../../src/image/reference.ts'
import { openClient } from '../support/client.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'
import type { Fault } from '../support/registry/fault.ts'
import { type InProcessRegistry, type RegistryOptions, startRegistry } from '../support/registry/server.ts'

const never = new AbortController().signal
const LAYER = 'application/vnd.oci.image.layer.v1.tar'

function twoPlatforms(source: MemoryStore): Descriptor {
  return putIndex(source, [
    putImage(source, 'amd64', ['shared', 'amd64']),
    putImage(source, 'arm64', ['shared', 'arm64']),
  ])
}

/** Content that is there, and the digests of all that was fetched, each with how often. */
function counted(digests: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...Map.groupBy(digests, (one) => one)].map(([one, all]) => [one, all.length]))
}

function bytes(size: number, seed: string): Buffer {
  return Buffer.alloc(size, `${seed} ${'x'.repeat(1021)}`)
}

function run(root: Descriptor, fan: Partial<FanOut> & Pick<FanOut, 'source' | 'targets'>) {
  return copyToAll(root, { signal: never, ...fan })
}

describe('copyToAll', () => {
  test.each([1, 2, 5])(
    'reads each piece once for %i targets, and each has all of it in the right order',
    async (count) => {
      const source = memoryStore()
      const root = twoPlatforms(source)
      const targets = Array.from({ length: count }, (_, at) => memoryStore(`target ${at}`))
      const outcomes = await run(root, { source, targets })
      expect(outcomes.map(({ arrived }) => arrived)).toEqual(targets.map(() => true))
      expect(Object.values(counted(source.fetched))).toEqual(Array.from({ length: 8 }, () => 1))
      for (const target of targets) {
        const kinds = { config: 2, index: 1, layer: 3, manifest: 2 }
        const expected = Object.entries(kinds).map(([kind, many]) => [`push ${kind}`, many])
        expect(counted(target.log)).toEqual(Object.fromEntries(expected))
        expect(target.log.at(-1)).toBe('push index')
        expect(target.log.at(-2)).toBe('push manifest')
      }
      expect(outcomes.map(({ copied }) => copied.length)).toEqual(targets.map(() => 8))
    },
  )

  test('to nobody ends at once', async () => {
    const source = memoryStore()
    expect(await run(twoPlatforms(source), { source, targets: [] })).toEqual([])
  })

  test.each([1, 2])(
    'brings what %i targets have lost below a manifest that they have, when told to look',
    async (count) => {
      const source = memoryStore()
      const root = twoPlatforms(source)
      const targets = Array.from({ length: count }, (_, at) => memoryStore(`target ${at}`))
      await run(root, { source, targets })
      for (const target of targets) {
        target.lose(digestOf('shared'))
        target.log.length = 0
      }
      await run(root, { source, targets })
      expect(targets.map(({ log }) => log)).toEqual(targets.map(() => []))
      const outcomes = await run(root, { source, targets, allParts: true })
      expect(targets.map(({ log }) => log)).toEqual(targets.map(() => ['push layer']))
      const statuses = outcomes.map(({ copied }) => counted(copied.map(({ status }) => status)))
      expect(statuses).toEqual(targets.map(() => ({ present: 7, uploaded: 1 })))
    },
  )

  test('reads only what somebody lacks, and gives it to those alone', async () => {
    const source = memoryStore()
    const image = putImage(source, 'amd64', ['one', 'two'])
    const [full, half, empty] = [memoryStore('full'), memoryStore('half'), memoryStore('empty')]
    await run(image, { source, targets: [full] })
    half.put('one', LAYER)
    source.fetched.length = 0
    const outcomes = await run(image, { source, targets: [full, half, empty] })
    expect(outcomes.map(({ copied }) => copied.filter(({ status }) => status === 'uploaded').length)).toEqual([0, 3, 4])
    expect(counted(source.fetched)[digestOf('one')]).toBe(1)
    expect(counted(source.fetched)[digestOf('two')]).toBe(1)
  })

  test('gives no bytes to a target that mounts, and reads nothing when all mount', async () => {
    const source = memoryStore()
    const image = putImage(source, 'amd64', ['one'])
    const mounting = (store: MemoryStore): Target => ({
      ...store,
      async push(descriptor, open, elsewhere) {
        if (descriptor.mediaType !== LAYER) return store.push(descriptor, open)
        expect(elsewhere?.mountFrom).toHaveLength(1)
        store.put('one', LAYER)
        return 'mounted'
      },
    })
    const mountFrom = [parseRepository('registry.example/acme/base')]
    const [one, two] = [memoryStore(), memoryStore()]
    const outcomes = await run(image, { source, targets: [mounting(one), mounting(two)], mountFrom })
    expect(outcomes.every(({ arrived }) => arrived)).toBe(true)
    expect(source.fetched).not.toContain(digestOf('one'))
    source.fetched.length = 0
    await run(image, { source, targets: [mounting(memoryStore()), memoryStore()], mountFrom })
    expect(counted(source.fetched)[digestOf('one')]).toBe(1)
  })

  test('carries on to the others when one of them fails', async () => {
    const source = memoryStore()
    const root = twoPlatforms(source)
    const [good, bad, unreachable] = [memoryStore('good'), memoryStore('bad'), memoryStore('unreachable')]
    bad.before = (verb, subject) => {
      if (verb === 'push' && subject === 'layer') throw new LadingError('DISK_FULL', 'no room in bad')
    }
    unreachable.before = () => {
      throw new LadingError('REGISTRY_UNREACHABLE', 'nobody there')
    }
    const outcomes = await run(root, { source, targets: [bad, good, unreachable] })
    expect(outcomes).toMatchObject([
      { arrived: false, error: { code: 'DISK_FULL' } },
      { arrived: true },
      { arrived: false, error: { code: 'REGISTRY_UNREACHABLE' } },
    ])
    expect(await good.exists(root)).toBe(true)
    expect(await bad.exists(root)).toBe(false)
  })

  test('carries on when a target stops reading in the middle', async () => {
    const source = memoryStore()
    const big = bytes(3_000_000, 'big')
    const image = imageOf(source, [big])
    const [good, bad] = [memoryStore('good'), memoryStore('bad')]
    const leaving: Target = {
      ...bad,
      async push(descriptor, open) {
        if (descriptor.mediaType !== LAYER) return bad.push(descriptor, open)
        for await (const _ of await open()) break
        throw new LadingError('REGISTRY_BUSY', 'had enough')
      },
    }
    const outcomes = await run(image, { source: inPieces(source), targets: [good, leaving] })
    expect(outcomes).toMatchObject([{ arrived: true }, { arrived: false, error: { code: 'REGISTRY_BUSY' } }])
    expect(counted(source.fetched)[digestOf(big)]).toBe(1)
  })

  test('reads again for a target that repeats its attempt, and for it alone', async () => {
    const source = memoryStore()
    const image = putImage(source, 'amd64', ['one'])
    const [good, store] = [memoryStore('good'), memoryStore('again')]
    const again: Target = {
      ...store,
      async push(descriptor, open) {
        if (descriptor.mediaType === LAYER) for await (const _ of await open()) break
        return store.push(descriptor, open)
      },
    }
    const outcomes = await run(image, { source, targets: [good, again] })
    expect(outcomes.every(({ arrived }) => arrived)).toBe(true)
    expect(counted(source.fetched)[digestOf('one')]).toBe(2)
  })

  test('lets one go that holds up the others, and serves it again: it has the same bytes in one attempt', async () => {
    const source = memoryStore()
    const big = bytes(5_000_000, 'big')
    const image = imageOf(source, [big, Buffer.from('small')])
    const [fast, store] = [memoryStore('fast'), memoryStore('slow')]
    let opened = 0
    const fastIsDone = Promise.withResolvers<void>()
    const slow: Target = {
      ...store,
      async push(descriptor, open) {
        if (descriptor.size !== big.length) return store.push(descriptor, open)
        opened += 1
        const stream = await open()
        // Nothing is read before the other one has everything: waiting for this one would be waiting for ever.
        await fastIsDone.promise
        return store.push(descriptor, async () => stream)
      },
    }
    const onCopied: FanOut['onCopied'] = (target, { descriptor }) => {
      if (target === fast && descriptor.digest === image.digest) fastIsDone.resolve()
    }
    const patience = { windowBytes: 200_000, lagMs: 30 }
    // One blob at a time, so that the other blobs too would wait for it.
    const turn = turns(1)
    const outcomes = await run(image, { source: inPieces(source), targets: [fast, slow], onCopied, patience, turn })
    expect(outcomes.every(({ arrived }) => arrived)).toBe(true)
    expect(opened).toBe(1)
    expect(counted(source.fetched)[digestOf(big)]).toBe(2)
    expect(await store.exists(image)).toBe(true)
  })

  test.each(['exists', 'push'] as const)('does not wait for ever for one that takes long: %s', async (verb) => {
    const source = memoryStore()
    const image = putImage(source, 'amd64', ['one'])
    const [fast, slow] = [memoryStore('fast'), memoryStore('slow')]
    const fastIsDone = Promise.withResolvers<void>()
    const onCopied: FanOut['onCopied'] = (target, { descriptor }) => {
      if (target === fast && descriptor.digest === image.digest) fastIsDone.resolve()
    }
    slow.before = (now) => (now === verb ? fastIsDone.promise : undefined)
    const patience = { windowBytes: 200_000, lagMs: 30 }
    // One blob at a time, so that the other blobs too would wait for it.
    const turn = turns(1)
    const outcomes = await run(image, { source, targets: [fast, slow], onCopied, patience, turn })
    expect(outcomes.every(({ arrived }) => arrived)).toBe(true)
    expect(await slow.exists(image)).toBe(true)
  })

  test('gives corrupt bytes to nobody', async () => {
    const source = memoryStore()
    const big = bytes(2_000_000, 'big')
    const image = imageOf(source, [big])
    const corrupt = inPieces(source, (chunk, at) => (at === 0 ? Buffer.from(chunk).fill(0, 0, 1) : chunk))
    const targets = [memoryStore(), memoryStore()]
    const received: number[] = []
    const watched = targets.map(
      (store): Target => ({
        ...store,
        async push(descriptor, open) {
          if (descriptor.mediaType !== LAYER) return store.push(descriptor, open)
          let size = 0
          try {
            for await (const chunk of await open()) size += chunk.length
            return 'uploaded'
          } finally {
            received.push(size)
          }
        },
      }),
    )
    const outcomes = await run(image, { source: corrupt, targets: watched })
    expect(outcomes).toMatchObject([
      { arrived: false, error: { code: 'CONTENT_INVALID' } },
      { arrived: false, error: { code: 'CONTENT_INVALID' } },
    ])
    expect(received).toHaveLength(2)
    expect(received.every((size) => size < big.length)).toBe(true)
  })

  test('ends when the step is cancelled, in the middle of a blob', async () => {
    const source = memoryStore()
    const image = imageOf(source, [bytes(2_000_000, 'big')])
    const cancel = new AbortController()
    const stalled = inPieces(source, (chunk, at) => {
      if (at === 3) cancel.abort(new LadingError('CANCELLED', 'the step was cancelled'))
      return chunk
    })
    const targets = [memoryStore(), memoryStore()]
    const outcomes = await run(image, { source: stalled, targets, signal: cancel.signal })
    expect(outcomes).toMatchObject([
      { arrived: false, error: { code: 'CANCELLED' } },
      { arrived: false, error: { code: 'CANCELLED' } },
    ])
    for (const target of targets) expect(target.log).not.toContain('push manifest')
  })

  test('begins no more blobs at a time than it may', async () => {
    const source = memoryStore()
    const image = putImage(
      source,
      'amd64',
      Array.from({ length: 20 }, (_, at) => `layer ${at}`),
    )
    let [now, most] = [0, 0]
    const counting = (store: MemoryStore): Target => ({
      ...store,
      async push(descriptor, open) {
        if (descriptor.mediaType !== LAYER) return store.push(descriptor, open)
        now += 1
        most = Math.max(most, now)
        await new Promise((resolve) => setImmediate(resolve))
        try {
          return await store.push(descriptor, open)
        } finally {
          now -= 1
        }
      },
    })
    await run(image, { source, targets: [counting(memoryStore()), counting(memoryStore())] })
    expect(most).toBeLessThanOrEqual(8)
    expect(most).toBeGreaterThan(2)
  })
})

describe('copyToAll between registries', () => {
  test('gets each blob and each manifest of the source once, whatever number of targets', async () => {
    const { source, targets, root, run: copy } = await world(3)
    const outcomes = await copy()
    expect(outcomes.every(({ arrived }) => arrived)).toBe(true)
    const gets = source.requests.filter(({ method }) => method === 'GET').map(({ path }) => path)
    expect(Object.values(counted(gets))).toEqual(gets.map(() => 1))
    expect(gets).toHaveLength(8)
    for (const target of targets) expect(target.repositories.get('acme/api')?.manifests.has(root.digest)).toBe(true)
  })

  test('a source that breaks off in the middle of a blob is asked for the rest, once', async () => {
    const digest = digestOf(bytes(1_000_000, 'shared'))
    const fault: Fault = { step: 'blob-get', digest, when: { nth: 1 }, effect: { kind: 'cut', after: 300_000 } }
    const { source, run: copy } = await world(3, { faults: [fault] }, 1_000_000)
    expect((await copy()).every(({ arrived }) => arrived)).toBe(true)
    expect(source.requests.filter(({ status }) => status === 206)).toHaveLength(1)
  })

  test('a blob with wrong bytes is kept by nobody', async () => {
    const fault: Fault = { step: 'blob-get', effect: { kind: 'corrupt' } }
    const { targets, root, run: copy } = await world(2, { faults: [fault] })
    const outcomes = await copy()
    expect(outcomes).toMatchObject(targets.map(() => ({ arrived: false, error: { code: 'CONTENT_INVALID' } })))
    for (const target of targets) {
      expect(target.repositories.get('acme/api')?.manifests.has(root.digest) ?? false).toBe(false)
      expect(target.repositories.get('acme/api')?.blobs.size ?? 0).toBe(0)
    }
  })

  test('a target that dies does not disturb the others', async () => {
    const { targets, run: copy } = await world(3, {}, 1_000_000)
    const [dying] = targets
    dying?.fail({ step: 'upload-put', effect: { kind: 'reset', afterBytes: 10_000 } })
    const outcomes = await copy()
    expect(outcomes.map(({ arrived }) => arrived)).toEqual([false, true, true])
    expect(outcomes[0]).toMatchObject({ error: { code: 'REGISTRY_UNREACHABLE' } })
  })

  test('a target that fails once has it by a read of its own', async () => {
    const { source, targets, run: copy } = await world(2)
    targets[0]?.fail({ step: 'upload-put', when: { first: 1 }, effect: { kind: 'status', status: 503 } })
    const outcomes = await copy()
    expect(outcomes.every(({ arrived }) => arrived)).toBe(true)
    const gets = source.requests.filter(({ step }) => step === 'blob-get')
    expect(gets).toHaveLength(6)
  })
})

/** One source with an image of two platforms, and empty targets, all of them registries. */
async function world(count: number, sourceOptions: RegistryOptions = {}, layerSize = 1000) {
  const source = await startRegistry(sourceOptions)
  const targets = await Promise.all(Array.from({ length: count }, () => startRegistry()))
  const client = openClient({ retries: 2 })
  onTestFinished(async () => {
    await client.close()
    await Promise.all([source, ...targets].map((registry: InProcessRegistry) => registry.stop()))
  })
  const origin = memoryStore()
  const images = ['amd64', 'arm64'].map((name) =>
    imageOf(origin, [bytes(layerSize, 'shared'), bytes(layerSize, name)], name),
  )
  const root = putIndex(origin, images)
  await seed(origin, root, source, sourceOptions.faults ?? [])
  const remotes = targets.map(({ host }) => client.remote(`${host}/acme/api`))
  return {
    source,
    targets,
    root,
    run: () => run(root, { source: client.remote(`${source.host}/acme/api`, 'pull'), targets: remotes }),
  }
}

/** Brings the image to the registry before its faults begin, and before its requests are counted. */
async function seed(
  origin: MemoryStore,
  root: Descriptor,
  registry: InProcessRegistry,
  faults: readonly Fault[],
): Promise<void> {
  await using client = openClient()
  registry.heal()
  const outcomes = await run(root, { source: origin, targets: [client.remote(`${registry.host}/acme/api`)] })
  expect(outcomes).toMatchObject([{ arrived: true }])
  registry.reset()
  for (const fault of faults) registry.fail(fault)
}

function imageOf(store: MemoryStore, layers: readonly Buffer[], architecture = 'amd64'): Descriptor {
  const config = store.put(JSON.stringify({ os: 'linux', architecture }), 'application/vnd.oci.image.config.v1+json')
  const described = layers.map((layer) => store.put(layer, LAYER))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  return store.put(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: described }), mediaType)
}

/** A source whose layers come in pieces, as from a network; `change` may spoil them. */
function inPieces(store: MemoryStore, change: (chunk: Uint8Array, at: number) => Uint8Array = (chunk) => chunk) {
  return {
    ...store,
    async fetch(descriptor: Descriptor): Promise<Readable> {
      if (descriptor.mediaType !== LAYER) return store.fetch(descriptor)
      const whole: Uint8Array[] = []
      for await (const chunk of await store.fetch(descriptor)) whole.push(chunk)
      const all = Buffer.concat(whole)
      const count = Math.ceil(all.length / 65_536)
      return Readable.from(
        Array.from({ length: count }, (_, at) => change(all.subarray(at * 65_536, (at + 1) * 65_536), at)),
      )
    },
  }
}

test('nowhere is where a copy to no target has ended at once', async () => {
  const source = memoryStore()
  expect(await run(twoPlatforms(source), { source, targets: [] })).toEqual([])
  expect(source.fetched).toEqual([])
})

describe('copies beside each other that share a blob', () => {
  /** Two images with one layer in common, on their way to the same targets at the same time. */
  async function besideEachOther(targets: readonly MemoryStore[]) {
    const source = memoryStore()
    const roots = ['amd64', 'arm64'].map((name) => putImage(source, name, ['shared', name]))
    const apart = oneByOne()
    const outcomes = await Promise.all(roots.map((root) => run(root, { source, targets, oneByOne: apart })))
    return { source, outcomes: outcomes.flat() }
  }

  test.each([1, 2, 3])('read it once and bring it once to each of %i targets', async (count) => {
    const targets = Array.from({ length: count }, (_, at) => memoryStore(`target ${at}`))
    const { source, outcomes } = await besideEachOther(targets)
    expect(outcomes.every(({ arrived }) => arrived)).toBe(true)
    expect(counted(source.fetched)[digestOf('shared')]).toBe(1)
    for (const target of targets) expect(counted(target.log)['push layer']).toBe(3)
    const shared = outcomes.flatMap(({ copied }) =>
      copied.filter(({ descriptor }) => descriptor.digest === digestOf('shared')),
    )
    expect(counted(shared.map(({ status }) => status))).toEqual({ uploaded: count, present: count })
  })

  test('each bring it themselves where the first one fails', async () => {
    const target = memoryStore('target')
    let pushes = 0
    target.before = async (what, which) => {
      if (what !== 'push' || which !== 'layer') return
      pushes += 1
      if (pushes === 1) throw new LadingError('REGISTRY_BUSY', 'not now')
    }
    const source = memoryStore()
    const [one, other] = ['amd64', 'arm64'].map((name) => putImage(source, name, ['shared']))
    if (one === undefined || other === undefined) throw new Error('there are two')
    const apart = oneByOne()
    const ended = await Promise.all(
      [one, other].map((root) => run(root, { source, targets: [target], oneByOne: apart })),
    )
    expect(ended.flat().map(({ arrived }) => arrived)).toEqual([false, true])
    expect(pushes).toBe(2)
  })
})

test('who wants several things waits for all of them, and nobody waits in a circle', async () => {
  const apart = oneByOne()
  const log: string[] = []
  const job = (name: string, things: readonly string[]) =>
    apart(things, async (waited) => {
      log.push(`${name} begins${waited ? ' late' : ''}`)
      await new Promise((resolve) => setImmediate(resolve))
      log.push(`${name} ends`)
    })
  await Promise.all([job('one', ['a', 'b']), job('two', ['b', 'a', 'b']), job('three', ['c']), job('four', ['c', 'a'])])
  expect(log.filter((line) => /one|two/.test(line))).toEqual(['one begins', 'one ends', 'two begins late', 'two ends'])
  expect(log.indexOf('three begins')).toBeLessThan(log.indexOf('two begins late'))
  expect(log.at(-2)).toBe('four begins late')
  log.length = 0
  await job('again', ['a', 'c'])
  expect(log).toEqual(['again begins', 'again ends'])
})

import { addAbortSignal, type Readable, Transform } from 'node:stream'
import type { Descriptor } from '../image/descriptor.ts'
import type { Source } from './store.ts'
import { verified, verify } from './verify.ts'

/** A source that checks every piece of its content once, however many read it. */
export type CheckedSource = Source & {
  /** Ends when the content was found to be what its descriptor promises; throws `CONTENT_INVALID` when it is not. */
  check(descriptor: Descriptor): Promise<void>
}

/**
 * Wraps a source that costs little to read, such as a layout on disk. Content is hashed beside its way to however many
 * targets, and the last bytes of each copy wait for the outcome, so nobody can complete a wrong one. Checking stops
 * when `signal` is aborted.
 */
export function checkedOnce(source: Source, signal: AbortSignal): CheckedSource {
  const verdicts = new Map<string, Promise<void>>()
  const sound = new Set<string>()

  function check(descriptor: Descriptor): Promise<void> {
    const key = keyOf(descriptor)
    const verdict = verdicts.get(key) ?? checkNow(descriptor, key)
    verdicts.set(key, verdict)
    return verdict
  }

  async function checkNow(descriptor: Descriptor, key: string): Promise<void> {
    signal.throwIfAborted()
    try {
      await verify(descriptor, addAbortSignal(signal, await source.fetch(descriptor)), source.name)
    } catch (error) {
      // A stream that is ended by a signal does not tell why the signal was given.
      throw signal.aborted ? signal.reason : error
    }
    sound.add(key)
  }

  async function fetch(descriptor: Descriptor): Promise<Readable> {
    const bytes = await source.fetch(descriptor)
    return sound.has(keyOf(descriptor)) ? bytes : heldUntil(check(descriptor), bytes)
  }

  return { name: source.name, resolve: (tagOrDigest) => source.resolve(tagOrDigest), fetch, check }
}

/** Wraps a source that costs to read, such as a registry: content is checked by whoever reads it, on its way. */
export function checkedOnTheWay(source: Source): CheckedSource {
  return {
    name: source.name,
    resolve: (tagOrDigest) => source.resolve(tagOrDigest),
    fetch: async (descriptor) => verified(descriptor, await source.fetch(descriptor), source.name),
    check: async (descriptor) => verify(descriptor, await source.fetch(descriptor), source.name),
  }
}

/** What is promised about the bytes, the size included. */
function keyOf({ digest, size }: Descriptor): string {
  return `${digest} ${size}`
}

/** The same bytes, the last of them only when all is well. */
function heldUntil(verdict: Promise<void>, bytes: Readable): Readable {
  let held: Uint8Array | undefined
  // Whoever gives up before the end never asks.
  verdict.catch(() => undefined)
  const holding = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      const passed = held
      held = chunk
      done(null, passed)
    },
    flush(done) {
      verdict.then(
        () => done(null, held),
        (error: Error) => done(error),
      )
    },
  })
  bytes.on('error', (error) => holding.destroy(error))
  holding.on('close', () => bytes.destroy())
  return bytes.pipe(holding)
}

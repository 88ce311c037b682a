import { type Readable, Transform } from 'node:stream'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { algorithmOf, hasher } from '../image/digest.ts'

/**
 * The same bytes, which end in `CONTENT_INVALID` when they are not what the descriptor promises. The error comes
 * before the last chunk is passed on, so whoever sends them on never completes a wrong one.
 */
export function verified(descriptor: Descriptor, bytes: Readable, from: string): Readable {
  const hash = hasher(algorithmOf(descriptor.digest))
  let size = 0
  let held: Uint8Array | undefined
  const check = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk)
      size += chunk.length
      if (size > descriptor.size) return done(wrongSize(descriptor, `more than ${descriptor.size}`, from))
      const passed = held
      held = chunk
      done(null, passed)
    },
    flush(done) {
      if (size !== descriptor.size) return done(wrongSize(descriptor, String(size), from))
      const found = hash.digest()
      if (found !== descriptor.digest) return done(wrongDigest(descriptor, found, from))
      done(null, held)
    },
  })
  bytes.on('error', (error) => check.destroy(error))
  check.on('close', () => bytes.destroy())
  return bytes.pipe(check)
}

/** All bytes of one small piece of content, checked. `limit` bounds what is held in memory, in bytes. */
export async function readVerified(
  descriptor: Descriptor,
  bytes: Readable,
  limit: number,
  from: string,
): Promise<Uint8Array> {
  if (descriptor.size > limit) {
    bytes.destroy()
    throw new LadingError(
      'CONTENT_INVALID',
      `${descriptor.digest} in ${from} has ${descriptor.size} bytes; at most ${limit} are read`,
    )
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of verified(descriptor, bytes, from)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Reads content to its end for the sake of the check alone. */
export async function verify(descriptor: Descriptor, bytes: Readable, from: string): Promise<void> {
  for await (const _ of verified(descriptor, bytes, from)) {
    // The transform checks; there is nothing to do with the bytes here.
  }
}

function wrongSize(descriptor: Descriptor, found: string, from: string): LadingError {
  return new LadingError(
    'CONTENT_INVALID',
    `${descriptor.digest} in ${from} has ${found} bytes and not ${descriptor.size}`,
  )
}

function wrongDigest(descriptor: Descriptor, found: string, from: string): LadingError {
  return new LadingError('CONTENT_INVALID', `${descriptor.digest} in ${from} holds other bytes: they hash to ${found}`)
}

import { type Readable, Transform } from 'node:stream'
import { asLadingError, LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { algorithmOf, type Hasher, hasher } from '../image/digest.ts'

/** The check of bytes on their way, whoever passes them on. */
export type Check = {
  /** bytes so far */
  taken(): number
  /** Takes the next bytes. Throws `CONTENT_INVALID` when there are more than the descriptor promises. */
  take(chunk: Uint8Array): void
  /** Throws the same when so many more would be too many: before the last of the promised ones is passed on. */
  foresee(bytes: number): void
  /** Throws `CONTENT_INVALID` when what was taken is not what the descriptor promises. */
  conclude(): void
  /** Another check that has taken the same so far, for bytes that go on by another way. */
  copy(): Check
}

/** A check that has taken nothing yet. `from` is where the bytes are from, for messages. */
export function openCheck(descriptor: Descriptor, from: string): Check {
  return checkFrom({ descriptor, from }, hasher(algorithmOf(descriptor.digest)), 0)
}

type Checked = { readonly descriptor: Descriptor; readonly from: string }

function checkFrom(checked: Checked, hash: Hasher, taken: number): Check {
  const { descriptor, from } = checked
  let size = taken
  const check: Check = {
    taken: () => size,
    take(chunk) {
      check.foresee(chunk.length)
      hash.update(chunk)
      size += chunk.length
    },
    foresee(bytes) {
      if (size + bytes > descriptor.size) throw wrongSize(descriptor, `more than ${descriptor.size}`, from)
    },
    conclude() {
      if (size !== descriptor.size) throw wrongSize(descriptor, String(size), from)
      const found = hash.digest()
      if (found !== descriptor.digest) throw wrongDigest(descriptor, found, from)
    },
    copy: () => checkFrom(checked, hash.copy(), size),
  }
  return check
}

/**
 * The same bytes, which end in `CONTENT_INVALID` when they are not what the descriptor promises. The error comes
 * before the last chunk is passed on, so whoever sends them on never completes a wrong one.
 */
export function verified(descriptor: Descriptor, bytes: Readable, from: string): Readable {
  const check = openCheck(descriptor, from)
  let held: Uint8Array | undefined
  const checking = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      const wrong = troubleIn(() => check.take(chunk))
      if (wrong !== undefined) return done(wrong)
      const passed = held
      held = chunk
      done(null, passed)
    },
    flush(done) {
      const wrong = troubleIn(check.conclude)
      if (wrong !== undefined) done(wrong)
      else done(null, held)
    },
  })
  bytes.on('error', (error) => checking.destroy(error))
  checking.on('close', () => bytes.destroy())
  return bytes.pipe(checking)
}

function troubleIn(step: () => void): Error | undefined {
  try {
    step()
    return undefined
  } catch (thrown) {
    return asLadingError(thrown)
  }
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

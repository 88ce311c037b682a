import { createReadStream } from 'node:fs'
import { limitTo } from '../net/limit.ts'
import type { Body } from '../net/send.ts'

/** A file that is sent in parts of at most `partSize` bytes. */
export type KeptFile = { readonly path: string; readonly size: number; readonly partSize: number }

/** A piece of a file, read from disk while it is sent; `start` and `end` are its first and last byte. */
export type Part = {
  readonly index: number
  readonly start: number
  readonly end: number
  readonly body: Extract<Body, { readonly kind: 'stream' }>
}

/** As @actions/cache has it for version 1 (`options.ts`). Memory does not depend on it: parts are streamed. */
export const PART_SIZE = 32 * 1024 * 1024
const PARTS_AT_ONCE = 4

export function partsOf({ path, size, partSize }: KeptFile): readonly Part[] {
  return Array.from({ length: Math.ceil(size / partSize) }, (_, index) => {
    const start = index * partSize
    const end = Math.min(start + partSize, size) - 1
    const open = async () => createReadStream(path, { start, end })
    return { index, start, end, body: { kind: 'stream', size: end - start + 1, open } }
  })
}

/** Sends parts, some at a time. When one fails, the others end, and all have ended when this does. */
export async function sendParts(
  parts: readonly Part[],
  signal: AbortSignal,
  send: (part: Part, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const together = AbortSignal.any([signal, failed.signal])
  const limit = limitTo(PARTS_AT_ONCE)
  const sending = parts.map((part) =>
    limit(async () => {
      together.throwIfAborted()
      await send(part, together)
    }),
  )
  try {
    await Promise.all(sending)
  } catch (error) {
    failed.abort(error)
    await Promise.allSettled(sending)
    throw error
  }
}

import { PassThrough, type Readable } from 'node:stream'
import type { Check } from './verify.ts'
import { endsWithin } from './within.ts'

/** How long, and how far, one reader may lag behind the others. */
export type Patience = {
  /** bytes that are kept for each reader that has not taken them yet */
  readonly windowBytes: number
  /** milliseconds for which one reader may hold up the others, with its window full */
  readonly lagMs: number
}

/** One of several readers of the same bytes. */
export type Branch = {
  /** what it reads */
  readonly stream: PassThrough
  /** milliseconds for which the others have waited for it */
  heldUpMs: number
}

export function openBranch({ windowBytes }: Patience): Branch {
  const stream = new PassThrough({ writableHighWaterMark: windowBytes, readableHighWaterMark: 64 * 1024 })
  // Whoever reads it hears of its end; the one who writes looks before each chunk.
  stream.on('error', () => undefined)
  return { stream, heldUpMs: 0 }
}

export type Pouring = {
  readonly check: Check
  readonly branches: ReadonlySet<Branch>
  readonly patience: Patience
  /** Told of a branch that is let go; the check has taken just what the branch was given, and goes on with it. */
  readonly onLag: (branch: Branch, check: Check) => void
}

/**
 * Pours bytes into all branches at the pace of the slowest one that is not let go. A branch that was closed by its reader
 * is passed over; when none is left, no more is read. The last bytes come only after the check, so nobody completes wrong
 * ones. Throws what goes wrong with the bytes; the branches are then for the caller to close.
 */
export async function pour(bytes: Readable, pouring: Pouring): Promise<void> {
  const { check, branches } = pouring
  const live = new Set(branches)
  let held: Uint8Array | undefined
  for await (const chunk of bytes) {
    check.foresee((held?.length ?? 0) + chunk.length)
    if (held !== undefined) {
      check.take(held)
      give(held, live)
      await waitForRoom(live, pouring)
    }
    if (live.size === 0) return
    held = chunk
  }
  if (held !== undefined) check.take(held)
  check.conclude()
  if (held !== undefined) give(held, live)
  for (const { stream } of live) stream.end()
}

function give(chunk: Uint8Array, live: Set<Branch>): void {
  for (const branch of live) {
    if (isClosed(branch)) live.delete(branch)
    else branch.stream.write(chunk)
  }
}

async function waitForRoom(live: Set<Branch>, pouring: Pouring): Promise<void> {
  const full = [...live].filter(isFull)
  if (full.length === 0) return
  // While nobody has room, nobody is held up.
  if (full.length === live.size) await Promise.race(full.map(room))
  await Promise.all(full.filter(isFull).map((branch) => waitFor(branch, live, pouring)))
}

async function waitFor(branch: Branch, live: Set<Branch>, { check, patience, onLag }: Pouring): Promise<void> {
  const began = performance.now()
  const isInTime = await endsWithin(room(branch), Math.max(0, patience.lagMs - branch.heldUpMs))
  branch.heldUpMs += performance.now() - began
  if (isInTime || !isFull(branch)) return
  live.delete(branch)
  onLag(branch, check.copy())
}

/** Until a branch has taken all that is kept for it, or was closed. */
export function room(branch: Branch): Promise<void> {
  const { stream } = branch
  return new Promise((resolve) => {
    if (!isFull(branch)) return resolve()
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
  })
}

function isFull(branch: Branch): boolean {
  return !isClosed(branch) && branch.stream.writableNeedDrain
}

export function isClosed({ stream }: Branch): boolean {
  return stream.destroyed
}

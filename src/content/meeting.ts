import { addAbortSignal, type Readable, Transform } from 'node:stream'
import type { Descriptor } from '../image/descriptor.ts'
import { type Branch, isClosed, openBranch, type Patience, pour, room } from './pour.ts'
import type { Arrival, Source } from './store.ts'
import type { Turn } from './turns.ts'
import { type Check, openCheck, verified } from './verify.ts'
import { endsWithin } from './within.ts'

/** A target among others that get the same content; `isSlow` once it was let go, and then nobody waits for it any more. */
export type Party = { isSlow: boolean }

/** Several targets get one blob by one read of the source. */
export type Meeting = {
  /** Brings the blob to one of them: `push` as the target has it, with bytes that are shared at its first attempt. */
  attend(party: Party, push: (open: () => Promise<Readable>) => Promise<Arrival>): Promise<Arrival>
  /** Somebody does not come any more: it needs nothing, or has failed before. */
  leave(party: Party): void
}

export type MeetingOptions = {
  readonly source: Source
  /** A blob at a time in each turn: all targets work on the same ones, so that none waits for another one. */
  readonly turn: Turn
  readonly patience: Patience
  readonly signal: AbortSignal
}

export function openMeeting(blob: Descriptor, parties: Iterable<Party>, options: MeetingOptions): Meeting {
  const { source, turn, patience, signal } = options
  const reads = readsOf(blob, options)
  /** those of whom it is not known yet whether they want bytes */
  const expected = new Set(parties)
  const joined = new Map<Party, Branch>()
  const atWork = new Set<Party>()
  const started = Promise.withResolvers<void>()
  const gathered = Promise.withResolvers<void>()
  const pouring = Promise.withResolvers<void>()
  let isBegun = false
  let held: Promise<void> | undefined
  let allOver: (() => void) | undefined

  async function attend(party: Party, push: (open: () => Promise<Readable>) => Promise<Arrival>): Promise<Arrival> {
    if (isBegun || !expected.has(party)) return push(reads.readAlone)
    held ??= turn(hold)
    await Promise.race([started.promise, held])
    let isFirst = true
    atWork.add(party)
    try {
      return await push(() => {
        const isShared = isFirst && !isBegun
        isFirst = false
        return isShared ? join(party) : reads.readAlone()
      })
    } finally {
      leave(party)
    }
  }

  /** Its stream is there when it begins to flow, so that no request stands open without a byte. */
  async function join(party: Party): Promise<Readable> {
    const branch = openBranch(patience)
    joined.set(party, branch)
    decide(party)
    await pouring.promise
    return branch.stream
  }

  function decide(party: Party): void {
    expected.delete(party)
    if ([...expected].every(({ isSlow }) => isSlow)) gathered.resolve()
  }

  function leave(party: Party): void {
    decide(party)
    atWork.delete(party)
    if ([...atWork].every(({ isSlow }) => isSlow)) allOver?.()
  }

  async function hold(): Promise<void> {
    signal.throwIfAborted()
    started.resolve()
    if (!(await endsWithin(gathered.promise, patience.lagMs))) for (const party of expected) party.isSlow = true
    isBegun = true
    pouring.resolve()
    if (joined.size > 0) await pourToAll()
    await new Promise<void>((resolve) => {
      allOver = resolve
      if ([...atWork].every(({ isSlow }) => isSlow)) resolve()
    })
  }

  /** What goes wrong with the bytes, everybody hears from its own stream. */
  async function pourToAll(): Promise<void> {
    const branches = new Set(joined.values())
    const check = openCheck(blob, source.name)
    await reads.pourInto(branches, check, (branch, rest) => {
      for (const [party, own] of joined) if (own === branch) party.isSlow = true
      void reads.goOnAlone(branch, rest)
    })
  }

  return { attend, leave }
}

/** How one blob is read: for several branches at once, or for one. Errors are told to the branches. */
function readsOf(blob: Descriptor, { source, patience, signal }: MeetingOptions) {
  async function pourInto(
    branches: ReadonlySet<Branch>,
    check: Check,
    onLag: (branch: Branch, rest: Check) => void,
  ): Promise<void> {
    try {
      const bytes = addAbortSignal(signal, await source.fetch(blob))
      await pour(without(check.taken(), bytes), { check, branches, patience, onLag })
    } catch (thrown) {
      // A stream that is ended by a signal does not tell why the signal was given.
      const error: unknown = signal.aborted ? signal.reason : thrown
      for (const { stream } of branches) stream.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** Serves one that lags: a read of its own from where it was let go, once it has taken what was kept for it. */
  async function goOnAlone(branch: Branch, rest: Check): Promise<void> {
    await room(branch)
    if (!isClosed(branch)) await pourInto(new Set([branch]), rest, () => undefined)
  }

  async function readAlone(): Promise<Readable> {
    return verified(blob, await source.fetch(blob), source.name)
  }

  return { pourInto, goOnAlone, readAlone }
}

/** Bytes without the first so many of them. */
function without(count: number, bytes: Readable): Readable {
  if (count === 0) return bytes
  let left = count
  const rest = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      const kept = chunk.subarray(Math.min(left, chunk.length))
      left -= chunk.length - kept.length
      done(null, kept.length === 0 ? undefined : kept)
    },
  })
  bytes.on('error', (error) => rest.destroy(error))
  rest.on('close', () => bytes.destroy())
  return bytes.pipe(rest)
}

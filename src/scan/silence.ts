import { LadingError } from '../error.ts'

/** How long something of the network may take, in milliseconds. */
export type Patience = {
  /** without anything that moves */
  readonly silentMs: number
  /** as a whole, however busy it looks */
  readonly wholeMs: number
}

export type Watched = { readonly signal: AbortSignal; moved(): void }

/**
 * Does something under a clock that starts again whenever it has `moved`. The signal that `work` gets is aborted when the
 * clock has run out, or with `signal`.
 */
export async function underClock<T>(
  { silentMs, wholeMs }: Patience,
  signal: AbortSignal,
  work: (watched: Watched) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const stop = (why: string) => () => over.abort(new LadingError('REGISTRY_UNREACHABLE', why))
  const silence = setTimeout(stop('silent for too long'), silentMs)
  const whole = setTimeout(stop('it took too long'), wholeMs)
  try {
    return await work({ signal: AbortSignal.any([signal, over.signal]), moved: () => void silence.refresh() })
  } finally {
    clearTimeout(silence)
    clearTimeout(whole)
  }
}

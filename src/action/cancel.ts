import { LadingError } from '../error.ts'

/** What of a process is needed to hear that it shall end. */
export type SignalSource = { on(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown }

/**
 * A signal that is aborted with a `CANCELLED` error as soon as the process is asked to end. A runner sends SIGINT, after
 * 7.5 seconds SIGTERM, after 2.5 more it kills: whatever comes after the first changes nothing.
 */
export function cancelSignal(source: SignalSource): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // Only the first abort counts, says the specification of AbortController.
    source.on(name, () => controller.abort(new LadingError('CANCELLED', `the step was cancelled (${name})`)))
  }
  return controller.signal
}

/** Why a signal was aborted, as an error of ours. */
export function cancelReason(signal: AbortSignal): LadingError {
  const reason: unknown = signal.reason
  return reason instanceof LadingError
    ? reason
    : new LadingError('CANCELLED', 'the step was cancelled', { cause: reason })
}

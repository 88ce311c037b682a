import type { Clock } from '../edges.ts'
import { cancelReason } from './cancel.ts'

/** The clock of the machine. Whoever sleeps is woken with `CANCELLED` when the step is cancelled. */
export function makeClock(signal: AbortSignal): Clock {
  return { now: () => new Date(), signal, sleep: (milliseconds) => sleep(milliseconds, signal) }
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(cancelReason(signal))
      return
    }
    const wake = () => {
      clearTimeout(timer)
      reject(cancelReason(signal))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', wake)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', wake, { once: true })
  })
}

import type { Edges } from '../edges.ts'

const PROGRESS_MS = 5000

/** Says now and then how much of something has come, in bytes; `what` names it. */
export function progressOf(
  what: string,
  { reporter, clock }: Pick<Edges, 'reporter' | 'clock'>,
): (bytes: number, total: number | undefined) => void {
  let said = clock.now().getTime()
  return (bytes, total) => {
    const now = clock.now().getTime()
    if (now - said < PROGRESS_MS) return
    said = now
    reporter.info(`${what}: ${megabytes(bytes)}${total === undefined ? '' : ` of ${megabytes(total)}`}`)
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

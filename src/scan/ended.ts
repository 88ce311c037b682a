import type { Ended } from '../edges.ts'
import { LadingError } from '../error.ts'
import { lastLines } from '../plain-text.ts'
import type { Workroom } from './workroom.ts'

/** A program that came to its own end, whatever the end was. */
export type Exited = Extract<Ended, { kind: 'exited' }>

const NO_SCANNER_HINT =
  'Name a Trivy of your own: its program in `trivy-path`, or its release archive in `trivy-archive`.'

/**
 * What came of the scanner when it ended by itself. Throws `CANCELLED` or `SCAN_BROKEN`.
 * @param doing what was being done, for the message: `scanning linux/arm64`
 */
export function exited(ended: Ended, doing: string, room: Workroom): Exited {
  if (ended.kind === 'exited') return ended
  if (ended.kind === 'absent') throw noScanner(`${doing}: the scanner could not be started`)
  if (ended.why === 'cancelled') throw new LadingError('CANCELLED', `${doing}: the step was cancelled`)
  throw broken(`${doing}: the scanner was stopped because it took too long`, ended.stderr, room)
}

/** `SCAN_BROKEN` with the last lines that the scanner wrote. */
export function broken(message: string, log: string, room: Workroom): LadingError {
  const lines = lastLines(log, room.paths)
  const tail = lines.length === 0 ? '' : `\n${lines.map((line) => `  ${line}`).join('\n')}`
  return new LadingError('SCAN_BROKEN', `${message}${tail}`)
}

/** `SCAN_BROKEN` because there is nothing to scan with. */
export function noScanner(message: string, cause?: unknown): LadingError {
  return new LadingError('SCAN_BROKEN', message, { hint: NO_SCANNER_HINT, cause })
}

import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { isDiskFull, LadingError } from '../error.ts'

/**
 * Appends `name` and `value` to a file of the runner (GITHUB_OUTPUT, GITHUB_STATE) in its heredoc form.
 * @actions/core does the same, but reads `process.env` and loads an HTTP client with it. `undefined`: no runner, no file.
 * Synchronous, because state must be on disk before what it tells is done.
 */
export function appendRecord(file: string | undefined, name: string, value: string): void {
  if (file === undefined || file === '') return
  // Nobody can end the value early who cannot guess the delimiter.
  const delimiter = `ghadelimiter_${randomUUID()}`
  appendText(file, `${name}<<${delimiter}\n${value}\n${delimiter}\n`)
}

/** Appends to a file of the runner. */
export function appendText(file: string, text: string): void {
  try {
    appendFileSync(file, text)
  } catch (cause) {
    throw new LadingError(isDiskFull(cause) ? 'DISK_FULL' : 'INTERNAL', `writing to the runner's file ${file} failed`, {
      cause,
    })
  }
}

import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Scratch } from '../edges.ts'
import { isDiskFull, LadingError } from '../error.ts'
import type { ProcessVariables } from './form.ts'
import { saveState } from './state.ts'

/** The file in the folder that lists what post must undo, one JSON value a line. */
export const UNDO_FILE = 'undo.jsonl'

/**
 * Makes the private folder. Its path is in the state before it exists, so that post finds it whenever we are stopped.
 * What is to undo is written into the folder and not into the state: its environment may hold a credential, and the
 * runner's file is not ours to remove. Throws `DISK_FULL` or `INTERNAL`.
 */
export function makeScratch(variables: ProcessVariables, keep: Scratch['keep']): Scratch {
  // Letters and digits only: buildx and docker give `@`, `:` and `,` in a path a meaning.
  const directory = join(temporaryRoot(variables), `lading-${randomBytes(8).toString('hex')}`)
  saveState(variables, 'scratch', directory)
  onDisk(`making the private folder ${directory}`, () => {
    mkdirSync(dirname(directory), { recursive: true })
    // Not recursive: a folder that is there already would be somebody else's.
    mkdirSync(directory, { mode: 0o700 })
  })
  return {
    directory,
    keep,
    undoLater: (undo) => {
      const line = `${JSON.stringify(undo)}\n`
      onDisk('writing down what is to undo', () => appendFileSync(join(directory, UNDO_FILE), line, { mode: 0o600 }))
    },
  }
}

/** Where temporary things go: the runner's folder, which it empties itself, else the system's. */
export function temporaryRoot(variables: ProcessVariables): string {
  const folder = variables['RUNNER_TEMP']
  return resolve(folder === undefined || folder === '' ? tmpdir() : folder)
}

/** Whether a folder is one of ours: post removes nothing else, whatever the state says. */
export function isScratch(variables: ProcessVariables, directory: string): boolean {
  return dirname(directory) === temporaryRoot(variables) && /^lading-[0-9a-f]{16}$/.test(basename(directory))
}

function onDisk(what: string, work: () => void): void {
  try {
    work()
  } catch (cause) {
    throw new LadingError(isDiskFull(cause) ? 'DISK_FULL' : 'INTERNAL', `${what} failed`, { cause })
  }
}

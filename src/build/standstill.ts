import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../edges.ts'

/** How long is too long, in milliseconds, and how often to look. */
export type Patience = { readonly standstillMs: number; readonly lookEveryMs: number }

/** Something that should be moving: a program that prints, and a folder that it fills. */
export type Watched = {
  /** how many lines it has printed so far */
  readonly lines: () => number
  readonly directory: string
  readonly ended: () => boolean
}

/**
 * Waits until what is watched has ended (`false`) or stands still (`true`): no line and no growth for as long as the
 * patience lasts. Throws `CANCELLED`, as the clock does.
 */
export async function standsStill(watched: Watched, clock: Clock, patience: Patience): Promise<boolean> {
  let seen = ''
  let stillMs = 0
  while (stillMs < patience.standstillMs) {
    await clock.sleep(patience.lookEveryMs)
    if (watched.ended()) return false
    const now = `${watched.lines()} ${await bytesIn(watched.directory)}`
    stillMs = now === seen ? stillMs + patience.lookEveryMs : 0
    seen = now
  }
  return true
}

/** The size of all files below a folder; what vanishes meanwhile counts nothing. */
async function bytesIn(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

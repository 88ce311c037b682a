import { logLine } from '../plain-text.ts'

/** What BuildKit has printed so far (`--progress plain`), as far as it matters. */
export type Progress = {
  /** Takes a line as it came; gives it back as people may see it, or `undefined` when it is not for them. */
  readonly take: (line: string) => string | undefined
  /** lines taken so far */
  readonly count: () => number
  /** whether the image is being written out */
  readonly exports: () => boolean
  /** the last lines that may tell why a build failed, oldest first; at most 100 */
  readonly last: () => readonly string[]
}

// With the containerd store and `tar=false` BuildKit races with itself for a lock, prints this, and goes on well.
const HARMLESS = /\(\*service\)\.Write failed\b.*\blocked\b.*\bunavailable\b/i
const EXPORT = /^#\d+ exporting to /
// Steps that went well and layers that travel say nothing about a failure.
const USELESS = /^#\d+ (?:DONE|CACHED|sha256:|extracting |transferring )|^-*$|^#\d+$/
const KEPT = 100

/** Follows the progress of one build. */
export function followProgress(): Progress {
  const last: string[] = []
  let count = 0
  let exports = false
  return {
    take(raw) {
      count += 1
      const line = logLine(raw)
      if (HARMLESS.test(line)) return undefined
      exports ||= EXPORT.test(line)
      if (!USELESS.test(line.trim())) last.push(line)
      if (last.length > KEPT) last.shift()
      return line
    },
    count: () => count,
    exports: () => exports,
    last: () => [...last],
  }
}

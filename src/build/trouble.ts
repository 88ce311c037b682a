import { LadingError } from '../error.ts'

// docs.docker.com/docker-hub/usage: the two wordings of a pull limit that is used up. A simple 429 is the other limit,
// that on requests a minute.
const HUB_LIMIT = /you have reached your (?:unauthenticated )?pull rate limit|docker\.com\/increase-rate-limit/i
const NO_SPACE = /no space left on device|disk quota exceeded/i

// `--annotation` came with buildx 0.12.
const OLD_BUILDX = /unknown flag: --annotation/

// Enough to see what failed, and less than what one annotation of a run can hold (4096 characters).
const SHOWN_LINES = 20
const SHOWN_CHARACTERS = 3000
const LINE_CHARACTERS = 300

/**
 * The error of a build that ended badly, from what it printed last: a full disk, a used-up pull limit, or its own fault
 * with the last useful lines. `doing` begins the message.
 */
export function buildError(doing: string, exitCode: number, lines: readonly string[]): LadingError {
  const limit = hubLimitError(doing, lines.filter(isError))
  if (limit !== undefined) return limit
  const full = lines.findLast((line) => NO_SPACE.test(line))
  if (full !== undefined) {
    const hint = 'Free space on this runner, where the builder keeps its cache and where the temporary folder is.'
    return new LadingError('DISK_FULL', `${doing}: ${shorten(full)}`, { hint })
  }
  const why = lines.findLast((line) => /^(?:ERROR|error):/.test(line))?.replace(/^error:\s*/i, '')
  const message = `${doing}: ${shorten(why ?? `docker buildx build ended with exit code ${exitCode}`)}`
  const hint = lines.some((line) => OLD_BUILDX.test(line)) ? { hint: 'Install buildx 0.12 or newer.' } : {}
  return new LadingError('BUILD_FAILED', [message, ...lastOf(lines)].join('\n'), hint)
}

/** `RATE_LIMITED` when one of these lines is Docker Hub's word that the pull limit is used up. */
export function hubLimitError(doing: string, lines: readonly string[]): LadingError | undefined {
  const line = lines.find((line) => HUB_LIMIT.test(line))
  if (line === undefined) return undefined
  return new LadingError('RATE_LIMITED', `${doing}: Docker Hub refuses more pulls: ${shorten(line)}`)
}

/** BuildKit's own errors; what a step prints begins with the step's number and a time. */
function isError(line: string): boolean {
  return /^(?:#\d+ )?error:/i.test(line)
}

function lastOf(lines: readonly string[]): readonly string[] {
  const shown: string[] = []
  let characters = 0
  for (const line of lines.slice(-SHOWN_LINES).reverse()) {
    const short = shorten(line)
    characters += short.length + 1
    if (characters > SHOWN_CHARACTERS) break
    shown.unshift(short)
  }
  return shown
}

function shorten(line: string): string {
  return line.length > LINE_CHARACTERS ? `${line.slice(0, LINE_CHARACTERS)}…` : line
}

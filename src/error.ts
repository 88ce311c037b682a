/**
 * Every way in which a step can fail, as a closed list. Programs compare codes, people read messages.
 * Each code has one section in `docs/errors.md`; adding a code means adding its hint here and its section there.
 */
export const DEFAULT_HINTS = {
  INPUT_INVALID: 'Correct the inputs named above; the README lists every input with an example.',
  REFERENCE_INVALID:
    'Write the image as [registry/]repository[:tag]; only lower-case letters, digits and . _ - / are allowed in its name.',
  LOGIN_FAILED: 'Check user name and token of this registry in `registry-auth` (or `username` and `password`).',
  PUSH_DENIED: 'Give this login the right to push to the repository.',
  REPOSITORY_MISSING: 'Create the repository first, or correct its name in `images`.',
  RATE_LIMITED: 'Sign in for pulls (`registry-auth` with `use: pull`), or wait until the limit refills.',
  REGISTRY_BUSY: 'Run the step again in a few minutes; what was already uploaded is not sent again.',
  REGISTRY_UNREACHABLE: 'Check the name of the registry and whether this runner can reach it (DNS, firewall, proxy).',
  TLS_FAILED:
    'Name the certificate authority in `registry-config` (`ca`), or `insecure: true` for a registry that speaks plain http.',
  TAG_EXISTS: 'Publish under a new version.',
  TAG_IMMUTABLE: 'Publish under a new version: this registry does not let a tag be moved.',
  TAG_HELD: 'Set `moving-tags: force` to move the tag backwards on purpose.',
  DIGEST_MISMATCH: 'Look for another job that writes the same tag at the same time, then run the step again.',
  CONTENT_INVALID: 'Build the layout again: its bytes are not what its manifests say.',
  CONTENT_REFUSED: 'Read what the registry says above; it does not accept this content.',
  SOURCE_MISSING: 'Check the reference of the source.',
  NOTHING_MATCHED: 'Check the patterns; nothing matched them.',
  BUILD_FAILED: 'Read the last lines of the build above; the folded group has all of them.',
  BUILDER_MISSING: 'Start a Docker engine on this runner, name a `builder`, or hand over a finished `layout`.',
  TEST_FAILED: 'Read the output of the test command above.',
  SCAN_FINDINGS: 'Update the packages named above, or set `scan: report` to publish with known findings.',
  SCAN_BROKEN: 'Read the last lines of the scanner above; nothing is published without a scan that worked.',
  SCAN_DATABASE: 'Name another `db-repository`, or run the step again when the repository answers.',
  TOOL_UNVERIFIED: 'Name a version whose hash is known.',
  DISK_FULL: 'Free space on the volume named above.',
  CANCELLED: 'Run the step again; what was already uploaded is not sent again.',
  PARTLY_PUBLISHED: 'Run the step again: it finishes what is missing and leaves the rest as it is.',
  PARTLY_COPIED: 'Run the step again: it finishes what is missing and leaves the rest as it is.',
  DRIFT: 'Run the mirror without `check` to bring the targets up to date.',
  INTERNAL: 'This is a fault of Lading. Please open an issue with the log of a run with debug logging.',
} as const satisfies Record<string, string>

export type FailureCode = keyof typeof DEFAULT_HINTS

/** What a caller may add to an error: a hint that fits better than the code's own, and what caused it. */
export type ErrorDetails = { readonly hint?: string; readonly cause?: unknown }

/**
 * A failure that a user can see.
 * `message` says what we were doing, to what, why not and on which side; `hint` is one action.
 */
export class LadingError extends Error {
  // A literal: bundlers rename classes, and the name reaches logs.
  override readonly name: string = 'LadingError'
  readonly code: FailureCode
  readonly hint: string

  constructor(code: FailureCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.hint = details.hint ?? DEFAULT_HINTS[code]
  }
}

/** Any thrown value as a `LadingError`; what nobody foresaw becomes `INTERNAL`. */
export function asLadingError(thrown: unknown): LadingError {
  if (thrown instanceof LadingError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new LadingError('INTERNAL', `unexpected: ${message}`, { cause: thrown })
}

/** Whether a file could not be written because its volume is full. */
export function isDiskFull(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOSPC'
}

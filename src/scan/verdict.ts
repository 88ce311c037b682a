import { LadingError } from '../error.ts'
import { type Admitted, admit } from '../image/admitted.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { isIndex } from '../image/media-type.ts'
import { plainLine } from '../plain-text.ts'
import { type Exception, type Gate, SCANNERS } from '../plan/request.ts'
import { countBySeverity, counts, type DistinctFinding, distinctFindings } from './distinct.ts'
import { expiredLine } from './exceptions.ts'
import type { Scan } from './scan.ts'

/** What the gate says. A refusal is an answer, not an error. */
export type Verdict = Pass | Refusal

export type Pass = { readonly pass: true; readonly image: Admitted }

export type Refusal = {
  readonly pass: false
  /** what stops it: each finding once, worst first */
  readonly blocking: readonly [DistinctFinding, ...DistinctFinding[]]
  /** nothing that stops it has a fix yet */
  readonly unfixedOnly: boolean
  /** exceptions that would have let some of it pass, had their time not run out */
  readonly expired: readonly Exception[]
  /** the base images that everything that stops it came with, where all of it has a fix; else none */
  readonly outdatedBases: readonly string[]
}

/**
 * Decides whether an image may be published. `'off'` is what there is when the gate did not ask for a scan.
 * Throws `SCAN_BROKEN` when the scan does not cover the whole image: a scan that is not there is never a clean one.
 */
export function judge(root: Descriptor, scan: Scan | 'off', gate: Gate): Verdict {
  if (gate.scan === 'off') return { pass: true, image: admit(root, 'waived') }
  if (scan === 'off') throw incomplete(root, 'there is no scan, and the gate asks for one')
  mustCover(root, scan, gate)
  const [worst, ...others] = distinctFindings(scan.platforms, (finding) => counts(finding, gate))
  if (worst === undefined) return { pass: true, image: admit(root, 'passed') }
  if (gate.scan === 'report') return { pass: true, image: admit(root, 'reported') }
  const blocking = [worst, ...others] as const
  return {
    pass: false,
    blocking,
    unfixedOnly: blocking.every(isUnfixed),
    expired: scan.expired.filter(({ id }) => blocking.some((finding) => finding.id === id)),
    outdatedBases: blocking.every(isOutdatedBase) ? basesOf(scan, blocking) : [],
  }
}

/** A refusal as the error that ends the step: `SCAN_FINDINGS`, with the worst findings and a hint that fits them. */
export function refusalError(refusal: Refusal, gate: Gate): LadingError {
  const { blocking } = refusal
  const levels = Object.entries(countBySeverity(blocking, gate.severities)).filter(([, count]) => count > 0)
  const number = blocking.length === 1 ? '1 finding stops' : `${blocking.length} findings stop`
  const shown = blocking.slice(0, SHOWN).map((finding) => `\n  ${describe(finding)}`)
  const rest = blocking.length > SHOWN ? `\n  and ${blocking.length - SHOWN} more` : ''
  const message = `${number} this image (${levels.map(([level, count]) => `${count} ${level}`).join(', ')}); nothing of it was written to any registry`
  return new LadingError('SCAN_FINDINGS', `${message}${shown.join('')}${rest}`, hintFor(refusal))
}

const SHOWN = 10
const MOST_BASES = 3

function mustCover(root: Descriptor, scan: Scan, gate: Gate): void {
  const { asked, platforms } = scan
  const missing = asked.filter((one, at) => {
    const done = platforms[at]
    return done?.platform !== one.platform || done.imageId !== one.config.digest
  })
  const names = missing.map((one) => plainLine(one.platform)).join(', ')
  if (missing.length > 0) {
    throw incomplete(root, `${asked.length - missing.length} of ${asked.length} platforms were scanned, not ${names}`)
  }
  if (asked.length === 0 || platforms.length !== asked.length) throw incomplete(root, 'no platform of it was scanned')
  if (!isIndex(root.mediaType) && asked.some((one) => one.manifest.digest !== root.digest)) {
    throw incomplete(root, 'the scan is about another image')
  }
  if (gate.severities.length === 0 || gate.severities.some((level) => !scan.rule.severities.includes(level))) {
    throw incomplete(root, 'the scan looked for other levels than the gate')
  }
  const wanted = SCANNERS.filter((name) => gate.scope.scanners[name] !== undefined)
  if (wanted.length === 0 || wanted.some((name) => scan.rule.scope.scanners[name] === undefined)) {
    throw incomplete(root, 'the scan looked for other things than the gate')
  }
}

function incomplete(root: Descriptor, why: string): LadingError {
  return new LadingError('SCAN_BROKEN', `judging the scan of ${root.digest}: ${why}`)
}

function isUnfixed(finding: DistinctFinding): boolean {
  return finding.kind === 'vulnerability' && finding.status !== 'fixed'
}

function isOutdatedBase(finding: DistinctFinding): boolean {
  return finding.origin === 'base' && finding.kind === 'vulnerability' && finding.status === 'fixed'
}

/** None when nobody knows the base of a platform that is concerned. */
function basesOf({ platforms }: Scan, blocking: readonly DistinctFinding[]): readonly string[] {
  const hit = platforms.filter(({ platform }) => blocking.some((finding) => finding.platforms.includes(platform)))
  return hit.every(({ base }) => base !== undefined) ? [...new Set(hit.flatMap(({ base }) => base ?? []))] : []
}

function describe(finding: DistinctFinding): string {
  const where = finding.platforms.map((platform) => plainLine(platform)).join(', ')
  const what = `${finding.severity} ${finding.id}`
  switch (finding.kind) {
    case 'secret':
    case 'misconfiguration':
      return `${what} in ${finding.file}:${finding.line} (${where})`
    case 'license':
      return `${what} ${finding.title} ${finding.package} (${where})`
    default:
      return `${what} ${finding.package} ${finding.installed} ${finding.fixed === '' ? 'no fix yet' : `→ ${finding.fixed}`} (${where})`
  }
}

function hintFor(refusal: Refusal): { readonly hint?: string } {
  const [over] = refusal.expired
  if (over !== undefined) {
    return {
      hint: `Exception ${expiredLine(over)}: take the fix if there is one by now, or decide anew and set a new date.`,
    }
  }
  if (refusal.unfixedOnly) {
    return { hint: 'None of these has a fix yet: `ignore-unfixed: true` lets them pass and keeps listing them.' }
  }
  if (refusal.blocking.every((finding) => finding.kind === 'secret')) {
    return {
      hint: 'Take the secret out of the layer that brought it (a later layer only hides it), and make it invalid.',
    }
  }
  const [base, ...others] = refusal.outdatedBases
  if (base !== undefined) {
    const names = [base, ...others].slice(0, MOST_BASES).map((name) => `\`${name}\``)
    const what = others.length === 0 ? 'a newer base image' : 'newer base images'
    return { hint: `Take ${what}: all of these came with ${names.join(', ')}, and each has a fix.` }
  }
  return {}
}

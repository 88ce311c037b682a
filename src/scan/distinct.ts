import { type Gate, SEVERITIES, type Severity } from '../plan/request.ts'
import type { Finding, PlatformScan } from './findings.ts'

/** A finding with all platforms that have it. */
export type DistinctFinding = Finding & { readonly platforms: readonly string[] }

/** What decides which findings count. */
export type Rule = Pick<Gate, 'severities' | 'ignoreUnfixed'>

/**
 * Whether a finding counts. `ignore-unfixed` is Trivy's: it leaves out every vulnerability whose status is not `fixed`
 * (pkg/flag/vulnerability_flags.go); it is applied here and not there, so that what is left out stays listed.
 */
export function counts(finding: Finding, rule: Rule): boolean {
  if (!rule.severities.includes(finding.severity)) return false
  return !(rule.ignoreUnfixed && finding.kind === 'vulnerability' && finding.status !== 'fixed')
}

/** Each finding once over all platforms, worst first: the order in which people should read them. */
export function distinctFindings(
  platforms: readonly PlatformScan[],
  keep: (finding: Finding) => boolean,
): DistinctFinding[] {
  const seen = new Map<string, DistinctFinding>()
  const all = platforms.flatMap(({ platform, findings }) =>
    findings.filter(keep).map((finding) => ({ finding, platform })),
  )
  for (const { finding, platform } of all.sort((a, b) => byWorst(a.finding, b.finding))) {
    const key = keyOf(finding)
    const earlier = seen.get(key)
    const known = earlier?.platforms ?? []
    seen.set(key, { ...(earlier ?? finding), platforms: known.includes(platform) ? known : [...known, platform] })
  }
  return [...seen.values()]
}

/** How many of each level: all levels that were asked for, worst first, those without any as 0. */
export function countBySeverity(findings: readonly Finding[], severities: readonly Severity[]): Record<string, number> {
  const levels = SEVERITIES.filter((level) => severities.includes(level)).reverse()
  return Object.fromEntries(
    levels.map((level) => [level, findings.filter((finding) => finding.severity === level).length]),
  )
}

/** Id, package and installed version make a vulnerability; rule, file and line make a secret. */
function keyOf(finding: Finding): string {
  if (finding.kind === 'secret') return JSON.stringify(['secret', finding.id, finding.file, finding.line])
  return JSON.stringify(['vulnerability', finding.id, finding.package, finding.installed])
}

function byWorst(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) ||
    compare(a.id, b.id) ||
    compare(keyOf(a), keyOf(b))
  )
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

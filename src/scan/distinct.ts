import { type Gate, type ScannerName, type Scope, SEVERITIES, type Severity } from '../plan/request.ts'
import type { Finding } from './findings.ts'

/** A finding with all platforms that have it. */
export type Distinct<T extends Finding> = T & { readonly platforms: readonly string[] }
export type DistinctFinding = Distinct<Finding>

/** What decides which findings count. */
export type Rule = Pick<Gate, 'severities' | 'ignoreUnfixed'> & { readonly scope: Pick<Scope, 'scanners'> }

/** Why a finding is listed and does not count. */
export type Pass = 'only reported' | 'without a fix' | 'in the baseline'

const SCANNER_OF: Readonly<Record<Finding['kind'], ScannerName>> = {
  vulnerability: 'vuln',
  secret: 'secret',
  misconfiguration: 'misconfig',
  license: 'license',
}

/** Whether a finding counts. */
export function counts(finding: Finding, rule: Rule): boolean {
  return rule.severities.includes(finding.severity) && letPass(finding, rule) === undefined
}

/**
 * Why a finding is listed and does not count. `ignore-unfixed` is Trivy's: it leaves out every vulnerability whose status
 * is not `fixed` (pkg/flag/vulnerability_flags.go); it is applied here and not there, so that what is left out stays listed.
 */
export function letPass(finding: Finding, rule: Rule): Pass | undefined {
  if (finding.isKnown === true) return 'in the baseline'
  if (rule.scope.scanners[SCANNER_OF[finding.kind]] === 'report') return 'only reported'
  if (rule.ignoreUnfixed && finding.kind === 'vulnerability' && finding.status !== 'fixed') return 'without a fix'
  return undefined
}

/** Each finding once over all platforms, worst first: the order in which people should read them. */
export function distinctFindings<T extends Finding = Finding>(
  platforms: readonly { readonly platform: string; readonly findings: readonly T[] }[],
  keep: (finding: T) => boolean,
): Distinct<T>[] {
  const seen = new Map<string, Distinct<T>>()
  const all = platforms.flatMap(({ platform, findings }) =>
    findings.filter(keep).map((finding) => ({ finding, platform })),
  )
  for (const { finding, platform } of all.sort((a, b) => byWorst(a.finding, b.finding))) {
    const key = keyOf(finding)
    const earlier = seen.get(key)
    const known = earlier?.platforms ?? []
    const one = earlier === undefined ? finding : withOriginOf(earlier, finding)
    seen.set(key, { ...one, platforms: known.includes(platform) ? known : [...known, platform] })
  }
  return [...seen.values()]
}

/** What was added anywhere is to be mended here; what came with the base did so everywhere that it is known. */
function withOriginOf<T extends Finding>(earlier: T, other: Finding): T {
  const { origin } = other
  return origin === undefined || earlier.origin === 'added' ? earlier : { ...earlier, origin }
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
  const { kind, id } = finding
  switch (finding.kind) {
    case 'vulnerability':
      return JSON.stringify([kind, id, finding.package, finding.installed])
    case 'license':
      return JSON.stringify([kind, id, finding.package])
    default:
      return JSON.stringify([kind, id, finding.file, finding.line])
  }
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

import { SCANNERS } from '../plan/request.ts'
import type { ReportedFinding, ScanReport, ScanScope } from '../report/report.ts'
import {
  countBySeverity,
  counts,
  type DistinctFinding,
  distinctFindings,
  letPass,
  type Pass,
  type Rule,
} from './distinct.ts'
import type { Scan } from './scan.ts'
import type { Verdict } from './verdict.ts'

/**
 * What the report says about the scan. Counts per platform are Trivy's for the levels that were asked; the total has each
 * distinct finding once. `findings` also lists what does not count, with the reason, and that is in no count.
 */
export function scanReport(scan: Scan | 'off', verdict: Verdict): ScanReport {
  const decision = verdict.pass ? verdict.image.decision : 'refused'
  if (scan === 'off') {
    return { result: 'not-scanned', decision, platforms: [], total: {}, findings: [], scanner: '' }
  }
  const { rule, database, scanner } = scan
  const counted = distinctFindings(scan.platforms, (finding) => counts(finding, rule))
  const passedOver = distinctFindings(scan.platforms, (finding) => !counts(finding, rule))
  const everyAccepted = scan.platforms.map(({ platform, accepted }) => ({ platform, findings: accepted }))
  const accepted = distinctFindings(everyAccepted, () => true)
  const platforms = scan.platforms.map(({ platform, findings, base }) => {
    const own = findings.filter((finding) => counts(finding, rule))
    return { platform, counts: countBySeverity(own, rule.severities), ...(base === undefined ? {} : { base }) }
  })
  const sboms = scan.platforms.flatMap(({ platform, sbom }) => (sbom === undefined ? [] : [{ platform, file: sbom }]))
  return {
    result: counted.length === 0 ? 'clean' : 'findings',
    decision,
    platforms,
    total: countBySeverity(counted, rule.severities),
    findings: [
      ...counted.map((finding) => reported(finding, COUNTS)),
      ...passedOver.map((finding) => reported(finding, whyPassed(finding, rule))),
      ...accepted.map((finding) => reported(finding, { pass: 'accepted', reason: finding.reason })),
    ],
    ...(database === undefined ? {} : { database }),
    ...(scan.baseline === undefined ? {} : { baseline: scan.baseline }),
    ...(sboms.length === 0 ? {} : { sboms }),
    scanner: `trivy ${scanner.version}`,
    scannerFrom: scanner.from,
    scannerSha256: scanner.sha256,
    ...(scanner.signedBy === undefined ? {} : { scannerSigned: scanner.signedBy }),
    scope: scopeOf(scan),
  }
}

/** What the scan found, in words: `linux/amd64 clean, linux/arm64 2 HIGH (trivy 0.74.0, database 3 h old)`. */
export function scanInWords(scan: ScanReport | undefined): string {
  if (scan === undefined || scan.result === 'not-scanned') return 'off: nothing was scanned'
  const platforms = scan.platforms.map(({ platform, counts: found }) => {
    const levels = Object.entries(found).flatMap(([level, number]) => (number ? [`${number} ${level}`] : []))
    return `${platform} ${levels.length === 0 ? 'clean' : levels.join(' and ')}`
  })
  const age = scan.database === undefined ? '' : `, database ${scan.database.ageHours} h old`
  return `${platforms.join(', ')}${originsInWords(scan)} (${scan.scanner}${age})`
}

/** `, 3 of the base image and 1 added here`: of what counts, each once; empty when nothing is known of any. */
function originsInWords({ findings }: ScanReport): string {
  const counted = findings.filter(({ ignored }) => !ignored)
  const number = (origin: ReportedFinding['origin']) => counted.filter((one) => one.origin === origin).length
  const [base, added] = [number('base'), number('added')]
  return base + added === 0 ? '' : `, ${base} of the base image and ${added} added here`
}

/** What was looked for and what was left out, as it was asked for: a clean result is worth no more than that. */
function scopeOf({ rule: { scope }, expired }: Scan): ScanScope {
  const { scanners, packageTypes, skipDirectories, skipFiles, vex, settings } = scope
  return {
    scanners: SCANNERS.flatMap((name) => (scanners[name] === undefined ? [] : [name])),
    reportedOnly: SCANNERS.filter((name) => scanners[name] === 'report'),
    packageTypes,
    skipped: [...skipDirectories, ...skipFiles],
    vexDocuments: vex.length,
    settings: Object.keys(settings?.values ?? {}),
    expired: expired.map(({ id, origin, expires }) => ({ id, origin, expired: expires })),
  }
}

/** Why a finding does not count, for programs and for people; both empty when it does. */
type Why = Pick<ReportedFinding, 'pass' | 'reason'>

const COUNTS: Why = { pass: '', reason: '' }

const REASONS: Readonly<Record<Pass, Why>> = {
  'only reported': { pass: 'reported', reason: 'only reported' },
  'without a fix': { pass: 'unfixed', reason: 'no fix yet' },
  'in the baseline': { pass: 'baseline', reason: 'the baseline has it too' },
}

function whyPassed(finding: DistinctFinding, rule: Rule): Why {
  return REASONS[letPass(finding, rule) ?? 'without a fix']
}

function reported(finding: DistinctFinding, { pass, reason }: Why): ReportedFinding {
  const { id, severity, kind, title, platforms } = finding
  const common = {
    id,
    severity,
    kind,
    title,
    platforms,
    origin: finding.origin ?? '',
    ignored: pass !== '',
    reason,
    pass,
  } as const
  switch (finding.kind) {
    case 'vulnerability': {
      const { package: subject, installed, fixed, url } = finding
      return { ...common, subject, installed, fixed, url }
    }
    case 'license':
      return { ...common, subject: finding.package, installed: '', fixed: '', url: finding.url }
    default: {
      const subject = `${finding.file}:${finding.line}`
      return { ...common, subject, installed: '', fixed: '', url: finding.kind === 'secret' ? '' : finding.url }
    }
  }
}

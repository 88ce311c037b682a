import type { ReportedFinding, ScanReport } from '../report/report.ts'
import { countBySeverity, counts, type DistinctFinding, distinctFindings } from './distinct.ts'
import type { Scan } from './scan.ts'
import type { Verdict } from './verdict.ts'

/**
 * What the report says about the scan. Counts per platform are Trivy's for the levels that were asked; the total has each
 * distinct finding once. `findings` also lists what `ignore-unfixed` lets pass, and that is in no count.
 */
export function scanReport(scan: Scan | 'off', verdict: Verdict): ScanReport {
  const decision = verdict.pass ? verdict.image.decision : 'refused'
  if (scan === 'off') {
    return { result: 'not-scanned', decision, platforms: [], total: {}, findings: [], scanner: '' }
  }
  const { rule, database, scanner } = scan
  const counted = distinctFindings(scan.platforms, (finding) => counts(finding, rule))
  const passedOver = distinctFindings(scan.platforms, (finding) => !counts(finding, rule))
  const platforms = scan.platforms.map(({ platform, findings }) => {
    const own = findings.filter((finding) => counts(finding, rule))
    return { platform, counts: countBySeverity(own, rule.severities) }
  })
  return {
    result: counted.length === 0 ? 'clean' : 'findings',
    decision,
    platforms,
    total: countBySeverity(counted, rule.severities),
    findings: [
      ...counted.map((finding) => reported(finding, false)),
      ...passedOver.map((finding) => reported(finding, true)),
    ],
    database,
    scanner: `trivy ${scanner.version}`,
    scannerFrom: scanner.from,
    scannerSha256: scanner.sha256,
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
  return `${platforms.join(', ')} (${scan.scanner}${age})`
}

function reported(finding: DistinctFinding, ignored: boolean): ReportedFinding {
  const { id, severity, kind, title, platforms } = finding
  if (finding.kind === 'secret') {
    return {
      id,
      severity,
      kind,
      subject: `${finding.file}:${finding.line}`,
      installed: '',
      fixed: '',
      title,
      url: '',
      platforms,
      ignored,
    }
  }
  const { package: subject, installed, fixed, url } = finding
  return { id, severity, kind, subject, installed, fixed, title, url, platforms, ignored }
}

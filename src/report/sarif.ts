import { plainLine } from '../plain-text.ts'
import type { Report, ReportedFinding, ScanReport } from './report.ts'
import { imageName, ROOT, resultsOf } from './sarif-result.ts'
import { rankOf, rulesOf } from './sarif-rule.ts'

/**
 * The findings as SARIF 2.1.0, drawn from the report alone; `undefined` when nothing was scanned. One run for each
 * platform that was scanned, also for a clean one: an analysis without results is what closes alerts.
 *
 * In it is what Trivy's own SARIF has: what counts, and what counts not because it is only reported or because the
 * baseline has it too; not what an exception accepts, nor what `ignore-unfixed` lets pass.
 */
export function sarifOf(report: Report): string | undefined {
  const { scan } = report
  const platforms = [...new Set(scan.platforms.map(({ platform }) => platform))]
  if (scan.result === 'not-scanned' || platforms.length === 0) return undefined
  const findings = scan.findings.filter(({ pass }) => pass !== 'accepted' && pass !== 'unfixed').toSorted(byWeight)
  const shown = mostOf(platforms, findings)
  const room = roomFor(shown.length)
  const runs = shown.map((platform) => {
    const own = findings.filter((finding) => finding.platforms.includes(platform))
    const left = leftOut({ findings: own.length - room, platforms: platforms.length - shown.length })
    return runOf({ report, platform, findings: own.slice(0, room), left })
  })
  return `${JSON.stringify({ $schema: SCHEMA, version: '2.1.0', runs }, undefined, 2)}\n`
}

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json'

/**
 * What GitHub takes (docs.github.com, "SARIF support for code scanning"): 20 runs in a file, of which it shows the worst
 * 5,000 results each. The file may have 10 MB when it is compressed; 25,000 results are a quarter of that.
 */
const MOST = { runs: 20, resultsOfRun: 5000, results: 25_000 } as const

function roomFor(runs: number): number {
  return Math.min(MOST.resultsOfRun, Math.floor(MOST.results / runs))
}

/** Those platforms that have the worst findings, in the order of the report. */
function mostOf(platforms: readonly string[], findings: readonly ReportedFinding[]): readonly string[] {
  const worst = new Map<string, number>()
  for (const [rank, finding] of findings.entries()) {
    for (const platform of finding.platforms) worst.set(platform, worst.get(platform) ?? rank)
  }
  const place = (platform: string) => worst.get(platform) ?? findings.length
  const kept = new Set(platforms.toSorted((a, b) => place(a) - place(b)).slice(0, MOST.runs))
  return platforms.filter((platform) => kept.has(platform))
}

/** What counts before what does not, worst first. Equal ones stay in the order of the report. */
function byWeight(a: ReportedFinding, b: ReportedFinding): number {
  return Number(a.ignored) - Number(b.ignored) || rankOf(b) - rankOf(a)
}

type Left = { readonly findings: number; readonly platforms: number }

function leftOut({ findings, platforms }: Left): readonly string[] {
  const more = findings > 0 ? [`${findings} more findings of this platform are left out`] : []
  return platforms > 0 ? [...more, `${platforms} more platforms are left out`] : more
}

/** The findings of one platform, and what has no room. */
type Part = {
  readonly report: Report
  readonly platform: string
  readonly findings: readonly ReportedFinding[]
  readonly left: readonly string[]
}

function runOf({ report, platform, findings, left }: Part): object {
  const { scan } = report
  const rules = rulesOf(findings)
  const digest = report.platforms.find((one) => one.platform === platform)?.digest
  return {
    tool: { driver: driverOf(scan, [...rules.values()]) },
    automationDetails: { id: categoryOf(scan, platform) },
    invocations: [{ executionSuccessful: true, toolExecutionNotifications: left.map(notification) }],
    originalUriBaseIds: { [ROOT]: { description: { text: 'The root of the repository.' } } },
    columnKind: 'utf16CodeUnits',
    results: resultsOf(findings, scan, [...rules.keys()]),
    properties: { platform: plainLine(platform), ...(digest === undefined ? {} : { imageDigest: digest }) },
  }
}

/** As Trivy calls itself, so that alerts of a step that called it by itself are of the same tool. */
function driverOf({ scanner }: ScanReport, rules: readonly object[]): object {
  const version = plainLine(scanner.replace(/^trivy /, ''), 100)
  return {
    name: 'Trivy',
    fullName: 'Trivy Vulnerability Scanner',
    informationUri: 'https://github.com/aquasecurity/trivy',
    ...(version === '' ? {} : { version }),
    ...(SEMANTIC.test(version) ? { semanticVersion: version } : {}),
    rules,
  }
}

// semver.org, without what nobody writes.
const SEMANTIC = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/

/**
 * GitHub takes all before the last slash for the category, and keeps the alerts of each category for themselves
 * (docs.github.com, "SARIF support", `runAutomationDetails`).
 */
function categoryOf({ image }: ScanReport, platform: string): string {
  return `lading/${imageName(image)}/${imageName(platform.replaceAll('/', '-'))}/`
}

function notification(what: string): object {
  return { level: 'warning', message: { text: `${what}; the report has all of them.` } }
}

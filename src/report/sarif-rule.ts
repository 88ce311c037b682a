import { plainLine } from '../plain-text.ts'
import { SEVERITIES } from '../plan/request.ts'
import { link, text } from './markdown.ts'
import type { ReportedFinding } from './report.ts'

/** One rule for each kind of finding, by its id. What several findings of a rule say differently, the worst one says. */
export function rulesOf(findings: readonly ReportedFinding[]): ReadonlyMap<string, object> {
  const worst = new Map<string, ReportedFinding>()
  for (const finding of findings) {
    const id = ruleId(finding)
    const known = worst.get(id)
    if (known === undefined || rankOf(finding) > rankOf(known)) worst.set(id, finding)
  }
  return new Map([...worst].map(([id, finding]) => [id, ruleOf(id, finding)]))
}

/** As Trivy has them (`pkg/report/sarif.go`): a license is a rule of its own for each package. */
export function ruleId({ kind, id, subject }: ReportedFinding): string {
  return plainLine(kind === 'license' ? `${subject}:${id}` : id) || 'unnamed'
}

function ruleOf(id: string, finding: ReportedFinding): object {
  const { kind, severity, url } = finding
  const title = titleOf(finding)
  const score = SCORES[severity]
  return {
    id,
    name: RULE_NAMES[kind],
    shortDescription: { text: title },
    fullDescription: { text: title },
    help: {
      text: `${KINDS[kind]} ${id}: ${title}\nSeverity: ${plainLine(severity)}${url === '' ? '' : `\nLink: ${plainLine(url)}`}`,
      markdown: `**${KINDS[kind]}** ${link(id, url)}: ${text(title)}\n\nSeverity: ${text(severity)}`,
    },
    ...(isAddress(url) ? { helpUri: url } : {}),
    defaultConfiguration: { level: levelOf(finding) },
    properties: {
      tags: [kind, 'security', plainLine(severity)],
      precision: 'very-high',
      ...(score === undefined ? {} : { 'security-severity': score }),
    },
  }
}

/** GitHub wants a description of each rule, and one that is not empty. */
function titleOf({ kind, id, title, subject }: ReportedFinding): string {
  if (kind === 'license') return inWords(`${id} in ${subject}`)
  return inWords(title) || inWords(id) || KINDS[kind]
}

function isAddress(url: string): boolean {
  return URL.parse(url)?.protocol === 'https:' && !/\s/.test(url)
}

export const KINDS: Readonly<Record<ReportedFinding['kind'], string>> = {
  vulnerability: 'Vulnerability',
  secret: 'Secret',
  misconfiguration: 'Misconfiguration',
  license: 'License',
}

const RULE_NAMES: Readonly<Record<ReportedFinding['kind'], string>> = {
  vulnerability: 'PackageVulnerability',
  secret: 'Secret',
  misconfiguration: 'Misconfiguration',
  license: 'License',
}

/**
 * Trivy's numbers for its levels (`pkg/report/sarif.go`, severityToScore), which GitHub reads as the same levels: above
 * 9.0 critical, from 7.0 high, from 4.0 medium, from 0.1 low; without one there is no level.
 */
const SCORES: Readonly<Record<string, string>> = { CRITICAL: '9.5', HIGH: '8.0', MEDIUM: '5.5', LOW: '2.0' }

export function levelOf({ severity }: ReportedFinding): 'error' | 'warning' | 'note' {
  if (severity === 'CRITICAL' || severity === 'HIGH') return 'error'
  return severity === 'MEDIUM' ? 'warning' : 'note'
}

const LEVELS: readonly string[] = SEVERITIES

/** Higher is worse. */
export function rankOf({ severity }: ReportedFinding): number {
  return LEVELS.indexOf(severity)
}

/** As one line in which nothing is a link (SARIF 2.1.0, 3.11.6: `[text](destination)`). */
export function inWords(untrusted: string): string {
  return plainLine(untrusted).replace(/\](?=\()/g, '] ')
}

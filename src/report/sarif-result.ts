import { digestOf } from '../image/digest.ts'
import { plainLine } from '../plain-text.ts'
import type { ReportedFinding, ScanReport } from './report.ts'
import { inWords, KINDS, levelOf, ruleId } from './sarif-rule.ts'

/** By this name SARIF calls the folder that places are relative to: the root of the repository. */
export const ROOT = '%SRCROOT%'

/** @param rules their ids, in their order in the run */
export function resultsOf(
  findings: readonly ReportedFinding[],
  scan: ScanReport,
  rules: readonly string[],
): readonly object[] {
  const index = new Map(rules.map((id, at) => [id, at]))
  const seen = new Map<string, number>()
  return findings.map((finding) => {
    const hash = fingerprint(finding)
    const times = (seen.get(hash) ?? 0) + 1
    seen.set(hash, times)
    return {
      ruleId: ruleId(finding),
      ruleIndex: index.get(ruleId(finding)),
      level: levelOf(finding),
      message: { text: messageOf(finding) },
      locations: [locationOf(finding, scan)],
      partialFingerprints: { primaryLocationLineHash: `${hash}:${times}` },
      properties: { severity: plainLine(finding.severity), counts: !finding.ignored, pass: finding.pass },
    }
  })
}

/**
 * What makes a finding the same one in the next run, and in another platform: what was found in what. Not its version: an
 * upgrade that does not help leaves the alert as it is. GitHub looks at this fingerprint alone ("SARIF support", `result`);
 * the number behind it tells those apart that are otherwise equal, as in GitHub's own.
 */
function fingerprint(finding: ReportedFinding): string {
  const where = isInFile(finding) ? finding.subject.replace(/:\d+$/, '') : finding.subject
  return digestOf(JSON.stringify([finding.kind, finding.id, where])).slice('sha256:'.length, 'sha256:'.length + 16)
}

function isInFile({ kind }: ReportedFinding): boolean {
  return kind === 'secret' || kind === 'misconfiguration'
}

/** The first sentence is what GitHub shows as the title. */
function messageOf(finding: ReportedFinding): string {
  const { kind, installed, fixed, platforms, origin } = finding
  const facts: readonly (readonly [string, string])[] = [
    [kind === 'vulnerability' ? 'Package' : 'In', finding.subject],
    ['Installed version', installed],
    ['Fixed version', fixed === '' && kind === 'vulnerability' ? 'none yet' : fixed],
    ['Severity', finding.severity],
    ['Platforms', platforms.join(', ')],
    ['Comes from', ORIGINS[origin]],
    ['Does not count', finding.reason],
  ]
  const lines = facts.filter(([, fact]) => fact !== '').map(([name, fact]) => `${name}: ${inWords(fact)}`)
  return [headline(finding), ...lines].join('\n')
}

function headline(finding: ReportedFinding): string {
  const { kind, id, subject, installed } = finding
  const what = kind === 'vulnerability' ? `${id} in ${subject} ${installed}` : `${id} in ${subject}`
  return `${inWords(`${KINDS[kind]} ${what}`)}.`
}

const ORIGINS: Readonly<Record<ReportedFinding['origin'], string>> = {
  base: 'the base image',
  added: 'what this build added',
  '': '',
}

/**
 * GitHub refuses a result without a place ("expected at least one location", github/codeql-action#2459). Where the
 * repository has none, it is the image, under a name that is no file: as Trivy does, and nothing wrong is said of any.
 */
function locationOf({ subject }: ReportedFinding, { place, image }: ScanReport): object {
  const { file, line } = place ?? { file: imageName(image), line: 1 }
  const uri = file.toWellFormed().split('/').map(encodeURIComponent).join('/')
  return {
    physicalLocation: {
      artifactLocation: { uri, uriBaseId: ROOT },
      region: { startLine: line, startColumn: 1, endLine: line, endColumn: 1 },
    },
    logicalLocations: [{ fullyQualifiedName: plainLine(subject) }],
  }
}

/** What the image is called where names end up in paths and addresses: parts of letters, digits, dots, dashes and slashes. */
export function imageName(image = ''): string {
  const parts = image.split('/').map((part) => plainLine(part, 100).replace(/[^\w.-]+/g, '-'))
  return parts.filter((part) => !/^\.*$/.test(part)).join('/') || 'image'
}

import { DOCKER_HUB, formatRepository, type Repository } from '../image/reference.ts'
import { isLive, isSuccess, isToShow, liveNames } from './live-image.ts'
import type { Report } from './report.ts'

/**
 * The outputs of the step, by name; each name is always there. `report-file`, `bake-file` and `sarif-file` are added by
 * whoever writes the files.
 *
 * Names that one can pull (`image-refs`, `tag-refs`, `subjects`) are those where the image is known to be:
 * a step that signs what was never pushed would sign nothing.
 *
 * @param repositories where the image was to go; with no tag at all it is there by its digest alone
 */
export function outputsOf(report: Report, repositories: readonly Repository[]): Record<string, string> {
  const names = namesOf(report, repositories)
  return {
    digest: report.digest,
    digests: JSON.stringify(Object.fromEntries(report.platforms.map(({ platform, digest }) => [platform, digest]))),
    version: report.version,
    tags: lines(report.tags),
    'tag-names': lines(report.tagNames),
    labels: lines(pairs(report.labels)),
    annotations: lines(pairs(report.annotations)),
    'image-refs': lines(names.map((name) => `${name}@${report.digest}`)),
    'tag-refs': lines(liveReferences(report).map((reference) => `${reference}@${report.digest}`)),
    subjects: JSON.stringify(names.map((name) => ({ name: subjectName(name), digest: report.digest }))),
    published: String(isPublished(report)),
    pushed: JSON.stringify(written(report)),
    'scan-result': report.scan.result,
    vulnerabilities: JSON.stringify(report.scan.total),
    'sbom-file': lines((report.scan.sboms ?? []).map(({ file }) => file)),
    ...rateLimit(report),
    'failure-reason': report.failure?.code ?? '',
    json: reportText(report),
  }
}

/**
 * Whether every reference that was to be written shows the digest; held and kept ones were not. Never so for a dry run, a
 * build without a push or a failure, whatever the tags happen to show.
 */
export function isPublished(report: Report): boolean {
  if (report.failure !== undefined || report.digest === '') return false
  if (!isSuccess(report)) return false
  return report.references.filter(isToShow).every((reference) => isLive(report, reference))
}

/**
 * The longest `json`, in UTF-16 units. A job's outputs together may take 1 MB counted as UTF-16
 * (GitHub docs, "Passing information between jobs"); beyond it findings are left out, which the report file has.
 */
export const LONGEST_JSON = 300_000

function reportText(report: Report): string {
  const whole = JSON.stringify(report)
  if (whole.length <= LONGEST_JSON) return whole
  const room = LONGEST_JSON - JSON.stringify({ ...report, scan: { ...report.scan, findings: [] } }).length
  let taken = 0
  const first = report.scan.findings.findIndex((finding) => {
    taken += JSON.stringify(finding).length + 1
    return taken > room
  })
  const findings = first < 0 ? report.scan.findings : report.scan.findings.slice(0, first)
  return JSON.stringify({ ...report, scan: { ...report.scan, findings } })
}

function namesOf(report: Report, repositories: readonly Repository[]): readonly string[] {
  const live = liveNames(report)
  // Without any reference at all the image is there by its digest.
  if (!isPublished(report) || report.references.length > 0) return live
  return repositories.map(formatRepository)
}

function liveReferences(report: Report): readonly string[] {
  return report.references.filter((reference) => isLive(report, reference)).map(({ reference }) => reference)
}

function written(report: Report): readonly string[] {
  return report.references
    .filter(({ outcome }) => outcome === 'created' || outcome === 'moved')
    .map(({ reference }) => reference)
}

/** actions/attest wants Docker Hub's images under `index.docker.io` (its README, "Container Image"). */
function subjectName(name: string): string {
  return name.startsWith(`${DOCKER_HUB}/`) ? `index.${name}` : name
}

function rateLimit(report: Report): Record<string, string> {
  const limit = report.rateLimits.find(({ registry }) => registry === DOCKER_HUB) ?? report.rateLimits[0]
  return {
    'rate-limit-limit': limit ? String(limit.limit) : '',
    'rate-limit-remaining': limit ? String(limit.remaining) : '',
    'rate-limit-source': limit?.identity ?? '',
    'rate-limit-reset': limit?.resets ?? '',
  }
}

/** As metadata-action writes it. A line break inside a value would become a label of its own for the next step. */
function pairs(record: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(record).map(([key, value]) => `${key}=${value}`.replace(/[\r\n]+/g, ' '))
}

function lines(items: readonly string[]): string {
  return items.join('\n')
}

import { code, folded, link, type Table, table, text } from './markdown.ts'
import { formatCount } from './quantity.ts'
import type { Counts, Report, ReportedFinding, ScannedPlatform, ScanReport, ScanScope } from './report.ts'

/** Whether the reader came for the findings: the gate refused the image. */
export function isFinding(report: Report): boolean {
  return report.result === 'refused'
}

const PLATFORM_ROOM = { most: 50, bytes: 50_000 }
/** Worst first. Other levels follow as they come. */
const LEVELS = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'UNKNOWN']
const MOST_LEVELS = 8

/** The scan: what was decided, by what, and the counts of each platform. */
export function scanOf(scan: ScanReport): string {
  if (scan.result === 'not-scanned' && scan.decision === '') return ''
  const parts = ['### Scan', `${DECISIONS[scan.decision]}${scannerOf(scan)}`]
  if (scan.platforms.length > 0) parts.push(countsOf(scan))
  if (scan.baseline !== undefined) parts.push(baselineOf(scan, scan.baseline))
  if (scan.scope !== undefined) parts.push(...leftOutOf(scan.scope), ...expiredOf(scan.scope))
  return parts.join('\n\n')
}

/** What a clean result says nothing about; nothing of it when the scan was the usual one. */
function leftOutOf(scope: ScanScope): readonly string[] {
  const { scanners, reportedOnly, packageTypes, skipped, vexDocuments, settings } = scope
  const missing = ['vuln', 'secret'].filter((name) => !scanners.includes(name))
  const parts = [
    ...(missing.length === 0 ? [] : [`not looked for: ${missing.join(', ')}`]),
    ...(reportedOnly.length === 0 ? [] : [`only reported: ${listed(reportedOnly)}`]),
    ...(packageTypes.length === 0 ? [] : [`packages of these kinds only: ${listed(packageTypes)}`]),
    ...(skipped.length === 0 ? [] : [`not looked at: ${listed(skipped)}`]),
    ...(vexDocuments === 0 ? [] : [`with ${formatCount(vexDocuments, 'VEX document')}`]),
    ...(settings.length === 0 ? [] : [`with settings of its own: ${listed(settings)}`]),
  ]
  return parts.length === 0 ? [] : [`As it was asked for, ${parts.join('; ')}.`]
}

/** What was live before, and is no news. */
function baselineOf({ findings }: ScanReport, baseline: string): string {
  const shared = findings.filter(({ reason }) => reason === IN_BASELINE).length
  const none = `Compared with ${code(baseline, 300)}: every finding is new.`
  if (shared === 0) return none
  return `${formatCount(shared, 'finding')} ${shared === 1 ? 'is' : 'are'} in ${code(baseline, 300)} too and ${shared === 1 ? 'does' : 'do'} not count.`
}

/** The reason that such a finding has. */
const IN_BASELINE = 'the baseline has it too'

const EXPIRED_ROOM = { most: 50, bytes: 20_000 }

function expiredOf({ expired }: ScanScope): readonly string[] {
  if (expired.length === 0) return []
  const shape: Table<ScanScope['expired'][number]> = {
    head: ['Exception', 'Expired on', 'Written in'],
    row: (one) => [text(one.id, 100), text(one.expired.slice(0, 10)), code(one.origin)],
  }
  const title = `**${formatCount(expired.length, 'exception')} expired** and no longer ${expired.length === 1 ? 'counts' : 'count'}:`
  return [title, table(shape, expired, EXPIRED_ROOM)]
}

const MOST_LISTED = 20

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_LISTED).map((name) => code(name))
  const rest = names.length - shown.length
  return `${shown.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`
}

function countsOf({ platforms, total }: ScanReport): string {
  const shown = platforms.slice(0, PLATFORM_ROOM.most)
  const levels = levelsOf([total, ...shown.map(({ counts }) => counts)])
  const found = Object.values(total).some((count) => count !== undefined && count > 0)
  // The sum of the rows would count a finding twice that two platforms share.
  const sum: readonly ScannedPlatform[] =
    found && platforms.length > 1 ? [{ platform: 'together, each once', counts: total }] : []
  const shape: Table<ScannedPlatform> = {
    head: ['Platform', ...levels.map((level) => text(level, 20))],
    row: ({ platform, counts }) => [text(platform), ...levels.map((level) => strong(counts[level] ?? 0))],
  }
  return table(shape, [...sum, ...platforms], PLATFORM_ROOM)
}

const DECISIONS: Readonly<Record<ScanReport['decision'], string>> = {
  passed: 'Passed: nothing found that counts.',
  reported: '**Findings are reported and did not stop the publish** (`scan: report`).',
  refused: '**Findings stopped the publish.**',
  waived: '**Not scanned**: the gate is off (`scan: off`).',
  '': 'No decision was made.',
}

function scannerOf({ scanner, scannerSigned, database }: ScanReport): string {
  const signed = scannerSigned === undefined ? '' : ' (signature verified)'
  const by = scanner === '' ? '' : ` Scanned by ${text(scanner, 60)}${signed}`
  if (database === undefined) return by === '' ? '' : `${by}.`
  const age = `${Math.round(database.ageHours)} h old`
  return `${by}${by === '' ? ' With' : ', with'} a database that was ${age} (${code(database.source)}).`
}

function levelsOf(all: readonly Counts[]): readonly string[] {
  const named = new Set(all.flatMap((counts) => Object.keys(counts)))
  return [...named].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, MOST_LEVELS)
}

function strong(count: number): string {
  return count === 0 ? '0' : `**${count}**`
}

const WORST = 10
const WORST_ROOM = { most: WORST, bytes: 60_000 }
const FOLDED_ROOM = { most: 500, bytes: 300_000 }

/** The findings: the worst ten at once, the rest folded. */
export function findingsOf(scan: ScanReport): string {
  const { findings } = scan
  if (findings.length === 0) return ''
  const ordered = worstFirst(findings)
  const rest = ordered.slice(WORST)
  const title = formatCount(rest.length, 'more finding')
  const origins = originsOf(scan)
  const shape = origins.length === 0 ? FINDING_TABLE : WITH_ORIGIN
  const more = rest.length === 0 ? [] : [folded(title, table(shape, rest, FOLDED_ROOM))]
  return ['### Findings', ...origins, table(shape, ordered.slice(0, WORST), WORST_ROOM), ...more].join('\n\n')
}

const MOST_BASES = 3

/** How many of the findings came with the base image, which may be another one for each platform. */
function originsOf({ findings, platforms }: ScanReport): readonly string[] {
  const number = (origin: ReportedFinding['origin']) => findings.filter((one) => one.origin === origin).length
  const [base, added, unknown] = [number('base'), number('added'), number('')]
  if (base + added === 0) return []
  const bases = [...new Set(platforms.flatMap((one) => one.base ?? []))]
  const shown = bases.slice(0, MOST_BASES).map((name) => code(name, LONGEST_BASE))
  const more = bases.length > shown.length ? ` and ${bases.length - shown.length} more` : ''
  const names = shown.length === 0 ? '' : ` ${shown.join(', ')}${more}`
  const rest = unknown === 0 ? '' : `, and of ${unknown} it is not known`
  const word = bases.length > 1 ? 'images' : 'image'
  return [
    `Of these, ${base} came with the base ${word}${names}, ${added} ${added === 1 ? 'was' : 'were'} added here${rest}.`,
  ]
}

/** A reference may have 255 characters, and a tag and a digest. */
const LONGEST_BASE = 460

/** What stopped the image before what was let pass; within a level what has a fix comes first: that is what one can do something about. */
function worstFirst(findings: readonly ReportedFinding[]): readonly ReportedFinding[] {
  return [...findings].sort(
    (a, b) =>
      Number(a.ignored) - Number(b.ignored) ||
      rankOf(a.severity) - rankOf(b.severity) ||
      Number(a.fixed === '') - Number(b.fixed === ''),
  )
}

function rankOf(level: string): number {
  const rank = LEVELS.indexOf(level)
  return rank < 0 ? LEVELS.length : rank
}

const FINDING_TABLE: Table<ReportedFinding> = {
  head: ['Severity', 'Finding', 'Package', 'Installed', 'Fixed in', 'Platforms'],
  row: (finding) => [
    text(finding.severity, 20),
    link(finding.id, finding.url),
    subjectOf(finding),
    finding.kind === 'vulnerability' ? text(finding.installed, 80) : '–',
    fixOf(finding),
    text(finding.platforms.join(', ')),
  ],
}

/** The same with a column for what is known of some. */
const WITH_ORIGIN: Table<ReportedFinding> = {
  head: [...FINDING_TABLE.head, 'From'],
  row: (finding) => [...FINDING_TABLE.row(finding), ORIGINS[finding.origin]],
}

const ORIGINS: Readonly<Record<ReportedFinding['origin'], string>> = { base: 'base', added: 'here', '': '–' }

function subjectOf({ kind, subject, title }: ReportedFinding): string {
  switch (kind) {
    case 'secret':
      return `secret in ${code(subject)}`
    case 'misconfiguration':
      return `${text(title, 120)} in ${code(subject)}`
    case 'license':
      return `${text(title, 40)} license of ${code(subject)}`
    default:
      return code(subject)
  }
}

function fixOf({ kind, fixed, reason }: ReportedFinding): string {
  const fix = fixed === '' ? 'no fix yet' : text(fixed, 80)
  const pass = reason === '' ? '' : `let pass: ${text(reason, 300)}`
  if (kind !== 'vulnerability') return pass === '' ? '–' : pass
  if (reason === NO_FIX) return 'no fix yet, let pass'
  return pass === '' ? fix : `${fix}, ${pass}`
}

/** The reason that says the same as an empty cell would. */
const NO_FIX = 'no fix yet'

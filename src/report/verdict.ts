import { isSuccess, liveNames } from './live-image.ts'
import { code, prose } from './markdown.ts'
import { formatCount } from './quantity.ts'
import type { Failure, Report, Result } from './report.ts'

/** The head of the summary: what happened, the digest, and what to do if something went wrong. */
export function verdictOf(report: Report): string {
  const paragraphs = [`## ${TITLES[report.result](report)}`, ...(report.digest === '' ? [] : [code(report.digest)])]
  if (report.reason !== '') paragraphs.push(`Why: ${prose(report.reason)}`)
  const glance = glanceOf(report)
  if (glance !== '') paragraphs.push(glance)
  if (report.failure !== undefined) paragraphs.push(explanationOf(report.failure))
  return paragraphs.join('\n\n')
}

const TITLES: Readonly<Record<Result, (report: Report) => string>> = {
  published: (report) => `**${DONE[report.mode]} ${named(report)}**`,
  reused: (report) => `**Published ${named(report)}** from the image of an earlier run; nothing was built`,
  unchanged: (report) => `**Nothing to do** for ${named(report)}`,
  refused: (report) => `**Refused** ${named(report)}`,
  failed: (report) => `**Failed**${report.failure === undefined ? '' : ` with ${code(report.failure.code)}`}`,
  'dry-run': (report) => `**Dry run** of ${named(report)}: nothing was written`,
  'not-pushed': (report) => `**Not pushed**: ${named(report)}`,
}

const DONE: Readonly<Record<Report['mode'], string>> = { publish: 'Published', promote: 'Promoted' }

/** The version, or the best other name that the image has. */
function named(report: Report): string {
  const name = [report.version, report.tagNames[0], report.digest].find(
    (candidate) => candidate !== undefined && candidate !== '',
  )
  return name === undefined ? 'this image' : code(name, 80)
}

function glanceOf(report: Report): string {
  if (!isSuccess(report)) return ''
  const moved = report.references.filter(({ outcome }) => outcome === 'created' || outcome === 'moved').length
  const names = liveNames(report).length
  const held = report.references.filter(({ outcome }) => outcome === 'held').length
  const parts = [
    moved === 0 ? '' : `${formatCount(moved, 'tag')} written and read back`,
    held === 0 ? '' : `${formatCount(held, 'tag')} held back`,
    names === 0 ? '' : formatCount(names, 'repository', 'repositories'),
    report.platforms.length === 0 ? '' : formatCount(report.platforms.length, 'platform'),
    SCANNED[report.scan.decision],
  ]
  return parts.filter((part) => part !== '').join(' · ')
}

const SCANNED: Readonly<Record<Report['scan']['decision'], string>> = {
  passed: 'scan passed',
  reported: '**published with known findings**',
  refused: '',
  waived: '**not scanned**',
  '': '',
}

/** What happened, and what to do about it: the first line of a message says it, the ones below it are details. */
export function explanationOf({ message, hint }: Failure): string {
  const [first = '', ...details] = message.split('\n')
  const lines = details.slice(0, MOST_DETAILS).map((line) => `> - ${code(line, 400)}`)
  const list = lines.length === 0 ? [] : ['>', ...lines]
  return [`> **What happened:** ${prose(first, 2000)}`, ...list, `>\n> **What to do:** ${prose(hint, 2000)}`].join('\n')
}

/** As many as the last lines of a build. */
const MOST_DETAILS = 20

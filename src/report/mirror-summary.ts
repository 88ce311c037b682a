import { shortDigest } from '../image/digest.ts'
import { code, folded, prose, type Table, table, text } from './markdown.ts'
import type { LackingBase, MirroredImage, MirrorReport, MirrorTraffic } from './mirror-report.ts'
import { formatBytes, formatCount, formatDuration } from './quantity.ts'
import { explanationOf } from './verdict.ts'

/**
 * The job summary of a mirror, drawn from the report alone: what happened at a glance, then what failed, what was copied
 * and what waits, and the rest folded. Text of strangers passes through `markdown.ts`, and every list has its room.
 */
export function mirrorSummaryOf(report: MirrorReport): string {
  const { images } = report
  const having = (...outcomes: readonly MirroredImage['outcome'][]) =>
    images.filter(({ outcome }) => outcomes.includes(outcome))
  const sections = [
    headOf(report),
    sectionOf('Failed', having('failed'), OPEN),
    sectionOf('Copied', having('copied'), OPEN),
    sectionOf('Would be written', having('planned'), OPEN),
    sectionOf('Held for a later run', having('held', 'not-reached'), OPEN),
    sectionOf('Removed', having('pruned'), OPEN),
    sectionOf('Left as they were', having('kept'), OPEN),
    unchangedOf(having('unchanged')),
    lackingOf(report.lacking),
    costOf(report),
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

const OPEN = { most: 100, bytes: 60_000 }
/** Seven lists, open and folded, stay below the megabyte that GitHub shows of a step. */
const FOLDED = { most: 1000, bytes: 50_000 }

const TITLES: Readonly<Record<MirrorReport['result'], string>> = {
  mirrored: '**Mirrored**',
  unchanged: '**Nothing to do**: every target shows what it should',
  drift: '**Drift**: targets are behind their sources; nothing was written',
  checked: '**In step**: every target shows what it should',
  'dry-run': '**Dry run**: nothing was written',
  failed: '**Failed**',
}

function headOf(report: MirrorReport): string {
  const { result, failure, images } = report
  const title =
    result === 'failed' && failure !== undefined ? `${TITLES.failed} with ${code(failure.code)}` : TITLES[result]
  const paragraphs = [`## ${title}`, glanceOf(images)]
  if (failure !== undefined) paragraphs.push(explanationOf(failure))
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n')
}

const WORDS: Readonly<Record<MirroredImage['outcome'], string>> = {
  copied: 'copied',
  planned: 'to write',
  unchanged: 'unchanged',
  kept: 'left as they were',
  held: 'held',
  'not-reached': 'not begun',
  pruned: 'removed',
  failed: 'failed',
}

function glanceOf(images: readonly MirroredImage[]): string {
  const parts = Object.entries(WORDS).flatMap(([outcome, words]) => {
    const number = images.filter((image) => image.outcome === outcome).length
    return number === 0 ? [] : [`${number} ${words}`]
  })
  return parts.length === 0 ? '' : `${formatCount(images.length, 'target')}: ${parts.join(' · ')}`
}

function sectionOf(title: string, images: readonly MirroredImage[], room: typeof OPEN): string {
  if (images.length === 0) return ''
  const rest = images.slice(room.most)
  const more =
    rest.length === 0 ? [] : [folded(formatCount(rest.length, 'more target'), table(shapeFor(rest), rest, FOLDED))]
  return [`### ${title}`, table(shapeFor(images), images.slice(0, room.most), room), ...more].join('\n\n')
}

function unchangedOf(images: readonly MirroredImage[]): string {
  if (images.length === 0) return ''
  return folded(`${formatCount(images.length, 'target')} unchanged`, table(shapeFor(images), images, FOLDED))
}

function lackingOf(bases: readonly LackingBase[]): string {
  if (bases.length === 0) return ''
  return folded(`${formatCount(bases.length, 'base')} of Dockerfiles not in the mirror`, table(LACKING, bases, FOLDED))
}

const LACKING: Table<LackingBase> = {
  head: ['Image', 'Needed in'],
  row: ({ image, file, line }) => [code(image, 300), text(`${file}, line ${line}`, 300)],
}

type Column = {
  readonly head: string
  readonly cell: (image: MirroredImage) => string
  readonly isEmpty: (image: MirroredImage) => boolean
}

const COLUMNS: readonly Column[] = [
  { head: 'Source', cell: ({ source }) => code(source, 300), isEmpty: () => false },
  { head: 'Target', cell: ({ target }) => code(target, 300), isEmpty: ({ target }) => target === '' },
  {
    head: 'Before',
    cell: ({ before }) => short(before),
    isEmpty: ({ before, digest }) => before === null || before === digest,
  },
  { head: 'Digest', cell: ({ digest }) => short(digest), isEmpty: ({ digest }) => digest === null },
  { head: 'Moved', cell: ({ bytes }) => formatBytes(bytes), isEmpty: ({ bytes }) => bytes === 0 },
  { head: 'With it', cell: ({ referrers }) => String(referrers), isEmpty: ({ referrers }) => referrers === 0 },
  {
    head: 'Time',
    cell: ({ milliseconds }) => formatDuration(milliseconds),
    isEmpty: ({ milliseconds }) => milliseconds === 0,
  },
  { head: 'Why', cell: ({ reason }) => prose(reason, 400), isEmpty: ({ reason }) => reason === '' },
  { head: 'Asked for in', cell: ({ origin }) => text(origin), isEmpty: ({ outcome }) => outcome !== 'failed' },
]

/** Columns that would be empty from top to bottom are left out. */
function shapeFor(images: readonly MirroredImage[]): Table<MirroredImage> {
  const columns = COLUMNS.filter(({ isEmpty }) => images.some((image) => !isEmpty(image)))
  return { head: columns.map(({ head }) => head), row: (image) => columns.map(({ cell }) => cell(image)) }
}

function short(digest: MirroredImage['digest']): string {
  return digest === null ? '–' : code(shortDigest(digest))
}

function costOf({ registries, pulls, rateLimits, phases }: MirrorReport): string {
  const [limit] = rateLimits
  const left = limit === undefined ? '' : `; ${limit.remaining} of ${limit.limit} were left for ${code(limit.identity)}`
  const hub =
    pulls.spent + pulls.saved === 0
      ? []
      : [`- Docker Hub: ${formatCount(pulls.spent, 'pull')} spent, ${pulls.saved} saved${left}`]
  const total = phases.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const times = phases.slice(0, 30).map(({ name, milliseconds }) => `${text(name, 40)} ${formatDuration(milliseconds)}`)
  const time = phases.length === 0 ? [] : [`- Together **${formatDuration(total)}**: ${times.join(' · ')}`]
  const traffic = registries.length === 0 ? [] : [table(TRAFFIC, registries, OPEN)]
  const lines = [...hub, ...time]
  if (lines.length + traffic.length === 0) return ''
  return ['### Cost', ...(lines.length === 0 ? [] : [lines.join('\n')]), ...traffic].join('\n\n')
}

const TRAFFIC: Table<MirrorTraffic> = {
  head: ['Registry', 'Requests', 'Retries'],
  row: ({ registry, requests, retries }) => [
    code(registry),
    text(
      Object.entries(requests)
        .map(([method, number]) => `${number} ${method}`)
        .join(', '),
    ),
    String(retries),
  ],
}

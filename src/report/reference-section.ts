import type { Digest } from '../image/digest.ts'
import { shortDigest } from '../image/digest.ts'
import { code, folded, prose, type Table, table } from './markdown.ts'
import { formatCount } from './quantity.ts'
import type { ReferenceReport, Report } from './report.ts'

const FIRST = 30
const ROOM = { most: FIRST, bytes: 60_000 }
const FOLDED_ROOM = { most: 500, bytes: 150_000 }

/** What became of each reference, and what it showed before. */
export function referencesOf(report: Report): string {
  if (report.references.length === 0) return ''
  const columns = columnsFor(report)
  const shape: Table<ReferenceReport> = {
    head: columns.map(({ head }) => head),
    row: (reference) => columns.map(({ cell }) => cell(reference)),
  }
  const rest = report.references.slice(FIRST)
  const title = formatCount(rest.length, 'more reference')
  const more = rest.length === 0 ? [] : [folded(title, table(shape, rest, FOLDED_ROOM))]
  return ['### References', table(shape, report.references.slice(0, FIRST), ROOM), ...more].join('\n\n')
}

type Column = { readonly head: string; readonly cell: (reference: ReferenceReport) => string }

/** Columns that would be empty from top to bottom are left out. */
function columnsFor(report: Report): readonly Column[] {
  const columns: Column[] = [
    { head: 'Reference', cell: ({ reference }) => code(reference, 300) },
    { head: 'Outcome', cell: report.result === 'not-pushed' ? () => 'not written' : outcomeOf },
  ]
  // Where nothing is pushed nobody asks the registry, and a dash would say that the tag is free.
  if (report.result !== 'not-pushed') columns.push({ head: 'Before', cell: ({ before }) => short(before) })
  // After a failure each reference says what it shows: it may be neither the old nor the new image.
  if (report.result === 'failed') columns.push({ head: 'Now', cell: ({ digest }) => short(digest) })
  if (report.references.some(({ reason }) => reason !== '')) {
    columns.push({ head: 'Why', cell: ({ reason }) => prose(reason, 300) })
  }
  return columns
}

function outcomeOf({ outcome, before }: ReferenceReport): string {
  if (outcome === 'planned') return before === null ? 'would be new' : 'would move'
  return OUTCOMES[outcome]
}

const OUTCOMES: Readonly<Record<Exclude<ReferenceReport['outcome'], 'planned'>, string>> = {
  created: 'new',
  moved: 'moved',
  unchanged: 'showed it already',
  held: '**held back**',
  kept: 'kept as it was',
  refused: 'refused, not written',
  failed: '**failed**',
}

function short(digest: Digest | null): string {
  return digest === null ? '–' : code(shortDigest(digest))
}

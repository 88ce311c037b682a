import type { Measured } from './launch.ts'

/** All runs of one program. */
export type Row = { readonly name: string; readonly runs: readonly Measured[] }

/** A Markdown table: medians in milliseconds with the least and the most, as a multiple of the yardstick, and memory. */
export function startTable(rows: readonly Row[], yardstick: string | undefined): string {
  const base = rows.find(({ name }) => name === yardstick)
  const head = ['What', 'Median', 'Min–max', ...(base === undefined ? [] : [`× ${base.name}`]), 'Peak memory']
  const body = rows.map((row) => [
    row.name,
    `${medianTime(row).toFixed(0)} ms`,
    `${least(row).toFixed(0)}–${most(row).toFixed(0)} ms`,
    ...(base === undefined ? [] : [(medianTime(row) / medianTime(base)).toFixed(2)]),
    memoryOf(row),
  ])
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** The middle one; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  if (low === undefined || high === undefined) throw new Error('there is no median of nothing')
  return (low + high) / 2
}

/** Puts a text between the markers `<!-- NAME:start -->` and `<!-- NAME:end -->`. Throws when they are not there. */
export function between(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`]
  const [from, to] = [page.indexOf(start), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the page has no ${start} followed by ${end}`)
  return `${page.slice(0, from + start.length)}\n${text}\n${page.slice(to)}`
}

function medianTime({ runs }: Row): number {
  return median(runs.map(({ milliseconds }) => milliseconds))
}

function least({ runs }: Row): number {
  return Math.min(...runs.map(({ milliseconds }) => milliseconds))
}

function most({ runs }: Row): number {
  return Math.max(...runs.map(({ milliseconds }) => milliseconds))
}

function memoryOf({ runs }: Row): string {
  const known = runs.flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes]))
  return known.length === 0 ? '–' : `${(median(known) / 1_000_000).toFixed(0)} MB`
}

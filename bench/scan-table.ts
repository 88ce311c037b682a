import type { Used } from './measure.ts'
import { median } from './start-table.ts'

/** All runs of one way to scan. */
export type ScanRow = { readonly name: string; readonly runs: readonly [Used, ...Used[]] }

/** A Markdown table: medians, and wall and CPU time as a multiple of the yardstick. */
export function scanTable(rows: readonly ScanRow[], yardstick: string): string {
  const base = rows.find(({ name }) => name === yardstick)
  if (base === undefined) throw new Error(`nothing of the table is called ${yardstick}`)
  const head = ['What', 'Wall', 'Min–max', `× ${base.name}`, 'CPU', `× ${base.name}`, 'Peak memory']
  const body = rows.map(({ name, runs }) => {
    const walls = runs.map(({ seconds }) => seconds)
    return [
      name,
      `${wallOf(runs).toFixed(2)} s`,
      `${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)} s`,
      (wallOf(runs) / wallOf(base.runs)).toFixed(2),
      inSeconds(middle(runs, 'cpu')),
      ratio(middle(runs, 'cpu'), middle(base.runs, 'cpu')),
      inMegabytes(middle(runs, 'memory')),
    ]
  })
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function wallOf(runs: readonly Used[]): number {
  return median(runs.map(({ seconds }) => seconds))
}

/** Not there where GNU time is not. */
function middle(runs: readonly Used[], what: 'cpu' | 'memory'): number | undefined {
  const known = runs.flatMap((run) => run[what] ?? [])
  return known.length === 0 ? undefined : median(known)
}

function inSeconds(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(2)} s`
}

function ratio(value: number | undefined, base: number | undefined): string {
  return value === undefined || base === undefined ? '–' : (value / base).toFixed(2)
}

function inMegabytes(bytes: number | undefined): string {
  return bytes === undefined ? '–' : `${(bytes / 1_000_000).toFixed(0)} MB`
}

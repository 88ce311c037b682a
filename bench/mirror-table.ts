import type { Used } from './measure.ts'
import { FOUR, TUNED } from './mirror-peers.ts'
import { median } from './start-table.ts'

/** What one run cost: requests by method and what they were about, `HEAD manifest`. */
export type MirrorCost = Used & { readonly source: Asked; readonly target: Asked }
export type Asked = Readonly<Record<string, number>>

/** All runs of one program. */
export type MirrorRow = {
  readonly name: string
  readonly role: 'own' | 'rival'
  readonly costs: readonly MirrorCost[]
  /** why there are no more of them */
  readonly trouble: string
}

export const SITUATIONS = ['first', 'unchanged', 'changed'] as const
export type Situation = (typeof SITUATIONS)[number]

/** What there was to do. */
export type Task = {
  readonly situation: Situation
  readonly tags: number
  readonly repositories: number
  readonly changes: number
}

/** What was measured, and what it was to be at most. */
export type Verdict = { readonly what: string; readonly measured: number; readonly most: number }

/** Every promise that could be measured. Walls are medians, as multiples of another program's; requests are those of any run. */
export function judgeMirror(task: Task, rows: readonly MirrorRow[]): readonly Verdict[] {
  const own = rows.find(({ role }) => role === 'own')
  if (own === undefined || own.costs.length === 0) return []
  const most = (count: (cost: MirrorCost) => number) => Math.max(...own.costs.map(count))
  const gets = (what: string, number: number) => ({
    what: `GETs of manifests at the source${what}`,
    measured: most(({ source }) => source['GET manifest'] ?? 0),
    most: number,
  })
  switch (task.situation) {
    case 'first':
      return [...wallBeside(own, bestOf(rows), 0.6), gets(', one for each', task.tags)]
    case 'unchanged':
      return [
        gets('', 0),
        {
          what: 'HEADs on both sides, two for each tag',
          measured: most(({ source, target }) => (source['HEAD manifest'] ?? 0) + (target['HEAD manifest'] ?? 0)),
          most: 2 * task.tags,
        },
        { what: 'other requests than these and the lists of tags', measured: most(othersOf), most: task.repositories },
        ...wallBeside(own, rowOf(rows, TUNED), 0.6),
        ...wallBeside(own, rowOf(rows, FOUR), 0.3),
      ]
    case 'changed':
      return [gets(', one for each that changed', task.changes)]
  }
}

function othersOf({ source, target }: MirrorCost): number {
  const { 'HEAD manifest': _heads, 'GET manifest': _gets, ...others } = source
  const { 'HEAD manifest': _looks, ...more } = target
  return sum(others) + sum(more)
}

function wallBeside(own: MirrorRow, base: MirrorRow | undefined, times: number): readonly Verdict[] {
  if (base === undefined || base.costs.length === 0) return []
  return [{ what: `wall × ${base.name}`, measured: wallOf(own) / wallOf(base), most: times }]
}

/** A Markdown table of one task, and a sentence on what was promised and whether it was kept. */
export function mirrorTable(task: Task, rows: readonly MirrorRow[]): string {
  const verdicts = judgeMirror(task, rows)
  const best = bestOf(rows)
  const head = [
    'Program',
    'Wall',
    'Min–max',
    '× best peer',
    'At the source',
    'At the target',
    'CPU',
    'Peak memory',
    'Promise',
  ]
  const body = rows.map((row) => [row.name, ...cellsOf(row, best), row.role === 'own' ? promiseCell(verdicts) : ''])
  const lines = [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.map(plain).join(' | ')} |`)
  return `${lines.join('\n')}\n\n${verdicts.map(told).join(' ')}`
}

function cellsOf(row: MirrorRow, best: MirrorRow | undefined): readonly string[] {
  const { costs, trouble } = row
  if (costs.length === 0) return [`not measured: ${trouble.slice(0, 120)}`, '', '', '', '', '', '']
  const walls = costs.map(({ seconds }) => seconds)
  const cpus = costs.flatMap(({ cpu }) => (cpu === undefined ? [] : [cpu]))
  const memories = costs.flatMap(({ memory }) => (memory === undefined ? [] : [memory]))
  const [first] = costs
  return [
    `${median(walls).toFixed(2)} s`,
    costs.length === 1 ? 'one run' : `${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)} s`,
    best === undefined ? '–' : (wallOf(row) / wallOf(best)).toFixed(2),
    requestsCell(first?.source ?? {}),
    requestsCell(first?.target ?? {}),
    cpus.length === 0 ? '–' : `${median(cpus).toFixed(2)} s`,
    memories.length === 0 ? '–' : `${(Math.max(...memories) / 1e6).toFixed(0)} MB`,
  ]
}

/** `420: 20 GET tags, 200 HEAD manifest, 200 GET manifest` */
function requestsCell(asked: Asked): string {
  const parts = Object.entries(asked).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return parts.length === 0 ? '0' : `${sum(asked)}: ${parts.map(([what, count]) => `${count} ${what}`).join(', ')}`
}

function promiseCell(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return 'not measured'
  return verdicts.every(isKept) ? 'kept' : '**missed**'
}

function told(verdict: Verdict): string {
  const { what, measured, most } = verdict
  const exact = what.startsWith('wall') ? 2 : 0
  const numbers = `${measured.toFixed(exact)}, promised at most ${most.toFixed(exact)}`
  return isKept(verdict) ? `Kept: ${what} ${numbers}.` : `Missed: ${what} ${numbers}.`
}

function isKept({ measured, most }: Verdict): boolean {
  return measured <= most
}

function bestOf(rows: readonly MirrorRow[]): MirrorRow | undefined {
  const rivals = rows.filter(({ role, costs }) => role === 'rival' && costs.length > 0)
  return rivals.toSorted((one, other) => wallOf(one) - wallOf(other))[0]
}

function rowOf(rows: readonly MirrorRow[], name: string): MirrorRow | undefined {
  return rows.find((row) => row.name === name)
}

function wallOf({ costs }: MirrorRow): number {
  return median(costs.map(({ seconds }) => seconds))
}

function sum(asked: Asked): number {
  return Object.values(asked).reduce((total, count) => total + count, 0)
}

function plain(cell: string): string {
  return cell.replaceAll('|', '/').replaceAll(/\s+/g, ' ')
}

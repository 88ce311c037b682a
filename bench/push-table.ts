import { type Case, PROMISED_MEMORY } from './push-cases.ts'
import type { Result } from './push-turns.ts'
import { median } from './start-table.ts'

/** A Markdown table of one case, and a sentence that says what was promised and whether it was kept. */
export function pushTable(one: Case, results: readonly Result[]): string {
  const verdicts = judge(one, results)
  const head = ['Program', 'Wall', 'Min–max', '× best peer', 'Requests', 'CPU', 'Peak memory', 'Promise']
  const best = bestRival(results)
  const rows = results.map((result) => [result.name, ...cellsOf(result, best), promiseCell(result, verdicts)])
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(plain).join(' | ')} |`)
  return `${lines.join('\n')}\n\n${sentence(verdicts)}`
}

/** One promise: what was measured, and what it was to be at most. */
export type Verdict = { readonly what: string; readonly measured: number; readonly most: number; readonly unit: string }

/** Every promise of a case that could be measured. */
export function judge({ promised, registries }: Case, results: readonly Result[]): readonly Verdict[] {
  const own = results.find(({ role }) => role === 'own')
  if (own === undefined || own.costs.length === 0) return []
  const walls = promised.walls.flatMap(({ times, of }) => {
    const base = of === undefined ? bestRival(results) : results.find(({ name }) => name === of)
    if (base === undefined || base.costs.length === 0) return []
    return [{ what: 'wall', measured: wallOf(own) / wallOf(base), most: times, unit: `× ${base.name}` }]
  })
  const asked =
    promised.requests === undefined
      ? []
      : [{ what: 'requests', measured: countOf(own) / registries, most: promised.requests, unit: 'for each registry' }]
  const memory = memoryOf(own)
  const held =
    memory === undefined ? [] : [{ what: 'memory', measured: memory / 1e6, most: PROMISED_MEMORY / 1e6, unit: 'MB' }]
  return [...walls, ...asked, ...held]
}

function bestRival(results: readonly Result[]): Result | undefined {
  const rivals = results.filter(({ role, costs }) => role === 'rival' && costs.length > 0)
  return rivals.toSorted((a, b) => wallOf(a) - wallOf(b))[0]
}

function cellsOf(result: Result, best: Result | undefined): readonly string[] {
  const { costs, trouble } = result
  if (costs.length === 0 || trouble !== '') return [`not measured: ${trouble.slice(0, 120)}`, '', '', '', '', '']
  const walls = costs.map(({ seconds }) => seconds)
  const cpus = costs.flatMap(({ cpu }) => (cpu === undefined ? [] : [cpu]))
  const memory = memoryOf(result)
  return [
    `${median(walls).toFixed(2)} s`,
    `${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)} s`,
    best === undefined ? '–' : (wallOf(result) / wallOf(best)).toFixed(2),
    requestsCell(result),
    cpus.length === 0 ? '–' : `${median(cpus).toFixed(2)} s`,
    memory === undefined ? '–' : `${(memory / 1e6).toFixed(0)} MB`,
  ]
}

const METHODS = ['HEAD', 'GET', 'POST', 'PATCH', 'PUT', 'DELETE']

/** `33: 10 HEAD, 2 GET, 9 POST, 12 PUT`, of the run in the middle. */
function requestsCell({ costs }: Result): string {
  const sorted = costs.map(({ requests }) => requests).toSorted((a, b) => sum(a) - sum(b))
  const middle = sorted[Math.floor((sorted.length - 1) / 2)] ?? {}
  const methods = METHODS.flatMap((method) => (middle[method] === undefined ? [] : [`${middle[method]} ${method}`]))
  return `${sum(middle)}: ${methods.join(', ')}`
}

function promiseCell({ role }: Result, verdicts: readonly Verdict[]): string {
  if (role !== 'own') return ''
  if (verdicts.length === 0) return 'not measured'
  const missed = verdicts.filter((verdict) => !kept(verdict))
  return missed.length === 0 ? 'kept' : `**missed**: ${missed.map(({ what }) => what).join(', ')}`
}

function sentence(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return 'No promise could be measured.'
  const missed = verdicts.filter((verdict) => !kept(verdict))
  const over = ({ measured, most }: Verdict) => ` (${Math.round((measured / most - 1) * 100)} % too much)`
  const parts = [
    ...missed.map((verdict) => `Missed: ${told(verdict)}${over(verdict)}.`),
    ...verdicts.filter(kept).map((verdict) => `Kept: ${told(verdict)}.`),
  ]
  return parts.join(' ')
}

function told({ what, measured, most, unit }: Verdict): string {
  const exact = what === 'wall' ? 2 : 0
  return `${what} ${measured.toFixed(exact)} ${unit}, promised at most ${most.toFixed(exact)}`
}

function kept({ measured, most }: Verdict): boolean {
  return measured <= most
}

function wallOf({ costs }: Result): number {
  return median(costs.map(({ seconds }) => seconds))
}

function countOf({ costs }: Result): number {
  return median(costs.map(({ requests }) => sum(requests)))
}

function memoryOf({ costs }: Result): number | undefined {
  const known = costs.flatMap(({ memory }) => (memory === undefined ? [] : [memory]))
  return known.length === 0 ? undefined : Math.max(...known)
}

function sum(requests: Readonly<Record<string, number>>): number {
  return Object.values(requests).reduce((total, count) => total + count, 0)
}

function plain(cell: string): string {
  return cell.replaceAll('|', '/').replaceAll(/\s+/g, ' ')
}

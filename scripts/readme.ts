import { readFileSync, writeFileSync } from 'node:fs'
import { type ActionName, type InputRow, inputsOf } from '../src/action/input-table.ts'
import { type OutputRow, outputRows } from '../src/report/output-table.ts'

/**
 * The README with its generated parts written anew: the workflow to copy, the inputs and the outputs. Each stands
 * between two markers. Throws when a marker is missing.
 */
export function withGenerated(readme: string, workflow: string): string {
  const parts: readonly [string, string][] = [
    ['release', `\`\`\`yaml\n${workflow.trimEnd()}\n\`\`\``],
    ['inputs', inputTables('publish')],
    ['outputs', outputTable(outputRows('publish'))],
    ['mirror-inputs', inputTables('mirror')],
    ['mirror-outputs', outputTable(outputRows('mirror'))],
    ['promote-inputs', inputTables('promote')],
  ]
  return parts.reduce((text, [name, body]) => replaceBetween(text, name, body), readme)
}

const TIERS: readonly (readonly [InputRow['tier'], string])[] = [
  ['first', 'The ones that most people need'],
  ['names', 'Names'],
  ['login', 'Login'],
  ['build', 'Build'],
  ['mirror', 'Policy'],
  ['scan', 'Scan'],
  ['push', 'Push, limits, reports'],
]

function inputTables(action: ActionName): string {
  const rows = inputsOf(action)
  const tiers = TIERS.filter(([tier]) => rows.some((row) => row.tier === tier))
  return tiers
    .map(([tier, title]) => {
      const lines = rows
        .filter((row) => row.tier === tier)
        .map((row) => rowOf(code(row.name), defaultCell(row), row.description))
      return [`### ${title}`, '', rowOf('Input', 'Default', 'Meaning'), rowOf('---', '---', '---'), ...lines].join('\n')
    })
    .join('\n\n')
}

function outputTable(outputs: readonly OutputRow[]): string {
  const lines = outputs.map(({ name, description }) => rowOf(code(name), description))
  return [rowOf('Output', 'What it is'), rowOf('---', '---'), ...lines].join('\n')
}

function defaultCell(row: InputRow): string {
  if (row.required) return '**required**'
  return row.default.split(/[\n]/).filter(Boolean).map(code).join(', ')
}

function rowOf(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function code(text: string): string {
  return `\`${text}\``
}

function replaceBetween(text: string, name: string, body: string): string {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`]
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`README.md has no place for ${name}: ${start} … ${end}`)
  return `${text.slice(0, from + start.length)}\n${body}\n${text.slice(to)}`
}

if (import.meta.main) {
  const path = new URL('../README.md', import.meta.url)
  const workflow = readFileSync(new URL('../examples/release.yml', import.meta.url), 'utf8')
  writeFileSync(path, withGenerated(readFileSync(path, 'utf8'), workflow))
}

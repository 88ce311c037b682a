/**
 * What a renderer makes of a summary: its blocks, and whatever in its lines could become more than text.
 * Written against the GFM spec, not against `markdown.ts`.
 */
export type Structure = {
  readonly headings: number
  /** cells of each row, table by table */
  readonly tables: readonly (readonly number[])[]
  readonly details: number
  /** lines of no form that the summary has */
  readonly strange: readonly string[]
  /** what would be HTML, an image, a mention or a link that is none of ours */
  readonly live: readonly string[]
}

const COMMAND = /^docker pull [A-Za-z0-9._:/[\]-]+@sha256:[a-f0-9]{64}$/
const OWN =
  /^(?:$|## \*\*|### [A-Z]|\| |> (?:\*\*What|- |$)|>$|- |`sha256:|`sha512:|```(?:sh)?$|<details><summary>\d+ (?:more [a-z]+|targets? unchanged|bases? of Dockerfiles not in the mirror)<\/summary>$|<\/details>$|Why: |Bar by bytes: |Together \*\*|… and \d+ more in the report file\.$|\d+ tags? written|\d+ repositor|\d+ platforms?|\d+ targets?: |scan passed|\*\*published with|\*\*not scanned|Passed: |\*\*Findings |\*\*Not scanned|No decision|As it was asked for, |\*\*\d+ exceptions? expired\*\*|Of these, \d+ came with the base images? )/

export function structureOf(markdown: string): Structure {
  const lines = markdown.split('\n')
  const isRow = (line: string) => line.startsWith('|')
  const tables: number[][] = []
  lines.forEach((line, index) => {
    if (!isRow(line)) return
    if (!isRow(lines[index - 1] ?? '')) tables.push([])
    tables.at(-1)?.push(cellsOf(line))
  })
  return {
    headings: lines.filter((line) => /^#{1,6} /.test(line) && line !== '### Pull exactly this image').length,
    tables,
    details: lines.filter((line) => line.startsWith('<details>')).length,
    strange: lines.filter((line) => !OWN.test(line) && !COMMAND.test(line)),
    live: lines.filter((line) => !COMMAND.test(line)).flatMap(liveOf),
  }
}

/** GFM splits a row at every pipe that has no backslash before it, code or not (GFM spec, 4.10). */
function cellsOf(line: string): number {
  return line.split(/(?<!\\)\|/).length - 2
}

const LIVE = [
  /<(?!details>|summary>|\/summary>|\/details>)/, // HTML or an autolink
  /!\[/,
  /(?:^|\W)@[a-z0-9]/i, // a mention
  /[\w.+-]@[\w-]+\.[\w.-]+/, // an e-mail address, which GFM links
  /:\/\//,
  /www\./i,
  /&#35;\d/, // GitHub looks for `#12` after entities are decoded
  /\]\(/,
  /(?<!\\)`/, // a code span that is not closed
  /[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/,
]

function liveOf(line: string): readonly string[] {
  if (/^\s*::/.test(line) || line.includes('##[')) return [line.slice(0, 120)]
  const rest = line
    .replace(/^```(?:sh)?$/, '')
    .replace(/`[^`]*`/g, '')
    .replace(/&#(?!35;)\d+;/g, '□')
    .replace(/\[[^[\]]*\]\(https:\/\/[A-Za-z0-9._~/%?=#+-]+\)/g, '')
  return LIVE.some((pattern) => pattern.test(rest)) ? [line.slice(0, 120)] : []
}

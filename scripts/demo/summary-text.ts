/** The job summary for a terminal: the Markdown that Lading writes, with tables in columns. A line each. */
export function summaryText(markdown: string): readonly string[] {
  const shown: string[] = []
  let rows: string[][] = []
  let isCode = false
  for (const line of [...markdown.trim().split('\n'), '']) {
    if (!line.startsWith('|')) {
      shown.push(...columns(rows))
      rows = []
    }
    if (line.startsWith('```')) isCode = !isCode
    else if (line.startsWith('|')) rows.push(cellsOf(line))
    else shown.push(isCode ? `  ${line}` : plain(line))
  }
  return shown.slice(0, -1).filter((line, at) => line !== '' || shown[at - 1] !== '')
}

function cellsOf(row: string): string[] {
  return row.split('|').slice(1, -1).map(plain)
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const [head = []] = rows
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.filter((row) => !row.every((cell) => cell === '---')).map((row) => `  ${aligned(row, widths)}`)
}

function aligned(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd()
}

function plain(markdown: string): string {
  return markdown
    .replace(/^#+ (.*)$/, '[ $1 ]')
    .replace(/^> ?/, '')
    .replace(/<summary>(.*)<\/summary>/, '$1')
    .replace(/<\/?details>/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('**', '')
    .replaceAll('`', '')
    .replaceAll('\u2060', '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .trim()
}

/**
 * Text of a stranger as one plain line: no control characters (they move cursors and forge log lines), no bidi marks
 * (they show one thing and mean another, CVE-2021-42574), white space squeezed, at most `limit` characters.
 */
export function plainLine(text: string, limit = 300): string {
  const line = text
    .slice(0, limit * 8)
    .replace(TERMINAL_CODES, '')
    .replace(HIDDEN, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .toWellFormed()
  return line.length <= limit ? line : `${line.slice(0, limit - 1).toWellFormed()}…`
}

/** The last lines of a log, each as a plain line; `paths` are our own folders, which say nothing to a reader. */
export function lastLines(log: string, paths: readonly string[], count = 20): readonly string[] {
  const shown = withoutPaths(log.slice(-64 * 1024), paths)
  const lines = shown.split(/\r\n|\r|\n/).map((line) => plainLine(line))
  return lines.filter((line) => line !== '').slice(-count)
}

/** Cuts our own folders out of a text. */
export function withoutPaths(text: string, paths: readonly string[]): string {
  // The longest first: a folder within another one would otherwise leave its own name behind.
  const ordered = [...new Set(paths)].filter((path) => path.length > 1).sort((a, b) => b.length - a.length)
  return ordered.reduce((rest, path) => rest.replaceAll(`${path}/`, '').replaceAll(path, '.'), text)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const TERMINAL_CODES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?)/g
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

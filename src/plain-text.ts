/** Text of programs and strangers as text for people: nothing in it can hide, turn or forge a line of a log. */

// CSI and OSC sequences of terminals (ECMA-48, 5.4 and 5.6).
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const TERMINAL = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?)/g
// Control, format and line separating characters. Bidi marks show one thing and mean another (CVE-2021-42574).
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const LONGEST_LOG_LINE = 2000

/** A text as one plain line with its white space squeezed, at most `limit` characters long. */
export function plainLine(text: string, limit = 300): string {
  const line = text
    .slice(0, limit * 8)
    .replace(TERMINAL, '')
    .replace(HIDDEN, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .toWellFormed()
  return line.length <= limit ? line : `${line.slice(0, limit - 1).toWellFormed()}…`
}

/** One line that a program printed, its indentation kept, at most 2000 characters long. */
export function logLine(line: string): string {
  const visible = line
    .slice(0, LONGEST_LOG_LINE * 2)
    .replace(TERMINAL, '')
    .replaceAll('\t', '  ')
    .replace(HIDDEN, '')
    .trimEnd()
  return visible.length > LONGEST_LOG_LINE ? `${visible.slice(0, LONGEST_LOG_LINE)}…` : visible
}

/** The last line with something in it, for a message; empty when there is none. */
export function lastLine(output: string): string {
  const lines = splitLines(output).map(logLine)
  return (lines.findLast((line) => line.trim() !== '') ?? '').trim()
}

/** The last lines of a log, each as a plain line; `paths` are our own folders, which say nothing to a reader. */
export function lastLines(log: string, paths: readonly string[], count = 20): readonly string[] {
  const shown = withoutPaths(log.slice(-64 * 1024), paths)
  const lines = splitLines(shown).map((line) => plainLine(line))
  return lines.filter((line) => line !== '').slice(-count)
}

/** Cuts our own folders out of a text. */
export function withoutPaths(text: string, paths: readonly string[]): string {
  // The longest first: a folder within another one would otherwise leave its own name behind.
  const ordered = [...new Set(paths)].filter((path) => path.length > 1).sort((a, b) => b.length - a.length)
  return ordered.reduce((rest, path) => rest.replaceAll(`${path}/`, '').replaceAll(path, '.'), text)
}

function splitLines(text: string): readonly string[] {
  return text.split(/\r\n|\r|\n/)
}

// CSI and OSC sequences of terminals (ECMA-48, 5.4 and 5.6).
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const TERMINAL = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?)/g
// Control, format and line separating characters: they could hide text, reverse it, or start a new line in a log.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const LONGEST = 2000

/** One line that a program printed, as it may stand in a log or message: no control characters, at most 2000 long. */
export function plainLine(line: string): string {
  const visible = line
    .slice(0, LONGEST * 2)
    .replace(TERMINAL, '')
    .replaceAll('\t', '  ')
    .replace(INVISIBLE, '')
    .trimEnd()
  return visible.length > LONGEST ? `${visible.slice(0, LONGEST)}…` : visible
}

/** The last line with something in it, for a message; empty when there is none. */
export function lastLine(output: string): string {
  const lines = output.split(/\r\n|\r|\n/).map(plainLine)
  return (lines.findLast((line) => line.trim() !== '') ?? '').trim()
}

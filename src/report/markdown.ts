/**
 * GitHub-flavoured Markdown from text that strangers wrote: package names, messages of registries, branch names.
 * `text`, `code`, `prose` and `link` make one line that can carry no structure and reach nobody. What they return is
 * never put at the start of a line, where a dash or a number would begin a list.
 */

/** In place of characters that are invisible or turn the reading direction (CVE-2021-42574): a reader must see them. */
const STAND_IN = '\uFFFD'
/** Invisible, and no part of a name or an address: it keeps GitHub from making a mention, a link or an emoji. */
const WORD_JOINER = '\u2060'

// As entities these are never structure (CommonMark, "Entity and numeric character references"). `$` begins mathematics.
const STRUCTURE = /[&<>|\\`*_~[\]#!${}]/g
const LONGEST_TEXT = 200

/** Untrusted text as plain text: one line, cut to `limit` characters; a dash when there is nothing to show. */
export function text(untrusted: string, limit = LONGEST_TEXT): string {
  return escaped(oneLine(untrusted, limit)) || '–'
}

/** Untrusted text as code. What a code span cannot hold in a table comes as plain text. */
export function code(untrusted: string, limit = LONGEST_TEXT): string {
  return codeSpan(oneLine(untrusted, limit)) || '–'
}

/** A sentence that may name things `like this`; its code stays code, the rest is plain text. */
export function prose(untrusted: string, limit = 1000): string {
  const parts = oneLine(untrusted, limit).split('`')
  // An odd number of backticks: nobody can tell what is code.
  if (parts.length % 2 === 0) return escaped(parts.join('`'))
  return parts.map((part, index) => (index % 2 === 0 ? escaped(part) : codeSpan(part.trim()))).join('') || '–'
}

// No user name, no brackets, nothing that Markdown could read: what does not fit is shown without a link.
const PLAIN_ADDRESS = /^https:\/\/[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:\/[A-Za-z0-9._~/%?=#+-]*)?$/

/** Untrusted text, linked when the address is a plain https one. */
export function link(untrusted: string, address: string): string {
  const shown = text(untrusted)
  return address.length <= 300 && PLAIN_ADDRESS.test(address) ? `[${shown}](${address})` : shown
}

/** A table to be: its head, and how one item becomes a row of cells that are Markdown already. */
export type Table<T> = { readonly head: readonly string[]; readonly row: (item: T) => readonly string[] }

/** How much of a table is shown: `most` rows that together take no more than `bytes`. */
export type Room = { readonly most: number; readonly bytes: number }

/** The table of some items. What has no room is counted below it. */
export function table<T>({ head, row }: Table<T>, items: readonly T[], room: Room): string {
  const lines = items.slice(0, room.most).map((item) => rowOf(row(item)))
  const fitting = lines.slice(0, fits(lines, room.bytes))
  const left = items.length - fitting.length
  const note = left === 0 ? [] : ['', `… and ${left} more in the report file.`]
  return [rowOf(head), rowOf(head.map(() => '---')), ...fitting, ...note].join('\n')
}

/** Markdown that is folded away under a title of our own. */
export function folded(title: string, body: string): string {
  return `<details><summary>${title}</summary>\n\n${body}\n\n</details>`
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function fits(lines: readonly string[], bytes: number): number {
  let taken = 0
  const first = lines.findIndex((line) => {
    taken += Buffer.byteLength(line) + 1
    return taken > bytes
  })
  return first < 0 ? lines.length : first
}

function oneLine(untrusted: string, limit: number): string {
  // Cut before the slow part: nobody reads a megabyte, and a stranger may send one.
  const line = untrusted
    .slice(0, limit * 4)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}]/gu, STAND_IN)
    .trim()
  const characters = [...line]
  return characters.length <= limit ? line : `${characters.slice(0, limit - 1).join('')}…`
}

function escaped(line: string): string {
  return separate(line).replace(STRUCTURE, (character) => `&#${character.charCodeAt(0)};`)
}

function separate(line: string): string {
  return line
    .replace(/@(?!sha(?:256|512):)/g, `@${WORD_JOINER}`)
    .replace(/:(?=\/\/|:|[a-z0-9_+-]+:)/gi, `:${WORD_JOINER}`)
    .replace(/www(?=\.)/gi, `$&${WORD_JOINER}`)
    .replace(/#(?=\d)|\bGH-(?=\d)/gi, `$&${WORD_JOINER}`)
}

function codeSpan(line: string): string {
  if (line === '') return ''
  // A table splits at `|` before it looks for code, and `##[` is a workflow command anywhere in a line.
  return /[|\\`]|##\[/.test(line) ? escaped(line) : `\`${line}\``
}

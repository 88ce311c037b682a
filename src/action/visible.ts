// C0, DEL and C1 without the tab; marks that turn or hide text (Trojan Source, CVE-2021-42574); Unicode's own line ends.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const HIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** One line with every control and bidi character shown by its number, so that a reader sees what is there. */
export function visible(line: string): string {
  return line.replace(HIDDEN, (character) => {
    const code = character.codePointAt(0) ?? 0
    return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
  })
}

/** The lines of a text, whatever ends them, each made visible. */
export function visibleLines(text: string): readonly string[] {
  return text.split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/).map(visible)
}

/**
 * A line that no runner takes for a command. It knows two forms (actions/runner, `ActionCommand.cs`): `::name::` after
 * leading blanks, and `##[name]` anywhere in a line.
 */
export function uncommanded(line: string): string {
  return visible(line)
    .replaceAll('##[', '##\\[')
    .replace(/^(\s*)::/, '$1\\::')
}

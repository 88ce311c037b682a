/** How a runner finds commands in what a step prints, after actions/runner (`ActionCommand.cs`, `OutputManager.cs`). */

// .NET ends a line at CR, LF or both, and trims what Unicode calls white space; U+FEFF is none to it.
const DOTNET_BLANKS = /^[\t-\r\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/

/** The names of all commands in this output, in order. Names are compared without case, as there. */
export function recognised(output: string, registered: readonly string[]): readonly string[] {
  const names = new Set(registered)
  const lines = output.split(/\r\n|\r|\n/)
  return lines.flatMap((line) => {
    const name = second(line, names) ?? first(line, names)
    return name === undefined ? [] : [name]
  })
}

function second(line: string, names: ReadonlySet<string>): string | undefined {
  const trimmed = line.replace(DOTNET_BLANKS, '')
  if (!trimmed.startsWith('::')) return undefined
  const end = trimmed.indexOf('::', 2)
  return end < 0 ? undefined : known(trimmed.slice(2, end), names)
}

function first(line: string, names: ReadonlySet<string>): string | undefined {
  const start = line.indexOf('##[')
  const end = start < 0 ? -1 : line.indexOf(']', start)
  return end < 0 ? undefined : known(line.slice(start + 3, end), names)
}

function known(info: string, names: ReadonlySet<string>): string | undefined {
  const space = info.indexOf(' ')
  const name = (space < 0 ? info : info.slice(0, space)).toLowerCase()
  return names.has(name) ? name : undefined
}

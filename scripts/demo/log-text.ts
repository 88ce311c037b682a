/** Groups up to this length are shown whole; GitHub folds all of them. */
const MOST_GROUP_LINES = 6

/**
 * A step's log as a person sees it on GitHub, a line each: without debug lines, annotations in words, long groups folded,
 * and what was masked as `***`.
 */
export function logText(log: string): readonly string[] {
  const lines = log.split(/\r?\n/).filter((line) => line.trim() !== '')
  const masks = lines.flatMap(maskIn)
  const shown: string[] = []
  let group: string[] | undefined
  for (const line of lines) {
    const command = commandIn(line)
    if (command?.name === 'endgroup') {
      shown.push(...folded(group ?? []))
      group = undefined
    } else if (command?.name === 'group') group = [command.data]
    else (group ?? shown).push(...(command === undefined ? [line] : wordsOf(command)))
  }
  // A step that was killed leaves its group open.
  return [...shown, ...folded(group ?? [])].map((line) => masked(line, masks))
}

function folded([title, ...lines]: readonly string[]): readonly string[] {
  if (title === undefined) return []
  if (lines.length > MOST_GROUP_LINES) return [`▸ ${title} (${lines.length} lines, folded)`]
  return [`▾ ${title}`, ...lines.map((line) => `  ${line}`)]
}

type WorkflowCommand = { readonly name: string; readonly data: string }

const WORDS: Readonly<Record<string, string>> = {
  error: 'Error: ',
  warning: 'Warning: ',
  notice: 'Notice: ',
}

function wordsOf({ name, data }: WorkflowCommand): readonly string[] {
  const word = WORDS[name]
  return word === undefined ? [] : `${word}${data}`.split('\n')
}

function commandIn(line: string): WorkflowCommand | undefined {
  const [, name, data] = /^::([a-z-]+)(?: [^:]*)?::(.*)$/.exec(line) ?? []
  return name === undefined || data === undefined ? undefined : { name, data: decoded(data) }
}

function maskIn(line: string): readonly string[] {
  const command = commandIn(line)
  return command?.name === 'add-mask' && command.data !== '' ? [command.data] : []
}

// A longer secret may hold a shorter one.
function masked(line: string, masks: readonly string[]): string {
  const longestFirst = [...masks].sort((a, b) => b.length - a.length)
  return longestFirst.reduce((text, mask) => text.replaceAll(mask, '***'), line)
}

// actions/runner, `ActionCommand.cs`: the percent sign comes last.
function decoded(data: string): string {
  return data.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%')
}

/**
 * A step's log as a person sees it on GitHub, a line each: without debug lines, groups opened, annotations in words, and
 * what was masked as `***`.
 */
export function logText(log: string): readonly string[] {
  const lines = log.split(/\r?\n/)
  const masks = lines.flatMap(maskIn)
  const shown: string[] = []
  let margin = ''
  for (const line of lines) {
    const command = commandIn(line)
    if (command?.name === 'endgroup') margin = ''
    else if (command === undefined) shown.push(`${margin}${line}`)
    else shown.push(...wordsOf(command).map((text) => `${margin}${text}`))
    if (command?.name === 'group') margin = '  '
  }
  return shown.map((line) => masked(line, masks)).filter((line) => line.trim() !== '')
}

type WorkflowCommand = { readonly name: string; readonly data: string }

const WORDS: Readonly<Record<string, string>> = {
  group: '▸ ',
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

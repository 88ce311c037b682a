/** What a step printed, as the runner understands it. */
export type Log = {
  readonly text: string
  readonly annotations: readonly Annotation[]
  readonly masks: readonly string[]
  /** titles of the folded groups */
  readonly groups: readonly string[]
}

export type Annotation = { readonly level: Level; readonly message: string }
type Level = 'error' | 'warning' | 'notice'

type WorkflowCommand = { readonly name: string; readonly data: string }

/** Reads the workflow commands in what a step printed. */
export function readLog(text: string): Log {
  const commands = text.split(/\r\n|\r|\n/).flatMap(commandIn)
  const named = (name: string) => commands.filter((command) => command.name === name).map(({ data }) => data)
  return {
    text,
    annotations: commands.flatMap(({ name, data }) => (isLevel(name) ? [{ level: name, message: data }] : [])),
    masks: named('add-mask'),
    groups: named('group'),
  }
}

/** The log without the lines that tell the runner what to mask: what people get to see. */
export function withoutMasks(text: string): string {
  return text.replace(/^::add-mask::.*$/gm, '')
}

function commandIn(line: string): readonly WorkflowCommand[] {
  const [, name, data] = /^\s*::([a-z-]+)(?: [^:]*)?::(.*)$/i.exec(line) ?? []
  return name === undefined || data === undefined ? [] : [{ name: name.toLowerCase(), data: unescaped(data) }]
}

// actions/runner, `ActionCommand.cs`: the percent sign comes last.
function unescaped(data: string): string {
  return data.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%')
}

function isLevel(name: string): name is Level {
  return name === 'error' || name === 'warning' || name === 'notice'
}

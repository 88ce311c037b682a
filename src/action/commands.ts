/** Workflow commands, as text. Small and free of imports: the first line of the log and the masks need it. */

type AnnotationProperties = { readonly title?: string }

/** Keeps a value out of the log from here on. Say it before anything else. */
export function addMask(value: string): string {
  return command('add-mask', value)
}

/** Shown with debug logging only: that is the runner's choice, so it is always written. */
export function debug(message: string): string {
  return command('debug', message)
}

export function notice(message: string, properties: AnnotationProperties = {}): string {
  return command('notice', message, properties)
}

export function warning(message: string, properties: AnnotationProperties = {}): string {
  return command('warning', message, properties)
}

/** A step that is red has exactly one of these. */
export function error(message: string, properties: AnnotationProperties = {}): string {
  return command('error', message, properties)
}

/** Everything up to `endGroup` is folded under the title. GitHub does not nest groups. */
export function group(title: string): string {
  return command('group', title)
}

export function endGroup(): string {
  return command('endgroup', '')
}

function command(name: string, data: string, properties: AnnotationProperties = {}): string {
  const { title } = properties
  const said = title === undefined || title === '' ? '' : ` title=${escapeProperty(title)}`
  return `::${name}${said}::${escapeData(data)}\n`
}

// The two escapings of actions/runner, `ActionCommand.cs`.
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

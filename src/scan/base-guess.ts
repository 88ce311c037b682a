/** The longest configuration that is read, in bytes; as for manifests. */
export const CONFIG_LIMIT = 8 * 1024 * 1024

type Json = Readonly<Record<string, unknown>>

/** As in Trivy's pkg/fanal/image/image.go, GuessBaseImageIndex: what BuildKit writes, and what the old builder wrote. */
const COMMAND = /^(?:CMD|\/bin\/sh -c #\(nop\) {2}CMD)/

/**
 * A copy of an image configuration (JSON) in which Trivy sees no base image; `undefined` when it sees none as it is.
 *
 * Trivy takes every layer below the last `CMD` that has layers above it for a base image, and does not look for secrets
 * there; no option turns that off. `FROM development AS production` makes such a history, and whoever pulls the image
 * gets those layers too. The history decides nothing else in a scan, and its text is still searched.
 */
export function withoutBaseGuess(config: string): string | undefined {
  const json = parse(config)
  const history = json === undefined ? undefined : member(json, 'history')
  if (json === undefined || !Array.isArray(history)) return undefined
  const entries: readonly unknown[] = history
  const top = entries.findLastIndex((entry) => !isEmptyLayer(entry))
  if (!entries.slice(0, Math.max(top, 0)).some((entry) => isEmptyLayer(entry) && isCommand(entry))) return undefined
  return JSON.stringify(replaced(json, 'history', entries.map(masked)))
}

function masked(entry: unknown): unknown {
  if (!isObject(entry) || !isCommand(entry)) return entry
  return replaced(entry, 'created_by', `# ${String(member(entry, 'created_by'))}`)
}

function isEmptyLayer(entry: unknown): boolean {
  return isObject(entry) && member(entry, 'empty_layer') === true
}

function isCommand(entry: unknown): boolean {
  return isObject(entry) && COMMAND.test(String(member(entry, 'created_by') ?? ''))
}

/** Go's reader takes keys in any case, and the last of several: so must whoever would know what Trivy sees. */
function member(json: Json, name: string): unknown {
  const key = Object.keys(json).findLast((candidate) => candidate.toLowerCase() === name)
  return key === undefined ? undefined : json[key]
}

function replaced(json: Json, name: string, value: unknown): Json {
  const others = Object.entries(json).filter(([key]) => key.toLowerCase() !== name)
  return { ...Object.fromEntries(others), [name]: value }
}

function parse(text: string): Json | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return isObject(json) ? json : undefined
  } catch {
    // Trivy will say what it thinks of it.
    return undefined
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

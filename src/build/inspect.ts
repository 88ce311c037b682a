/** What `docker buildx inspect` says about a builder. */
export type Inspected = {
  readonly name: string
  readonly driver: string
  /** why it cannot be used; empty when it can */
  readonly trouble: string
}

/**
 * Reads the output of `docker buildx inspect`, which ends with 0 for an engine that it cannot reach: then the driver is
 * empty, or every node has a line `Error:` in place of its status (buildx, `commands/inspect.go`).
 */
export function readInspect(stdout: string): Inspected {
  const errors = fields(stdout, 'Error')
  const isDown = errors.length > 0 && errors.length >= fields(stdout, 'Endpoint').length
  const driver = fields(stdout, 'Driver')[0] ?? ''
  const silent = driver === '' ? 'docker buildx inspect names no driver' : ''
  return { name: fields(stdout, 'Name')[0] ?? '', driver, trouble: isDown ? (errors[0] ?? '') : silent }
}

function fields(stdout: string, name: string): readonly string[] {
  return [...stdout.matchAll(new RegExp(`^${name}:[ \\t]*(.*)$`, 'gm'))].map((match) => (match[1] ?? '').trim())
}

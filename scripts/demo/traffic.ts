import type { InProcessRegistry } from '../../__tests__/support/registry/server.ts'

/** What a registry has seen since it was last reset, from its own record. */
export type Seen = {
  readonly host: string
  /** by method */
  readonly requests: Readonly<Record<string, number>>
  /** bytes of the bodies that came in */
  readonly received: number
  /** requests that put, moved or deleted anything */
  readonly writes: number
}

export function seenBy(registry: InProcessRegistry): Seen {
  const requests: Record<string, number> = {}
  for (const { method } of registry.requests) requests[method] = (requests[method] ?? 0) + 1
  const received = registry.requests.reduce((sum, { requestBytes }) => sum + requestBytes, 0)
  return { host: registry.host, requests, received, writes: registry.writes().length }
}

export function seenText({ host, requests, received, writes }: Seen): string {
  const methods = Object.entries(requests).sort(([a], [b]) => (a < b ? -1 : 1))
  const listed = methods.map(([method, times]) => `${method} ${times}`).join(', ')
  return `  ${host}  ${listed}; ${writes} of them writes; ${received.toLocaleString('en')} bytes received`
}

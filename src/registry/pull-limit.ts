import type { PullLimit } from '../edges.ts'
import type { Response } from '../net/send.ts'

/**
 * The pull limit as a registry tells it on manifests: `ratelimit-limit: 100;w=21600`, `ratelimit-remaining: 76;w=21600`,
 * `docker-ratelimit-source` (docs.docker.com, "Pull usage and limits"). `undefined`: no such headers, so no limit for us.
 */
export function parsePullLimit(response: Pick<Response, 'header'>): PullLimit | undefined {
  const limit = parseCount(response.header('ratelimit-limit'))
  const remaining = parseCount(response.header('ratelimit-remaining'))
  // Empty values have been seen (docker/hub-feedback#2081): unknown is not zero.
  if (limit === undefined || remaining === undefined) return undefined
  return {
    limit: limit.count,
    remaining: remaining.count,
    windowSeconds: remaining.windowSeconds ?? limit.windowSeconds ?? 0,
    source: response.header('docker-ratelimit-source') ?? '',
  }
}

/** A pull quota does not come back by asking again. */
export function isUsedUp(response: Pick<Response, 'status' | 'header'>): boolean {
  return response.status === 429 && parseCount(response.header('ratelimit-remaining'))?.count === 0
}

type Count = { readonly count: number; readonly windowSeconds: number | undefined }

function parseCount(value: string | undefined): Count | undefined {
  const found = /^\s*(\d+)\s*(?:;\s*w=(\d+))?/.exec(value ?? '')
  if (found?.[1] === undefined) return undefined
  return { count: Number(found[1]), windowSeconds: found[2] === undefined ? undefined : Number(found[2]) }
}

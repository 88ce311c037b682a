import { createHash } from 'node:crypto'
import type { Cache, Reporter } from '../edges.ts'
import { plainLine } from '../plain-text.ts'
import type { DatabaseKind } from './database-kind.ts'

/** A database as an earlier job kept it: the very file that the repository gave. */
export type KeptDatabase = { readonly reference: string; readonly sha256: string }

/** How long the cache is waited for, in milliseconds: it saves time or it is of no use. */
const PATIENCE_MS = 3 * 60_000

export type CachePorts = { readonly cache: Cache; readonly reporter: Reporter; readonly signal: AbortSignal }

/**
 * Brings the newest database of the first of these repositories that has one in the cache to `path`. `undefined` when
 * there is none, or when its bytes are not those that its key names: then somebody changed it, or it came in part.
 */
export async function restoreDatabase(
  kind: DatabaseKind,
  references: readonly string[],
  path: string,
  { cache, reporter, signal }: CachePorts,
): Promise<KeptDatabase | undefined> {
  const wanted = references.slice(0, MOST_PREFIXES)
  const wish = { prefixes: wanted.map((reference) => prefixOf(kind, reference)), path, limit: kind.limits.archive }
  const entry = await cache.restore({ ...wish, signal: withPatience(signal) })
  if (entry === undefined) return undefined
  const reference = wanted.find((one) => entry.key.startsWith(prefixOf(kind, one)))
  if (reference !== undefined && entry.key.endsWith(`-${entry.sha256}`)) return { reference, sha256: entry.sha256 }
  reporter.warn(
    `The cache has something else under the name of a ${kind.name}: it was damaged, or somebody changed it. It is not used`,
  )
  reporter.debug(`${plainLine(entry.key)}: ${entry.sha256}`)
  return undefined
}

/** Keeps the file of a database for later jobs, under its own version. */
export async function saveDatabase(
  kind: DatabaseKind,
  { reference, sha256 }: KeptDatabase,
  { path, updated }: { readonly path: string; readonly updated: Date },
  { cache, signal }: Pick<CachePorts, 'cache' | 'signal'>,
): Promise<void> {
  const key = `${prefixOf(kind, reference)}${compact(updated)}-${sha256}`
  await cache.save({ key, path, signal: withPatience(signal) })
}

const MOST_PREFIXES = 10

/** By its repository, so that a database of another one is never taken. */
function prefixOf({ folder, schema }: DatabaseKind, reference: string): string {
  const repository = createHash('sha256').update(reference).digest('hex').slice(0, 8)
  return `lading-trivy-${folder}-${schema}-${repository}-`
}

/** `20261121T083000Z` */
function compact(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d+/g, '')
}

function withPatience(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
}

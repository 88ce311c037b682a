import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Edges, Ended } from '../edges.ts'
import { LadingError } from '../error.ts'
import { plainLine, withoutPaths } from '../plain-text.ts'
import { exited } from './ended.ts'
import { distrustOf } from './known-packages.ts'
import type { Scanner } from './scanner.ts'
import { downloadCommand } from './trivy.ts'
import type { Workroom } from './workroom.ts'

/** The advisories that a scan was made with. */
export type Database = {
  /** `ghcr.io/aquasecurity/trivy-db:2` */
  readonly source: string
  /** when its makers wrote it, as ISO 8601; not when it was downloaded */
  readonly updated: string
  readonly ageHours: number
}

/** Trivy's own list (its pkg/db/db.go). Named here because one call with several would stop at the first silent one. */
const OWN_LIST = ['mirror.gcr.io/aquasec/trivy-db', 'ghcr.io/aquasecurity/trivy-db']
/** The version of the database that Trivy reads, and the tag it lies under. */
const SCHEMA_VERSION = 2
/** Before this stand only Trivy's own names for what it was doing. */
const LAST_CAUSE = 'OCI repository error: '
const HOUR_MS = 3_600_000

/**
 * Brings the database into the room's cache, from the first repository that gives it. Trivy itself goes on to the next
 * one only for some refusals, and never when one is silent; so each is asked alone and under `timeoutMs`,
 * and what it gave is tried on packages that are known to be vulnerable.
 * Throws `SCAN_DATABASE` with every repository's reason, or `CANCELLED`.
 */
export async function fetchDatabase(
  scanner: Pick<Scanner, 'program'>,
  repositories: readonly string[],
  room: Workroom,
  edges: Pick<Edges, 'exec' | 'reporter' | 'clock'> & { readonly timeoutMs: number },
): Promise<Database> {
  const reasons: string[] = []
  for (const repository of (repositories.length === 0 ? OWN_LIST : repositories).map(withTag)) {
    const command = downloadCommand(scanner.program, repository, room)
    const ended = await edges.exec({
      ...command,
      timeoutMs: edges.timeoutMs,
      onLine: (line) => edges.reporter.debug(plainLine(line)),
    })
    const database = refusal(ended, room) ?? (await readDatabase(room, repository, edges.clock.now()))
    const reason = typeof database === 'string' ? database : await distrustOf(scanner, room, edges)
    if (typeof database !== 'string' && reason === undefined) return database
    // Trivy would keep it, as one that need not be renewed yet. After a mere refusal, what is there may be good.
    if (typeof database !== 'string') await rm(join(room.cache, 'db'), { recursive: true, force: true })
    reasons.push(`${repository}: ${reason}`)
    edges.reporter.info(`The vulnerability database could not be had from ${repository}: ${reason}`)
  }
  const list = reasons.map((reason) => `\n  ${reason}`).join('')
  throw new LadingError('SCAN_DATABASE', `fetching the vulnerability database: no repository gave it${list}`)
}

/** A repository without a tag means `:2`, as for Trivy. */
function withTag(repository: string): string {
  const name = repository.slice(repository.lastIndexOf('/') + 1)
  return /[:@]/.test(name) ? repository : `${repository}:${SCHEMA_VERSION}`
}

/** Why this repository did not give its database; `undefined` when it did. */
function refusal(ended: Ended, room: Workroom): string | undefined {
  if (ended.kind === 'stopped' && ended.why === 'timeout') return 'silent for too long'
  const { code, stderr } = exited(ended, 'fetching the vulnerability database', room)
  if (code === 0) return undefined
  return fatalOf(withoutPaths(stderr, room.paths)) || `the scanner ended with exit code ${code}`
}

/** What Trivy says last. Its message goes from the general to the particular, so the end is kept. */
function fatalOf(log: string): string {
  const [before, ...after] = log.split('FATAL')
  const line = plainLine(after.at(-1) ?? before ?? '', 4000)
  return line.slice(Math.max(line.lastIndexOf(LAST_CAUSE), line.length - 300, 0))
}

async function readDatabase(room: Workroom, source: string, now: Date): Promise<Database | string> {
  const metadata = await readMetadata(join(room.cache, 'db', 'metadata.json'))
  if (metadata === undefined) return 'what it gave is no vulnerability database of a version that is known'
  const age = Math.max(0, now.getTime() - metadata.getTime())
  return { source, updated: metadata.toISOString(), ageHours: Math.floor(age / HOUR_MS) }
}

/** The date of the database, from the file that lies beside it; `undefined` when it cannot be trusted. */
async function readMetadata(path: string): Promise<Date | undefined> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof json !== 'object' || json === null) return undefined
    if (!('Version' in json && 'UpdatedAt' in json) || json.Version !== SCHEMA_VERSION) return undefined
    const updated = new Date(typeof json.UpdatedAt === 'string' ? json.UpdatedAt : '')
    return Number.isNaN(updated.getTime()) ? undefined : updated
  } catch {
    return undefined
  }
}

import { mkdir, open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LadingError } from '../error.ts'
import { unpackFiles } from './archive.ts'
import type { DatabaseKind } from './database-kind.ts'

/** What a database says about itself. */
export type Dates = {
  /** when its makers wrote it */
  readonly updated: Date
  /** when they meant to write the next one */
  readonly next: Date
}

const METADATA = 'metadata.json'
/** In bytes; those of 2026 have 150. */
const METADATA_LIMIT = 64 * 1024

/**
 * Unpacks a database into its place below a cache folder of the scanner, and tells its dates. Throws `CONTENT_INVALID`
 * when it is none of the schema that the scanner reads, or `DISK_FULL`.
 */
export async function unpackDatabase(kind: DatabaseKind, archive: string, cacheFolder: string): Promise<Dates> {
  const folder = join(cacheFolder, kind.folder)
  await mkdir(folder, { mode: 0o700 })
  await unpackFiles(archive, folder, { names: [kind.file, METADATA], limit: kind.limits.content })
  const dates = await readDates(join(folder, METADATA), kind.schema)
  if (dates !== undefined) return dates
  throw new LadingError('CONTENT_INVALID', `what it gave is no ${kind.name} of a version that is known`)
}

/** As Trivy's makers write it (trivy-db, pkg/metadata); `undefined` when it cannot be trusted. */
async function readDates(path: string, schema: number): Promise<Dates | undefined> {
  if ((await stat(path)).size > METADATA_LIMIT) return undefined
  const json = parse(await readFile(path, 'utf8'))
  if (typeof json !== 'object' || json === null || !('Version' in json) || json.Version !== schema) return undefined
  const updated = dateOf('UpdatedAt' in json ? json.UpdatedAt : undefined)
  const next = dateOf('NextUpdate' in json ? json.NextUpdate : undefined)
  return updated === undefined || next === undefined ? undefined : { updated, next }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function dateOf(value: unknown): Date | undefined {
  const date = new Date(typeof value === 'string' ? value : '')
  return Number.isNaN(date.getTime()) ? undefined : date
}

const SQLITE = 'SQLite format 3\0'

/** Whether a file begins as those of SQLite do (its file format, section 1.2). */
export async function isSqlite(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SQLITE.length), 0, SQLITE.length, 0)
    return buffer.toString('latin1', 0, bytesRead) === SQLITE
  } finally {
    await file.close()
  }
}

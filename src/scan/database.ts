import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cache, Edges } from '../edges.ts'
import { LadingError } from '../error.ts'
import { algorithmOf, type Digest, hexOf } from '../image/digest.ts'
import { plainLine } from '../plain-text.ts'
import { hashFile } from './archive.ts'
import { restoreDatabase, saveDatabase } from './database-cache.ts'
import { type Dates, isSqlite, unpackDatabase } from './database-file.ts'
import { type DatabaseKind, JARS, referencesOf, VULNERABILITIES } from './database-kind.ts'
import { distrustOf } from './known-packages.ts'
import { progressOf } from './progress.ts'
import type { Scanner } from './scanner.ts'
import { type Patience, underClock, type Watched } from './silence.ts'
import { closeWorkroom, openWorkroom } from './workroom.ts'

/** The advisories that a scan was made with. */
export type Database = {
  /** `ghcr.io/aquasecurity/trivy-db:2`, with ` (Actions cache)` when it was kept there */
  readonly source: string
  /** when its makers wrote it, as ISO 8601; not when it was downloaded */
  readonly updated: string
  readonly ageHours: number
}

/** A database that was tried and lies where the scanner looks for it. */
export type Prepared = {
  readonly database: Database
  /** as Trivy's `--cache-dir` */
  readonly directory: string
  /** Brings the database that knows jars there too, once. Throws `SCAN_DATABASE`, `DISK_FULL` or `CANCELLED`. */
  addJava(): Promise<void>
}

export type DatabaseRequest = {
  /** of the vulnerabilities, and of the jars; ordered, the scanner's own lists when empty */
  readonly repositories: readonly string[]
  readonly javaRepositories: readonly string[]
  /** advisories that were written longer ago are not used */
  readonly maxAgeHours: number
  /** an empty folder of our own, absolute */
  readonly directory: string
  /** what the cache may be used for */
  readonly cache: 'off' | 'read' | 'read and write'
  readonly limits?: DatabaseLimits
}

/** How long one repository may take, and the trial of what it gave, in milliseconds. */
export type DatabaseLimits = Patience & { readonly trialMs: number }

/** The one file that a repository holds as an artifact, known before it is fetched. */
export type DatabaseArtifact = {
  readonly digest: Digest
  /** Writes it to `path`, each byte checked. Throws like the look for it, and `DISK_FULL`. */
  fetch(order: {
    readonly path: string
    readonly limit: number
    readonly signal: AbortSignal
    readonly onProgress: (bytes: number, total: number) => void
  }): Promise<void>
}

export type DatabasePorts = Pick<Edges, 'exec' | 'reporter' | 'clock' | 'scratch'> & {
  /** Looks what lies under a reference (`ghcr.io/acme/db:2`). Throws whatever stands against it. */
  artifact(
    reference: string,
    wish: { readonly mediaType: string; readonly signal: AbortSignal },
  ): Promise<DatabaseArtifact>
  readonly cache: Cache
  /** what tries it; on its way, perhaps, while the database is fetched */
  readonly scanner: Promise<Pick<Scanner, 'program'>>
  /** Takes what goes on beside everything else, for somebody to wait for it in the end. */
  later(work: Promise<void>): void
  /** ends all of it */
  readonly signal: AbortSignal
}

/** A silent one would hold the scan for ever; a slow one may take its time. */
const LIMITS: DatabaseLimits = { silentMs: 60_000, wholeMs: 15 * 60_000, trialMs: 60_000 }
const HOUR_MS = 3_600_000

/**
 * Brings the vulnerability database into the scanner's cache folder: the one that an earlier job kept while it is not due,
 * else from the first repository that gives one. Whatever a repository does wrong, the next one is asked: Trivy itself
 * goes on only for some refusals, and never when one is silent. When all refuse, a kept one that is not too old is used.
 * Nothing is used that was not tried on packages that are known to be vulnerable.
 * Throws `SCAN_DATABASE` with every reason, `DISK_FULL`, `CANCELLED`, or why there is no scanner.
 */
export async function prepareDatabase(request: DatabaseRequest, ports: DatabasePorts): Promise<Prepared> {
  const { directory, repositories, javaRepositories } = request
  const prepareKind = (kind: DatabaseKind, named: readonly string[]) =>
    prepare({ kind, references: referencesOf(kind, named), request, ports })
  const database = await prepareKind(VULNERABILITIES, repositories)
  let java: Promise<unknown> | undefined
  return {
    database,
    directory,
    async addJava() {
      java ??= prepareKind(JARS, javaRepositories)
      await java
    },
  }
}

/** One kind of database that is looked for. */
type Search = {
  readonly kind: DatabaseKind
  /** where, in this order */
  readonly references: readonly string[]
  readonly request: DatabaseRequest
  readonly ports: DatabasePorts
}

/** A database that is here, in a folder of its own, and may still turn out to be of no use. */
type Candidate = Dates & {
  /** as the scanner's cache folder */
  readonly folder: string
  readonly archive: string
  readonly reference: string
  /** in hex, of the archive */
  readonly sha256: string
  readonly isKept: boolean
  /** why it cannot be trusted; tried once */
  distrust(): Promise<string | undefined>
}

/** Why one source gave nothing that is of use. */
type Refusal = { readonly source: string; readonly why: string; readonly isOld: boolean }

async function prepare(search: Search): Promise<Database> {
  const { ports, references } = search
  const kept = await takeKept(search)
  const refusals: Refusal[] = []
  if (kept !== undefined && kept.next > ports.clock.now()) {
    const refusal = await objection(kept, search)
    if (refusal === undefined) return use(kept, search)
    refusals.push(tell(refusal, search))
  }
  for (const reference of references) {
    const found = await ask(reference, kept, search)
    if (!('why' in found)) return use(found, search, { instead: kept })
    refusals.push(tell(found, search))
  }
  if (kept === undefined) throw nothingLeft(refusals, search)
  const refusal = await objection(kept, search)
  if (refusal === undefined) return use(kept, search, { why: 'no repository gave a newer one, why is in the log' })
  throw nothingLeft([...refusals.filter(({ source }) => source !== refusal.source), refusal], search)
}

/** What an earlier job kept. What is wrong with it is no reason to fail: the repositories have it. */
async function takeKept(search: Search): Promise<Candidate | undefined> {
  const { kind, references, request, ports } = search
  if (request.cache === 'off') return undefined
  const place = await makeFolder(search)
  const kept = await restoreDatabase(kind, references, place.archive, ports)
  throwIfAborted(ports.signal)
  try {
    if (kept !== undefined) return await open({ ...kept, ...place, isKept: true }, search)
  } catch (thrown) {
    ports.reporter.debug(`The ${kind.name} of the cache is not used: ${reasonOf(thrown, ports.signal)}`)
  }
  await discard(place)
  return undefined
}

/** What a repository has, when nothing speaks against it. */
async function ask(reference: string, kept: Candidate | undefined, search: Search): Promise<Candidate | Refusal> {
  const found = await fetch(reference, kept, search)
  if (typeof found === 'string') return { source: reference, why: found, isOld: false }
  const refusal = await objection(found, search)
  if (refusal === undefined) return found
  if (found !== kept) await discard(found)
  return { ...refusal, source: reference }
}

/** What a repository has: fetched, unless it is what is here already. Else why it is not to be had. */
async function fetch(reference: string, kept: Candidate | undefined, search: Search): Promise<Candidate | string> {
  const { kind, request, ports } = search
  try {
    const fetched = await underClock<Fetched>(request.limits ?? LIMITS, ports.signal, async (watched) => {
      const artifact = await ports.artifact(reference, { mediaType: kind.mediaType, signal: watched.signal })
      if (kept !== undefined && artifact.digest === `sha256:${kept.sha256}`) return { found: kept }
      return { came: await download(reference, artifact, { search, watched }) }
    })
    return fetched.found ?? (await open(fetched.came, search))
  } catch (thrown) {
    return reasonOf(thrown, ports.signal)
  }
}

/** A file that came from somewhere, and its folder. */
type Came = Omit<Candidate, keyof Dates | 'distrust'>
/** What is here already, or what came. */
type Fetched = { readonly found: Candidate } | { readonly found?: undefined; readonly came: Came }
type Downloading = { readonly search: Search; readonly watched: Watched }

async function download(reference: string, artifact: DatabaseArtifact, how: Downloading): Promise<Came> {
  const { search, watched } = how
  const { kind, ports } = search
  const place = await makeFolder(search)
  const say = progressOf(`The ${kind.name}`, ports)
  const onProgress = (bytes: number, total: number): void => {
    watched.moved()
    say(bytes, total)
  }
  try {
    await artifact.fetch({ path: place.archive, limit: kind.limits.archive, signal: watched.signal, onProgress })
    const { digest } = artifact
    const sha256 = algorithmOf(digest) === 'sha256' ? hexOf(digest) : await hashFile(place.archive)
    return { ...place, reference, sha256, isKept: false }
  } catch (thrown) {
    await discard(place)
    throw thrown
  }
}

async function makeFolder({ request }: Search): Promise<Pick<Candidate, 'folder' | 'archive'>> {
  await mkdir(request.directory, { recursive: true, mode: 0o700 })
  const folder = await mkdtemp(join(request.directory, 'candidate-'))
  return { folder, archive: join(folder, 'archive') }
}

async function discard({ folder }: Pick<Candidate, 'folder'>): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}

/** A file as a candidate. Throws why it is none; then nothing is left of it. */
async function open(came: Came, search: Search): Promise<Candidate> {
  try {
    const dates = await unpackDatabase(search.kind, came.archive, came.folder)
    let trial: Promise<string | undefined> | undefined
    const distrust = (): Promise<string | undefined> => {
      trial ??= tryOut(came.folder, search)
      return trial
    }
    return { ...came, ...dates, distrust }
  } catch (thrown) {
    await discard(came)
    throw thrown
  }
}

/** What speaks against a database that is here. */
async function objection(candidate: Candidate, search: Search): Promise<Refusal | undefined> {
  const { kind, request, ports } = search
  const source = sourceOf(candidate)
  const age = ageOf(candidate, ports.clock.now())
  if (kind.ages && age > request.maxAgeHours * HOUR_MS) {
    const why = `it is ${Math.floor(age / HOUR_MS)} h old, and \`db-max-age\` allows ${request.maxAgeHours} h`
    return { source, why, isOld: true }
  }
  const why = await candidate.distrust()
  return why === undefined ? undefined : { source, why, isOld: false }
}

async function tryOut(folder: string, { kind, request, ports }: Search): Promise<string | undefined> {
  if (kind !== VULNERABILITIES) {
    return (await isSqlite(join(folder, kind.folder, kind.file))) ? undefined : 'what it gave is no file of SQLite'
  }
  const scanner = await ports.scanner
  const room = await openWorkroom(ports.scratch, folder)
  try {
    return await distrustOf(scanner, room, {
      exec: ports.exec,
      stop: ports.signal,
      timeoutMs: (request.limits ?? LIMITS).trialMs,
    })
  } finally {
    await closeWorkroom(room)
  }
}

/** Puts a database where the scanner looks for it, and keeps it for later jobs when it is a new one. */
async function use(
  candidate: Candidate,
  search: Search,
  { instead, why }: { readonly instead?: Candidate | undefined; readonly why?: string } = {},
): Promise<Database> {
  const { kind, request, ports } = search
  const now = ports.clock.now()
  const ageHours = Math.floor(ageOf(candidate, now) / HOUR_MS)
  const source = sourceOf(candidate)
  if (kind.ages && candidate.next <= now) {
    const because = why === undefined ? '' : ` (${why})`
    ports.reporter.warn(
      `The ${kind.name} of ${source} is ${ageHours} h old and was to be renewed${because}; \`db-max-age\` still allows it`,
    )
  }
  if (instead !== undefined && instead !== candidate) await discard(instead)
  const place = join(request.directory, kind.folder)
  await rm(place, { recursive: true, force: true })
  await rename(join(candidate.folder, kind.folder), place)
  ports.later(keep(candidate, search))
  return { source, updated: candidate.updated.toISOString(), ageHours }
}

async function keep(candidate: Candidate, { kind, request, ports }: Search): Promise<void> {
  const { archive, folder, updated, isKept } = candidate
  // The cancel of the step ends it, and not the end of the story, which waits for it.
  const edges = { cache: ports.cache, signal: ports.clock.signal }
  if (!isKept && request.cache === 'read and write')
    await saveDatabase(kind, candidate, { path: archive, updated }, edges)
  await discard({ folder })
}

function tell(refusal: Refusal, { kind, ports }: Search): Refusal {
  ports.reporter.info(`The ${kind.name} could not be had from ${refusal.source}: ${refusal.why}`)
  return refusal
}

function nothingLeft(refusals: readonly Refusal[], { kind }: Search): LadingError {
  const list = refusals.map(({ source, why }) => `\n  ${source}: ${why}`).join('')
  const hint = refusals.some(({ isOld }) => isOld)
    ? `Name another \`${kind.input}\`, or let \`db-max-age\` allow an older database.`
    : `Name another \`${kind.input}\`, or run the step again when the repository answers.`
  return new LadingError('SCAN_DATABASE', `fetching the ${kind.name}: no repository gave it${list}`, { hint })
}

/** Why something is not to be had; that the step ends, or the disk is full, is no reason to ask the next one. */
function reasonOf(thrown: unknown, signal: AbortSignal): string {
  throwIfAborted(signal)
  if (thrown instanceof LadingError && (thrown.code === 'CANCELLED' || thrown.code === 'DISK_FULL')) throw thrown
  return plainLine(thrown instanceof Error ? thrown.message : String(thrown))
}

function throwIfAborted({ aborted, reason }: AbortSignal): void {
  if (aborted) throw reason instanceof LadingError ? reason : new LadingError('CANCELLED', 'the step was cancelled')
}

function sourceOf({ reference, isKept }: Candidate): string {
  return isKept ? `${reference} (Actions cache)` : reference
}

function ageOf({ updated }: Dates, now: Date): number {
  return Math.max(0, now.getTime() - updated.getTime())
}

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Downloaded } from '../edges.ts'
import { asLadingError, LadingError } from '../error.ts'
import { plainLine } from '../plain-text.ts'
import { type Archives, archiveHash, archiveName, describeArchive, objection, type Trivy } from '../plan/trivy.ts'
import { ARCHIVE_LIMIT, takeCopy, unpackProgram } from './archive.ts'
import { noScanner } from './ended.ts'
import { progressOf } from './progress.ts'
import { type FoundBundle, fetchBundle, readBundle, signedBy } from './release-signature.ts'
import type { Scanner, ScannerEdges } from './scanner.ts'
import type { SigstoreKeys } from './sigstore-keys.ts'
import { cachePath, keep } from './tool-cache.ts'

export type ReleaseRequest = {
  readonly release: Extract<Trivy, { readonly kind: 'release' }>
  /** a folder of our own: for the archive on its way, and for the program */
  readonly directory: string
  /** `linux/amd64` */
  readonly system: string
  /** as RUNNER_TOOL_CACHE; empty: there is none */
  readonly toolCache: string
  /** whether the cache of the repository's jobs is looked into */
  readonly useCache: boolean
  /** whether, then, something may be put there for later runs */
  readonly mayKeep: boolean
  /** ends the fetching */
  readonly signal: AbortSignal
  /** known hashes; those of the bundle by default */
  readonly archives?: Archives
  /** whom signatures of archives are measured against; Sigstore's public instance by default */
  readonly keys?: SigstoreKeys
  /** for the whole fetching; ten minutes by default */
  readonly fetchMs?: number
}

const RELEASES = 'https://github.com/aquasecurity/trivy/releases/download'
const FETCH_MS = 10 * 60_000
/** The Actions cache is there to save time. */
const RESTORE_MS = 2 * 60_000
const KEEP_MS = 60_000

/** An archive that lies in our folder, with the hash that it must have. */
type Archive = { readonly name: string; readonly sha256: string; readonly path: string }

/** From where it was taken, and who signed it; `kept` ends when its way into the Actions cache has ended. */
type Taken = Pick<Scanner, 'from' | 'signedBy' | 'kept'>

/**
 * The program of a release: from the archive that the user named, from the tool cache, from the Actions cache, or from the
 * maker's releases. The archive's hash is checked on a copy that only we can write, before a byte of it is unpacked, and
 * so is its signature where there is one. What lies in a cache is measured by its hash alone.
 * Throws `TOOL_UNVERIFIED`, `SCAN_BROKEN`, `DISK_FULL` or `CANCELLED`.
 */
export async function takeRelease(
  request: ReleaseRequest,
  edges: ScannerEdges,
): Promise<Pick<Scanner, 'program' | 'from' | 'sha256' | 'signedBy' | 'kept'>> {
  const archive = expected(request)
  const isNamed = request.release.archive !== ''
  const taken = isNamed ? await fromUser(archive, request, edges) : await fromElsewhere(archive, request, edges)
  const program = join(request.directory, 'trivy')
  await unpackProgram(archive.path, program)
  const remove = () => rm(archive.path, { force: true })
  const { kept, ...origin } = taken
  const { sha256 } = archive
  if (kept !== undefined) return { program, ...origin, sha256, kept: kept.then(remove) }
  await remove()
  return { program, ...origin, sha256 }
}

/** What the archive must be. Nothing is fetched or read for a release that must not be taken. */
function expected({ release, system, directory, archives }: ReleaseRequest): Archive {
  const wrong = objection(release, archives)
  if (wrong !== undefined) throw new LadingError('TOOL_UNVERIFIED', wrong)
  const [name, sha256] = [archiveName(release.version, system), archiveHash(release, system, archives)]
  const doing = `looking for Trivy ${release.version} for ${system}`
  if (name === undefined) {
    throw new LadingError('TOOL_UNVERIFIED', `${doing}: there is no archive for this system that could be checked`, {
      hint: 'Install Trivy on this runner in a way that you trust, and name its program in `trivy-path`.',
    })
  }
  if (sha256 === undefined) {
    throw new LadingError('TOOL_UNVERIFIED', `${doing}: the hash of its archive is not known`, {
      hint: `Name the hash, as \`trivy-version: v${release.version}@sha256:…\`, or take another version.`,
    })
  }
  return { name, sha256, path: join(directory, 'archive') }
}

async function fromUser(archive: Archive, request: ReleaseRequest, edges: ScannerEdges): Promise<Taken> {
  const { release, archives } = request
  const named = plainLine(release.archive)
  const sha256 = await takeCopy(release.archive, archive.path)
  if (sha256 === undefined) {
    throw noScanner(`looking for the scanner: \`trivy-archive\` names ${named}, and there is no such file`)
  }
  if (sha256 !== archive.sha256) {
    throw otherContent(`checking ${named}, which \`trivy-archive\` names`, sha256, { archive, archives })
  }
  return signed({ archive, from: 'trivy-archive', bundle: await readBundle(release.archive) }, request, edges)
}

async function fromElsewhere(archive: Archive, request: ReleaseRequest, edges: ScannerEdges): Promise<Taken> {
  const cached = cachePath(request.toolCache, archive.name, archive.sha256)
  if (cached !== undefined && (await fromToolCache(archive, cached, edges))) return { from: 'the tool cache' }
  const taken = (await fromActionsCache(archive, request, edges)) ?? (await fromMaker(archive, request, edges))
  if (cached !== undefined) {
    await keep(archive.path, cached).catch((error: unknown) =>
      edges.reporter.debug(`Trivy is not kept in the tool cache: ${plainLine(String(error))}`),
    )
  }
  return taken
}

async function fromMaker(archive: Archive, request: ReleaseRequest, edges: ScannerEdges): Promise<Taken> {
  const { from, sha256 } = await fetch(archive, request, edges)
  if (sha256 !== archive.sha256) {
    const known = { archive, archives: request.archives }
    throw otherContent(`checking ${archive.name}, which came from ${from}`, sha256, known)
  }
  const bundle = await fetchBundle(urlOf(archive, request), `${archive.path}.sigstore.json`, request, edges)
  const taken = await signed({ archive, from, bundle }, request, edges)
  if (!request.useCache || !request.mayKeep) return taken
  const signal = AbortSignal.any([edges.clock.signal, AbortSignal.timeout(KEEP_MS)])
  return { ...taken, kept: edges.stores.cache.save({ key: cacheKey(archive, request), path: archive.path, signal }) }
}

type Found = { readonly archive: Archive; readonly from: string; readonly bundle: FoundBundle }

async function signed({ archive, from, bundle }: Found, request: ReleaseRequest, edges: ScannerEdges): Promise<Taken> {
  const { release, archives, keys } = request
  const isListed = describeArchive(archive.sha256, archives) !== undefined
  const by = await signedBy({ ...archive, from, version: release.version, isListed, keys }, bundle, edges.reporter)
  return by === undefined ? { from } : { from, signedBy: by }
}

/**
 * The key in the Actions cache. Whoever can run a workflow of the repository may have written what is there, so it counts
 * as little as a download: its hash decides.
 */
function cacheKey({ sha256 }: Archive, { release, system }: ReleaseRequest): string {
  return `lading-trivy-${release.version}-${system.replaceAll('/', '-')}-${sha256.slice(0, 16)}`
}

/** `undefined` when the Actions cache does not have it. What is there and is something else is never used, and said. */
async function fromActionsCache(
  archive: Archive,
  request: ReleaseRequest,
  { stores, reporter }: ScannerEdges,
): Promise<Taken | undefined> {
  if (!request.useCache) return undefined
  const { name, path, sha256 } = archive
  const key = cacheKey(archive, request)
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(RESTORE_MS)])
  const entry = await stores.cache.restore({ prefixes: [key], path, limit: ARCHIVE_LIMIT, signal })
  if (entry === undefined) return undefined
  if (entry.sha256 === sha256) return { from: 'the Actions cache' }
  reporter.warn(
    `The Actions cache of this repository has something else under the name of ${name}: it was damaged, or somebody changed it. It is not used, and fetched anew. Find out who wrote the entry ${key}, and delete it.`,
  )
  reporter.debug(`${plainLine(entry.key)}: ${entry.sha256}`)
  return undefined
}

/** Whether the tool cache has it. What lies there under its name and is something else is never used, and said. */
async function fromToolCache(
  { sha256, path, name }: Archive,
  cached: string,
  { reporter }: ScannerEdges,
): Promise<boolean> {
  const found = await takeCopy(cached, path).catch((error: unknown) => `unreadable: ${String(error)}`)
  if (found === undefined || found === sha256) return found !== undefined
  reporter.warn(
    `The tool cache of this runner has something else under the name of ${name}: it was damaged, or somebody changed it. It is not used, and fetched anew.`,
  )
  reporter.debug(`${plainLine(cached)}: ${plainLine(found)}`)
  return false
}

async function fetch(archive: Archive, request: ReleaseRequest, edges: ScannerEdges): Promise<Downloaded> {
  const { version } = request.release
  const url = urlOf(archive, request)
  const deadline = AbortSignal.timeout(request.fetchMs ?? FETCH_MS)
  const signal = AbortSignal.any([request.signal, deadline])
  edges.reporter.info(`Fetching Trivy ${version} from ${url.host}`)
  const onProgress = progressOf(`Trivy ${version}`, edges)
  try {
    return await edges.stores.download({ url, path: archive.path, limit: ARCHIVE_LIMIT, signal, onProgress })
  } catch (thrown) {
    const error = asLadingError(thrown)
    const isLate = deadline.aborted && !request.signal.aborted
    if (!isLate && (error.code === 'CANCELLED' || error.code === 'DISK_FULL')) throw error
    if (error.code === 'TLS_FAILED') throw error
    throw noScanner(`fetching Trivy ${version}: ${isLate ? 'it took too long' : error.message}`, error)
  }
}

function urlOf({ name }: Archive, { release }: ReleaseRequest): URL {
  return new URL(`${RELEASES}/v${release.version}/${name}`)
}

type Known = { readonly archive: Archive; readonly archives: Archives | undefined }

function otherContent(doing: string, sha256: string, { archive, archives }: Known): LadingError {
  const known = describeArchive(sha256, archives)
  const is = known === undefined ? '' : `; it is ${known}`
  const message = `${doing}: its sha256 is ${sha256} and not ${archive.sha256}${is}. Nothing of it was started`
  return new LadingError('TOOL_UNVERIFIED', message, {
    hint:
      known === undefined
        ? 'Find out who changes files on their way to this runner (a proxy, a mirror, somebody else) before you run anything of it.'
        : 'Name the version in `trivy-version` whose archive this is, for the system of this runner.',
  })
}

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Downloaded } from '../edges.ts'
import { asLadingError, LadingError } from '../error.ts'
import { plainLine } from '../plain-text.ts'
import { type Archives, archiveHash, archiveName, describeArchive, objection, type Trivy } from '../plan/trivy.ts'
import { ARCHIVE_LIMIT, takeCopy, unpackProgram } from './archive.ts'
import { noScanner } from './ended.ts'
import type { Scanner, ScannerEdges } from './scanner.ts'
import { cachePath, keep } from './tool-cache.ts'

export type ReleaseRequest = {
  readonly release: Extract<Trivy, { readonly kind: 'release' }>
  /** a folder of our own: for the archive on its way, and for the program */
  readonly directory: string
  /** `linux/amd64` */
  readonly system: string
  /** as RUNNER_TOOL_CACHE; empty: there is none */
  readonly toolCache: string
  /** ends the fetching */
  readonly signal: AbortSignal
  /** known hashes; those of the bundle by default */
  readonly archives?: Archives
  /** for the whole fetching; ten minutes by default */
  readonly fetchMs?: number
}

const RELEASES = 'https://github.com/aquasecurity/trivy/releases/download'
const FETCH_MS = 10 * 60_000
const PROGRESS_MS = 5000

/** An archive that lies in our folder, with the hash that it must have. */
type Archive = { readonly name: string; readonly sha256: string; readonly path: string }

/**
 * The program of a release: from the archive that the user named, from the tool cache, or from the maker's releases. The
 * archive's hash is checked on a copy that only we can write, before a byte of it is unpacked.
 * Throws `TOOL_UNVERIFIED`, `SCAN_BROKEN`, `DISK_FULL` or `CANCELLED`.
 */
export async function takeRelease(
  request: ReleaseRequest,
  edges: ScannerEdges,
): Promise<Pick<Scanner, 'program' | 'from' | 'sha256'>> {
  const archive = expected(request)
  const from =
    request.release.archive === '' ? await fromElsewhere(archive, request, edges) : await fromUser(archive, request)
  const program = join(request.directory, 'trivy')
  await unpackProgram(archive.path, program)
  await rm(archive.path, { force: true })
  return { program, from, sha256: archive.sha256 }
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

async function fromUser(archive: Archive, { release, archives }: ReleaseRequest): Promise<string> {
  const named = plainLine(release.archive)
  const sha256 = await takeCopy(release.archive, archive.path)
  if (sha256 === undefined) {
    throw noScanner(`looking for the scanner: \`trivy-archive\` names ${named}, and there is no such file`)
  }
  if (sha256 !== archive.sha256) {
    throw otherContent(`checking ${named}, which \`trivy-archive\` names`, sha256, { archive, archives })
  }
  return 'trivy-archive'
}

async function fromElsewhere(archive: Archive, request: ReleaseRequest, edges: ScannerEdges): Promise<string> {
  const cached = cachePath(request.toolCache, archive.name, archive.sha256)
  if (cached !== undefined && (await fromCache(archive, cached, edges))) return 'the tool cache'
  const { from, sha256 } = await fetch(archive, request, edges)
  if (sha256 !== archive.sha256) {
    throw otherContent(`checking ${archive.name}, which came from ${from}`, sha256, {
      archive,
      archives: request.archives,
    })
  }
  if (cached !== undefined) {
    await keep(archive.path, cached).catch((error: unknown) =>
      edges.reporter.debug(`Trivy is not kept in the tool cache: ${plainLine(String(error))}`),
    )
  }
  return from
}

/** Whether the cache has it. What lies there under its name and is something else is never used, and said. */
async function fromCache(
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
  const url = new URL(`${RELEASES}/v${version}/${archive.name}`)
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

/** Says now and then how much has come. */
function progressOf(
  what: string,
  { reporter, clock }: ScannerEdges,
): (bytes: number, total: number | undefined) => void {
  let said = clock.now().getTime()
  return (bytes, total) => {
    const now = clock.now().getTime()
    if (now - said < PROGRESS_MS) return
    said = now
    reporter.info(`${what}: ${megabytes(bytes)}${total === undefined ? '' : ` of ${megabytes(total)}`}`)
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
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

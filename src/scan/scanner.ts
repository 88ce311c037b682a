import { constants } from 'node:fs'
import { access, mkdtemp, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Edges, Exec } from '../edges.ts'
import { LadingError } from '../error.ts'
import { plainLine } from '../plain-text.ts'
import { isKnownBad, knownBadWords, type Trivy } from '../plan/trivy.ts'
import { hashFile } from './archive.ts'
import { broken, exited, noScanner } from './ended.ts'
import { type ReleaseRequest, takeRelease } from './release.ts'
import { versionCommand } from './trivy.ts'
import { closeWorkroom, openWorkroom, type Workroom } from './workroom.ts'

/** The program that scans. */
export type Scanner = {
  /** absolute path */
  readonly program: string
  /** `0.74.0` */
  readonly version: string
  /** where it comes from, in words: `github.com`, `the tool cache`, `the Actions cache`, `trivy-archive`, `trivy-path` */
  readonly from: string
  /** in hex: of the release archive; of the program where the user named that in `trivy-path` */
  readonly sha256: string
  /** ends when what was fetched is kept for later runs, or is not; without it nothing is being kept */
  readonly kept?: Promise<unknown>
  /** who signed the release, as its certificate names him; there when that was verified now */
  readonly signedBy?: string
}

export type ScannerRequest = Omit<ReleaseRequest, 'release' | 'directory'> & { readonly trivy: Trivy }

export type ScannerEdges = Pick<Edges, 'exec' | 'reporter' | 'clock' | 'scratch'> & {
  readonly stores: Pick<Edges['stores'], 'download' | 'cache'>
}

const VERSION = /^v?(\d+\.\d+\.\d+(?:[-+.][0-9A-Za-z.+-]*)?)$/
const VERSION_TIMEOUT_MS = 30_000

/**
 * Gets hold of the scanner and asks its version: the program that the user named, or else a release whose archive is
 * checked against its hash before anything of it is read or started. A `trivy` on PATH is not taken: nobody vouches for it.
 * Throws `TOOL_UNVERIFIED` for what must not be run, `SCAN_BROKEN` when there is none that works, `DISK_FULL`, `CANCELLED`.
 */
export async function prepareScanner(request: ScannerRequest, edges: ScannerEdges): Promise<Scanner> {
  const { trivy } = request
  if (trivy.kind === 'program') return ownProgram(trivy.path, edges)
  const directory = await mkdtemp(join(edges.scratch.directory, 'trivy-'))
  try {
    const taken = await takeRelease({ ...request, release: trivy, directory }, edges)
    const version = await askVersion(taken.program, edges)
    if (version !== trivy.version) throw otherVersion(trivy.version, version)
    return { ...taken, version }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

async function ownProgram(program: string, edges: ScannerEdges): Promise<Scanner> {
  if (!(await isProgram(program))) {
    throw noScanner(
      `looking for the scanner: \`trivy-path\` names ${plainLine(program)}, which is no program that can be started`,
    )
  }
  const version = await askVersion(program, edges)
  return { program, version, from: 'trivy-path', sha256: await hashOf(program) }
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** A program may be one that may be started and not read; then nobody can say what it is. */
async function hashOf(program: string): Promise<string> {
  try {
    return await hashFile(program)
  } catch (cause) {
    throw noScanner('looking for the scanner: the program that `trivy-path` names cannot be read', cause)
  }
}

async function askVersion(program: string, { scratch, exec }: ScannerEdges): Promise<string> {
  const room = await openWorkroom(scratch)
  try {
    const version = await versionOf(program, room, exec)
    if (isKnownBad(version)) throw knownBad(version)
    return version
  } finally {
    await closeWorkroom(room)
  }
}

async function versionOf(program: string, room: Workroom, exec: Exec): Promise<string> {
  const command = { ...versionCommand(program, room), timeoutMs: VERSION_TIMEOUT_MS }
  const ended = exited(await exec(command), 'asking the scanner for its version', room)
  const version = ended.code === 0 ? VERSION.exec(versionField(ended.stdout) ?? '')?.[1] : undefined
  if (version !== undefined) return version
  const text = `${ended.stdout.slice(0, 2000)}\n${ended.stderr}`
  const message = `asking the scanner for its version: exit code ${ended.code}, and no version that can be read`
  throw broken(message, text, room)
}

function versionField(stdout: string): string | undefined {
  try {
    const json: unknown = JSON.parse(stdout)
    const isObject = typeof json === 'object' && json !== null && 'Version' in json
    return isObject && typeof json.Version === 'string' ? json.Version : undefined
  } catch {
    return undefined
  }
}

function knownBad(version: string): LadingError {
  return new LadingError('TOOL_UNVERIFIED', knownBadWords(version), {
    hint: 'Take another version of Trivy, and change every secret that a job with this one could read (GHSA-69fq-xp46-6x23).',
  })
}

function otherVersion(wanted: string, version: string): LadingError {
  const message = `asking the scanner for its version: the archive of Trivy ${wanted} has the program of ${plainLine(version)} in it`
  return new LadingError('TOOL_UNVERIFIED', message, {
    hint: 'Name the version in `trivy-version` whose archive this is, with its hash.',
  })
}

import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import type { Exec } from '../edges.ts'
import { LadingError } from '../error.ts'
import { plainLine } from '../plain-text.ts'
import { broken, exited, noScanner } from './ended.ts'
import { versionCommand } from './trivy.ts'
import type { Workroom } from './workroom.ts'

/** The program that scans. */
export type Scanner = {
  /** absolute path */
  readonly program: string
  /** `0.74.0` */
  readonly version: string
}

/** Where to look for it. */
export type Whereabouts = {
  /** the input `trivy-path`: absolute, or relative to the workspace; empty: look through `searchPath` */
  readonly trivyPath: string
  readonly workspace: string
  /** as the variable PATH */
  readonly searchPath: string
}

// Releases of 19 March 2026 and after that steal credentials (GHSA-69fq-xp46-6x23, CVE-2026-33634).
const KNOWN_BAD = /^0\.69\.[456](?!\d)/
const VERSION = /^v?(\d+\.\d+\.\d+(?:[-+.][0-9A-Za-z.+-]*)?)$/
const VERSION_TIMEOUT_MS = 30_000

/**
 * Finds the scanner and asks its version. Throws `SCAN_BROKEN` when there is none that works, `TOOL_UNVERIFIED` when it
 * is a release that is known to be bad.
 */
export async function findScanner(whereabouts: Whereabouts, room: Workroom, exec: Exec): Promise<Scanner> {
  const program = await findProgram(whereabouts)
  const command = { ...versionCommand(program, room), timeoutMs: VERSION_TIMEOUT_MS }
  const ended = exited(await exec(command), 'asking the scanner for its version', room)
  const version = ended.code === 0 ? versionOf(ended.stdout) : undefined
  if (version === undefined) {
    const text = `${ended.stdout.slice(0, 2000)}\n${ended.stderr}`
    throw broken(
      `asking the scanner for its version: exit code ${ended.code}, and no version that can be read`,
      text,
      room,
    )
  }
  if (KNOWN_BAD.test(version)) throw knownBad(version)
  return { program, version }
}

async function findProgram(whereabouts: Whereabouts): Promise<string> {
  const { trivyPath, workspace, searchPath } = whereabouts
  if (trivyPath === '') return findOnPath(searchPath)
  const program = isAbsolute(trivyPath) ? trivyPath : resolve(workspace, trivyPath)
  if (await isProgram(program)) return program
  throw noScanner(
    `looking for the scanner: \`trivy-path\` names ${plainLine(trivyPath)}, which is no program that can be started`,
  )
}

async function findOnPath(searchPath: string): Promise<string> {
  for (const directory of searchPath.split(delimiter)) {
    // An empty or relative entry means the working directory: whoever wrote the change under test could lay a `trivy` there.
    if (!isAbsolute(directory)) continue
    const program = join(directory, 'trivy')
    if (await isProgram(program)) return program
  }
  throw noScanner('looking for the scanner: there is no trivy on PATH')
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

function versionOf(stdout: string): string | undefined {
  const version = versionField(stdout)
  return version === undefined ? undefined : VERSION.exec(version)?.[1]
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
  return new LadingError('TOOL_UNVERIFIED', `Trivy ${version} is a release with stolen keys that steals credentials`, {
    hint: 'Install another version of Trivy, and change every secret that a job with this one could read (GHSA-69fq-xp46-6x23).',
  })
}

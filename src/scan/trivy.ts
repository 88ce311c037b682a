import { join, relative } from 'node:path'
import type { Command } from '../edges.ts'
import type { Gate, SbomFormat, Scope } from '../plan/request.ts'
import type { Workroom } from './workroom.ts'

/**
 * The scanner's ways of ending a scan that are answers: nothing found, and found (we choose the number). Its own
 * failures are 1, a panic is 2.
 */
export const EXIT = { clean: 0, findings: 10 } as const

/** How Trivy ends a scan that needs its Java database where there is none (pkg/javadb/client.go). */
export const WANTS_JAVA = /'--skip-java-db-update' cannot be specified on the first run/

/** One layout to scan: folder names below the room's working directory. */
export type ScanTarget = {
  readonly input: string
  readonly output: string
  /** whether what is learned of a layer is kept for the other platforms of this scan */
  readonly layers: 'kept' | 'forgotten'
}

/** The command that scans one platform's layout. Paths are relative: Trivy repeats them in its report. */
export function scanCommand(program: string, gate: Gate, target: ScanTarget, room: Workroom): Command {
  const args = [
    'image',
    ...['--input', target.input],
    ...['--format', 'json'],
    // Into a file: what is printed is kept only up to a bound, and half a report is none.
    ...['--output', join('..', target.output)],
    ...['--exit-code', String(EXIT.findings)],
    ...['--severity', gate.severities.join(',')],
    ...['--scanners', Object.keys(gate.scope.scanners).join(',')],
    ...scopeArguments(gate.scope, room),
    ...cacheArguments(target, room),
    // What it reads lies in its cache folder; it fetches nothing by itself.
    ...['--skip-db-update', '--skip-java-db-update'],
    // Ours comes first, and ends what this one does not cover.
    ...['--timeout', `${Math.ceil(gate.timeoutMs / 1000) + 60}s`],
    `--list-all-pkgs=${gate.sbom !== undefined}`,
    ...QUIETLY,
  ]
  return { program, args, env: room.env, directory: room.images }
}

/**
 * A cache of layers is as good as its keys, and those are diff IDs with Trivy's options (its pkg/cache/key.go): safe among
 * layouts of one scan, where each layer is named after its blob and none counts as a base image's, and nowhere else.
 */
function cacheArguments({ layers }: ScanTarget, room: Workroom): readonly string[] {
  return layers === 'kept'
    ? ['--cache-backend', 'fs', '--cache-dir', relative(room.images, room.shared)]
    : ['--cache-backend', 'memory', '--cache-dir', cacheArgument(room)]
}

/** What to leave out. One argument each with `=`: a glob may begin with a dash. */
function scopeArguments(scope: Scope, room: Workroom): readonly string[] {
  const { packageTypes, skipDirectories, skipFiles, vex, settings } = scope
  return [
    ...['--ignorefile', relative(room.images, room.exceptions), '--show-suppressed'],
    ...(packageTypes.length === 0 ? [] : ['--pkg-types', packageTypes.join(',')]),
    ...skipDirectories.map((glob) => `--skip-dirs=${listField(glob)}`),
    ...skipFiles.map((glob) => `--skip-files=${listField(glob)}`),
    ...vex.map((path) => `--vex=${listField(path)}`),
    ...(settings === undefined ? [] : ['--config', relative(room.images, room.settings)]),
    // The checks that Trivy brings along: those of the day would be fetched unverified, and without a clock of ours.
    ...(scope.scanners.misconfig === undefined ? [] : ['--skip-check-update']),
  ]
}

/** Trivy reads the value of a list option as CSV: a glob such as `{a,b}` would fall apart. */
function listField(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** The command that tries the database on packages that are known to be vulnerable; only its exit code counts. */
export function knownPackagesCommand(program: string, room: Workroom): Command {
  const args = [
    ...['rootfs', relative(room.images, room.known), '--scanners', 'vuln', '--exit-code', String(EXIT.findings)],
    ...['--cache-backend', 'memory', '--skip-db-update', '--list-all-pkgs=false', ...quietly(room)],
  ]
  return { program, args, env: room.env, directory: room.images }
}

/** The command that makes an SBOM of a report that lists all packages. Paths are relative to the room's folder of images. */
export function convertCommand(
  program: string,
  format: SbomFormat,
  { from, to }: { readonly from: string; readonly to: string },
  room: Workroom,
): Command {
  // It knows neither `--disable-telemetry` nor `--skip-version-check`, and asks nobody.
  const args = ['convert', '--format', format, '--output', to, '--cache-dir', cacheArgument(room), from]
  return { program, args, env: room.env, directory: room.images }
}

/** The command that tells the scanner's version. */
export function versionCommand(program: string, room: Workroom): Command {
  const args = ['version', '--format', 'json', '--cache-dir', cacheArgument(room)]
  return { program, args, env: room.env, directory: room.images }
}

/** Both of the first two, or Trivy asks its maker's server at each start. */
const QUIETLY = ['--disable-telemetry', '--skip-version-check', '--no-progress'] as const

function quietly(room: Workroom): readonly string[] {
  return [...QUIETLY, '--cache-dir', cacheArgument(room)]
}

function cacheArgument(room: Workroom): string {
  return room.cache.startsWith(`${room.directory}/`) ? relative(room.images, room.cache) : room.cache
}

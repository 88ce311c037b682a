import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command, Edges } from '../edges.ts'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { plainLine } from '../plain-text.ts'
import type { Exception, Gate, Scope } from '../plan/request.ts'
import type { Database, Prepared } from './database.ts'
import { countBySeverity, counts, letPass } from './distinct.ts'
import { broken, type Exited, exited } from './ended.ts'
import { expiredLine, ignoreFile, sortExceptions } from './exceptions.ts'
import { type PlatformScan, parseFindings } from './findings.ts'
import { writePlatformLayout } from './platform-layout.ts'
import { writeSbom } from './sbom.ts'
import type { Scanner } from './scanner.ts'
import { settingsFile } from './settings.ts'
import { EXIT, type ScanTarget, scanCommand, WANTS_JAVA } from './trivy.ts'
import { closeWorkroom, openWorkroom, shareLayers, type Workroom } from './workroom.ts'

/** What is to be scanned, and how. */
export type ScanRequest = {
  /** the layout with all blobs */
  readonly layoutDirectory: string
  /** every platform of the image; attestations are none */
  readonly platforms: readonly ScanPlatform[]
  readonly gate: Gate
  readonly scanner: Scanner
  /** absent when nothing is looked for that needs one */
  readonly database?: Prepared
  /** repositories that the image goes to, for the files with what is in it; absent: no such file is written */
  readonly names?: readonly string[]
}

export type ScanPlatform = {
  /** `linux/arm64` */
  readonly platform: string
  readonly manifest: Descriptor
  readonly config: Descriptor
  /** of the manifest, in its order */
  readonly layers: readonly Descriptor[]
}

/** What a whole image's scan brought. */
export type Scan = {
  readonly scanner: Scanner
  /** absent when nothing was looked for that needs one */
  readonly database?: Database
  /** what was asked for; the verdict holds it against what was done */
  readonly asked: readonly ScanPlatform[]
  readonly platforms: readonly PlatformScan[]
  readonly rule: Pick<Gate, 'severities' | 'ignoreUnfixed' | 'scope'>
  /** exceptions that no longer hold */
  readonly expired: readonly Exception[]
  /** the image whose findings do not count, once it was scanned too */
  readonly baseline?: string
}

export type ScanEdges = Pick<Edges, 'exec' | 'reporter' | 'clock' | 'scratch'>

/** The largest report that is read, in bytes: some ten thousand findings. */
const REPORT_LIMIT = 128 * 1024 * 1024

/**
 * Scans every platform of an image in a layout. Platforms go one after the other: Trivy keeps all cores busy by itself
 * (two at once gained 2 % on two cores), and the Java database is fetched for the first that needs it.
 * Throws `SCAN_BROKEN`, `SCAN_DATABASE` or `CANCELLED`; what it returns is a scan that worked.
 */
export async function scanImage(request: ScanRequest, edges: ScanEdges): Promise<Scan> {
  const { gate, platforms: asked, scanner } = request
  if (asked.length === 0)
    throw new LadingError('SCAN_BROKEN', 'scanning the image: it has no platform that could be scanned')
  const room = await openWorkroom(edges.scratch, request.database?.directory)
  try {
    const expired = await putExceptions(gate.scope, room, edges)
    const layers = canShare(request) ? 'kept' : 'forgotten'
    if (layers === 'kept') await shareLayers(room)
    const run = { request, edges, room, layers, program: scanner.program, timeoutMs: gate.timeoutMs } as const
    const platforms: PlatformScan[] = []
    for (const platform of asked) platforms.push(await scanPlatform(platform, run))
    const { severities, ignoreUnfixed, scope } = gate
    const rule = { severities, ignoreUnfixed, scope }
    const { database } = request.database ?? {}
    return { scanner, ...(database === undefined ? {} : { database }), asked, platforms, rule, expired }
  } finally {
    await closeWorkroom(room).catch((error: unknown) =>
      edges.reporter.debug(`the scanner's folder stays: ${String(error)}`),
    )
  }
}

/**
 * Whether a layer that several platforms have is analysed once: it saves most of the time where there is one, and costs a
 * file where there is none. Not with `removed-pkgs`: Trivy looks at the history for packages only where it has just seen
 * the system in a layer (its pkg/fanal/artifact/image/image.go, inspectConfig).
 */
function canShare({ platforms, gate }: ScanRequest): boolean {
  const digests = platforms.flatMap(({ layers }) => [...new Set(layers.map(({ digest }) => digest))])
  const looksForRemoved = (gate.scope.settings?.values['image.removed-pkgs'] ?? false) !== false
  return new Set(digests).size < digests.length && !looksForRemoved
}

/** Lays the exceptions that hold where the scanner finds them, says which do not, and returns those. */
async function putExceptions(scope: Scope, room: Workroom, edges: ScanEdges): Promise<readonly Exception[]> {
  const { active, expired } = sortExceptions(scope.exceptions, edges.clock.now())
  await writeFile(room.exceptions, ignoreFile(active))
  if (scope.settings !== undefined) await writeFile(room.settings, settingsFile(scope.settings))
  for (const one of expired) edges.reporter.info(`Exception ${expiredLine(one)} and no longer counts`)
  return expired
}

type Run = {
  readonly request: ScanRequest
  readonly edges: ScanEdges
  readonly room: Workroom
  readonly layers: ScanTarget['layers']
  readonly program: string
  readonly timeoutMs: number
}

async function scanPlatform(platform: ScanPlatform, run: Run): Promise<PlatformScan> {
  const { request, edges, room } = run
  const name = plainLine(platform.platform)
  if (edges.clock.signal.aborted) throw new LadingError('CANCELLED', `scanning ${name}: the step was cancelled`)
  const { layoutDirectory, gate } = request
  const { images: directory, blobs } = room
  const { input, config, imageId, diffIds } = await writePlatformLayout({
    layoutDirectory,
    ...platform,
    directory,
    blobs,
  })
  const output = `${input}.json`
  const command = scanCommand(run.program, gate, { input, output, layers: run.layers }, room)
  const onLine = (line: string): void => edges.reporter.debug(plainLine(line))
  const ended = await start({ ...command, timeoutMs: run.timeoutMs, onLine }, name, run)
  const report = await answerOf(ended, join(room.directory, output), name, withLayout(run))
  const layers = new Set(platform.layers.map(({ digest }) => digest))
  const expected = { platform: platform.platform, config, layers, input, severities: gate.severities }
  // The report is about what was written for the scanner, and that was made from this platform's configuration.
  const scan = { ...parseFindings(report, expected), imageId }
  mustAgree(ended, scan, name, withLayout(run))
  tell(scan, gate, edges)
  if (gate.sbom === undefined || request.names === undefined) return scan
  const names = request.names.map((image) => `${image}@${platform.manifest.digest}`)
  const about = { report, platform: platform.platform, input, format: gate.sbom, names }
  const wish = { ...about, imageId, diffIds }
  return { ...scan, sbom: await writeSbom(wish, { program: run.program, room: withLayout(run), edges }) }
}

/** Only the scanner knows whether there is a jar that it cannot name by itself; then it gets what it needs, and begins again. */
async function start(command: Command, name: string, run: Run): Promise<Exited> {
  const { request, edges } = run
  const once = async () => exited(await edges.exec(command), `scanning ${name}`, withLayout(run))
  const ended = await once()
  const wantsJava = ended.code === 1 && WANTS_JAVA.test(ended.stderr)
  if (!wantsJava || request.database === undefined) return ended
  edges.reporter.info(`${name} has jars that tell no name: the Java database is needed`)
  await request.database.addJava()
  return once()
}

/** The layout's own folder says nothing to a reader either. */
function withLayout({ room, request }: Run): Workroom {
  return { ...room, paths: [...room.paths, request.layoutDirectory] }
}

/** The report of a scan that worked. The file goes at once: it holds the image's environment in clear. */
async function answerOf(ended: Exited, path: string, name: string, room: Workroom): Promise<string> {
  if (ended.code !== EXIT.clean && ended.code !== EXIT.findings) {
    throw broken(`scanning ${name}: the scanner ended with exit code ${ended.code}`, ended.stderr, room)
  }
  try {
    const { size } = await stat(path)
    if (size <= REPORT_LIMIT) return await readFile(path, 'utf8')
  } catch {
    throw broken(`scanning ${name}: the scanner said it is done, and left no report`, ended.stderr, room)
  } finally {
    await rm(path, { recursive: true, force: true })
  }
  throw broken(`scanning ${name}: the scanner's report is larger than ${REPORT_LIMIT} bytes`, ended.stderr, room)
}

/** Two ways of saying the same thing must say the same: one that lies makes the other worthless. */
function mustAgree(ended: Exited, scan: PlatformScan, name: string, room: Workroom): void {
  if ((ended.code === EXIT.findings) === scan.findings.length > 0) return
  const message = `scanning ${name}: exit code ${ended.code} does not fit a report with ${scan.findings.length} findings`
  throw broken(message, ended.stderr, room)
}

function tell(scan: PlatformScan, gate: Gate, edges: ScanEdges): void {
  const name = plainLine(scan.platform)
  const counted = scan.findings.filter((finding) => counts(finding, gate))
  const levels = Object.entries(countBySeverity(counted, gate.severities))
  const words = levels.flatMap(([level, count]) => (count === 0 ? [] : [`${count} ${level}`]))
  const passed = scan.findings.flatMap((finding) => letPass(finding, gate) ?? [])
  const unfixed = passed.filter((why) => why === 'without a fix').length
  const more = [
    ...(unfixed === 0 ? [] : [`${unfixed} without a fix let pass`]),
    ...(passed.length === unfixed ? [] : [`${passed.length - unfixed} only reported`]),
    ...(scan.accepted.length === 0 ? [] : [`${scan.accepted.length} accepted by exceptions`]),
  ]
  edges.reporter.info(`${name}: ${[words.join(', ') || 'clean', ...more].join(', ')}`)
  if (scan.endOfLife) {
    edges.reporter.notice(
      `${name}: ${scan.os} gets no security updates any more, so that there may be more than is known`,
    )
  }
}

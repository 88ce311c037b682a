import { mkdir } from 'node:fs/promises'
import type { Clock, Command, Ended, Exec, Reporter } from '../edges.ts'
import { LadingError } from '../error.ts'
import type { BuildRequest } from '../plan/request.ts'
import { type BuildSettings, buildCommand } from './buildx.ts'
import { followProgress, type Progress } from './progress.ts'
import { type Patience, standsStill } from './standstill.ts'
import { buildError } from './trouble.ts'

/** Where a build runs, what it leaves behind, and what it needs of the world. */
export type BuildRun = BuildSettings & {
  readonly exec: Exec
  readonly reporter: Reporter
  readonly clock: Clock
  /** for an export that stands still; ten minutes, looked at every two seconds */
  readonly patience?: Patience
}

// Compressing one large layer can take minutes in which nothing is printed and nothing is written.
const PATIENCE: Patience = { standstillMs: 600_000, lookEveryMs: 2_000 }
const LAST_WORDS_MS = 10_000

/**
 * Builds the image into an OCI layout folder, with BuildKit's progress in a group of the log.
 * Throws `BUILD_FAILED` with the last lines, `DISK_FULL`, `RATE_LIMITED` (Docker Hub's pull limit), `BUILDER_MISSING`,
 * `CANCELLED`.
 */
export async function buildImage(build: BuildRequest, run: BuildRun): Promise<{ readonly directory: string }> {
  await mkdir(run.directory, { recursive: true, mode: 0o700 })
  const progress = followProgress()
  const ended = await run.reporter.group('Build', () => runWatched(buildCommand(build, run), progress, run))
  if (ended === 'standstill' || ended.kind !== 'exited' || ended.code !== 0) throw failure(build, run, ended, progress)
  return { directory: run.directory }
}

type BuildEnd = Ended | 'standstill'

async function runWatched(command: Command, progress: Progress, run: BuildRun): Promise<BuildEnd> {
  const stop = new AbortController()
  const exporting = Promise.withResolvers<void>()
  let hasEnded = false
  const stoppable: Command = {
    ...command,
    stop: stop.signal,
    onLine(raw) {
      const line = progress.take(raw)
      if (line !== undefined) run.reporter.info(line)
      if (progress.exports()) exporting.resolve()
    },
  }
  const running = run.exec(stoppable).finally(() => {
    hasEnded = true
  })
  const watched = { lines: progress.count, directory: run.directory, ended: () => hasEnded }
  // Before the export silence means nothing: a long RUN may print nothing for an hour.
  const standstill = exporting.promise.then(() => standsStill(watched, run.clock, run.patience ?? PATIENCE))
  // When the watch ends without an alarm, the program itself knows best why it ended.
  const alarm = standstill.then<BuildEnd, BuildEnd>(
    (still) => (still ? 'standstill' : running),
    () => running,
  )
  const first = await Promise.race([running, alarm])
  if (first !== 'standstill') return first
  stop.abort()
  // It is given a moment to end; an export that hangs in the kernel must not hold the step for ever.
  await Promise.race([running, run.clock.sleep(LAST_WORDS_MS)])
  return 'standstill'
}

function failure(build: BuildRequest, run: BuildRun, ended: BuildEnd, progress: Progress): LadingError {
  const platforms = build.platforms.length === 0 ? '' : ` for ${build.platforms.join(', ')}`
  const doing = `building the image${platforms} with the builder ${run.builder}`
  if (ended === 'standstill') return stoodStill(doing, run.patience ?? PATIENCE)
  if (ended.kind === 'absent') return new LadingError('BUILDER_MISSING', `${doing}: there is no program docker on PATH`)
  if (ended.kind === 'exited') return buildError(doing, ended.code, progress.last())
  if (ended.why === 'cancelled') return new LadingError('CANCELLED', `${doing}: the step was cancelled`)
  return new LadingError('BUILD_FAILED', `${doing}: it took too long and was ended`)
}

function stoodStill(doing: string, { standstillMs }: Patience): LadingError {
  const minutes = Math.round(standstillMs / 60_000)
  const message = `${doing}: the export of the image stood still for ${minutes} minutes and was ended`
  return new LadingError('BUILD_FAILED', message, {
    hint: 'Run the step again; if it happens again, try another `builder`.',
  })
}

import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { asLadingError, isDiskFull, LadingError } from '../error.ts'
import { formatLock, type Lock } from '../plan/lock.ts'
import { mirrorOutputsOf } from '../report/mirror-outputs.ts'
import type { MirrorReport } from '../report/mirror-report.ts'
import { mirrorSummaryOf } from '../report/mirror-summary.ts'
import { isReportNamed, readReportDirectory } from './environment.ts'
import { openForm } from './form.ts'
import { writeKept, writeOutputs, writeSummary } from './outputs.ts'
import type { Surroundings } from './process.ts'
import { errorAnnotation, makeReporter } from './reporter.ts'
import { readFlag } from './single-values.ts'

/** A mirror that has ended; `lock` where it got so far that there is something to remember. */
export type Ended = { readonly report: MirrorReport; readonly lock?: Lock }

/**
 * Tells the runner what a mirror did: lock file, report, outputs, summary, and for a failure the one error annotation. The
 * exit code of the step: red too when what the next run needs cannot be written.
 * @param lockFile where to remember; absent: nothing was to be written
 */
export async function tellMirror(
  { report, lock }: Ended,
  lockFile: string | undefined,
  around: Surroundings,
): Promise<number> {
  const { variables, directory, write } = around
  let told = report
  const attempt = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (thrown) {
      const { code, message, hint } = asLadingError(thrown)
      if (told.failure === undefined) told = { ...told, result: 'failed', failure: { code, message, hint } }
    }
  }
  await attempt(async () => {
    if (lock !== undefined && lockFile !== undefined) await writeLock(lockFile, lock)
  })
  const file = { 'report-file': '' }
  await attempt(async () => {
    const kept = { name: 'lading-report', extension: 'json', text: `${JSON.stringify(told, null, 2)}\n` }
    file['report-file'] = await writeKept(readReportDirectory(variables, directory), kept, isReportNamed(variables))
  })
  await attempt(() => writeOutputs(variables, { ...mirrorOutputsOf(told), ...file }))
  if (readFlag({ ...openForm(variables, 'mirror'), mistakes: [] }, 'summary')) tellSummary(told, around)
  if (told.failure === undefined) return 0
  const { message, hint, code } = told.failure
  write(errorAnnotation(`${message}\nHint: ${hint} (${code})`))
  return 1
}

/** Whole or not at all: half a lock file would stop the next run. */
async function writeLock(path: string, lock: Lock): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.part`, formatLock(lock))
    await rename(`${path}.part`, path)
  } catch (cause) {
    const code = isDiskFull(cause) ? 'DISK_FULL' : 'INPUT_INVALID'
    throw new LadingError(code, `writing the lock file ${path} failed`, {
      cause,
      ...(code === 'DISK_FULL' ? {} : { hint: 'Name a file in `lock-file` that this job may write.' }),
    })
  }
}

function tellSummary(report: MirrorReport, { variables, write }: Surroundings): void {
  try {
    writeSummary(variables, mirrorSummaryOf(report))
  } catch (thrown) {
    makeReporter(write).warn(`the job summary is missing: ${asLadingError(thrown).message}`)
  }
}

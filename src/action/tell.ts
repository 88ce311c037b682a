import type { KeptFile } from '../edges.ts'
import type { LadingError } from '../error.ts'
import { asLadingError } from '../error.ts'
import type { Repository } from '../image/reference.ts'
import { bakeFileOf } from '../report/bake-file.ts'
import { outputRows } from '../report/output-table.ts'
import { outputsOf } from '../report/outputs.ts'
import type { Failure, Report } from '../report/report.ts'
import { sarifOf } from '../report/sarif.ts'
import { summaryOf } from '../report/summary.ts'
import { isReportNamed, readReportDirectory } from './environment.ts'
import { openForm } from './form.ts'
import { writeKept, writeOutputs, writeSummary } from './outputs.ts'
import type { Surroundings } from './process.ts'
import { errorAnnotation, makeReporter, type Write } from './reporter.ts'
import { readFlag } from './single-values.ts'

/**
 * Tells the runner what happened: report, bake and SARIF file, outputs, summary, and for a failure the one error annotation. Returns
 * what was told: a step whose report or outputs cannot be written is red, for the next step would go on without them.
 */
export async function tell(report: Report, images: readonly Repository[], around: Surroundings): Promise<Report> {
  const { variables, directory, write } = around
  let told = report
  const attempt = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (thrown) {
      told = withFailure(told, asLadingError(thrown))
    }
  }
  const keep = (file: KeptFile) => writeKept(readReportDirectory(variables, directory), file, isReportNamed(variables))
  const files = { 'report-file': '', 'bake-file': '', 'sarif-file': '' }
  await attempt(async () => {
    const text = bakeFileOf(report, images)
    if (text !== undefined) files['bake-file'] = await keep({ name: 'lading-bake', extension: 'json', text })
  })
  await attempt(async () => {
    const text = sarifOf(report)
    if (text !== undefined) files['sarif-file'] = await keep({ name: 'lading-scan', extension: 'sarif', text })
  })
  await attempt(async () => {
    files['report-file'] = await keep({
      name: 'lading-report',
      extension: 'json',
      text: `${JSON.stringify(told, null, 2)}\n`,
    })
  })
  await attempt(() => writeOutputs(variables, declared(told, { ...outputsOf(told, images), ...files })))
  if (isSummaryWanted(variables)) tellSummary(told, around)
  if (told.failure !== undefined) tellFailure(told.failure, write)
  return told
}

/** The outputs that the action has. */
function declared({ mode }: Report, outputs: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(outputRows(mode).map(({ name }) => [name, outputs[name] ?? '']))
}

/** The one error annotation of a red step. */
function tellFailure({ message, hint, code }: Failure, write: Write): void {
  write(errorAnnotation(`${message}\nHint: ${hint} (${code})`))
}

// What went wrong first is what people need to know.
function withFailure(report: Report, { code, message, hint }: LadingError): Report {
  return report.failure === undefined ? { ...report, result: 'failed', failure: { code, message, hint } } : report
}

/** A page that cannot be written takes nothing from anybody. */
function tellSummary(report: Report, { variables, write }: Surroundings): void {
  try {
    writeSummary(variables, summaryOf(report))
  } catch (thrown) {
    makeReporter(write).warn(`the job summary is missing: ${asLadingError(thrown).message}`)
  }
}

function isSummaryWanted(variables: Surroundings['variables']): boolean {
  // An unreadable `summary` is one of the mistakes that the summary then shows.
  return readFlag({ ...openForm(variables), mistakes: [] }, 'summary')
}

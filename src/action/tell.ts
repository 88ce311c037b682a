import type { LadingError } from '../error.ts'
import { asLadingError } from '../error.ts'
import type { Repository } from '../image/reference.ts'
import { outputsOf } from '../report/outputs.ts'
import type { Report } from '../report/report.ts'
import { summaryOf } from '../report/summary.ts'
import { isReportNamed, readReportDirectory } from './environment.ts'
import { openForm } from './form.ts'
import { writeOutputs, writeReport, writeSummary } from './outputs.ts'
import type { Surroundings } from './process.ts'
import { errorAnnotation } from './reporter.ts'
import { readFlag } from './single-values.ts'

/**
 * Tells the runner what happened: report file, outputs, summary, and for a failure the one error annotation.
 * Everything in it comes from the report. What cannot be told does not hide what happened.
 */
export async function tell(
  report: Report,
  images: readonly Repository[],
  { variables, directory, write }: Surroundings,
): Promise<void> {
  const troubles: LadingError[] = []
  const attempt = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (thrown) {
      troubles.push(asLadingError(thrown))
    }
  }
  let file = ''
  await attempt(async () => {
    const folder = readReportDirectory(variables, directory)
    file = await writeReport(folder, `${JSON.stringify(report, null, 2)}\n`, isReportNamed(variables))
  })
  await attempt(() => writeOutputs(variables, { ...outputsOf(report, images), 'report-file': file }))
  await attempt(() => {
    if (isSummaryWanted(variables)) writeSummary(variables, summaryOf(report))
  })
  const failure = report.failure ?? troubles[0]
  if (failure !== undefined) write(errorAnnotation(`${failure.message}\nHint: ${failure.hint} (${failure.code})`))
}

function isSummaryWanted(variables: Surroundings['variables']): boolean {
  // An unreadable `summary` is one of the mistakes that the summary then shows.
  return readFlag({ ...openForm(variables), mistakes: [] }, 'summary')
}

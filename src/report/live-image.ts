import type { ReferenceReport, Report } from './report.ts'

/** Whether this reference is known to show the image of this run. */
export function isLive(report: Report, reference: ReferenceReport): boolean {
  return report.digest !== '' && reference.digest === report.digest && SHOWING.has(reference.outcome)
}

/** The names under which the image can be pulled by its digest now, each once: `ghcr.io/acme/api`. */
export function liveNames(report: Report): readonly string[] {
  const names = report.references
    .filter((reference) => isLive(report, reference))
    .map(({ reference }) => nameOf(reference))
  return [...new Set(names)]
}

const SHOWING: ReadonlySet<string> = new Set(['created', 'moved', 'unchanged'])

/** A reference without its tag. The colon of a port stands before the last slash. */
function nameOf(reference: string): string {
  const colon = reference.indexOf(':', reference.lastIndexOf('/') + 1)
  return colon < 0 ? reference : reference.slice(0, colon)
}

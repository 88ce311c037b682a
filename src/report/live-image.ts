import type { ReferenceReport, Report } from './report.ts'

/** Whether this reference is known to show the image of this run. */
export function isLive(report: Report, reference: ReferenceReport): boolean {
  return report.digest !== '' && reference.digest === report.digest && SHOWING.has(reference.outcome)
}

/** Whether the image is where it was to go. */
export function isSuccess({ result }: Report): boolean {
  return result === 'published' || result === 'reused' || result === 'unchanged'
}

/** Whether this reference was to show the image: what is held or kept was left to another one on purpose. */
export function isToShow({ outcome }: ReferenceReport): boolean {
  return outcome !== 'held' && outcome !== 'kept'
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

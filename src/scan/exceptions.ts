import { plainLine } from '../plain-text.ts'
import type { Exception, ScannerName } from '../plan/request.ts'

/** Exceptions that hold, and those whose time is over. */
export type Sorted = { readonly active: readonly Exception[]; readonly expired: readonly Exception[] }

/** Trivy's names for the sections of its YAML form. */
const SECTIONS: Readonly<Record<ScannerName, string>> = {
  vuln: 'vulnerabilities',
  secret: 'secrets',
  misconfig: 'misconfigurations',
  license: 'licenses',
}

/** Decides by the clock of this step which exceptions hold. Trivy would let the others count again without a word. */
export function sortExceptions(exceptions: readonly Exception[], now: Date): Sorted {
  const isOver = ({ expires }: Exception): boolean => expires !== '' && new Date(expires).getTime() < now.getTime()
  return {
    active: exceptions.filter((exception) => !isOver(exception)),
    expired: exceptions.filter(isOver),
  }
}

/**
 * One file for Trivy with all exceptions that hold, in its YAML form (JSON is YAML). Trivy takes a single file, and
 * applies it itself, so that its exit code and its report stay two witnesses of the same thing. The statement of each
 * says where it is written: that is what the report gives as the reason.
 */
export function ignoreFile(active: readonly Exception[]): string {
  const sections = Object.entries(SECTIONS).map(([scanner, section]) => {
    const own = active.filter(({ about }) => about.some((name) => name === scanner))
    return [section, own.map(entryOf)]
  })
  return JSON.stringify(Object.fromEntries(sections))
}

/** The remark that belongs on the run's page when exceptions ran out; empty when none did. */
export function expiredRemark(expired: readonly Exception[]): string {
  const [first, ...others] = expired.map(expiredLine)
  if (first === undefined) return ''
  const more = others.length === 0 ? '' : `, and ${others.length} more in the log`
  return `An exception of the scan no longer counts: ${first}${more}`
}

/** One line for people: `CVE-2026-1 (.trivyignore, line 3) expired on 2026-01-31`. */
export function expiredLine({ id, origin, expires }: Exception): string {
  return `${plainLine(id, 100)} (${plainLine(origin, 200)}) expired on ${dayOf(expires)}`
}

function entryOf(exception: Exception): object {
  const { id, paths, purls } = exception
  return {
    id,
    ...(paths.length === 0 ? {} : { paths }),
    ...(purls.length === 0 ? {} : { purls }),
    statement: reasonOf(exception),
  }
}

function reasonOf({ statement, origin, expires }: Exception): string {
  const until = expires === '' ? '' : `, until ${dayOf(expires)}`
  return `${statement === '' ? '' : `${plainLine(statement, 200)} `}(${plainLine(origin, 200)}${until})`
}

function dayOf(expires: string): string {
  return expires.slice(0, 'YYYY-MM-DD'.length)
}

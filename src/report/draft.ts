import type { Digest } from '../image/digest.ts'
import type {
  Failure,
  Phase,
  PlatformReport,
  RateLimitReport,
  ReferenceReport,
  RegistryReport,
  Report,
  Result,
  ScanReport,
} from './report.ts'

/** What a run has learnt so far. A failure reports what is here, so it is filled as soon as something is known. */
export type Facts = {
  readonly mode: Report['mode']
  result?: Result
  reason?: string
  digest?: Digest
  version?: string
  tags?: readonly string[]
  tagNames?: readonly string[]
  labels?: Readonly<Record<string, string>>
  annotations?: Readonly<Record<string, string>>
  platforms?: readonly PlatformReport[]
  references?: readonly ReferenceReport[]
  registries?: readonly RegistryReport[]
  scan?: ScanReport
  rateLimits?: readonly RateLimitReport[]
  readonly phases: Phase[]
  failure?: Failure
}

const NOT_SCANNED: ScanReport = {
  result: 'not-scanned',
  decision: '',
  platforms: [],
  total: {},
  findings: [],
  scanner: '',
}

const NOTHING_KNOWN: Omit<Report, 'mode' | 'phases'> = {
  schema: 1,
  result: 'failed',
  reason: '',
  digest: '',
  version: '',
  tags: [],
  tagNames: [],
  labels: {},
  annotations: {},
  platforms: [],
  references: [],
  registries: [],
  scan: NOT_SCANNED,
  rateLimits: [],
}

/** The report of what is known. */
export function reportOf(facts: Facts): Report {
  return { ...NOTHING_KNOWN, ...facts, phases: [...facts.phases] }
}

/** The report of a run that failed before it knew anything. */
export function failureReport(mode: Report['mode'], { code, message, hint }: Failure): Report {
  return reportOf({ mode, phases: [], result: 'failed', failure: { code, message, hint } })
}

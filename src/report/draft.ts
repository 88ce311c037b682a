import type { Digest } from '../image/digest.ts'
import type { Failure, Phase, PlatformReport, RateLimitReport, ReferenceReport, RegistryReport, Report, Result, ScanReport } from './report.ts'

/** What a run has learnt so far. A failure reports what is here, so it is filled as soon as something is known. */
export type Facts = {
  result?: Result
  reason?: string
  digest?: Digest
  version?: string
  tags?: readonly string[]
  tagNames?: readonly string[]
  labels?: Readonly<Record<string, string>>
  platforms?: readonly PlatformReport[]
  references?: readonly ReferenceReport[]
  registries?: readonly RegistryReport[]
  scan?: ScanReport
  rateLimits?: readonly RateLimitReport[]
  readonly phases: Phase[]
  failure?: Failure
}

const NOT_SCANNED: ScanReport = { result: 'not-scanned', decision: '', platforms: [], total: {}, findings: [], scanner: '' }

/** The report of what is known. */
export function reportOf(facts: Facts): Report {
  return {
    schema: 1,
    mode: 'publish',
    result: facts.result ?? 'failed',
    reason: facts.reason ?? '',
    digest: facts.digest ?? '',
    version: facts.version ?? '',
    tags: facts.tags ?? [],
    tagNames: facts.tagNames ?? [],
    labels: facts.labels ?? {},
    annotations: {},
    platforms: facts.platforms ?? [],
    references: facts.references ?? [],
    registries: facts.registries ?? [],
    scan: facts.scan ?? NOT_SCANNED,
    rateLimits: facts.rateLimits ?? [],
    phases: [...facts.phases],
    ...(facts.failure === undefined ? {} : { failure: facts.failure }),
  }
}

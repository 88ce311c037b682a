import type { Digest } from '../image/digest.ts'

/**
 * What happened, as the user gets it in `json` and `report.json`; outputs, summary and exit code are drawn from it alone.
 * The form is fixed by `docs/report.schema.json`.
 */
export type Report = {
  readonly schema: 1
  /** `promote`: an image of a registry got further names */
  readonly mode: 'publish' | 'promote'
  readonly result: Result
  /** why nothing was pushed, built or moved; empty otherwise */
  readonly reason: string
  /** of the index or single manifest; empty while it is not known */
  readonly digest: Digest | ''
  readonly version: string
  readonly tags: readonly string[]
  readonly tagNames: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** by level and key, `manifest:org.opencontainers.image.title` */
  readonly annotations: Readonly<Record<string, string>>
  readonly platforms: readonly PlatformReport[]
  readonly references: readonly ReferenceReport[]
  readonly registries: readonly RegistryReport[]
  readonly scan: ScanReport
  readonly rateLimits: readonly RateLimitReport[]
  readonly phases: readonly Phase[]
  readonly failure?: Failure
}

/** `reused`: an image of an earlier run of this commit got what was missing; nothing was built. */
export type Result = 'published' | 'reused' | 'unchanged' | 'refused' | 'failed' | 'dry-run' | 'not-pushed'

export type PlatformReport = {
  /** `linux/amd64` */
  readonly platform: string
  readonly digest: Digest
  /** of manifest, config and layers together, compressed as they travel */
  readonly bytes: number
}

export type ReferenceReport = {
  /** `ghcr.io/acme/app:1.2.3` */
  readonly reference: string
  readonly kind: 'fixed' | 'moving'
  /** what it showed before; `null`: nothing */
  readonly before: Digest | null
  /** what it shows now, as far as known; what it will show for `planned` */
  readonly digest: Digest | null
  /** `held`: a moving tag that would have gone backwards; `kept`: a fixed one that shows what it always did */
  readonly outcome: 'created' | 'moved' | 'unchanged' | 'held' | 'kept' | 'refused' | 'failed' | 'planned'
  readonly reason: string
}

export type Amount = { readonly blobs: number; readonly bytes: number }

export type RegistryReport = {
  readonly registry: string
  readonly repository: string
  readonly uploaded: Amount
  readonly present: Amount
  readonly mounted: Amount
  /** by method */
  readonly requests: Readonly<Record<string, number>>
  readonly retries: number
  readonly milliseconds: number
}

export type ScanReport = {
  readonly result: 'clean' | 'findings' | 'not-scanned'
  readonly decision: 'passed' | 'reported' | 'refused' | 'waived' | ''
  readonly platforms: readonly ScannedPlatform[]
  /** each distinct finding once, over all platforms */
  readonly total: Counts
  readonly findings: readonly ReportedFinding[]
  readonly database?: { readonly source: string; readonly updated: string; readonly ageHours: number }
  /** the image whose findings do not count here, `ghcr.io/acme/api:latest@sha256:…`; there when one was asked for and found */
  readonly baseline?: string
  /** where the repository says what is in the image: its Dockerfile, or else the workflow; relative to its root */
  readonly place?: { readonly file: string; readonly line: number }
  /** what the image is among those of its repository, the same from run to run: `acme/api`, `acme/api/alpine` */
  readonly image?: string
  /** files with what is in each platform, when they were asked for */
  readonly sboms?: readonly { readonly platform: string; readonly file: string }[]
  /** `trivy 0.74.0` */
  readonly scanner: string
  /** where it came from, in words: `github.com`, `the tool cache`, `trivy-archive`, `trivy-path` */
  readonly scannerFrom?: string
  /** in hex: of its release archive; of the program itself where it came from `trivy-path` */
  readonly scannerSha256?: string
  /** who signed its release archive, as its certificate names him; there when this run verified it */
  readonly scannerSigned?: string
  /** there when something was scanned */
  readonly scope?: ScanScope
}

export type ScannedPlatform = {
  readonly platform: string
  readonly counts: Counts
  /** the image that it is built on, `node:22@sha256:…`; there when something was found and the base is known */
  readonly base?: string
}

/** What the scan looked for, and what it was told to leave out. */
export type ScanScope = {
  /** `vuln`, `secret`, `misconfig`, `license` */
  readonly scanners: readonly string[]
  /** those whose findings do not count */
  readonly reportedOnly: readonly string[]
  /** `os`, `library`; empty: both */
  readonly packageTypes: readonly string[]
  /** globs of folders and files that were not looked at */
  readonly skipped: readonly string[]
  readonly vexDocuments: number
  /** settings of `trivy-config`, by name */
  readonly settings: readonly string[]
  /** exceptions that no longer hold */
  readonly expired: readonly { readonly id: string; readonly origin: string; readonly expired: string }[]
}

/** by severity; only the levels that were asked for */
export type Counts = Readonly<Partial<Record<string, number>>>

/** A finding as people see it. What a found secret is, is shown nowhere. */
export type ReportedFinding = {
  readonly id: string
  readonly severity: string
  readonly kind: 'vulnerability' | 'secret' | 'misconfiguration' | 'license'
  /** the package, or the file of a secret or misconfiguration */
  readonly subject: string
  readonly installed: string
  /** empty while nobody has fixed it */
  readonly fixed: string
  readonly title: string
  readonly url: string
  readonly platforms: readonly string[]
  /** whether it came with the base image or was added here; empty when nobody knows */
  readonly origin: 'base' | 'added' | ''
  /** listed and not counted */
  readonly ignored: boolean
  /** why it does not count; empty when it does */
  readonly reason: string
  /** the same for programs: an exception or VEX, nobody has fixed it, its kind is only reported, the baseline has it too */
  readonly pass: '' | 'accepted' | 'unfixed' | 'reported' | 'baseline'
}

export type RateLimitReport = {
  readonly registry: string
  readonly identity: string
  readonly limit: number
  readonly remaining: number
  readonly needed: number
  readonly windowSeconds: number
  /** when it has refilled at the latest, ISO 8601; empty when the registry does not tell */
  readonly resets: string
}

export type Phase = { readonly name: string; readonly milliseconds: number }

export type Failure = { readonly code: string; readonly message: string; readonly hint: string }

import type { Reference, Repository } from '../image/reference.ts'
import type { AnnotationRequest } from '../tags/annotation.ts'
import type { ExistingTagPolicy } from '../tags/existing.ts'
import type { Flavor } from '../tags/flavor.ts'
import type { TagRule } from '../tags/rule.ts'
import type { Template } from '../tags/template.ts'
import type { Trivy } from './trivy.ts'

/**
 * What the user asked for: checked, complete, and without any secret (secrets stay with the edges, and build secrets
 * are named by the private file that holds them).
 */
export type PublishRequest = {
  readonly images: readonly Repository[]
  readonly tags: readonly TagRule[]
  readonly flavor: Flavor
  /** characters of the commit in names that tell it in short */
  readonly shortSha: number
  /** of the input `version`; without its leading `v` */
  readonly version?: string
  /** own labels, `key=value`, over the standard ones */
  readonly labels: readonly Template[]
  /** also the labels that older tools read */
  readonly labelsCompat: boolean
  readonly annotations: AnnotationRequest
  readonly origin: Origin
  readonly gate: Gate
  readonly push: 'auto' | 'yes' | 'no'
  readonly dryRun: boolean
  /** when one registry fails: tag nothing anywhere, or complete the others; the step is red either way */
  readonly onRegistryFailure: 'abort' | 'continue'
  /** what to do about a fixed tag that exists */
  readonly existingTag: ExistingTagPolicy
  /** whether a moving tag may go backwards */
  readonly movingTags: 'forward' | 'force'
  readonly rateLimit: RateLimitPolicy
  readonly summary: boolean
}

/** Where the image comes from: it is built, lies here as a layout, or is in a registry and gets further names. */
export type Origin =
  | ({ readonly kind: 'build' } & BuildWish)
  | { readonly kind: 'layout'; readonly path: string }
  | ({ readonly kind: 'registry' } & StoredOrigin)

/** An image of a registry, and what becomes of the signatures, SBOMs and attestations that hang on it. */
export type StoredOrigin = { readonly from: Reference; readonly referrers: Carried }

/** When something that hangs on an image is looked for: never, when its digest is copied, or where it is already too. */
export type Carried = 'no' | 'copied' | 'recheck'

/** A build as it is written, before anybody knows what expressions in its arguments stand for. */
export type BuildWish = Omit<BuildRequest, 'buildArgs'> & { readonly buildArgs: readonly Template[] }

/** As build-push-action's inputs of the same names. */
export type BuildRequest = {
  /** a folder (absolute) or a git or http URL */
  readonly context: string
  /** the Dockerfile: absolute, or relative to a remote context; empty: the context's own */
  readonly file: string
  readonly target: string
  readonly platforms: readonly string[]
  readonly buildArgs: readonly string[]
  readonly secrets: readonly BuildSecret[]
  /** name of a builder, empty for the current one */
  readonly builder: string
  readonly buildkitImage: string
  /** as `--provenance`/`--attest type=provenance`; empty leaves BuildKit's default */
  readonly provenance: string
}

/** A secret of the build by its id; its value lies in a file that only this user can read. */
export type BuildSecret = { readonly id: string; readonly file: string }

export const SEVERITIES = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const
export type Severity = (typeof SEVERITIES)[number]

export type Gate = {
  readonly scan: 'gate' | 'report' | 'off'
  readonly severities: readonly Severity[]
  readonly ignoreUnfixed: boolean
  readonly scope: Scope
  readonly trivy: Trivy
  /** repositories of the vulnerability database, ordered; empty: the scanner's own list */
  readonly databases: readonly string[]
  /** the same of the database that knows jars */
  readonly javaDatabases: readonly string[]
  /** a database that was written longer ago is not used */
  readonly databaseMaxAgeHours: number
  /** for one platform */
  readonly timeoutMs: number
  /** keep database and scanner in the cache of the repository's jobs */
  readonly useCache: boolean
  /** a tag: what its live image has too does not count */
  readonly baseline?: string
  /** a file with what is in each platform */
  readonly sbom?: SbomFormat
  /** send findings to code scanning */
  readonly uploadSarif: boolean
}

export const SBOM_FORMATS = ['cyclonedx', 'spdx-json'] as const
export type SbomFormat = (typeof SBOM_FORMATS)[number]

export const SCANNERS = ['vuln', 'secret', 'misconfig', 'license'] as const
/** What Trivy can look for, by the names that its `--scanners` takes. */
export type ScannerName = (typeof SCANNERS)[number]

export const PACKAGE_TYPES = ['os', 'library'] as const
export type PackageType = (typeof PACKAGE_TYPES)[number]

/** What the scan looks for and where, and what of it is known and accepted. */
export type Scope = {
  /** what is looked for, and whether it stops a publish or is only reported */
  readonly scanners: Readonly<Partial<Record<ScannerName, 'gate' | 'report'>>>
  /** empty: all */
  readonly packageTypes: readonly PackageType[]
  /** globs as Trivy reads them */
  readonly skipDirectories: readonly string[]
  readonly skipFiles: readonly string[]
  readonly exceptions: readonly Exception[]
  /** absolute paths of VEX documents */
  readonly vex: readonly string[]
  readonly settings?: ScannerSettings
}

/** A finding that somebody has accepted, as an entry of a `.trivyignore` says it. */
export type Exception = {
  /** what it is about; a plain file does not tell, and means all of them */
  readonly about: readonly ScannerName[]
  readonly id: string
  /** globs of the files that it is limited to; empty: none */
  readonly paths: readonly string[]
  /** packages that it is limited to; empty: none */
  readonly purls: readonly string[]
  /** the reason that was written down; may be empty */
  readonly statement: string
  /** from when on it no longer holds, as ISO 8601; empty: never */
  readonly expires: string
  /** where it stands: `.trivyignore, line 3` */
  readonly origin: string
}

/** Settings of a `trivy.yaml` that no input has a name for. */
export type ScannerSettings = {
  /** as the workflow names it */
  readonly file: string
  /** `vulnerability.ignore-status` and its value */
  readonly values: Readonly<Record<string, SettingValue>>
}
export type SettingValue = string | number | boolean | readonly (string | number | boolean)[]

export type RateLimitPolicy = {
  readonly rateLimit: 'fail' | 'strict' | 'warn' | 'off'
  /** pulls to leave for others */
  readonly reserve: number
}

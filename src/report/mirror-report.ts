import type { Digest } from '../image/digest.ts'
import type { Failure, Phase, RateLimitReport } from './report.ts'

/** What a mirror did, as plain data; the form of the output `json` (`docs/mirror-report.schema.json`). */
export type MirrorReport = {
  readonly schema: 1
  readonly mode: 'mirror'
  /** `mirrored`: something was written; `drift`: something would be (`check`); `checked`: nothing would be */
  readonly result: 'mirrored' | 'unchanged' | 'drift' | 'checked' | 'dry-run' | 'failed'
  readonly reason: string
  readonly images: readonly MirroredImage[]
  /** bases of Dockerfiles in the workspace from registries that are mirrored, and that no target serves */
  readonly lacking: readonly LackingBase[]
  readonly registries: readonly MirrorTraffic[]
  /** manifests that were read from Docker Hub, each of which is a pull, and those that were not because nothing changed */
  readonly pulls: { readonly spent: number; readonly saved: number }
  readonly rateLimits: readonly RateLimitReport[]
  readonly phases: readonly Phase[]
  readonly failure?: Failure
}

/** One target, or what could not even be listed (`target` is empty then). */
export type MirroredImage = {
  /** `docker.io/library/node:22` */
  readonly source: string
  /** `ghcr.io/acme/node:22` */
  readonly target: string
  /** where it was asked for: `mirror.yml, line 12` */
  readonly origin: string
  /** what the target showed before; `null`: nothing */
  readonly before: Digest | null
  /** what it shows now, as far as known; what it will show for `planned` */
  readonly digest: Digest | null
  readonly outcome: 'copied' | 'unchanged' | 'kept' | 'held' | 'planned' | 'pruned' | 'failed' | 'not-reached'
  readonly reason: string
  /** code of the failure; empty for other outcomes */
  readonly code: string
  /** that travelled */
  readonly bytes: number
  /** signatures, SBOMs and the like that travelled with it */
  readonly referrers: number
  readonly milliseconds: number
}

/** A base that a Dockerfile takes from a registry that is mirrored, and that is not in the mirror. */
export type LackingBase = {
  /** as the Dockerfile names it: `node:22-alpine` */
  readonly image: string
  /** within the workspace: `services/api/Dockerfile` */
  readonly file: string
  /** of the stage that needs it, from 1 */
  readonly line: number
}

/** What one registry was asked, in all of its repositories. */
export type MirrorTraffic = {
  readonly registry: string
  /** by method */
  readonly requests: Readonly<Record<string, number>>
  readonly retries: number
}

/** The report of a mirror that failed before it knew anything. */
export function mirrorFailure(failure: Failure): MirrorReport {
  const nothing = { images: [], lacking: [], registries: [], pulls: { spent: 0, saved: 0 }, rateLimits: [], phases: [] }
  return { schema: 1, mode: 'mirror', result: 'failed', reason: '', ...nothing, failure }
}

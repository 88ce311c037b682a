import { normalPlatform } from '../image/platform.ts'
import type { BuildRequest } from '../plan/request.ts'

/** What comes out of a build. */
export type BuildShape = {
  /** an index, and no single manifest */
  readonly isIndex: boolean
  /** normal names; none: the builder's own */
  readonly platforms: readonly string[]
}

/**
 * Whether BuildKit's OCI exporter makes an index: for several platforms, for provenance that was asked for (its default
 * does not count there), and where a build argument wants one always. It refuses annotations of an index that it does not
 * make ("index annotations not supported for single platform export"), so what is not sure is taken for a single manifest.
 */
export function shapeOf({ platforms, provenance, buildArgs }: BuildRequest): BuildShape {
  const distinct = [...new Set(platforms.map(normalPlatform))]
  const isIndex = distinct.length > 1 || isAttested(provenance) || buildArgs.findLast(isAboutIndex)?.match(YES) != null
  return { isIndex, platforms: distinct }
}

// Go's `strconv.ParseBool`, as buildx and BuildKit read these.
const YES = /=(?:1|t|T|TRUE|true|True)$/
const NOT_ATTESTED = /(?:^|,)\s*"?(?:inline-only|disabled)\s*=\s*(?:1|t|true)"?\s*(?:,|$)/i

function isAttested(provenance: string): boolean {
  return provenance !== '' && provenance !== 'false' && !NOT_ATTESTED.test(provenance)
}

/** BuildKit's frontend reads it ("BUILDKIT_MULTI_PLATFORM" in the Dockerfile reference). */
function isAboutIndex(argument: string): boolean {
  return argument.startsWith('BUILDKIT_MULTI_PLATFORM=')
}

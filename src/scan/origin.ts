import type { BaseLayers } from '../image/base.ts'
import type { Digest } from '../image/digest.ts'
import type { Finding, PlatformScan } from './findings.ts'
import type { Scan } from './scan.ts'

/**
 * A scan whose findings say whether they came with the base image or were added here, by the layer that brought them.
 * Those in no layer (environment and history) are marked nothing, and so are all of a platform whose base is not known.
 *
 * @param bases by platform manifest
 */
export function withOrigins(scan: Scan, bases: ReadonlyMap<Digest, BaseLayers>): Scan {
  const platforms = scan.platforms.map((platform, at) => {
    const asked = scan.asked[at]
    const base = asked === undefined ? undefined : bases.get(asked.manifest.digest)
    return base === undefined ? platform : marked(platform, base)
  })
  return { ...scan, platforms }
}

/** Manifests of the platforms in which something was found in a layer: nobody else's base is of interest. */
export function platformsToSplit({ asked, platforms }: Scan): ReadonlySet<Digest> {
  const wanted = asked.filter((_, at) => {
    const platform = platforms[at]
    return platform !== undefined && [...platform.findings, ...platform.accepted].some(isInLayer)
  })
  return new Set(wanted.map(({ manifest }) => manifest.digest))
}

function isInLayer({ layer }: Finding): boolean {
  return layer !== undefined
}

function marked(platform: PlatformScan, { base, layers }: BaseLayers): PlatformScan {
  const mark = <T extends Finding>(finding: T): T =>
    finding.layer === undefined ? finding : { ...finding, origin: layers.has(finding.layer) ? 'base' : 'added' }
  return { ...platform, base, findings: platform.findings.map(mark), accepted: platform.accepted.map(mark) }
}

import type { Descriptor } from './descriptor.ts'
import { algorithmOf, type Digest, hexOf } from './digest.ts'

/**
 * The tag under which clients keep the list of referrers where a registry has none (distribution spec, "Referrers Tag
 * Schema"): `sha256-<hex>`, the hexadecimal part cut to 64 characters.
 */
export function fallbackTag(subject: Digest): string {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`
}

/**
 * The tags under which cosign keeps what belongs to a manifest where it does not write referrers: signatures,
 * attestations, SBOMs (cosign, `pkg/oci/remote/remote.go`).
 */
export const COSIGN_SUFFIXES = ['sig', 'att', 'sbom'] as const

/** Whether a tag is one that cosign, or who does as it does, has hung to a digest: `sha256-<hex>.sig`. */
export function isDigestTag(tag: string, subject: Digest): boolean {
  return tag.startsWith(`${algorithmOf(subject)}-${hexOf(subject)}.`)
}

/** Which referrers are meant, as in a regsync file (`referrerFilters`); what is left out is not asked for. */
export type ReferrerFilter = {
  readonly artifactType?: string
  /** all of them; with an empty value it is enough that there is one (regclient, `types/descriptor`, `Match`) */
  readonly annotations?: Readonly<Record<string, string>>
}

/** Whether one of the filters means this referrer; without filters all are meant. */
export function isMeant(referrer: Descriptor, filters: readonly ReferrerFilter[]): boolean {
  return filters.length === 0 || filters.some((filter) => meets(referrer, filter))
}

function meets(referrer: Descriptor, { artifactType = '', annotations = {} }: ReferrerFilter): boolean {
  if (artifactType !== '' && referrer.artifactType !== artifactType) return false
  return Object.entries(annotations).every(([name, wanted]) => {
    const found = referrer.annotations?.[name]
    return found !== undefined && (wanted === '' || wanted === found)
  })
}

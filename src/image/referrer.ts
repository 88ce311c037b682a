import type { Descriptor } from './descriptor.ts'
import { algorithmOf, type Digest, digestOf, hexOf } from './digest.ts'
import { type Index, type Manifest, parseDescriptor, parseManifest } from './manifest.ts'
import { MEDIA_TYPE } from './media-type.ts'

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

/** The tag that hangs something to a digest: `sha256-<hex>.sig`. */
export function digestTag(subject: Digest, suffix: (typeof COSIGN_SUFFIXES)[number]): string {
  return `${algorithmOf(subject)}-${hexOf(subject)}.${suffix}`
}

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

/** What a manifest says of itself: whom it refers to, and how it stands in a list of referrers. */
export type AsReferrer = { readonly subject: Digest | undefined; readonly entry: Descriptor }

/**
 * Reads the `subject` of a manifest, and makes its entry in a list of referrers: with its `artifactType`, or with the type
 * of its config in place of one, and its annotations (distribution spec, "Listing Referrers").
 */
export function asReferrer(manifest: Manifest): AsReferrer {
  const { descriptor, annotations } = manifest
  const { subject, artifactType } = membersOf(manifest.bytes)
  const named = typeof artifactType === 'string' && artifactType !== '' ? artifactType : undefined
  const type = named ?? (manifest.kind === 'image' ? manifest.config.mediaType : undefined)
  const { mediaType, digest, size } = descriptor
  return {
    subject: subject === undefined ? undefined : parseDescriptor(subject, descriptor, 'subject').digest,
    entry: {
      mediaType,
      digest,
      size,
      ...(type === undefined ? {} : { artifactType: type }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  }
}

/**
 * A list of referrers with some more of them, for the fallback tag. What it has stays as it is, but for those that are
 * `gone`; `undefined` when it has them all and loses none.
 */
export function mergedReferrers(
  list: Index | undefined,
  more: readonly Descriptor[],
  gone: ReadonlySet<Digest> = new Set(),
): Index | undefined {
  const had = list?.manifests ?? []
  const known = new Set(had.map(({ digest }) => digest))
  const added = more.filter(({ digest }) => !known.has(digest))
  if (list !== undefined && added.length === 0 && !had.some(({ digest }) => gone.has(digest))) return undefined
  const empty: Readonly<Record<string, unknown>> = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex }
  const json = list === undefined ? empty : membersOf(list.bytes)
  const raw: readonly unknown[] = Array.isArray(json['manifests']) ? json['manifests'] : []
  const kept = raw.filter((_, at) => had[at] !== undefined && !gone.has(had[at].digest))
  const bytes = new TextEncoder().encode(JSON.stringify({ ...json, manifests: [...kept, ...added] }))
  const mediaType = list?.descriptor.mediaType ?? MEDIA_TYPE.ociIndex
  const manifest = parseManifest({ mediaType, digest: digestOf(bytes), size: bytes.length }, bytes)
  return manifest.kind === 'index' ? manifest : undefined
}

/** The members of a manifest, which has been read before as one. */
function membersOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const json: unknown = JSON.parse(new TextDecoder().decode(bytes))
  return typeof json === 'object' && json !== null ? { ...json } : {}
}

import { normalPlatform } from '../image/platform.ts'
import { ownPairs, type Pair, recordOf } from './label.ts'
import type { Template, TemplateFacts } from './template.ts'

/** What an annotation may stand at, in buildx's words (its `--annotation`). */
export const LEVELS = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor'] as const
export type Level = (typeof LEVELS)[number]

/** A level, where it is a manifest's perhaps that of one platform only. */
export type Place = { readonly level: Level; readonly platform?: string }

/** A line of the input `annotations`. Without places of its own it stands where the others do. */
export type OwnAnnotation = { readonly places: readonly Place[]; readonly line: Template }

/** What the build makes of annotations. */
export type Shape = {
  /** whether an index comes out; without one nothing can stand at its level */
  readonly isIndex: boolean
  /** normal names; one that stands alone is the whole image */
  readonly platforms: readonly string[]
}

export type Annotations = {
  /** by level and key as buildx reads them, `manifest[linux/arm64]:key`; in the order of levels, then of keys */
  readonly written: Readonly<Record<string, string>>
  /** levels that were asked for and are not there */
  readonly left: readonly Level[]
}

/** The hash of the build request, by which two builds of one commit can be told apart. */
const REQUEST = 'io.github.lading.request'

/** Where annotations stand when nobody says it: at the manifests, and at the index where there is one. */
const USUAL: readonly Place[] = [{ level: 'manifest' }, { level: 'index' }]

export type AnnotationRequest = {
  readonly own: readonly OwnAnnotation[]
  /** of `DOCKER_METADATA_ANNOTATIONS_LEVELS`; empty: the usual ones */
  readonly places: readonly Place[]
}

/**
 * The standard annotations and the user's own ones, each at its level. Own ones win over standard ones, and those of one
 * platform over those of all.
 */
export function annotationsOf(
  standard: readonly Pair[],
  { own, places }: AnnotationRequest,
  shape: Shape,
  facts: TemplateFacts,
): Annotations {
  const everywhere = places.length === 0 ? USUAL : places
  const owned = own.map((one) => ({ pairs: ownPairs([one.line], facts), places: one.places }))
  const all = [{ pairs: standard, places: [] }, ...owned].flatMap(({ pairs, places: at }) =>
    (at.length === 0 ? everywhere : at).map((place) => ({ place, pairs })),
  )
  // Sorted stably: what is said of one platform comes after what is said of all, and so wins.
  const general = all.toSorted((one, other) => Number(isSpecific(one.place)) - Number(isSpecific(other.place)))
  const byPlace = new Map<string, Pair[]>()
  for (const { place, pairs } of general.filter(({ place }) => isThere(place, shape))) {
    const name = nameOf(place, shape)
    byPlace.set(name, [...(byPlace.get(name) ?? []), ...pairs])
  }
  const written = [...byPlace].flatMap(([name, pairs]) =>
    Object.entries(recordOf(pairs)).map(([key, value]) => [`${name}:${key}`, value] as const),
  )
  const asked = [...places, ...own.flatMap((one) => one.places)]
  const left = asked.filter((place) => !isThere(place, shape)).map(({ level }) => level)
  return { written: Object.fromEntries(written), left: [...new Set(left)] }
}

/** The request's hash, where a later run looks for it. */
export function requestAnnotations(hash: string, { isIndex }: Shape): Readonly<Record<string, string>> {
  return { [`manifest:${REQUEST}`]: hash, ...(isIndex ? { [`index:${REQUEST}`]: hash } : {}) }
}

function isThere({ level }: Place, { isIndex }: Shape): boolean {
  return isIndex || level === 'manifest' || level === 'manifest-descriptor'
}

function isSpecific({ platform }: Place): boolean {
  return platform !== undefined
}

/**
 * As buildx reads it. BuildKit knows platforms by their normal names only, and passes silently over the platform of an
 * image that is a single manifest.
 */
function nameOf({ level, platform }: Place, { platforms }: Shape): string {
  return platform === undefined || platforms.length < 2 ? level : `${level}[${normalPlatform(platform)}]`
}

import type { Descriptor } from '../image/descriptor.ts'
import { type ImageManifest, type Index, isAttestation, MANIFEST_LIMIT, type Manifest } from '../image/manifest.ts'
import { isImageConfig, isIndex, isManifest } from '../image/media-type.ts'
import { isUnknown } from '../image/platform.ts'
import { plainLine } from '../plain-text.ts'
import type { Told } from '../tags/live.ts'
import { parseConfig, readManifest } from './image.ts'
import type { Source } from './store.ts'
import { readVerified } from './verify.ts'

/** Texts by their keys, as far as they are texts: nobody promises more. */
type Texts = Readonly<Record<string, unknown>>

const NOTHING: Told = { source: '', version: '', revision: '', created: '', request: '' }
const OCI = 'org.opencontainers.image'
const REQUEST = 'io.github.lading.request'
/** Longer than any address, version or time. Half of one would be another one, so what is longer says nothing. */
const LONGEST = 500
/** Manifests that are read on the way to the first platform. An index within an index is rare, one within that unknown. */
const MOST_MANIFESTS = 6

/**
 * What an image tells of itself: in annotations of its index, in those of its first platform's manifest, in labels and
 * `created` of that one's configuration. That is the order in which they count, and reading ends as soon as nothing is
 * left to be told: at most three reads, and one more for each index within an index. What is no image tells nothing.
 * Throws `CONTENT_INVALID` and `SOURCE_MISSING`.
 */
export async function readTold(source: Source, descriptor: Descriptor): Promise<Told> {
  let left = MOST_MANIFESTS

  /** What a manifest and the first platform below it tell; `undefined`: it leads to none. */
  async function follow(manifest: Manifest, above: Told): Promise<Told | undefined> {
    const told = filled(above, annotated(manifest, above))
    if (isComplete(told)) return told
    if (manifest.kind === 'image') return filled(told, await configured(source, manifest, told))
    for (const child of candidates(manifest)) {
      if (left === 0) return told
      left -= 1
      const found = await follow(await readManifest(source, child), told)
      if (found !== undefined) return found
    }
    return undefined
  }

  left -= 1
  const root = await readManifest(source, descriptor)
  return (await follow(root, NOTHING)) ?? annotated(root, NOTHING)
}

/** What may lead to a platform, likeliest first: what names one, indexes, then what says nothing. Attestations run nowhere. */
function candidates({ manifests }: Index): readonly Descriptor[] {
  const open = manifests.filter((child) => {
    const isNowhere = child.platform !== undefined && isUnknown(child.platform)
    return isManifest(child.mediaType) && !isNowhere && !isAttestation(child)
  })
  const isLikely = ({ mediaType, platform }: Descriptor) => platform !== undefined || isIndex(mediaType)
  return [...open.filter(isLikely), ...open.filter((child) => !isLikely(child))]
}

/** Nobody inherits annotations; those of another source than the one above were put together with it by hand. */
function annotated({ annotations }: Manifest, above: Told): Told {
  const own = { ...standard(annotations), request: textOf(annotations[REQUEST]) }
  return own.source === '' || above.source === '' || own.source === above.source ? own : NOTHING
}

/**
 * An image inherits the labels of its base: one that names itself in annotations may still have those, and a version
 * among them that is not its own. So with a source above, labels count only if they name the same one.
 */
async function configured(source: Source, { config }: ImageManifest, above: Told): Promise<Told> {
  const { request: _, ...asked } = above
  if (!isImageConfig(config.mediaType) || isComplete(asked)) return NOTHING
  const bytes = await readVerified(config, await source.fetch(config), MANIFEST_LIMIT, source.name)
  const json = objectOf(parseConfig(bytes))
  const labels = { ...standard(objectOf(objectOf(json['config'])['Labels'])), request: '' }
  const own = above.source === '' || above.source === labels.source ? labels : NOTHING
  // When an image was made is its own, whoever wrote its labels.
  return filled(own, { ...NOTHING, created: textOf(json['created']) })
}

function standard(texts: Texts): Omit<Told, 'request'> {
  const of = (key: string) => textOf(texts[`${OCI}.${key}`])
  return { source: of('source'), version: of('version'), revision: of('revision'), created: of('created') }
}

/** What was told, and the next one's word for what is left. */
function filled(told: Told, next: Told): Told {
  return {
    source: told.source || next.source,
    version: told.version || next.version,
    revision: told.revision || next.revision,
    created: told.created || next.created,
    request: told.request || next.request,
  }
}

function isComplete(told: Partial<Told>): boolean {
  return Object.values(told).every((text) => text !== '')
}

function textOf(value: unknown): string {
  if (typeof value !== 'string' || value.length > LONGEST) return ''
  return plainLine(value, LONGEST)
}

function objectOf(value: unknown): Texts {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Texts {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

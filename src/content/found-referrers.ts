import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { isIndex, isManifest } from '../image/media-type.ts'
import {
  COSIGN_SUFFIXES,
  digestTag,
  fallbackTag,
  isDigestTag,
  isMeant,
  type ReferrerFilter,
} from '../image/referrer.ts'
import { childrenOf, type LeaveOut } from './copy.ts'
import { readManifest } from './image.ts'
import type { Referring, Source, TagList } from './store.ts'

/** Which of what belongs to an image is meant. */
export type ReferrerWish = {
  /** of those with a `subject`; none: all */
  readonly filters: readonly ReferrerFilter[]
  /** whether tags that are named after a digest are meant too, as cosign's */
  readonly digestTags: boolean
}

/** What belongs to an image, as its source tells it. */
export type FoundReferrers = {
  /** manifests that name another one as their subject, those that refer to others of them after those */
  readonly listed: readonly ListedReferrer[]
  readonly tags: readonly DigestTag[]
}

export type ListedReferrer = { readonly subject: Digest; readonly descriptor: Descriptor }
export type DigestTag = { readonly subject: Digest; readonly tag: string; readonly descriptor: Descriptor }

/** What is looked for, and around which image. */
type Search = Asking & {
  /** where the image and what is below it are read */
  readonly image: Source
  /** parts of it that nobody looks for anything around */
  readonly leaveOut: LeaveOut
}
type Asking = ReferrerWish & { readonly tags: () => Promise<TagList> }

/** How far referrers of referrers are followed: a signature of an attestation of an image is two. */
const DEEPEST = 5
/** Referrers of one image. What would be left out nobody would notice, so more of them are an error. */
const MOST = 2000
const MOST_TAGS = 200_000

/** Lists the tags of a source once, however many images are asked for. */
export function tagsOnce(source: Referring): () => Promise<TagList> {
  let listing: Promise<TagList> | undefined
  return () => {
    listing ??= source.listTags({ limit: MOST_TAGS })
    return listing
  }
}

/**
 * Finds what belongs to an image and to each manifest below it: what refers to them by `subject`, what hangs to them by a
 * tag, and what belongs to that in turn. Asks one request for each manifest, one for each tag that is found, and for the
 * list of tags once. Throws what stands in the way; `CONTENT_INVALID` when there is no end to it.
 */
export async function findReferrers(
  root: Descriptor,
  source: Source & Referring,
  wish: Search,
): Promise<FoundReferrers> {
  const found = { listed: new Map<string, ListedReferrer>(), tags: new Map<string, DigestTag>() }
  const seen = new Set<Digest>()

  async function visit(node: Descriptor, depth: number): Promise<void> {
    if (seen.has(node.digest) || !isManifest(node.mediaType)) return
    seen.add(node.digest)
    const children = await childrenIn(node, depth === 0 ? wish.image : source)
    const own = await belongingTo(node.digest)
    if (own.length > 0 && depth >= DEEPEST) throw endless(root, source, `go deeper than ${DEEPEST}`)
    if (found.listed.size + found.tags.size > MOST) throw endless(root, source, `are more than ${MOST}`)
    await Promise.all([
      ...children.map((child) => visit(child, depth)),
      ...own.map((descriptor) => visit(descriptor, depth + 1)),
    ])
  }

  async function childrenIn(node: Descriptor, place: Source): Promise<readonly Descriptor[]> {
    if (!isIndex(node.mediaType)) return []
    const all = await childrenOf(node, place)
    return all.filter((child) => !wish.leaveOut(child))
  }

  async function belongingTo(subject: Digest): Promise<readonly Descriptor[]> {
    const [listed, tagged] = await Promise.all([
      listedFor(subject, source, wish),
      wish.digestTags ? taggedFor(subject, source, wish) : [],
    ])
    const meant = listed.filter((descriptor) => isMeant(descriptor, wish.filters))
    for (const descriptor of meant) found.listed.set(`${subject} ${descriptor.digest}`, { subject, descriptor })
    for (const entry of tagged) found.tags.set(entry.tag, entry)
    return [...meant, ...tagged.map(({ descriptor }) => descriptor)]
  }

  await visit(root, 0)
  return { listed: [...found.listed.values()], tags: [...found.tags.values()] }
}

/**
 * By the registry's list, and by the fallback tag beside it: a registry that has learnt to list need not list what was
 * pushed before, where nobody has told it (distribution spec, "Enabling the Referrers API").
 */
async function listedFor(
  subject: Digest,
  source: Source & Referring,
  { digestTags, tags }: Asking,
): Promise<readonly Descriptor[]> {
  const { descriptors, from } = await source.referrers(subject)
  if (from !== 'api' || !digestTags || !(await tags()).tags.includes(fallbackTag(subject))) return descriptors
  const list = await source.resolve(fallbackTag(subject))
  if (list === undefined || !isIndex(list.mediaType)) return descriptors
  const index = await readManifest(source, list)
  const older = index.kind === 'index' ? index.manifests : []
  return [...new Map([...older, ...descriptors].map((one) => [one.digest, one])).values()]
}

/** Where not all tags are known, those of cosign are looked for by their names. */
async function taggedFor(subject: Digest, source: Source, { tags }: Asking): Promise<readonly DigestTag[]> {
  const list = await tags()
  const likely = list.isWhole ? [] : COSIGN_SUFFIXES.map((suffix) => digestTag(subject, suffix))
  const names = new Set([...list.tags.filter((tag) => isDigestTag(tag, subject)), ...likely])
  const looked = await Promise.all([...names].map(async (tag) => ({ tag, descriptor: await source.resolve(tag) })))
  return looked.flatMap(({ tag, descriptor }) => (descriptor === undefined ? [] : [{ subject, tag, descriptor }]))
}

function endless(root: Descriptor, source: Source, why: string): LadingError {
  return new LadingError('CONTENT_INVALID', `what refers to ${root.digest} in ${source.name}: its referrers ${why}`)
}

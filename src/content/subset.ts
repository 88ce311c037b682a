import { Readable } from 'node:stream'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { type Digest, digestOf } from '../image/digest.ts'
import { type Index, isAttestation } from '../image/manifest.ts'
import { isIndex } from '../image/media-type.ts'
import { formatPlatform, isUnknown, normalPlatform } from '../image/platform.ts'
import { readManifest } from './image.ts'
import type { Source } from './store.ts'

/** An image of fewer platforms, and the indexes that had to be made for it. */
export type Subset = {
  /** what to copy in place of the whole; the same descriptor when nothing is left out */
  readonly root: Descriptor
  /** The source, with the indexes that were made beside its own content. */
  readonly source: Source
  /** platforms that are in it, as their index names them */
  readonly platforms: readonly string[]
  /** of those that were asked for, the ones that the image does not have */
  readonly missing: readonly string[]
}

/** An index that was made; its digest is not the one it was made of. */
export type MadeIndex = { readonly descriptor: Descriptor; readonly bytes: Uint8Array }

/**
 * An index of the chosen platforms only, nested indexes too, attestations of what is kept included. Its digest differs from
 * the whole one's, so signatures of that are not its own; a single manifest is left as it is. Throws `NOTHING_MATCHED` when
 * the image has none of the platforms.
 */
export async function chooseSubset(root: Descriptor, source: Source, platforms: readonly string[]): Promise<Subset> {
  if (!isIndex(root.mediaType)) return { root, source, platforms: [], missing: [] }
  const made = new Map<Digest, MadeIndex>()
  const found = new Set<string>()

  const begun = new Map<Digest, Promise<Descriptor | undefined>>()

  /** Each index once, however often it is named. */
  function choose(node: Descriptor): Promise<Descriptor | undefined> {
    const choosing = begun.get(node.digest) ?? chooseNow(node)
    begun.set(node.digest, choosing)
    return choosing
  }

  async function chooseNow(node: Descriptor): Promise<Descriptor | undefined> {
    const index = await readManifest(source, node)
    if (index.kind !== 'index') return node
    const kept = keptOf(index, platforms, await chooseNested(index))
    for (const platform of platformsOf(kept)) found.add(platform)
    const smaller = withChildren(index, kept)
    if (kept.length === 0 || smaller === undefined) return kept.length === 0 ? undefined : node
    made.set(smaller.descriptor.digest, smaller)
    return smaller.descriptor
  }

  async function chooseNested(index: Index): Promise<ReadonlyMap<Digest, Descriptor>> {
    const replaced = new Map<Digest, Descriptor>()
    for (const nested of index.manifests.filter(isNested)) {
      const chosen = await choose(nested)
      if (chosen !== undefined) replaced.set(nested.digest, chosen)
    }
    return replaced
  }

  const chosen = await choose(root)
  if (chosen === undefined) {
    const message = `${root.digest} in ${source.name} has none of the platforms ${platforms.join(', ')}`
    throw new LadingError('NOTHING_MATCHED', message)
  }
  const has = new Set([...found].map(normalPlatform))
  const missing = platforms.filter((platform) => !has.has(normalPlatform(platform)))
  return { root: chosen, source: withMade(source, made), platforms: [...found], missing }
}

/**
 * What regsync leaves out for its `platforms`: the index stays as it is, byte for byte, and has holes. Its rule, to the
 * letter: attestations are left out unless `unknown/unknown` is named, what has no platform unless the empty one is
 * (regclient, `image.go`, `imagePlatformInList`).
 */
export function leftOutByRegsync(index: Index, platforms: readonly string[]): ReadonlySet<Digest> {
  const wanted = new Set(platforms.map(normalPlatform))
  const isLeftOut = ({ platform }: Descriptor) =>
    !wanted.has(platform === undefined || platform.os === '' ? '' : normalPlatform(formatPlatform(platform)))
  return new Set(index.manifests.filter(isLeftOut).map(({ digest }) => digest))
}

/** An index within the index that says no platform of its own is looked into. */
function isNested({ mediaType, platform }: Descriptor): boolean {
  return isIndex(mediaType) && platform === undefined
}

/** A child that stays: where it stands in the index, and what stands there from now on. */
export type Kept = { readonly at: number; readonly child: Descriptor }

/** The children that stay, in their order, those of `replaced` in the place of what they were made of. */
export function keptOf(
  index: Index,
  platforms: readonly string[],
  replaced: ReadonlyMap<Digest, Descriptor> = new Map(),
): readonly Kept[] {
  const wanted = new Set(platforms.map(normalPlatform))
  const isImage = (child: Descriptor): boolean => {
    const { platform } = child
    if (isAttestation(child)) return false
    if (platform === undefined) return replaced.has(child.digest)
    return wanted.has(normalPlatform(formatPlatform(platform)))
  }
  const images = new Set<string>(index.manifests.filter(isImage).map(({ digest }) => digest))
  const isKept = (child: Descriptor): boolean =>
    images.has(child.digest) ||
    (isAttestation(child) && images.has(child.annotations?.['vnd.docker.reference.digest'] ?? ''))
  return index.manifests.flatMap((child, at) =>
    isKept(child) ? [{ at, child: replaced.get(child.digest) ?? child }] : [],
  )
}

/**
 * The same index with these children alone; what is said about them and about the whole stays as it was, also what we do
 * not know. `undefined` when that is what it has.
 */
export function withChildren(index: Index, kept: readonly Kept[]): MadeIndex | undefined {
  const { manifests, bytes, descriptor } = index
  const isSame = kept.length === manifests.length && kept.every(({ at, child }) => manifests[at] === child)
  if (isSame) return undefined
  const json = { ...membersOf(JSON.parse(new TextDecoder().decode(bytes))) }
  const raw: readonly unknown[] = Array.isArray(json['manifests']) ? json['manifests'] : []
  json['manifests'] = kept.map(({ at, child: { digest, size } }) => ({ ...membersOf(raw[at]), digest, size }))
  const made = Buffer.from(JSON.stringify(json))
  return { descriptor: { ...descriptor, digest: digestOf(made), size: made.length }, bytes: made }
}

function platformsOf(kept: readonly Kept[]): readonly string[] {
  const platforms = kept.map(({ child }) => child.platform).filter((platform) => platform !== undefined)
  return platforms.filter((platform) => !isUnknown(platform)).map(formatPlatform)
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}

function withMade(source: Source, made: ReadonlyMap<Digest, MadeIndex>): Source {
  return {
    name: source.name,
    resolve: (tagOrDigest) => source.resolve(tagOrDigest),
    async fetch(descriptor) {
      const own = made.get(descriptor.digest)
      return own === undefined ? source.fetch(descriptor) : Readable.from([own.bytes])
    },
  }
}

import { addAbortSignal } from 'node:stream'
import { asLadingError, LadingError } from '../error.ts'
import type { BaseImage, BaseLayers } from '../image/base.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { type Digest, tryParseDigest } from '../image/digest.ts'
import { type ImageManifest, MANIFEST_LIMIT, type Manifest, parseManifest } from '../image/manifest.ts'
import { isManifest } from '../image/media-type.ts'
import { formatPlatform, normalPlatform } from '../image/platform.ts'
import { formatReference, formatRepository, type Repository } from '../image/reference.ts'
import { plainLine } from '../plain-text.ts'
import { type Clues, readClues } from './bases.ts'
import { type Image, type PlatformImage, parseConfig, readManifest } from './image.ts'
import type { Source } from './store.ts'
import { readVerified } from './verify.ts'

/** The image whose base is looked for, and on which of its platforms. */
export type BaseSearch = {
  /** where the bytes of the image are; nothing is asked of it but manifests, configurations and provenance */
  readonly source: Source
  readonly image: Image
  /** digests of their manifests: at Docker Hub, looking for the base of a platform is a pull */
  readonly platforms: ReadonlySet<Digest>
}

/** Where bases are, and how far one goes for them. */
export type Reach = {
  /** the repository of a base; `undefined`: it is not to be asked */
  remote(repository: Repository): Source | undefined
  /** what ends the step */
  readonly cancelled: AbortSignal
  /** for all of it, in milliseconds */
  readonly limitMs: number
  debug(line: string): void
}

/** How many images are looked at for one platform: each may cost two pulls. A build seldom takes more. */
const MOST_CANDIDATES = 4

/**
 * Finds which layers of some platforms came with their base image, by platform manifest. What annotations and provenance
 * name is believed only as far as its layers are the lowest ones of the platform. That is knowledge for people and
 * decides nothing: what is missing, refused, broken or slow leaves a platform out and a line in the debug log.
 * Throws `CANCELLED` alone.
 *
 * An image whose provenance names no image is left out too. It has no base to be told apart, and a provenance that is
 * complete by its own word is rare: BuildKit calls none so that took a local context (`provenance/predicate.go`).
 */
export async function findBaseLayers(search: BaseSearch, reach: Reach): Promise<ReadonlyMap<Digest, BaseLayers>> {
  const { source, image, platforms } = search
  const wanted = image.platforms.filter(({ manifest }) => platforms.has(manifest.digest))
  const found = new Map<Digest, BaseLayers>()
  if (wanted.length === 0) return found
  const library = openLibrary(reach, AbortSignal.any([reach.cancelled, AbortSignal.timeout(reach.limitMs)]))
  await softly(reach, 'the manifests of the image', async () => {
    const manifests = await manifestsOf(source, image)
    for (const platform of wanted) {
      const name = plainLine(platform.platform, 60)
      await softly(reach, `the base of ${name}`, async () => {
        const clues = await readClues(source, manifests, platform.manifest.digest)
        const base = await baseOf({ ...platform, diffIds: () => diffIdsOf(source, platform.config) }, clues, library)
        if (base !== undefined) found.set(platform.manifest.digest, base)
        else reach.debug(`the base of ${name} is not known: nothing that is named begins as it does`)
      })
    }
  })
  return found
}

/** Does what may fail without harm. */
async function softly(reach: Reach, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (reach.cancelled.aborted) throw new LadingError('CANCELLED', `looking for ${what}: the step was cancelled`)
    reach.debug(`${what} is not known: ${plainLine(asLadingError(error).message)}`)
  }
}

async function manifestsOf(source: Source, { content }: Image): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = []
  for (const part of content) if (isManifest(part.mediaType)) manifests.push(await readManifest(source, part))
  return manifests
}

/** A platform, and what its layers are when they are unpacked: a base may have been packed anew. */
type Platform = PlatformImage & { diffIds(): Promise<readonly Digest[]> }

/**
 * The base among what is named. An annotation names the base itself. The provenance names what every stage is from: if a
 * platform is from `node`, and an earlier stage from the `alpine` below that, both begin as it does. So all are looked
 * at, and the longest is the base; if one cannot be seen, it might be that one.
 */
async function baseOf(platform: Platform, clues: Clues, library: Library): Promise<BaseLayers | undefined> {
  const annotated = clues.annotated.slice(0, MOST_CANDIDATES)
  for (const base of annotated) {
    const depth = await depthOf(base, platform, library).catch(library.skip(base))
    if (depth > 0) return layersOf(base, platform, depth)
  }
  const proven = clues.proven.filter((base) => mayBeFor(base, platform) && !annotated.some(isSameAs(base)))
  if (!clues.isWhole) throw outOfReach('its build took an image that cannot be asked for')
  if (annotated.length + proven.length > MOST_CANDIDATES) throw outOfReach(`${proven.length} images are named`)
  return longest(proven, platform, library)
}

async function depthOf(base: BaseImage, platform: Platform, library: Library): Promise<number> {
  const image = await library.find(base, platform)
  return sharedLayers(image, platform) || (await sharedFiles(image, platform))
}

async function longest(
  bases: readonly BaseImage[],
  platform: Platform,
  library: Library,
): Promise<BaseLayers | undefined> {
  const seen: { readonly base: BaseImage; readonly image: BaseManifest }[] = []
  for (const base of bases) seen.push({ base, image: await library.find(base, platform) })
  const byDepth = (depths: readonly number[]) => {
    const most = Math.max(0, ...depths)
    const base = seen[depths.indexOf(most)]?.base
    return base === undefined || most === 0 ? undefined : layersOf(base, platform, most)
  }
  const packed = byDepth(seen.map(({ image }) => sharedLayers(image, platform)))
  if (packed !== undefined) return packed
  const depths: number[] = []
  for (const { image } of seen) depths.push(await sharedFiles(image, platform))
  return byDepth(depths)
}

/** A stage for the machine that builds, as of a cross compiler, is not what a foreign platform is from. */
function mayBeFor(base: BaseImage, { platform }: Platform): boolean {
  return base.platform === undefined || normalPlatform(base.platform) === normalPlatform(platform)
}

function isSameAs(base: BaseImage): (other: BaseImage) => boolean {
  return (other) => formatReference(other) === formatReference(base)
}

function layersOf({ name }: BaseImage, { layers }: Platform, depth: number): BaseLayers {
  return { base: name, layers: new Set(layers.slice(0, depth).map(({ digest }) => digest)) }
}

function outOfReach(why: string): LadingError {
  return new LadingError('SOURCE_MISSING', why)
}

/** How many layers a platform has from an image: all of that image's, or none. */
function sharedLayers({ layers }: BaseManifest, platform: Platform): number {
  const digests = (descriptors: readonly Descriptor[]) => descriptors.map(({ digest }) => digest)
  return isBeginning(digests(layers), digests(platform.layers)) ? layers.length : 0
}

/** The same, when its layers were packed anew; asks for the image's configuration, which is a pull nowhere. */
async function sharedFiles(image: BaseManifest, platform: Platform): Promise<number> {
  const { length } = image.layers
  if (length === 0 || length > platform.layers.length) return 0
  const own = await platform.diffIds()
  if (own.length !== platform.layers.length) return 0
  const theirs = await image.diffIds()
  return theirs.length === length && isBeginning(theirs, own) ? length : 0
}

function isBeginning(short: readonly Digest[], long: readonly Digest[]): boolean {
  return short.length <= long.length && short.every((digest, at) => digest === long[at])
}

/** `rootfs.diff_ids` (OCI image spec, config.md); empty when they are not what they should be. */
async function diffIdsOf(source: Source, config: Descriptor, signal?: AbortSignal): Promise<readonly Digest[]> {
  const stream = await source.fetch(config)
  const bytes = signal === undefined ? stream : addAbortSignal(signal, stream)
  const json = parseConfig(await readVerified(config, bytes, MANIFEST_LIMIT, source.name))
  const list = member(member(json, 'rootfs'), 'diff_ids')
  const texts: readonly unknown[] = Array.isArray(list) ? list : []
  const digests = texts.flatMap((text) => (typeof text === 'string' ? (tryParseDigest(text) ?? []) : []))
  return digests.length === texts.length ? digests : []
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined
}

/** A base's manifest for one platform. */
type BaseManifest = Pick<ImageManifest, 'layers'> & { diffIds(): Promise<readonly Digest[]> }

/** Bases by their names; everything is read once, however many platforms ask for it. */
type Library = {
  /** Throws when it cannot be had. */
  find(base: BaseImage, platform: PlatformImage): Promise<BaseManifest>
  /** How many layers a platform has from an image that cannot be had and that nothing hangs on: none that we know of. */
  skip(base: BaseImage): (error: unknown) => 0
}

function openLibrary(reach: Reach, over: AbortSignal): Library {
  const roots = new Map<string, Promise<Shelf>>()
  return {
    async find(base, platform) {
      const root = await remembered(roots, formatReference(base), () => openShelf(base, reach, over))
      return root.take(platform)
    },
    skip: (base) => (error) => {
      if (reach.cancelled.aborted) throw error
      reach.debug(`${plainLine(base.name)} cannot be read: ${plainLine(asLadingError(error).message)}`)
      return 0
    },
  }
}

/** One base with what was read of it. */
type Shelf = { take(platform: PlatformImage): Promise<BaseManifest> }

/** A HEAD for what the name means, and a GET of it. Each platform costs one more where that is an index. */
async function openShelf(base: BaseImage, reach: Reach, over: AbortSignal): Promise<Shelf> {
  const source = reach.remote(base)
  if (source === undefined) throw outOfReach(`${formatRepository(base)} is not to be asked`)
  const manifests = new Map<Digest, Promise<Manifest>>()
  const configs = new Map<Digest, Promise<readonly Digest[]>>()
  const root = await unless(over, () => resolved(base, source))
  const read = (descriptor: Descriptor) =>
    remembered(manifests, descriptor.digest, () => unless(over, () => readRemote(source, descriptor, over)))

  return {
    async take(platform) {
      const manifest = await read(childFor(await read(root), platform))
      if (manifest.kind === 'index') throw outOfReach('an index within an index')
      const { config, layers } = manifest
      const diffIds = () => unless(over, () => diffIdsOf(source, config, over))
      return { layers, diffIds: () => remembered(configs, config.digest, diffIds) }
    },
  }
}

async function resolved(base: BaseImage, source: Source): Promise<Descriptor> {
  const wanted = 'digest' in base ? base.digest : base.tag
  const descriptor = await source.resolve(wanted)
  if (descriptor === undefined) throw outOfReach(`${source.name} has no ${wanted}`)
  if ('digest' in base && descriptor.digest !== base.digest) throw outOfReach(`${source.name} shows another image`)
  return descriptor
}

async function readRemote(source: Source, descriptor: Descriptor, over: AbortSignal): Promise<Manifest> {
  const stream = addAbortSignal(over, await source.fetch(descriptor))
  return parseManifest(descriptor, await readVerified(descriptor, stream, MANIFEST_LIMIT, source.name))
}

/** The manifest for a platform: an image itself, or what an index has for it. Its layers show whether it is the right one. */
function childFor(root: Manifest, { platform }: PlatformImage): Descriptor {
  if (root.kind === 'image') return root.descriptor
  const fitting = root.manifests.flatMap((child) => {
    return child.platform === undefined ? [] : { child, platform: normalPlatform(formatPlatform(child.platform)) }
  })
  const normal = normalPlatform(platform)
  const exact = fitting.find((one) => one.platform === normal)
  // An engine takes the next lower variant where its own is missing (containerd's `platforms.Only`).
  const near = fitting.find((one) => withoutVariant(one.platform) === withoutVariant(normal))
  const found = exact ?? near
  if (found === undefined) throw outOfReach(`${root.descriptor.digest} has nothing for ${plainLine(platform, 60)}`)
  return found.child
}

function withoutVariant(platform: string): string {
  return platform.split('/').slice(0, 2).join('/')
}

/** What was asked before is not asked again, a failure neither. */
function remembered<Key, T>(known: Map<Key, Promise<T>>, key: Key, ask: () => Promise<T>): Promise<T> {
  const answer = known.get(key) ?? ask()
  known.set(key, answer)
  return answer
}

/** What work brings, unless the signal comes first; then it is not even begun. */
function unless<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new LadingError('REGISTRY_UNREACHABLE', 'it takes too long'))
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', stop))
  })
}

import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import {
  children,
  type ImageManifest,
  isAttestation,
  MANIFEST_LIMIT,
  type Manifest,
  parseManifest,
  parsePlatform,
} from '../image/manifest.ts'
import { isImageConfig, isLayer, isManifest } from '../image/media-type.ts'
import { formatPlatform, isUnknown } from '../image/platform.ts'
import type { Repository } from '../image/reference.ts'
import { readBases } from './bases.ts'
import type { CheckedSource } from './checked.ts'
import type { Source } from './store.ts'
import { readVerified } from './verify.ts'

/** A whole image as its manifests tell it: every piece once, and the platforms it runs on. */
export type Image = {
  readonly root: Manifest
  /** manifests, configs and layers, each distinct one once, the root included */
  readonly content: readonly Descriptor[]
  readonly platforms: readonly PlatformImage[]
  /** where the images live that this one says it is built on, likeliest first */
  readonly bases: readonly Repository[]
}

/** One platform of an image. */
export type PlatformImage = {
  /** `linux/arm64` */
  readonly platform: string
  readonly manifest: Descriptor
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  /** of manifest, config and distinct layers, as they travel */
  readonly bytes: number
}

/**
 * Reads everything but the layers of an image: nested indexes to their ends, attestations too, which are content and
 * no platform. Throws `CONTENT_INVALID` when it is no image that can be run anywhere.
 */
export async function readImage(source: Source, descriptor: Descriptor): Promise<Image> {
  const content = new Map<Digest, Descriptor>()
  const manifests: Manifest[] = []
  const platforms: PlatformImage[] = []

  async function visit(node: Descriptor): Promise<void> {
    const seen = content.get(node.digest)
    if (seen !== undefined) return sameKind(seen, node)
    content.set(node.digest, node)
    if (!isManifest(node.mediaType)) return
    const manifest = await readManifest(source, node)
    manifests.push(manifest)
    for (const child of children(manifest)) await visit(child)
    const platform = manifest.kind === 'image' ? await platformOf(source, manifest) : undefined
    if (platform !== undefined) platforms.push(platform)
  }

  await visit(descriptor)
  if (platforms.length === 0) {
    throw new LadingError('CONTENT_INVALID', `${descriptor.digest} in ${source.name} holds no image that could be run`)
  }
  const bases = await readBases(source, manifests)
  return { root: await readManifest(source, descriptor), content: [...content.values()], platforms, bases }
}

/** A manifest that hides behind a layer of the same bytes would travel, and nobody would have looked at it. */
function sameKind(seen: Descriptor, again: Descriptor): void {
  if (isManifest(seen.mediaType) === isManifest(again.mediaType)) return
  throw new LadingError('CONTENT_INVALID', `${again.digest} is said to be a manifest and a blob at once`)
}

/** Checks every byte of an image against its digest. A scanner does not do it, so it comes before the scan. */
export async function verifyImage(source: CheckedSource, image: Image): Promise<void> {
  for (const part of image.content) await source.check(part)
}

/** A manifest of a source, its bytes checked. */
export async function readManifest(source: Source, descriptor: Descriptor): Promise<Manifest> {
  const bytes = await readVerified(descriptor, await source.fetch(descriptor), MANIFEST_LIMIT, source.name)
  return parseManifest(descriptor, bytes)
}

/** What a manifest is as a platform: by its index's word, else its config's. `undefined`: it is no image to run. */
async function platformOf(source: Source, manifest: ImageManifest): Promise<PlatformImage | undefined> {
  const { descriptor, config, layers } = manifest
  // Files make an image, whatever its descriptor says: an annotation must not be a way around the scan.
  if (!layers.some(({ mediaType }) => isLayer(mediaType)) && !isBareImage(manifest)) return undefined
  const named = descriptor.platform
  if (named !== undefined && !isUnknown(named)) return platformImage(formatPlatform(named), manifest)
  const bytes = await readVerified(config, await source.fetch(config), MANIFEST_LIMIT, source.name)
  const platform = parsePlatform(parseConfig(bytes))
  return platformImage(platform === undefined ? 'unknown' : formatPlatform(platform), manifest)
}

/** An image without a single file, and no attestation. */
function isBareImage({ descriptor, config }: ImageManifest): boolean {
  const { platform } = descriptor
  const isNowhere = platform !== undefined && isUnknown(platform)
  return isImageConfig(config.mediaType) && !isAttestation(descriptor) && !isNowhere
}

function platformImage(platform: string, manifest: ImageManifest): PlatformImage {
  const { descriptor, config, layers } = manifest
  const distinct = new Map([descriptor, config, ...layers].map((part) => [part.digest, part.size]))
  const bytes = [...distinct.values()].reduce((sum, size) => sum + size, 0)
  return { platform, manifest: descriptor, config, layers, bytes }
}

/** The configuration of an image, its bytes checked. Throws `CONTENT_INVALID`. */
export function parseConfig(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new LadingError('CONTENT_INVALID', 'the configuration of the image is not JSON', { cause })
  }
}

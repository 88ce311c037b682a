import { LadingError } from '../error.ts'
import type { Descriptor } from './descriptor.ts'
import { parseDigest } from './digest.ts'
import { isImageManifest, isIndex, isManifest, MEDIA_TYPE } from './media-type.ts'
import type { Platform } from './platform.ts'

/**
 * A manifest with its raw bytes. The digest covers bytes, so they are passed on as they came and never written anew.
 */
export type Manifest = ImageManifest | Index

export type ImageManifest = {
  readonly kind: 'image'
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly annotations: Readonly<Record<string, string>>
}

export type Index = {
  readonly kind: 'index'
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
  readonly manifests: readonly Descriptor[]
  readonly annotations: Readonly<Record<string, string>>
}

/**
 * The largest manifest that is read, in bytes. Registries must take 4 MiB (distribution spec, "Pushing Manifests");
 * twice that leaves room and still bounds what a stranger can make us hold.
 */
export const MANIFEST_LIMIT = 8 * 1024 * 1024

/**
 * Reads a manifest whose bytes have been checked against `descriptor`.
 * Throws `CONTENT_INVALID` when it is not what its media type promises.
 */
export function parseManifest(descriptor: Descriptor, bytes: Uint8Array): Manifest {
  const json = parseObject(bytes, descriptor)
  const mediaType = typeof json['mediaType'] === 'string' ? json['mediaType'] : descriptor.mediaType
  // One document that two readers take for two things is an attack (GHSA-77vh-xpmg-72qh): the types must agree.
  if (mediaType !== descriptor.mediaType) {
    throw invalid(descriptor, `says it is ${mediaType}, and is referred to as ${descriptor.mediaType}`)
  }
  if (Array.isArray(json['manifests']) && (json['layers'] !== undefined || json['config'] !== undefined)) {
    throw invalid(descriptor, 'is an index and an image at once')
  }
  const annotations = parseAnnotations(json['annotations']) ?? {}
  if (isIndex(mediaType)) {
    const manifests = parseList(json['manifests'], descriptor, 'manifests')
    return { kind: 'index', descriptor, bytes, manifests, annotations }
  }
  if (isImageManifest(mediaType)) {
    const config = parseDescriptor(json['config'], descriptor, 'config')
    const layers = parseList(json['layers'], descriptor, 'layers')
    // It would travel as a manifest and be no platform that anybody scans.
    if ([config, ...layers].some((part) => isManifest(part.mediaType))) {
      throw invalid(descriptor, 'names another manifest as its config or layer')
    }
    return { kind: 'image', descriptor, bytes, config, layers, annotations }
  }
  throw invalid(descriptor, `has the media type ${mediaType}, which is no image and no index`)
}

/** What a manifest points at: the children that must be somewhere before the manifest itself is. */
export function children(manifest: Manifest): readonly Descriptor[] {
  return manifest.kind === 'index' ? manifest.manifests : [manifest.config, ...manifest.layers]
}

/**
 * BuildKit hangs its attestations into the index as images of their own (`vnd.docker.reference.type`,
 * BuildKit docs, "Image attestation storage"). They are no platform, and no scanner can read them.
 */
export function isAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
}

/** Reads one descriptor out of untrusted JSON. */
export function parseDescriptor(value: unknown, owner: Descriptor | string, field: string): Descriptor {
  if (!isObject(value)) throw invalid(owner, `has no usable ${field}`)
  refuseTwins(value, owner)
  const { mediaType, digest, size, artifactType } = value
  if (typeof digest !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(owner, `has a descriptor in ${field} without digest or size`)
  }
  const platform = parsePlatform(value['platform'])
  const annotations = parseAnnotations(value['annotations'])
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : MEDIA_TYPE.ociManifest,
    digest: parseDigest(digest),
    size,
    ...(platform === undefined ? {} : { platform }),
    ...(typeof artifactType === 'string' ? { artifactType } : {}),
    ...(annotations === undefined ? {} : { annotations }),
    ...(isFilledList(value['urls']) ? { external: true } : {}),
  }
}

/** A platform out of untrusted JSON: of a descriptor, or of an image configuration. */
export function parsePlatform(value: unknown): Platform | undefined {
  if (!isObject(value)) return undefined
  const { os, architecture, variant } = value
  const osVersion = value['os.version']
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined
  return {
    os,
    architecture,
    ...(typeof variant === 'string' && variant !== '' ? { variant } : {}),
    ...(typeof osVersion === 'string' ? { osVersion } : {}),
  }
}

function parseList(value: unknown, owner: Descriptor, field: string): readonly Descriptor[] {
  if (!Array.isArray(value)) throw invalid(owner, `has no list of ${field}`)
  return value.map((item) => parseDescriptor(item, owner, field))
}

function isFilledList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0
}

function parseAnnotations(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isObject(value)) return undefined
  const texts = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return Object.fromEntries(texts)
}

function parseObject(bytes: Uint8Array, owner: Descriptor): Readonly<Record<string, unknown>> {
  const json = parseJson(bytes, owner)
  if (!isObject(json)) throw invalid(owner, 'is not a JSON object')
  refuseTwins(json, owner)
  return json
}

/**
 * Go's JSON reader takes `Layers` for `layers`, and by the folding of Unicode `layerſ` too (encoding/json, foldRune), whose
 * capital is an S. Two such keys would be two images, one for us and one for engines.
 */
function refuseTwins(json: Readonly<Record<string, unknown>>, owner: Descriptor | string): void {
  const keys = Object.keys(json)
  if (new Set(keys.map((key) => key.toUpperCase().toLowerCase())).size < keys.length) {
    throw invalid(owner, 'has two keys that are one to other readers')
  }
}

function parseJson(bytes: Uint8Array, owner: Descriptor): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new LadingError('CONTENT_INVALID', `manifest ${owner.digest} is not JSON`, { cause })
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(owner: Descriptor | string, why: string): LadingError {
  const name = typeof owner === 'string' ? owner : `manifest ${owner.digest}`
  return new LadingError('CONTENT_INVALID', `${name} ${why}`)
}

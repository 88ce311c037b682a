import { copyFile, link, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { algorithmOf, type Digest, digestOf, hexOf, tryParseDigest } from '../image/digest.ts'
import { MEDIA_TYPE } from '../image/media-type.ts'
import { CONFIG_LIMIT, withoutBaseGuess } from './base-guess.ts'

export type PlatformLayout = {
  /** the layout with all platforms */
  readonly layoutDirectory: string
  /** `linux/arm64` */
  readonly platform: string
  readonly manifest: Descriptor
  readonly config: Descriptor
  /** the folder to make the new one in */
  readonly directory: string
}

/** A layout with one platform in it. */
export type Written = {
  /** name of its folder, `linux-arm64` */
  readonly input: string
  /** the configuration that the scanner sees there: the image's own, or a copy that differs in the texts of its history */
  readonly config: Digest
}

/**
 * Writes a layout that holds one platform only. Trivy takes the first manifest of a layout whatever `--platform` says, so
 * that a finding in any other platform would go unseen. Where Trivy would take layers for a base image and not look for
 * secrets in them, it gets a copy of the configuration, and a manifest that names it, over the same layers.
 * Throws `CONTENT_INVALID` when the layout has no blobs, or not those that the image names.
 */
export async function writePlatformLayout(layout: PlatformLayout): Promise<Written> {
  const blobs = await blobsOf(layout.layoutDirectory)
  const config = await readBlob(blobs, layout.config)
  const changed = withoutBaseGuess(config.toString('utf8'))
  const input = await makeFolder(layout.directory, folderName(layout.platform))
  const folder = join(layout.directory, input)
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  if (changed !== undefined) return { input, config: await writeCopy(folder, blobs, layout, Buffer.from(changed)) }
  await writeFile(join(folder, 'index.json'), indexOf(layout.manifest))
  // One link for all: Trivy refuses a blob that is itself a link.
  await symlink(blobs, join(folder, 'blobs'), 'junction')
  return { input, config: layout.config.digest }
}

/** A layout with another configuration over the same layers; returns the digest of that configuration. */
async function writeCopy(folder: string, blobs: string, layout: PlatformLayout, config: Buffer): Promise<Digest> {
  const text = (await readBlob(blobs, layout.manifest)).toString('utf8')
  const manifest = parseManifest(text)
  const named = { ...manifest.config, digest: digestOf(config), size: config.length }
  const bytes = Buffer.from(JSON.stringify({ ...manifest.json, config: named }))
  const own = join(folder, 'blobs')
  await writeBlob(own, config)
  await writeBlob(own, bytes)
  for (const layer of new Set(manifest.layers)) await borrow(pathOf(blobs, layer), pathOf(own, layer))
  const { mediaType } = layout.manifest
  await writeFile(join(folder, 'index.json'), indexOf({ mediaType, digest: digestOf(bytes), size: bytes.length }))
  return named.digest
}

/** The same file under another name; over a border of file systems, or between users, a copy. */
async function borrow(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  try {
    await link(from, to)
  } catch (error) {
    // What is missing here is for Trivy to miss: then there is no report that could be a clean one.
    if (hasCode(error, 'ENOENT')) return
    await copyFile(from, to)
  }
}

async function writeBlob(blobs: string, bytes: Buffer): Promise<void> {
  const path = pathOf(blobs, digestOf(bytes))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
}

/** A small blob, checked once more: what is written anew must come from what was verified. */
async function readBlob(blobs: string, { digest, size }: Descriptor): Promise<Buffer> {
  const what = `scanning the image: ${digest} of its layout`
  if (size > CONFIG_LIMIT) throw new LadingError('CONTENT_INVALID', `${what} is larger than ${CONFIG_LIMIT} bytes`)
  let bytes: Buffer
  try {
    bytes = await readFile(pathOf(blobs, digest))
  } catch (cause) {
    throw new LadingError('CONTENT_INVALID', `${what} cannot be read`, { cause })
  }
  // Trivy reads no other algorithm; it ends with an error, which is never a clean scan.
  if (algorithmOf(digest) === 'sha256' && digestOf(bytes) !== digest) {
    throw new LadingError('CONTENT_INVALID', `${what} is not what its digest says`)
  }
  return bytes
}

function parseManifest(text: string): { json: object; config: object; layers: readonly Digest[] } {
  const json: unknown = JSON.parse(text)
  const isManifest = typeof json === 'object' && json !== null && 'config' in json && 'layers' in json
  if (!isManifest || typeof json.config !== 'object' || json.config === null || !Array.isArray(json.layers)) {
    throw new LadingError('CONTENT_INVALID', 'scanning the image: its manifest has no configuration and layers')
  }
  const layers = json.layers.flatMap((layer: unknown) => {
    const digest = typeof layer === 'object' && layer !== null && 'digest' in layer ? layer.digest : undefined
    return typeof digest === 'string' ? (tryParseDigest(digest) ?? []) : []
  })
  return { json, config: json.config, layers }
}

function pathOf(blobs: string, digest: Digest): string {
  return join(blobs, algorithmOf(digest), hexOf(digest))
}

async function blobsOf(layoutDirectory: string): Promise<string> {
  try {
    return await realpath(join(layoutDirectory, 'blobs'))
  } catch (cause) {
    throw new LadingError('CONTENT_INVALID', 'scanning the image: its layout has no folder `blobs`', { cause })
  }
}

/**
 * A name that is safe as a path and as an argument: the platform comes out of the image, and Trivy stumbles over `@` and
 * `:` in the path of its input.
 */
function folderName(platform: string): string {
  const name = platform
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
  return name.replace(/^-+|-+$/g, '') || 'platform'
}

/** Two images of an index may say that they are for the same platform; each needs a folder of its own. */
async function makeFolder(parent: string, name: string): Promise<string> {
  for (let at = 1; ; at += 1) {
    const candidate = at === 1 ? name : `${name}-${at}`
    if (await tryMkdir(join(parent, candidate))) return candidate
  }
}

async function tryMkdir(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 })
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function indexOf(manifest: Descriptor): string {
  const { mediaType, digest, size } = manifest
  return JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [{ mediaType, digest, size }] })
}

import { constants } from 'node:fs'
import { copyFile, link, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { algorithmOf, type Digest, digestOf, hexOf } from '../image/digest.ts'
import { MEDIA_TYPE } from '../image/media-type.ts'
import { CONFIG_LIMIT, configForScanner, type ScannerConfig } from './scanner-config.ts'

export type PlatformLayout = {
  /** the layout with all platforms */
  readonly layoutDirectory: string
  /** `linux/arm64` */
  readonly platform: string
  readonly manifest: Descriptor
  readonly config: Descriptor
  /** of the manifest, in its order */
  readonly layers: readonly Descriptor[]
  /** the folder to make the new one in */
  readonly directory: string
  /** holds what the scanner reads, for all platforms; made when it is missing */
  readonly blobs: string
}

/** A layout with one platform in it. */
export type Written = {
  /** name of its folder, `linux-arm64` */
  readonly input: string
  /** of the configuration that the scanner sees there, a copy: it is what `ImageID` must be */
  readonly config: Digest
  /** of the image's own configuration, which whoever pulls it sees */
  readonly imageId: Digest
} & Pick<ScannerConfig, 'diffIds'>

/**
 * Writes a layout that holds one platform only. Trivy takes the first manifest of a layout whatever `--platform` says, so
 * that a finding in any other platform would go unseen. It gets a copy of the configuration, and a manifest that names it,
 * over the same files of layers: `configForScanner` has the reasons. All bytes must have been checked.
 * Throws `CONTENT_INVALID` when the layout has no blobs, or not the configuration that the image names.
 */
export async function writePlatformLayout(layout: PlatformLayout): Promise<Written> {
  const source = await blobsOf(layout.layoutDirectory)
  const own = await readConfig(source, layout.config)
  const layers = layout.layers.map(({ digest }) => digest)
  const { text, diffIds } = configForScanner(own.toString('utf8'), layers)
  const input = await makeFolder(layout.directory, folderName(layout.platform))
  const folder = join(layout.directory, input)
  const config = await writeBlob(layout.blobs, layout.config.mediaType, text)
  const manifest = await writeBlob(layout.blobs, layout.manifest.mediaType, manifestOf(layout, config))
  for (const layer of new Set(layers)) await borrow(pathOf(source, layer), pathOf(layout.blobs, layer))
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(join(folder, 'index.json'), indexOf(manifest))
  // One link for all: Trivy refuses a blob that is itself a link.
  await symlink(layout.blobs, join(folder, 'blobs'), 'junction')
  return { input, config: config.digest, imageId: layout.config.digest, diffIds }
}

/** Nothing but what was read of the image's own: another reader of the same bytes may see more in them. */
function manifestOf({ manifest: { mediaType }, layers }: PlatformLayout, config: Descriptor): string {
  return JSON.stringify({ schemaVersion: 2, mediaType, config, layers: layers.map(bare) })
}

function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}

/** The same file under another name; over a border of file systems, or between users, a copy. */
async function borrow(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  try {
    await link(from, to)
  } catch (error) {
    // What is missing here is for Trivy to miss: then there is no report that could be a clean one.
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EEXIST')) return
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  }
}

async function writeBlob(blobs: string, mediaType: string, text: string): Promise<Descriptor> {
  const bytes = Buffer.from(text)
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length }
  const path = pathOf(blobs, descriptor.digest)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
  return descriptor
}

/** Checked once more: what is written anew must come from what was verified. */
async function readConfig(blobs: string, { digest, size }: Descriptor): Promise<Buffer> {
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
  return JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [manifest] })
}

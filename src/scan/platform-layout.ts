import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { MEDIA_TYPE } from '../image/media-type.ts'

export type PlatformLayout = {
  /** the layout with all platforms */
  readonly layoutDirectory: string
  /** `linux/arm64` */
  readonly platform: string
  readonly manifest: Descriptor
  /** the folder to make the new one in */
  readonly directory: string
}

/**
 * Writes a layout that holds one platform only, and returns the name of its folder, `linux-arm64`. Trivy takes the first
 * manifest of a layout whatever `--platform` says, so that a finding in any other platform would go unseen.
 * Throws `CONTENT_INVALID` when the layout has no blobs.
 */
export async function writePlatformLayout(layout: PlatformLayout): Promise<string> {
  const blobs = await blobsOf(layout.layoutDirectory)
  const name = await makeFolder(layout.directory, folderName(layout.platform))
  const folder = join(layout.directory, name)
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(join(folder, 'index.json'), indexOf(layout.manifest))
  // One link for all: Trivy refuses a blob that is itself a link.
  await symlink(blobs, join(folder, 'blobs'), 'junction')
  return name
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
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function indexOf(manifest: Descriptor): string {
  const { mediaType, digest, size } = manifest
  return JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [{ mediaType, digest, size }] })
}

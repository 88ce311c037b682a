import { readManifest } from '../../content/image.ts'
import type { Source } from '../../content/store.ts'
import { chooseSubset, leftOutByRegsync } from '../../content/subset.ts'
import { LadingError } from '../../error.ts'
import type { Descriptor } from '../../image/descriptor.ts'
import type { Digest } from '../../image/digest.ts'
import { formatPlatform, normalPlatform } from '../../image/platform.ts'
import { formatReference } from '../../image/reference.ts'
import type { SeenTask } from '../../plan/mirror-plan.ts'
import type { PlatformWish } from '../../plan/mirror-request.ts'

/** What of an image is copied. */
export type Part = {
  readonly root: Descriptor
  readonly source: Source
  /** children that an index names and that stay behind */
  readonly leaveOut: ReadonlySet<Digest>
}

/** The image, or the platforms of it that are wanted. Throws `NOTHING_MATCHED` when it has none of them. */
export async function partOf({ entry, source: name, shown }: SeenTask, source: Source): Promise<Part> {
  const { platforms } = entry
  const whole = { root: shown, source, leaveOut: new Set<Digest>() }
  switch (platforms.kind) {
    case 'all':
      return whole
    case 'subset': {
      const { root, source: made } = await chooseSubset(shown, source, platforms.platforms.map(formatPlatform))
      return { ...whole, root, source: made }
    }
    case 'holes':
      return { ...whole, leaveOut: await holesOf(shown, source, platforms) }
    case 'one':
      return { ...whole, root: await childFor(platforms, { shown, source, name: formatReference(name) }) }
  }
}

async function holesOf(
  root: Descriptor,
  source: Source,
  { platforms, unnamed }: Extract<PlatformWish, { readonly kind: 'holes' }>,
): Promise<ReadonlySet<Digest>> {
  const manifest = await readManifest(source, root)
  if (manifest.kind !== 'index') return new Set()
  return leftOutByRegsync(manifest, [...platforms.map(formatPlatform), ...(unnamed ? [''] : [])])
}

/** The manifest of one platform, which is pushed in the place of the index. */
async function childFor(
  { platform }: Extract<PlatformWish, { readonly kind: 'one' }>,
  { shown, source, name }: { readonly shown: Descriptor; readonly source: Source; readonly name: string },
): Promise<Descriptor> {
  const manifest = await readManifest(source, shown)
  if (manifest.kind !== 'index') return shown
  const wanted = normalPlatform(formatPlatform(platform))
  const child = manifest.manifests.find(
    (one) => one.platform !== undefined && normalPlatform(formatPlatform(one.platform)) === wanted,
  )
  if (child !== undefined) return { mediaType: child.mediaType, digest: child.digest, size: child.size }
  throw new LadingError('NOTHING_MATCHED', `choosing a platform of ${name}: it has no ${formatPlatform(platform)}`)
}

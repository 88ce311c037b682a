import type { LeaveOut } from '../../content/copy.ts'
import { readManifest } from '../../content/image.ts'
import type { Source } from '../../content/store.ts'
import { chooseSubset, leftOutByRegsync } from '../../content/subset.ts'
import { LadingError } from '../../error.ts'
import type { Descriptor } from '../../image/descriptor.ts'
import type { Digest } from '../../image/digest.ts'
import { isIndex } from '../../image/media-type.ts'
import { formatPlatform, normalPlatform } from '../../image/platform.ts'
import { formatReference } from '../../image/reference.ts'
import type { SeenTask } from '../../plan/mirror-plan.ts'
import type { PlatformWish } from '../../plan/mirror-request.ts'

/** What of an image is copied. */
export type Part = {
  readonly root: Descriptor
  readonly source: Source
  /** what a manifest names and what stays behind */
  readonly leaveOut: LeaveOut
}

/** The image, or the platforms of it that are wanted. Throws `NOTHING_MATCHED` when it has none of them. */
export async function partOf({ entry, source: name, shown }: SeenTask, source: Source): Promise<Part> {
  const { platforms } = entry
  const isLeft: LeaveOut = (part) => !entry.externalLayers && part.external === true
  const whole = { root: shown, source, leaveOut: isLeft }
  switch (platforms.kind) {
    case 'all':
      return whole
    case 'subset': {
      const { root, source: made } = await chooseSubset(shown, source, platforms.platforms.map(formatPlatform))
      return { ...whole, root, source: made }
    }
    case 'holes': {
      const holes = await holesOf(shown, source, platforms)
      return { ...whole, leaveOut: (part) => holes.has(part.digest) || isLeft(part) }
    }
    case 'one':
      return { ...whole, root: await childFor(platforms, { shown, source, name: formatReference(name) }) }
  }
}

async function holesOf(
  root: Descriptor,
  source: Source,
  { platforms, unnamed }: Extract<PlatformWish, { readonly kind: 'holes' }>,
): Promise<ReadonlySet<Digest>> {
  const wanted = [...platforms.map(formatPlatform), ...(unnamed ? [''] : [])]
  const holes = new Set<Digest>()
  const kept = new Set<Digest>()

  // Indexes within the index are gone through by the same rule (regclient, `imageCopyOpt`).
  async function look(node: Descriptor): Promise<void> {
    if (kept.has(node.digest)) return
    kept.add(node.digest)
    if (!isIndex(node.mediaType)) return
    const index = await readManifest(source, node)
    if (index.kind !== 'index') return
    const left = leftOutByRegsync(index, wanted)
    for (const digest of left) holes.add(digest)
    for (const child of index.manifests.filter(({ digest }) => !left.has(digest))) await look(child)
  }

  await look(root)
  // What one index leaves out another one may want.
  return new Set([...holes].filter((digest) => !kept.has(digest)))
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

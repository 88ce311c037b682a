import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { children, MANIFEST_LIMIT, parseManifest } from '../image/manifest.ts'
import { isIndex, isLayer, isManifest } from '../image/media-type.ts'
import type { Repository } from '../image/reference.ts'
import { type Arrival, type Elsewhere, MissingContent, type Source, type Target } from './store.ts'
import { readVerified } from './verify.ts'

/** What became of one piece of content. What lies below a `present` manifest was not looked at: it is there. */
export type Copied = { readonly descriptor: Descriptor; readonly status: Arrival }

export type LeaveOut = (part: Descriptor) => boolean

export type Route = {
  readonly source: Source
  readonly target: Target
  /** Once aborted, nothing new is begun. */
  readonly signal: AbortSignal
  /** repositories that may have layers of this already, likeliest first; a target of the same registry can ask them */
  readonly mountFrom?: readonly Repository[]
  /** a repository of the target's registry that has all of this; then others need not be asked */
  readonly wholeIn?: Repository
  /** The root is known to be missing, so it is not asked for. */
  readonly rootIsMissing?: true
  /** Parts that are not copied though a manifest names them. Some registries do not take such a one. */
  readonly leaveOut?: LeaveOut
  /** A manifest that is there is gone through all the same, and what is missing below it is brought. */
  readonly allParts?: boolean
  /** called as each piece has arrived */
  readonly onCopied?: (copied: Copied) => void
}

/**
 * Copies `root` and everything it points at. Children land before parents, so the target never holds a broken image,
 * and content that two parents share travels once. Throws the first failure after all that had begun has ended.
 */
export async function copyGraph(root: Descriptor, route: Route): Promise<readonly Copied[]> {
  const begun = new Map<Digest, Promise<Copied>>()
  let failed = false

  function copyOnce(node: Descriptor, elsewhere?: Elsewhere): Promise<Copied> {
    const running = begun.get(node.digest) ?? copyNode(node, elsewhere).catch(stopTheRest)
    begun.set(node.digest, running)
    return running
  }

  async function copyNode(node: Descriptor, elsewhere?: Elsewhere): Promise<Copied> {
    goOn()
    const isMissing = route.rootIsMissing === true && node.digest === root.digest
    const isThere = !isMissing && (await route.target.exists(node))
    const looksBelow = isManifest(node.mediaType) && (!isThere || route.allParts === true)
    if (looksBelow) {
      const parts = await partsOf(node)
      await settled(parts.map((part, at) => copyOnce(part, elsewhereOf(part, parts[at - 1]))))
    }
    if (isThere) return arrived({ descriptor: node, status: 'present' })
    goOn()
    return pushWhole(node, elsewhere)
  }

  async function partsOf(node: Descriptor): Promise<readonly Descriptor[]> {
    const parts = await childrenOf(node, route.source)
    return parts.filter((part) => route.leaveOut?.(part) !== true)
  }

  /** Configurations are of this image alone, and attestations too: other repositories are asked for layers. */
  function elsewhereOf(part: Descriptor, before: Descriptor | undefined): Elsewhere | undefined {
    const { mountFrom = [], wholeIn } = route
    if (wholeIn !== undefined && !isManifest(part.mediaType)) return { mountFrom: [wholeIn], liesOn: undefined }
    if (mountFrom.length === 0 || !isLayer(part.mediaType)) return undefined
    return { mountFrom, liesOn: before !== undefined && isLayer(before.mediaType) ? before.digest : undefined }
  }

  /**
   * Registries lose what they said they had: to a garbage collection (cloudfoundry/korifi#2381), or because they said it
   * too early (agent-glovebox#4055). They notice at the manifest; then what is really missing is brought, once.
   */
  async function pushWhole(node: Descriptor, elsewhere: Elsewhere | undefined): Promise<Copied> {
    try {
      return await push(node, elsewhere)
    } catch (error) {
      if (!(error instanceof MissingContent)) throw error
      await repair(node)
      return push(node).catch(async (again: unknown) => {
        const whole = await childrenOf(node, route.source)
        throw whole.length > (await partsOf(node)).length ? leftOutRefused(again, node) : again
      })
    }
  }

  async function repair(node: Descriptor): Promise<void> {
    const parts = await partsOf(node)
    await settled(parts.map(bringBack))
  }

  async function bringBack(part: Descriptor): Promise<Copied> {
    goOn()
    if (await route.target.exists(part, 'again')) return { descriptor: part, status: 'present' }
    if (isManifest(part.mediaType)) await repair(part)
    return push(part)
  }

  // Without `elsewhere` for what is brought back: that somebody else was said to have it may be what was wrong.
  async function push(node: Descriptor, elsewhere?: Elsewhere): Promise<Copied> {
    const status = await route.target.push(node, () => route.source.fetch(node), elsewhere)
    return arrived({ descriptor: node, status })
  }

  function arrived(copied: Copied): Copied {
    route.onCopied?.(copied)
    return copied
  }

  function goOn(): void {
    route.signal.throwIfAborted()
    if (failed) throw new Stopped()
  }

  function stopTheRest(error: unknown): never {
    failed = true
    throw error
  }

  await copyOnce(root)
  return Promise.all(begun.values())
}

/** What a manifest in a source points at. */
export async function childrenOf(node: Descriptor, source: Source): Promise<readonly Descriptor[]> {
  const bytes = await readVerified(node, await source.fetch(node), MANIFEST_LIMIT, source.name)
  return children(parseManifest(node, bytes))
}

const HOLES_HINT =
  'This registry takes no index whose images are not all there. Choose the platforms with the attribute `platforms=` of `images`, which makes an index of them, or copy all.'
const EXTERNAL_HINT =
  'This registry takes no image whose layers lie elsewhere. Say `includeExternal: true` in the file to copy them too.'

/** Registries that look for all parts of a manifest do not take one with holes (`MANIFEST_BLOB_UNKNOWN`). */
function leftOutRefused(error: unknown, { mediaType }: Descriptor): unknown {
  if (!(error instanceof MissingContent)) return error
  const [left, hint] = isIndex(mediaType)
    ? ['images of other platforms were left out of this index', HOLES_HINT]
    : ['layers that lie elsewhere were left out of this image', EXTERNAL_HINT]
  const message = `${error.message} (${left})`
  return new LadingError(error.code, message, { hint, cause: error })
}

/** Thrown by what was not begun any more because something else had failed; never the reason that is reported. */
class Stopped extends Error {
  override readonly name = 'Stopped'
}

/**
 * Waits for all, then throws the first real failure. `Promise.all` would leave the others running behind the back of
 * whoever reports the failure.
 */
async function settled(promises: readonly Promise<Copied>[]): Promise<void> {
  const results = await Promise.allSettled(promises)
  const reasons: unknown[] = results.filter((result) => result.status === 'rejected').map((result) => result.reason)
  if (reasons.length > 0) throw reasons.find((reason) => !(reason instanceof Stopped)) ?? reasons[0]
}

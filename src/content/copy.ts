import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { children, MANIFEST_LIMIT, parseManifest } from '../image/manifest.ts'
import { isManifest } from '../image/media-type.ts'
import { type Arrival, MissingContent, type Source, type Target } from './store.ts'
import { readVerified } from './verify.ts'

/** What became of one piece of content. What lies below a `present` manifest was not looked at: it is there. */
export type Copied = { readonly descriptor: Descriptor; readonly status: Arrival }

export type Route = {
  readonly source: Source
  readonly target: Target
  /** Once aborted, nothing new is begun. */
  readonly signal: AbortSignal
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

  function copyOnce(node: Descriptor): Promise<Copied> {
    const running = begun.get(node.digest) ?? copyNode(node).catch(stopTheRest)
    begun.set(node.digest, running)
    return running
  }

  async function copyNode(node: Descriptor): Promise<Copied> {
    goOn()
    if (await route.target.exists(node)) return arrived({ descriptor: node, status: 'present' })
    if (isManifest(node.mediaType)) await settled((await childrenOf(node, route.source)).map(copyOnce))
    goOn()
    return pushWhole(node)
  }

  /**
   * Registries lose what they said they had: to a garbage collection (cloudfoundry/korifi#2381), or because they said it
   * too early (agent-glovebox#4055). They notice at the manifest; then what is really missing is brought, once.
   */
  async function pushWhole(node: Descriptor): Promise<Copied> {
    try {
      return await push(node)
    } catch (error) {
      if (!(error instanceof MissingContent)) throw error
      await repair(node)
      return push(node)
    }
  }

  async function repair(node: Descriptor): Promise<void> {
    const parts = await childrenOf(node, route.source)
    await settled(parts.map(bringBack))
  }

  async function bringBack(part: Descriptor): Promise<Copied> {
    goOn()
    if (await route.target.exists(part, 'again')) return { descriptor: part, status: 'present' }
    if (isManifest(part.mediaType)) await repair(part)
    return push(part)
  }

  async function push(node: Descriptor): Promise<Copied> {
    const status = await route.target.push(node, () => route.source.fetch(node))
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

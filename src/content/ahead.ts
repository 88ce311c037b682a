import type { Image } from './image.ts'
import type { Target } from './store.ts'

/**
 * Asks targets which pieces of an image they have, while it may not be sent yet: a scan takes longer than that. Targets
 * remember what they answered, so that the upload can begin with what is missing. Trouble shows when it matters.
 */
export async function lookAhead(image: Image, targets: readonly Target[]): Promise<void> {
  await Promise.allSettled(targets.map((target) => askAll(image, target)))
}

/** The root is not asked for: targets whose tags show it are complete, and in the others it comes last anyway. */
async function askAll({ root, content }: Image, target: Target): Promise<void> {
  const parts = content.filter(({ digest }) => digest !== root.descriptor.digest)
  await Promise.allSettled(parts.map((descriptor) => target.exists(descriptor)))
}

import { LadingError } from '../error.ts'
import type { Digest } from '../image/digest.ts'
import { formatReference, type Repository, tagged } from '../image/reference.ts'
import { modeOf, type PublishPlan } from '../plan/publish-plan.ts'
import type { Run } from './run.ts'

/** Whether tags are asked for by name: then one that would be held back is an error, since green must mean promoted. */
export function isPromotion({ request }: Pick<Run, 'request'>): boolean {
  return modeOf(request) === 'promote'
}

/** Throws `TAG_HELD` when a promotion would leave a moving tag with another image. */
export function refuseHeld(run: Run, { references }: PublishPlan): void {
  if (!isPromotion(run)) return
  const held = references.flatMap(({ intent, before, ...reference }) =>
    intent.kind !== 'held' || before.kind !== 'image' ? [] : [{ reference, shown: before, why: intent.why }],
  )
  if (held.length > 0) throw heldError(held)
}

/** A moving tag that shows another image, and why it stays; `why` continues a sentence that begins with its name. */
export type Held = {
  readonly reference: Repository & { readonly tag: string }
  readonly shown: { readonly digest: Digest }
  readonly why: string
}

export function heldError(held: readonly Held[]): LadingError {
  const words = held.map(
    ({ reference, shown, why }) =>
      `${formatReference(tagged(reference, reference.tag))} would be held back: it shows ${shown.digest} and ${why}`,
  )
  return new LadingError('TAG_HELD', words.join('; '), { hint: FORCE })
}

const FORCE =
  'Set `moving-tags: force` to move tags backwards on purpose, as for a rollback, or take them out of `tags`.'

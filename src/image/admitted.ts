import type { Descriptor } from './descriptor.ts'

declare const admitted: unique symbol

/** What the gate decided: nothing found, found and only reported, or not asked (`scan: off`). */
export type Decision = 'passed' | 'reported' | 'waived'

/**
 * An image that the gate let through, with its decision. Publishing accepts nothing else, so that forgetting the scan
 * does not compile. Only `scan/verdict.ts` may call `admit`; the architecture test holds that.
 */
export type Admitted = Descriptor & { readonly [admitted]: Decision; readonly decision: Decision }

/** Marks an image as let through. */
export function admit(descriptor: Descriptor, decision: Decision): Admitted {
  const marked: Descriptor & { readonly decision: Decision } = { ...descriptor, decision }
  return marked as Admitted
}

import { type Digest, shortDigest } from '../image/digest.ts'
import { formatReference, tagged } from '../image/reference.ts'
import type { PlannedReference, PublishPlan } from './publish-plan.ts'

/**
 * The plan, a line for each reference.
 * @param digest of the image, when it is known already: a finished layout's
 */
export function printPlan(plan: PublishPlan, digest?: Digest): readonly string[] {
  const names = plan.references.map((reference) => formatReference(tagged(reference, reference.tag)))
  const width = Math.max(0, ...names.map((name) => name.length))
  const head = plan.push.push ? 'Plan' : `Plan: nothing is pushed, because ${plan.push.reason}`
  const lines = plan.references.map((reference, index) => {
    const expected = plan.push.push ? expectation(reference, digest) : 'would be written'
    return `  ${(names[index] ?? '').padEnd(width)}  ${expected}`
  })
  return [head, ...lines]
}

/** `1 platform`, `2 platforms`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

function expectation({ before, kind, intent }: PlannedReference, digest: Digest | undefined): string {
  if (intent.why !== '') return intent.why
  if (before.kind === 'nothing') return 'new'
  if (before.kind === 'unknown') return 'not looked at'
  if (before.digest === digest) return 'shows this image already'
  const shown = shortDigest(before.digest)
  if (kind === 'moving') return `moves from ${shown}`
  return digest === undefined ? `replaces ${shown}, unless it is the same image` : `replaces ${shown}`
}

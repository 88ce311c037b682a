import { shortDigest } from '../image/digest.ts'
import { formatReference, tagged } from '../image/reference.ts'
import type { Before, PlannedReference, PublishPlan } from './publish-plan.ts'

/** The first line of a run: what is about to happen. */
export function announce(
  version: string,
  plan: Pick<PublishPlan, 'title' | 'version' | 'commit' | 'platforms' | 'origin'>,
  repositories: number,
): string {
  const commit = plan.commit === '' ? '' : ` (${plan.commit.slice(0, 7)})`
  const platforms = plan.platforms.length === 0 ? '' : ` for ${count(plan.platforms.length, 'platform')}`
  const from = plan.origin === 'layout' ? ' from a finished layout' : ''
  return `Lading ${version}: publish ${plan.title} ${plan.version}${commit}${from}${platforms} to ${count(repositories, 'repository', 'repositories')}`
}

/** The plan, a line for each reference. */
export function printPlan(plan: PublishPlan): readonly string[] {
  const names = plan.references.map((reference) => formatReference(tagged(reference, reference.tag)))
  const width = Math.max(0, ...names.map((name) => name.length))
  const head = plan.push.push ? 'Plan' : `Plan: nothing is pushed, because ${plan.push.reason}`
  return [
    head,
    ...plan.references.map(
      (reference, index) => `  ${(names[index] ?? '').padEnd(width)}  ${expectation(plan, reference)}`,
    ),
  ]
}

/** `1 platform`, `2 platforms`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

function expectation(plan: PublishPlan, { before, kind }: PlannedReference): string {
  if (!plan.push.push) return 'would be written'
  return `${inWords(before)}${kind === 'fixed' && before.kind === 'image' ? ', although it names a release or a commit' : ''}`
}

function inWords(before: Before): string {
  if (before.kind === 'image') return `moves from ${shortDigest(before.digest)}`
  return before.kind === 'nothing' ? 'new' : 'not looked at'
}

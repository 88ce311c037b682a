import type { Digest } from '../image/digest.ts'
import { formatReference, type Repository, tagged } from '../image/reference.ts'
import type { Name } from '../tags/name.ts'
import type { Environment } from './environment.ts'
import type { Gate, PublishRequest } from './request.ts'

/**
 * What a publish intends, as plain data: it can be printed, stored and compared. Each reference carries what it showed
 * when the plan was made; carrying it out looks again.
 */
export type PublishPlan = {
  readonly mode: 'publish'
  /** `acme/api`, for people */
  readonly title: string
  readonly version: string
  readonly commit: string
  readonly origin: 'build' | 'layout'
  /** as asked for; empty: the builder's own, or what the layout holds */
  readonly platforms: readonly string[]
  readonly gate: Gate
  readonly push: PushDecision
  readonly references: readonly PlannedReference[]
}

export type PlannedReference = Repository & {
  readonly tag: string
  readonly kind: 'fixed' | 'moving'
  readonly before: Before
}

/** What a reference showed: `unknown` where the registry was not asked, because nothing will be written. */
export type Before =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'image'; readonly digest: Digest }

export type PushDecision = { readonly push: true } | { readonly push: false; readonly reason: string }

/** What every reference of a plan showed, by its text. */
export type LiveTags = ReadonlyMap<string, Digest | undefined>

/** Draws up the plan from the request, the names and what the registries showed. */
export function planPublish(
  request: PublishRequest,
  environment: Environment,
  names: { readonly version: string; readonly tags: readonly Name[] },
  live: LiveTags,
): PublishPlan {
  const { origin } = request
  return {
    mode: 'publish',
    title: environment.repository === '' ? (request.images[0]?.path ?? '') : environment.repository,
    version: names.version,
    commit: environment.sha,
    origin: origin.kind,
    platforms: origin.kind === 'build' ? origin.platforms : [],
    gate: request.gate,
    push: decidePush(request, environment),
    references: referencesOf(request.images, names.tags).map((reference) => ({
      ...reference,
      before: beforeOf(reference, live),
    })),
  }
}

/** Every name in every repository. */
export function referencesOf(images: readonly Repository[], names: readonly Name[]): readonly (Repository & Name)[] {
  return images.flatMap((image) => names.map(({ tag, kind }) => ({ ...tagged(image, tag), kind })))
}

/** Events whose runs work on somebody's proposal and not on what was accepted. */
const PROPOSALS: ReadonlySet<string> = new Set([
  'pull_request',
  'pull_request_target',
  'pull_request_review',
  'pull_request_review_comment',
  'merge_group',
])

/** `push: auto`: yes, but not for what is only proposed, nor for runs without the right to write. */
export function decidePush({ push }: PublishRequest, { event, pullRequest, actor }: Environment): PushDecision {
  if (push === 'yes') return { push: true }
  if (push === 'no') return { push: false, reason: 'push is false' }
  if (pullRequest?.fromFork === true) return { push: false, reason: 'this is a pull request from a fork' }
  if (PROPOSALS.has(event)) return { push: false, reason: `the event is ${event}` }
  if (actor === 'dependabot[bot]')
    return { push: false, reason: 'the run was started by Dependabot, which gets no secrets' }
  return { push: true }
}

/** Whether every reference shows this image already. */
export function isDone(plan: PublishPlan, digest: Digest | undefined): boolean {
  return (
    digest !== undefined && plan.references.every(({ before }) => before.kind === 'image' && before.digest === digest)
  )
}

function beforeOf(reference: Repository & Name, live: LiveTags): Before {
  const text = formatReference(tagged(reference, reference.tag))
  const digest = live.get(text)
  if (digest !== undefined) return { kind: 'image', digest }
  return live.has(text) ? { kind: 'nothing' } : { kind: 'unknown' }
}

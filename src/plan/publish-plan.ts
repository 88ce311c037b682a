import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { formatReference, type Repository, type TagReference, tagged } from '../image/reference.ts'
import type { Name } from '../tags/name.ts'
import type { Environment } from './environment.ts'
import type { Gate, PublishRequest } from './request.ts'

/**
 * What a publish intends, as plain data: it can be printed, stored and compared. Each reference carries what it showed
 * when the plan was made; carrying it out looks again.
 */
export type PublishPlan = {
  readonly mode: 'publish' | 'promote'
  /** `acme/api`, for people */
  readonly title: string
  readonly version: string
  readonly commit: string
  readonly origin: 'build' | 'layout' | 'registry'
  /** as asked for; empty: the builder's own, or what the layout holds */
  readonly platforms: readonly string[]
  readonly gate: Gate
  readonly push: PushDecision
  readonly course: Course
  readonly references: readonly PlannedReference[]
}

/** Where the image comes from: it is made (built, or a layout taken), or one that is in a registry already is taken. */
export type Course =
  | { readonly kind: 'make' }
  | { readonly kind: 'reuse'; readonly from: TagReference; readonly image: Descriptor; readonly why: string }

export type PlannedReference = Repository & {
  readonly tag: string
  readonly kind: 'fixed' | 'moving'
  readonly before: Before
  readonly intent: Intent
}

/**
 * What is meant for a reference: to be written, or to stay as it is (`held`: a moving one that would go backwards, `kept`:
 * a fixed one). `why` continues a sentence that begins with its name; empty where there is nothing to say.
 */
export type Intent = { readonly kind: 'write' | 'held' | 'kept'; readonly why: string }

/** What a reference showed: `unknown` where the registry was not asked, because nothing will be written. */
export type Before =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'image'; readonly digest: Digest }

export type PushDecision = { readonly push: true } | { readonly push: false; readonly reason: string }

/** What every reference of a plan showed, by its text. */
export type LiveTags = ReadonlyMap<string, Digest | undefined>

/** What was decided about tags that exist; references that are not in `intents` are written. */
export type Decided = { readonly course: Course; readonly intents: ReadonlyMap<string, Intent> }

export const NOTHING_DECIDED: Decided = { course: { kind: 'make' }, intents: new Map() }

/** Draws up the plan from the request, the names, what the registries showed, and what was decided about it. */
export function planPublish(
  request: PublishRequest,
  environment: Environment,
  names: { readonly version: string; readonly tags: readonly Pick<Name, 'tag' | 'kind'>[] },
  { live, decided }: { readonly live: LiveTags; readonly decided: Decided },
): PublishPlan {
  const { origin } = request
  return {
    mode: modeOf(request),
    title: environment.repository === '' ? (request.images[0]?.path ?? '') : environment.repository,
    version: names.version,
    commit: environment.subject.sha,
    origin: origin.kind,
    platforms: origin.kind === 'build' ? origin.platforms : [],
    gate: request.gate,
    push: decidePush(request, environment),
    course: decided.course,
    references: referencesOf(request.images, names.tags).map((reference) => ({
      ...reference,
      before: beforeOf(reference, live),
      intent: decided.intents.get(formatReference(tagged(reference, reference.tag))) ?? { kind: 'write', why: '' },
    })),
  }
}

/** An image that is in a registry is promoted; one that comes from here is published. */
export function modeOf({ origin }: Pick<PublishRequest, 'origin'>): PublishPlan['mode'] {
  return origin.kind === 'registry' ? 'promote' : 'publish'
}

type Named = Pick<Name, 'tag' | 'kind'>

/** Every name in every repository. */
function referencesOf(images: readonly Repository[], names: readonly Named[]): readonly (Repository & Named)[] {
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

/** Whether every reference that is to be written shows this image already, and there is one. */
export function isDone(plan: PublishPlan, digest: Digest | undefined): boolean {
  const wanted = plan.references.filter(isToWrite)
  return digest !== undefined && wanted.length > 0 && wanted.every((reference) => shows(reference, digest))
}

/** Whether a reference is to show the image, and not to be left to another one. */
export function isToWrite({ intent }: PlannedReference): boolean {
  return intent.kind === 'write'
}

export function shows({ before }: PlannedReference, digest: Digest): boolean {
  return before.kind === 'image' && before.digest === digest
}

function beforeOf(reference: Repository & Named, live: LiveTags): Before {
  const text = formatReference(tagged(reference, reference.tag))
  const digest = live.get(text)
  if (digest !== undefined) return { kind: 'image', digest }
  return live.has(text) ? { kind: 'nothing' } : { kind: 'unknown' }
}

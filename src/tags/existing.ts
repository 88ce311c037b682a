import type { Digest } from '../image/digest.ts'
import { formatReference, type TagReference } from '../image/reference.ts'
import { plainLine } from '../plain-text.ts'
import type { Candidate } from './candidate.ts'
import { isSameCommit, shortCommit } from './commit.ts'
import { createdOf, type LiveImage, type Told } from './live.ts'
import { isSameSource } from './source.ts'
import { sanitizeTag } from './tag-text.ts'

/** The input `existing-tag`. */
export type ExistingTagPolicy = 'auto' | 'fail' | 'reuse' | 'keep' | 'overwrite'

/** A fixed tag that this run would write, and what it shows. */
export type FixedTag = { readonly reference: TagReference; readonly live: LiveImage | undefined }

/** What decides about fixed tags, beside themselves. */
export type Intent = {
  readonly policy: ExistingTagPolicy
  /** as GITHUB_EVENT_NAME */
  readonly event: string
  /** a build whose digest is not known yet, or a layout or an image of a registry whose digest is */
  readonly image: { readonly origin: 'build' } | { readonly origin: 'layout' | 'registry'; readonly digest: Digest }
  readonly candidate: Candidate
  /** whether an earlier attempt of this very run may have written some of its tags */
  readonly isRerun: boolean
}

/** A fixed tag that exists, and what it shows. */
type Existing = { readonly reference: TagReference; readonly live: LiveImage }

/** What to do about all fixed tags together; `why` is for people, and empty where there is nothing to say. */
export type ExistingDecision =
  /** nothing is in the way */
  | { readonly act: 'build' }
  /** build nothing: `digest` gets the tags that are `missing` it; the `kept` ones show something else and stay */
  | {
      readonly act: 'reuse'
      readonly digest: Digest
      readonly from: TagReference
      readonly missing: readonly TagReference[]
      readonly kept: readonly TagReference[]
      readonly why: string
    }
  /** build, and leave these alone; those that do not exist are written */
  | { readonly act: 'keep'; readonly kept: readonly TagReference[]; readonly why: string }
  /** build, and write over these */
  | { readonly act: 'overwrite'; readonly replaced: readonly TagReference[]; readonly why: string }
  /** `TAG_EXISTS` */
  | ({ readonly act: 'fail' } & Refusal)

export type Refusal = { readonly message: string; readonly hint: string }

/**
 * Whether it must be known what the existing images tell of themselves: a read for each distinct digest. Where only their
 * being there counts, it is not.
 */
export function mustReadExisting(
  intent: Intent,
  fixed: readonly { readonly live: { readonly digest: Digest } | undefined }[],
): boolean {
  const way = wayOf(intent)
  const isBlind = way === 'overwrite' || (way === 'keep' && !mayFinish(intent))
  return !isBlind && fixed.some(({ live }) => live !== undefined && isInTheWay(live, intent))
}

/** Decides about the fixed tags of all registries, before anything is built. */
export function decideExisting(intent: Intent, fixed: readonly FixedTag[]): ExistingDecision {
  const existing = fixed.flatMap(({ reference, live }) => (live === undefined ? [] : [{ reference, live }]))
  const others = existing.filter(({ live }) => isInTheWay(live, intent))
  if (others.length === 0) return { act: 'build' }
  switch (wayOf(intent)) {
    case 'keep':
      return finish(intent, fixed, others) ?? keep(others)
    case 'overwrite':
      return overwrite(others)
    case 'fail':
      return fail(inWords(others, intent), newVersion(intent))
    case 'reuse':
      return reuse(fixed, { usable: existing, kept: [] }, intent)
    case 'judge':
      return judge(intent, fixed, existing)
  }
}

/** Decides about one fixed tag just before it is written, when the digest is known: what was there, or came meanwhile. */
export function judgeBeforeWrite(
  intent: Intent,
  { reference, live }: FixedTag,
  digest: Digest,
): { readonly act: 'write' | 'unchanged' | 'keep' } | ({ readonly act: 'fail' } & Refusal) {
  if (live === undefined) return { act: 'write' }
  if (live.digest === digest) return { act: 'unchanged' }
  const way = wayOf(intent)
  if (way === 'overwrite') return { act: 'write' }
  if (way === 'keep') return { act: 'keep' }
  return {
    act: 'fail',
    message: `${inWords([{ reference, live }], intent)}; this run has ${digest} for it`,
    hint: intent.image.origin === 'build' ? LOOK_AGAIN : newVersion(intent),
  }
}

/** What `auto` comes to: `judge` looks at each image. A layout goes first: a nightly one is as fixed as any. */
function wayOf({ policy, event, image }: Intent): 'judge' | Exclude<ExistingTagPolicy, 'auto'> {
  if (policy !== 'auto') return policy
  if (image.origin !== 'build') return 'fail'
  return event === 'schedule' || event === 'workflow_dispatch' ? 'keep' : 'judge'
}

/** With an image that is there the same one is no news; before a build, any image is. */
function isInTheWay({ digest }: { readonly digest: Digest }, { image }: Intent): boolean {
  return image.origin === 'build' || image.digest !== digest
}

const LOOK_AGAIN =
  'Run the step again: it begins with what is there now. Where two workflows publish one version, let one of them do it.'

function newVersion({ image }: Intent): string {
  return image.origin === 'registry'
    ? 'Promote under a new version, or set `existing-tag`: `keep` leaves the tag alone, `overwrite` replaces it.'
    : 'Publish under a new version, or set `existing-tag`: `reuse` takes the image that is there, `keep` leaves the tag alone, `overwrite` replaces it.'
}

function keep(others: readonly Existing[]): ExistingDecision {
  const kept = others.map(({ reference }) => reference)
  return { act: 'keep', kept, why: `${names(kept)} ${kept.length === 1 ? 'exists and stays' : 'exist and stay'}` }
}

function overwrite(others: readonly Existing[]): ExistingDecision {
  const replaced = others.map(({ reference }) => reference)
  return { act: 'overwrite', replaced, why: `${names(replaced)} will be replaced, because existing-tag is overwrite` }
}

function fail(message: string, hint: string): ExistingDecision {
  return { act: 'fail', message, hint }
}

/**
 * A run that keeps what exists would give a tag that its first attempt wrote in one registry another image in the next
 * one. So a re-run that finds such a tag of its own commit finishes that image first.
 */
function finish(intent: Intent, fixed: readonly FixedTag[], others: readonly Existing[]): ExistingDecision | undefined {
  if (!mayFinish(intent)) return undefined
  const usable = others.filter((one) => kinOf(one, intent) === 'same')
  const isHalf = fixed.some(
    ({ reference, live }) => live === undefined && usable.some((one) => one.reference.tag === reference.tag),
  )
  if (!isHalf) return undefined
  const decision = reuse(fixed, { usable, kept: others.filter((one) => !usable.includes(one)) }, intent)
  return decision.act === 'reuse' ? decision : undefined
}

function mayFinish({ policy, isRerun }: Intent): boolean {
  return policy === 'auto' && isRerun
}

/** How an existing image stands to what would be published. */
type Kin = 'same' | 'other-name' | 'other-request' | 'other-commit' | 'no-commit' | 'foreign'

/** `auto`: what was published from this commit by this request is taken; anything else is somebody's version. */
function judge(intent: Intent, fixed: readonly FixedTag[], existing: readonly Existing[]): ExistingDecision {
  const kins = existing.map((one) => ({ one, kin: kinOf(one, intent) }))
  const of = (...wanted: readonly Kin[]) => kins.filter(({ kin }) => wanted.includes(kin)).map(({ one }) => one)
  const wrong = of('foreign', 'no-commit', 'other-commit', 'other-request')
  if (wrong.length > 0) {
    const isOnlyRequest = wrong.length === of('other-request').length
    return fail(inWords(wrong, intent), isOnlyRequest ? OTHER_REQUEST : newVersion(intent))
  }
  const usable = of('same')
  const kept = of('other-name')
  return usable.length === 0 ? keepOtherName(kept, intent) : reuse(fixed, { usable, kept }, intent)
}

const OTHER_REQUEST =
  'Build it as it was built, or publish under a new version; `existing-tag: reuse` takes the image that is there, `overwrite` replaces it.'

/**
 * A release of a commit that had been published as a build of its branch: that image calls itself `main`, and as
 * `latest` it would be replaced by the next push. The commit's tag stays with it, and the release is built.
 */
function keepOtherName(kept: readonly Existing[], { candidate }: Intent): ExistingDecision {
  const references = kept.map(({ reference }) => reference)
  const called = [...new Set(kept.map(({ live }) => plainLine(live.told.version, 40)))].join(', ')
  const verb = references.length === 1 ? 'stays with the image' : 'stay with the images'
  return {
    act: 'keep',
    kept: references,
    why: `${names(references)} ${verb} of this commit that was published as ${called}, not as ${plainLine(candidate.version, 40)}`,
  }
}

type Usable = { readonly usable: readonly Existing[]; readonly kept: readonly Existing[] }

/**
 * One image for all that is missing it: the one under the release's own name, else the first. A tag that exists under
 * another digest stays, but one tag with two images has no answer: either could be the one that people run.
 */
function reuse(fixed: readonly FixedTag[], { usable, kept }: Usable, intent: Intent): ExistingDecision {
  const torn = usable.filter((one) => usable.some((other) => isTorn(one, other)))
  if (torn.length > 0) {
    return fail(inWords(torn, intent), TORN)
  }
  const chosen = usable.find(({ reference }) => namesRelease(reference, intent.candidate)) ?? usable[0]
  if (chosen === undefined) return { act: 'build' }
  const { digest, told } = chosen.live
  return {
    act: 'reuse',
    digest,
    from: chosen.reference,
    missing: fixed.filter(({ live }) => live === undefined).map(({ reference }) => reference),
    kept: [...usable, ...kept].filter(({ live }) => live.digest !== digest).map(({ reference }) => reference),
    why: `${chosen.reference.tag} was published${fromCommit(told, intent.candidate)}`,
  }
}

const TORN = 'One tag has two images. Delete the one that is wrong, or set `existing-tag: overwrite` to replace both.'

function isTorn(one: Existing, other: Existing): boolean {
  return one.reference.tag === other.reference.tag && one.live.digest !== other.live.digest
}

function kinOf({ reference, live: { told } }: Existing, { candidate }: Intent): Kin {
  if (!isSameSource(told.source, candidate.source)) return 'foreign'
  if (told.revision === '') return 'no-commit'
  if (!isSameCommit(told.revision, candidate.commit)) return 'other-commit'
  // An image that was built elsewhere has no request; its commit has to do.
  if (told.request !== '' && candidate.request !== '' && told.request !== candidate.request) return 'other-request'
  const isRenamed = candidate.release !== undefined && told.version !== '' && told.version !== candidate.version
  return isRenamed && !namesRelease(reference, candidate) ? 'other-name' : 'same'
}

/** Whether a tag is one of the release's own, `1.2.3` or `1.2.3-90dd603`, and not its commit's. */
function namesRelease({ tag }: TagReference, { release }: Candidate): boolean {
  if (release === undefined) return false
  const name = sanitizeTag(release.split('+')[0] ?? release).replaceAll('.', '\\.')
  return new RegExp(`(?<![0-9a-z.])v?${name}(?![0-9a-z.])`, 'i').test(tag)
}

function inWords(existing: readonly Existing[], intent: Intent): string {
  return existing.map((one) => tell(one, intent)).join('; ')
}

/** Which image is where, when it was made, and whose it is. */
function tell(one: Existing, intent: Intent): string {
  const { digest, told } = one.live
  const when = createdOf(told)
  const time = when === undefined ? 'which does not say when it was created' : `created ${minuteOf(when)}`
  return `${formatReference(one.reference)} exists: ${digest}, ${time}, ${ORIGIN[kinOf(one, intent)](told, intent)}`
}

const ORIGIN: Readonly<Record<Kin, (told: Told, intent: Intent) => string>> = {
  same: (_told, intent) => thisCommit(intent),
  'other-name': (_told, intent) => thisCommit(intent),
  'other-request': (_told, intent) =>
    `${thisCommit(intent)}, but built from another request (file, target, platforms, build arguments or contexts)`,
  'other-commit': (told, intent) => `from commit ${revisionOf(told)}; ${thisOne(intent)}`,
  'no-commit': (_told, intent) => `from a commit that it does not tell; ${thisOne(intent)}`,
  foreign: (told, intent) => `${elsewhere(told)}; ${thisOne(intent)}`,
}

function thisCommit({ image, candidate }: Intent): string {
  const which = image.origin === 'registry' ? 'the same commit' : 'this commit'
  return `from ${which} ${shortCommit(candidate.commit)}`
}

/** A run makes its image from its own commit; one that is promoted has a commit of its own. */
function thisOne({ image, candidate: { commit } }: Intent): string {
  const one = image.origin === 'registry' ? 'the image to promote' : 'this run'
  return commit === '' ? `the commit of ${one} is not known` : `${one} is of commit ${shortCommit(commit)}`
}

function elsewhere(told: Told): string {
  if (told.source === '') return 'from a repository that it does not tell'
  const commit = told.revision === '' ? '' : `, commit ${revisionOf(told)}`
  return `from another repository, ${plainLine(told.source, 100)}${commit}`
}

function revisionOf({ revision }: Told): string {
  return /^[0-9a-f]+$/i.test(revision) ? shortCommit(revision) : plainLine(revision, 40)
}

function fromCommit(told: Told, { commit }: Candidate): string {
  if (told.revision === '') return ''
  return isSameCommit(told.revision, commit) ? ' from this commit' : ` from commit ${revisionOf(told)}`
}

/** `2026-11-20 14:03 UTC`. */
function minuteOf(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function names(references: readonly TagReference[]): string {
  return references.map(formatReference).join(', ')
}

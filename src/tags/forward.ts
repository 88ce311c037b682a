import type { Kinship } from '../edges.ts'
import { type Digest, shortDigest } from '../image/digest.ts'
import { plainLine } from '../plain-text.ts'
import type { Candidate } from './candidate.ts'
import { isSameCommit, shortCommit } from './commit.ts'
import { type Affixes, highestRelease, type MovingTag, readRelease, releaseOf } from './line.ts'
import { createdOf, SILENT, type Told } from './live.ts'
import { isSameSource } from './source.ts'
import { compareReleases, type Release } from './version.ts'

/** A moving tag, what it would show, and what is known about what it shows now. */
export type Move = {
  readonly tag: MovingTag
  readonly candidate: Candidate
  /** of what would be written; `undefined` before a build */
  readonly digest: Digest | undefined
  /** what the tag shows; `undefined`: there is no such tag */
  readonly live: { readonly digest: Digest; readonly told?: Told } | undefined
  readonly affixes: Affixes
  readonly policy: 'forward' | 'force'
  readonly answers: Answers
}

/** Answers to questions. One that is missing was not asked; `unknown` was asked, and nobody can tell. */
export type Answers = {
  /** whether the candidate's commit is the head of its branch or pull request; what the candidate says itself goes first */
  readonly head?: boolean | 'unknown'
  /** how the candidate's commit stands to that of the live image */
  readonly kinship?: Kinship
  /** when the commit of the live image was made */
  readonly committed?: Date | 'unknown'
  /** all tags of the repository */
  readonly tags?: readonly string[] | 'unknown'
}

/** What may have to be asked: `told` of the registry (what the live image tells of itself), then as in `Answers`. */
export type Question = 'told' | keyof Answers

/**
 * Whether the tag goes to the candidate. `why` continues a sentence that begins with the tag: “stays at 1.3.0, which is
 * newer than 1.2.4”. `say` is how loudly: in the plan, also as a notice, or for debugging only.
 */
export type Decision =
  | { readonly move: true; readonly why: string; readonly say: 'plan' | 'notice' }
  | { readonly move: false; readonly outcome: 'held'; readonly why: string; readonly say: 'notice' | 'debug' }
  | { readonly move: false; readonly outcome: 'unchanged'; readonly why: string; readonly say: 'plan' }

type Step = Decision | { readonly ask: Question }

/** Decides whether a moving tag goes to the candidate. What was not asked counts as unknown. */
export function decideMove(move: Move): Decision {
  const step = consider(move)
  return 'ask' in step ? decideMove(withUnknown(move, step.ask)) : step
}

/**
 * The one thing that must be asked before this tag can be decided, `undefined` when nothing must. With the answer in, it
 * may name another one: what is not asked is not needed.
 */
export function nextQuestion(move: Move): Question | undefined {
  const step = consider(move)
  return 'ask' in step ? step.ask : undefined
}

function withUnknown(move: Move, question: Question): Move {
  if (question === 'told') return { ...move, live: move.live && { ...move.live, told: SILENT } }
  const unknown = question === 'kinship' ? { kinship: UNRELATED } : { [question]: 'unknown' }
  return { ...move, answers: { ...move.answers, ...unknown } }
}

const UNRELATED: Kinship = { kind: 'unknown' }

/** Everything that is known of a tag which shows another image. */
type Case = {
  readonly move: Move
  readonly told: Told
  /** the release that the candidate is */
  readonly own: Release | undefined
  /** the release that the live image tells to be */
  readonly shown: Release | undefined
}

function consider(move: Move): Step {
  const { tag, candidate, live, digest, affixes } = move
  if (live === undefined) return { move: true, why: 'new', say: 'plan' }
  if (live.digest === digest) {
    return { move: false, outcome: 'unchanged', why: 'shows this image already', say: 'plan' }
  }
  const from = `moves from ${shortDigest(live.digest)}`
  if (move.policy === 'force') return moves(`${from}, because moving-tags is force`)
  // Before the image is read: whatever it tells, a branch that was pushed by force must not be stuck with it.
  if (followsCommits(tag)) {
    const head = headOf(move)
    if (head === undefined) return { ask: 'head' }
    if (head === true)
      return moves(`${from}, because ${commitOf(candidate)} is the head of its ${tag.line.replace('-', ' ')}`)
  }
  if (live.told === undefined) return { ask: 'told' }
  const own = releaseOf(candidate, affixes)
  const one = { move, told: live.told, own, shown: readRelease(live.told.version, candidate, affixes) }
  return isSameSource(live.told.source, candidate.source) ? besideOurs(one) : besideForeign(one)
}

/** The live image comes from this repository, so what it tells of itself counts. */
function besideOurs(one: Case): Step {
  const { move, own, shown } = one
  // A release is a point on its branch, and the branch goes on after it.
  if (followsCommits(move.tag)) return betweenBuilds(one)
  if (own !== undefined && shown !== undefined) return betweenReleases(one, own, shown)
  if (own !== undefined) return releaseOverBuild(one, own)
  // A release of a kind that nobody can read compares with nothing; it is no build of a branch for that.
  if (move.candidate.release !== undefined)
    return byTags(one, `nothing orders ${plainLine(move.candidate.release, 40)}`)
  return shown === undefined ? betweenBuilds(one) : buildOverRelease(shown)
}

function betweenReleases(one: Case, own: Release, shown: Release): Step {
  if (shown.isStable && !own.isStable) {
    return held(`stays at ${shown.text}: ${own.text} is a pre-release, which moves no stable tag`)
  }
  const order = compareReleases(own, shown)
  if (order === undefined) return byTags(one, `${shown.text} and ${own.text} are versions of different kinds`)
  if (order < 0) return held(`stays at ${shown.text}, which is newer than ${own.text}`)
  if (order > 0) return moves(`moves from ${shown.text}, because ${own.text} is newer`)
  return againLater(one, own.text)
}

/**
 * `latest` may show a build of a branch although there are releases; then one that is not the highest has no more right
 * to it than over the highest itself.
 */
function releaseOverBuild({ move, told }: Case, own: Release): Step {
  const { tag, answers } = move
  const shown = buildName(told, move)
  if (tag.line === 'release' && !own.isStable) {
    return held(`stays at ${shown}: ${own.text} is a pre-release, which moves no stable tag`)
  }
  const goes = moves(`moves from ${shown}, because ${own.text} is a release`)
  if (tag.line !== 'release') return goes
  if (answers.tags === undefined) return { ask: 'tags' }
  const highest = highestIn(move)
  return highest !== undefined && isHigher(highest, own)
    ? held(`stays at ${shown}: ${highest.text} is newer than ${own.text}`)
    : goes
}

/** Every push of a project with releases comes here: nobody wants to read it each time. */
function buildOverRelease(shown: Release): Decision {
  const why = `stays at ${shown.text}, a release, which no build of a branch replaces`
  return { move: false, outcome: 'held', why, say: 'debug' }
}

/** Between two builds of a branch the later commit wins, but the branch's current head always does. */
function betweenBuilds(one: Case): Step {
  const { move, told } = one
  const { candidate, answers } = move
  if (isSameCommit(candidate.commit, told.revision)) return againLater(one, commitOf(candidate))
  const head = headOf(move)
  const from = `moves from ${buildName(told, move)}`
  if (head === undefined) return { ask: 'head' }
  if (head === true) return moves(`${from}, because ${commitOf(candidate)} is the head of its branch`)
  if (candidate.commit === '' || told.revision === '') return byTime(one)
  if (answers.kinship === undefined) return { ask: 'kinship' }
  return byKinship(one, answers.kinship)
}

function byKinship(one: Case, kinship: Kinship): Step {
  const { candidate } = one.move
  const own = commitOf(candidate)
  const shown = buildName(one.told, one.move)
  if (kinship.kind === 'same') return againLater(one, own)
  if (kinship.kind === 'ahead') return moves(`moves from ${shown}, because ${own} is ${distance(kinship)}ahead of it`)
  if (kinship.kind === 'behind') return held(`stays at ${shown}, which is ${distance(kinship)}ahead of ${own}`)
  return byTime(one)
}

/** Without a common history the time of the commits is all there is. */
function byTime(one: Case): Step {
  const { move, told } = one
  const { candidate, answers } = move
  if (told.revision !== '' && candidate.committed !== undefined && answers.committed === undefined) {
    return { ask: 'committed' }
  }
  const live = answers.committed instanceof Date ? answers.committed : createdOf(told)
  const shown = buildName(told, move)
  const order = candidate.committed === undefined || live === undefined ? 0 : Math.sign(+candidate.committed - +live)
  if (order > 0) return moves(`moves from ${shown}, because ${commitOf(candidate)} was committed later`)
  if (order < 0) return held(`stays at ${shown}, which was committed later than ${commitOf(candidate)}`)
  return guesses(`moves from ${shown}, though nothing tells which of the two commits is the later one`)
}

const A_DAY_MS = 24 * 60 * 60 * 1000

/**
 * The same release or commit once more: what was built later stays. A build that says it was made more than a day from
 * now has a clock that tells nothing; without that bound its tag would never move again.
 */
function againLater({ move, told }: Case, name: string): Decision {
  const created = createdOf(told)
  const ahead = created === undefined ? 0 : +created - +move.candidate.built
  if (created === undefined || ahead <= 0 || ahead > A_DAY_MS) {
    return moves(`moves from an earlier build of ${name}`)
  }
  return held(`stays at the build of ${name} from ${created.toISOString()}, which is later than this one`)
}

/** The live image tells nothing, or what it inherited from its base. */
function besideForeign(one: Case): Step {
  const { source } = one.told
  return byTags(one, source === '' ? 'its image tells no source' : `its image comes from ${plainLine(source, 100)}`)
}

/**
 * Asks the list of tags what the image cannot tell: whether there is a release that the candidate must not replace.
 * @param doubt why the image itself does not count
 */
function byTags(one: Case, doubt: string): Step {
  const { move, own } = one
  const { tag, candidate, answers } = move
  const shown = digestOf(move)
  const blind = guesses(`moves from ${shown}, though ${doubt} and nothing else tells what is newer`)
  if (own?.isStable === false && tag.line === 'release') {
    return held(`stays at ${shown}: ${doubt}, and ${own.text} is a pre-release, which moves no stable tag`)
  }
  // No release is in the way of a branch, nor of a name like `edge` that builds of a branch move.
  if (followsCommits(tag) || (candidate.release === undefined && tag.line === 'other')) return blind
  if (answers.tags === undefined) return { ask: 'tags' }
  const highest = highestIn(move)
  return highest === undefined ? blind : besideHighest(one, highest, { doubt, blind })
}

function besideHighest({ move, own }: Case, highest: Release, or: { doubt: string; blind: Decision }): Decision {
  const stays = `stays at ${digestOf(move)}: ${or.doubt}, and`
  if (own !== undefined) {
    return isHigher(highest, own)
      ? held(`${stays} ${highest.text} is newer than ${own.text}`)
      : moves(`moves from ${digestOf(move)}, because no release of its line is newer than ${own.text}`)
  }
  if (move.candidate.release !== undefined) return or.blind
  return held(`${stays} there is the release ${highest.text}, which no build of a branch replaces`)
}

function highestIn({ tag, candidate, affixes, answers: { tags } }: Move): Release | undefined {
  return tags === undefined || tags === 'unknown' ? undefined : highestRelease(tags, tag, candidate, affixes)
}

function digestOf({ live }: Move): string {
  return live === undefined ? '' : shortDigest(live.digest)
}

function isHigher(one: Release, other: Release): boolean {
  return (compareReleases(one, other) ?? 0) > 0
}

function followsCommits({ line }: MovingTag): boolean {
  return line === 'branch' || line === 'pull-request'
}

function headOf({ candidate, answers }: Move): boolean | 'unknown' | undefined {
  return candidate.isHead ?? answers.head
}

function commitOf({ commit }: Candidate): string {
  return commit === '' ? 'this build' : shortCommit(commit)
}

/** The live build in words: its commit, else what it calls itself, else its digest. */
function buildName({ revision, version }: Told, move: Move): string {
  if (/^[0-9a-f]{7,64}$/i.test(revision)) return shortCommit(revision)
  const name = plainLine(version === '' ? revision : version, 40)
  return name === '' ? digestOf(move) : name
}

function distance(kinship: { readonly commits?: number }): string {
  if (kinship.commits === undefined) return ''
  return `${kinship.commits} ${kinship.commits === 1 ? 'commit' : 'commits'} `
}

function moves(why: string): Decision {
  return { move: true, why, say: 'plan' }
}

/** Moves, and says aloud that nobody could know. */
function guesses(why: string): Decision {
  return { move: true, why, say: 'notice' }
}

function held(why: string): Decision {
  return { move: false, outcome: 'held', why, say: 'notice' }
}

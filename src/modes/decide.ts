import type { Ruling } from '../content/publish.ts'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { formatReference, type Repository, tagged } from '../image/reference.ts'
import type { Decided, Intent } from '../plan/publish-plan.ts'
import type { Candidate } from '../tags/candidate.ts'
import {
  decideExisting,
  type ExistingDecision,
  type Intent as FixedIntent,
  type FixedTag,
  judgeBeforeWrite,
  mustReadExisting,
} from '../tags/existing.ts'
import { type Answers, type Decision, decideMove, type Move, nextQuestion, type Question } from '../tags/forward.ts'
import { SILENT } from '../tags/live.ts'
import type { Name, Names } from '../tags/name.ts'
import { type Claim, openClaim } from './claim.ts'
import { heldError, isPromotion } from './held.ts'
import { type Inquiry, openInquiry } from './inquiry.ts'
import type { Given } from './obtain.ts'
import type { Run } from './run.ts'

/** One tag of one repository, and what it shows. */
export type Seen = { readonly repository: Repository; readonly name: Name; readonly shown: Descriptor | undefined }

/** Decides about tags, from what they show and from what is known about that. */
export type Judge = {
  /** About all tags together, before anything slow. Throws `TAG_EXISTS`. */
  decide(seen: readonly Seen[]): Promise<Decided>
  /** About one that shows something else just before it is written. `digest` is of what would be written. */
  rule(seen: Seen, digest: Digest): Promise<Ruling>
  /** pulls from Docker Hub that the questions have cost */
  pulls(): number
}

/** About the tags of what is given. */
export function openJudge(run: Run, names: Names, given: Given): Judge {
  const inquiry = openInquiry(run.edges)
  const claim = openClaim(run, names, given, inquiry)
  const image = imageOf(given, run)
  const intentOf = (candidate: Candidate) => fixedIntent(run, image, candidate)

  async function decide(seen: readonly Seen[]): Promise<Decided> {
    const fixed = seen.filter(({ name }) => name.kind === 'fixed')
    const known = await knownFixed(fixed, { claim, intentOf, inquiry })
    const existing = decideExisting(known.intent, known.tags)
    if (existing.act === 'fail') throw new LadingError('TAG_EXISTS', existing.message, { hint: existing.hint })
    const course = courseOf(existing, fixed)
    const digest = course.kind === 'reuse' ? course.image.digest : run.facts.digest
    const moving = seen.filter(({ name }) => name.kind === 'moving')
    const decisions = await Promise.all(moving.map(async (one) => [one, await decideOne(one, digest)] as const))
    tell(run, decisions)
    return { course, intents: new Map([...fixedIntents(existing), ...decisions.map(intentFor)]) }
  }

  async function decideOne(seen: Seen, digest: Digest | undefined): Promise<Decision> {
    const draft = moveOf(run, seen, { candidate: claim.draft, digest })
    // What is new, shows the image already or is moved by force is so whatever the image tells.
    if (nextQuestion(draft) === undefined) return decideMove(draft)
    return askAndDecide({ ...draft, candidate: await claim.whole() }, { run, seen, inquiry })
  }

  async function rule(seen: Seen, digest: Digest): Promise<Ruling> {
    if (seen.name.kind === 'fixed') return ruleFixed(seen, digest)
    const decision = await decideOne(seen, digest)
    if (decision.move || decision.outcome === 'unchanged') return { act: 'write' }
    if (isPromotion(run) && seen.shown !== undefined) {
      const reference = tagged(seen.repository, seen.name.tag)
      return { act: 'stop', error: heldError([{ reference, shown: seen.shown, why: decision.why }]) }
    }
    tell(run, [[seen, decision]])
    return { act: 'held', reason: decision.why }
  }

  async function ruleFixed(seen: Seen, digest: Digest): Promise<Ruling> {
    const { intent, tags } = await knownFixed([seen], { claim, intentOf, inquiry })
    const [fixed] = tags
    const ruling = fixed === undefined ? { act: 'write' as const } : judgeBeforeWrite(intent, fixed, digest)
    if (ruling.act === 'fail') {
      return { act: 'fail', error: new LadingError('TAG_EXISTS', ruling.message, { hint: ruling.hint }) }
    }
    return ruling.act === 'keep'
      ? { act: 'kept', reason: 'was written by somebody else meanwhile, and stays' }
      : { act: 'write' }
  }

  return { decide, rule, pulls: inquiry.pulls }
}

/** What fixed tags are asked for; its digest is known unless it is still to be built. */
function imageOf({ kind }: Given, { facts: { digest } }: Run): FixedIntent['image'] {
  return kind === 'build' || digest === undefined ? { origin: 'build' } : { origin: kind, digest }
}

function fixedIntent({ request, environment }: Run, image: FixedIntent['image'], candidate: Candidate): FixedIntent {
  return {
    policy: request.existingTag,
    event: environment.event,
    image,
    candidate,
    isRerun: environment.attempt > 1,
  }
}

type Knowing = {
  readonly claim: Claim
  readonly intentOf: (candidate: Candidate) => FixedIntent
  readonly inquiry: Inquiry
}

/** Fixed tags with what their images tell, and what is to become of them; read where that decides anything. */
async function knownFixed(
  seen: readonly Seen[],
  { claim, intentOf, inquiry }: Knowing,
): Promise<{ readonly intent: FixedIntent; readonly tags: readonly FixedTag[] }> {
  const mustRead = mustReadExisting(
    intentOf(claim.draft),
    seen.map(({ shown }) => ({ live: shown })),
  )
  const tags = await Promise.all(
    seen.map(async ({ repository, name, shown }) => {
      const reference = tagged(repository, name.tag)
      if (shown === undefined) return { reference, live: undefined }
      const told = mustRead ? await inquiry.told(repository, shown) : SILENT
      return { reference, live: { digest: shown.digest, told } }
    }),
  )
  return { intent: intentOf(mustRead ? await claim.whole() : claim.draft), tags }
}

function courseOf(existing: ExistingDecision, fixed: readonly Seen[]): Decided['course'] {
  if (existing.act !== 'reuse') return { kind: 'make' }
  const image = fixed.find(({ shown }) => shown?.digest === existing.digest)?.shown
  if (image === undefined) throw new Error(`${existing.digest} was to be reused, and no tag shows it`)
  return { kind: 'reuse', from: existing.from, image, why: existing.why }
}

/** What becomes of fixed tags that exist and are not written. */
function fixedIntents(existing: ExistingDecision): readonly (readonly [string, Intent])[] {
  const kept = existing.act === 'keep' || existing.act === 'reuse' ? existing.kept : []
  return kept.map((reference) => [formatReference(reference), { kind: 'kept', why: 'exists and stays' }])
}

function moveOf(
  run: Run,
  { name, shown }: Seen,
  { candidate, digest }: { readonly candidate: Candidate; readonly digest: Digest | undefined },
): Move {
  return {
    tag: { name: name.tag, line: name.line },
    candidate,
    digest,
    live: shown === undefined ? undefined : { digest: shown.digest },
    affixes: name.affixes,
    policy: run.request.movingTags,
    answers: {},
  }
}

type Case = { readonly run: Run; readonly seen: Seen; readonly inquiry: Inquiry }

/** Asks what has to be asked, one thing after the other: what is not needed is not asked. */
async function askAndDecide(move: Move, about: Case): Promise<Decision> {
  const question = nextQuestion(move)
  return question === undefined ? decideMove(move) : askAndDecide(await answered(move, question, about), about)
}

async function answered(move: Move, question: Question, about: Case): Promise<Move> {
  if (question !== 'told') {
    return { ...move, answers: { ...move.answers, [question]: await answerTo(question, move, about) } }
  }
  const { seen, inquiry } = about
  if (seen.shown === undefined || move.live === undefined) return move
  return { ...move, live: { ...move.live, told: await inquiry.told(seen.repository, seen.shown) } }
}

function answerTo(question: keyof Answers, move: Move, { run, seen, inquiry }: Case): Promise<Answers[keyof Answers]> {
  const revision = move.live?.told?.revision ?? ''
  switch (question) {
    case 'head':
      return inquiry.isHead(run.environment.subject.ref, move.candidate.commit)
    case 'kinship':
      return inquiry.kinship(move.candidate.commit, revision)
    case 'committed':
      return inquiry.committed(revision)
    case 'tags':
      return inquiry.tags(seen.repository)
  }
}

function intentFor([seen, decision]: readonly [Seen, Decision]): readonly [string, Intent] {
  const reference = formatReference(tagged(seen.repository, seen.name.tag))
  if (decision.move) return [reference, { kind: 'write', why: decision.why }]
  return [reference, { kind: decision.outcome === 'held' ? 'held' : 'write', why: decision.why }]
}

/** What deserves a remark on the run's page, once for all registries that agree. */
function tell(run: Run, decisions: readonly (readonly [Seen, Decision])[]): void {
  const { edges } = run
  // What is held ends a promotion: the error says it.
  const told = isPromotion(run) ? decisions.filter(([, decision]) => decision.move) : decisions
  const said = told.map(([{ name }, { why, say }]) => ({ text: `${name.tag} ${why}`, say }))
  for (const text of new Set(said.filter(({ say }) => say === 'notice').map(({ text }) => text)))
    edges.reporter.notice(text)
  for (const { text } of said.filter(({ say }) => say === 'debug')) edges.reporter.debug(text)
}

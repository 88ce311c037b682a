import { lookAhead } from '../content/ahead.ts'
import { verifyImage } from '../content/image.ts'
import type { Remote } from '../edges.ts'
import type { Admitted } from '../image/admitted.ts'
import { formatReference, tagged } from '../image/reference.ts'
import { count, printPlan } from '../plan/print.ts'
import { isDone, isToWrite, type PublishPlan, shows } from '../plan/publish-plan.ts'
import { reportOf } from '../report/draft.ts'
import type { Report } from '../report/report.ts'
import { refusalError, type Verdict } from '../scan/verdict.ts'
import { type Names, nameImage } from '../tags/name.ts'
import type { Occasion } from '../tags/occasion.ts'
import { isIn, isOrigin, moveAll, upload } from './carry.ts'
import { askCodeScanning, uploadFindings } from './code-scanning.ts'
import { gate } from './gate.ts'
import { isPromotion } from './held.ts'
import { look } from './look.ts'
import { type Cargo, obtain, openGiven } from './obtain.ts'
import { learnOccasion } from './occasion.ts'
import { planned, unchanged } from './outcomes.ts'
import { carryAlong, recheckReferrers } from './promote-referrers.ts'
import { fail, type Run, type Say } from './run.ts'
import { beginTools, beside } from './tools.ts'

/**
 * Publishes an image: looks before anything slow, builds once, scans those bytes, brings them everywhere, moves the
 * tags last and reads them back. What goes wrong is in the report; nothing is thrown.
 */
export async function publish(run: Run): Promise<Report> {
  try {
    await story(run)
  } catch (thrown) {
    fail(run, thrown)
  } finally {
    run.over.abort()
    await Promise.allSettled(run.later)
  }
  return reportOf(run.facts)
}

async function story(run: Run): Promise<void> {
  const { request, facts, edges } = run
  const occasion = await learnOccasion(run)
  const names = name(run, occasion)
  const given = await openGiven(run, { names, occasion })
  const { plan, judge: ruler } = await run.phase('check', (say) => look(run, { names, given }, say))
  if (plan.course.kind === 'reuse') facts.digest = plan.course.image.digest
  for (const line of printPlan(plan, facts.digest)) edges.reporter.info(line)
  if (isDone(plan, facts.digest)) {
    if (given.kind === 'registry') await recheckReferrers(run, given.stored.image)
    return nothingToDo(run, plan)
  }

  const sendsFindings = await askCodeScanning(run)
  // Found or fetched while the image is built.
  const tools = beginTools(run)
  const cargo = await beside(run, tools.settled, obtain(run, plan, given))
  const { image } = cargo
  // Asked while this machine reads and scans; trouble shows when it matters.
  const ahead = lookAhead(image, plan.push.push ? unfinished(run, plan) : [])
  await run.phase('verify', (say) => verify(run, plan, cargo, say))
  const verdict = await run.phase('scan', (say) => gate(run, cargo, tools, say))
  // No image waits for it, and a refusal does not keep it back.
  run.later.push(uploadFindings(run, sendsFindings))
  const admitted = admittedBy(verdict, run)
  if (!plan.push.push || request.dryRun || !plan.references.some(isToWrite)) return stopBeforeWriting(run, plan)

  await ahead
  const approved = { ...cargo, admitted }
  const delivered = await run.phase('upload', (say) => upload(run, plan, approved, say))
  const deliveries = await carryAlong(run, approved, delivered)
  await run.phase('tags', (say) => moveAll(run, { plan, judge: ruler, names }, { cargo: approved, deliveries }, say))
  edges.reporter.info(`${facts.result === 'unchanged' ? 'Unchanged:' : DONE[plan.mode]} ${admitted.digest}`)
}

const DONE = { publish: 'Published', promote: 'Promoted' } as const

/** What this image will be called, before anybody is asked. */
function name(run: Run, occasion: Occasion): Names {
  const { request, edges, facts } = run
  const { images } = request
  const names = nameImage(request, occasion)
  facts.version = names.version
  facts.tagNames = names.tags.map(({ tag }) => tag)
  facts.tags = images.flatMap((image) => names.tags.map(({ tag }) => formatReference(tagged(image, tag))))
  for (const { rule, why } of names.skipped) edges.reporter.debug(`tags: ${rule} gives nothing: ${why}`)
  for (const warning of names.warnings) edges.reporter.warn(`tags: ${warning}`)
  for (const notice of names.notices) edges.reporter.notice(`tags: ${notice}`)
  return names
}

/**
 * Checks every byte: a scanner does not do that, and a registry only sees what is sent. Without a scan, what is sent is
 * all that counts, and it is checked on its way.
 */
async function verify({ request }: Run, plan: PublishPlan, { source, image }: Cargo, say: Say): Promise<void> {
  // What a registry has is not fetched only to be looked at.
  const isOnTheWay = request.gate.scan === 'off' && (isPromotion({ request }) || (plan.push.push && !request.dryRun))
  if (!isOnTheWay) await verifyImage(source, image)
  const { platforms, content } = image
  const how = isOnTheWay ? 'what is sent is checked on its way' : 'each what its digest says'
  say(`${count(platforms.length, 'platform')}, ${count(content.length, 'piece')} of content, ${how}`)
}

/** The only way to an `Admitted` image. A refusal ends the step before any registry has seen a byte. */
function admittedBy(verdict: Verdict, { request, facts }: Run): Admitted {
  if (verdict.pass) return verdict.image
  facts.result = 'refused'
  throw refusalError(verdict, request.gate)
}

function nothingToDo({ facts, edges }: Run, plan: PublishPlan): void {
  const { course } = plan
  facts.result = 'unchanged'
  const known = course.kind === 'reuse' ? `${course.why}; ` : ''
  facts.reason = `${known}every reference that is to show this image does`
  facts.references = unchanged(plan)
  const shown = plan.references.filter(isToWrite).length
  const verb = shown === 1 ? 'shows' : 'show'
  edges.reporter.info(`Nothing to do: ${known}${count(shown, 'reference')} ${verb} ${facts.digest ?? ''} already`)
}

function stopBeforeWriting({ request, facts, edges }: Run, plan: PublishPlan): void {
  const isDry = plan.push.push && request.dryRun
  facts.result = isDry ? 'dry-run' : 'not-pushed'
  facts.reason = whyNot(plan, isDry)
  facts.references = planned(plan, facts.digest, facts.reason)
  edges.reporter.notice(`Nothing was pushed, because ${facts.reason}; the image is ${facts.digest ?? ''}`)
}

function whyNot({ push }: PublishPlan, isDry: boolean): string {
  if (!push.push) return push.reason
  return isDry ? 'dry-run is true' : 'every tag stays with the image that it shows'
}

/** Repositories in which no tag shows the image yet, and some should. */
function unfinished({ request, edges, facts }: Run, plan: PublishPlan): readonly Remote[] {
  const { digest } = facts
  const open = request.images.filter((image) => {
    const own = plan.references.filter((one) => isIn(one, image))
    return (
      own.some(isToWrite) &&
      !isOrigin({ request }, image) &&
      !own.some((one) => digest !== undefined && shows(one, digest))
    )
  })
  return open.map((image) => edges.stores.remote(image, 'push'))
}

import { readFile } from 'node:fs/promises'
import { baseImages, pullsNeeded } from '../build/dockerfile.ts'
import { asLadingError } from '../error.ts'
import { isIndex } from '../image/media-type.ts'
import { DOCKER_HUB, formatReference, formatRepository, type Repository } from '../image/reference.ts'
import { count } from '../plan/print.ts'
import { decidePush, isDone, isToWrite, NOTHING_DECIDED, type PublishPlan, planPublish } from '../plan/publish-plan.ts'
import type { BuildRequest } from '../plan/request.ts'
import { checkPullLimit, checkRights, lookAtTags, refilledBy, type Sight, type Site } from '../survey/survey.ts'
import type { Names } from '../tags/name.ts'
import { type Judge, openJudge, type Seen } from './decide.ts'
import { refuseHeld } from './held.ts'
import type { Given, Stored } from './obtain.ts'
import { untouched } from './outcomes.ts'
import type { Run, Say } from './run.ts'

/** What the image will be called, and what it is or will be made from. */
export type Wanted = { readonly names: Names; readonly given: Given }

/** What was looked at, and who decides about it should it change. */
export type Looked = { readonly plan: PublishPlan; readonly judge: Judge }

/** Everything that would make a long build fail at its end, asked at its beginning; what comes of it is the plan. */
export async function look(run: Run, { names, given }: Wanted, say: Say): Promise<Looked> {
  const { request, environment, facts } = run
  const sites = decidePush(request, environment).push ? request.images.map((image) => siteOf(run, image, names)) : []
  // Both to their end: a question that goes on unseen would hold up the process after its last word.
  const [looked, asked] = await Promise.allSettled([
    lookAtSites(run, sites),
    given.kind === 'build' ? askPullsOfBuild(run, given.order.build) : undefined,
  ])
  if (asked.status === 'rejected') throw asked.reason
  if (looked.status === 'rejected') throw looked.reason
  const sights = looked.value
  const live = new Map(
    sights.flatMap(({ site, live: tags }) => [...tags].map(([tag, shown]) => [`${site.name}:${tag}`, shown?.digest])),
  )
  const draft = planPublish(request, environment, names, { live, decided: NOTHING_DECIDED })
  facts.references = untouched(draft, 'the step ended before any tag was written')
  const judge = openJudge(run, names, given)
  const decided = await judge.decide(seenIn(sights, request.images, names))
  const plan = planPublish(request, environment, names, { live, decided })
  facts.references = untouched(plan, 'the step ended before any tag was written')
  refuseHeld(run, plan)
  if (given.kind === 'registry' && !isDone(plan, facts.digest)) await askPullsOfStored(run, given.stored)
  countPulls(run, judge.pulls())
  const digest = plan.course.kind === 'reuse' ? plan.course.image.digest : facts.digest
  // With nothing to write, even the question about rights would be one too many.
  if (!isDone(plan, digest) && plan.references.some(isToWrite)) await checkSites(run, sites)
  say(inWords(run, plan))
  return { plan, judge }
}

/** Every tag that was looked at, in every repository that answered. */
function seenIn(sights: readonly Sight[], images: readonly Repository[], { tags }: Names): readonly Seen[] {
  const shownIn = new Map(sights.map(({ site, live }) => [site.name, live]))
  return images.flatMap((repository) => {
    const live = shownIn.get(formatRepository(repository))
    return live === undefined ? [] : tags.map((name) => ({ repository, name, shown: live.get(name.tag) }))
  })
}

/** What decisions have read from Docker Hub counts against the same limit. */
function countPulls({ facts }: Run, pulls: number): void {
  if (pulls === 0) return
  facts.rateLimits = (facts.rateLimits ?? []).map((limit) =>
    limit.registry === DOCKER_HUB ? { ...limit, needed: limit.needed + pulls } : limit,
  )
}

async function lookAtSites(run: Run, sites: readonly Site[]): Promise<readonly Sight[]> {
  if (run.request.onRegistryFailure === 'abort') return lookAtTags(sites)
  const sights = await Promise.all(sites.map((site) => orGiveUp(run, site, () => lookAtTags([site]))))
  throwWhenAllAreLost(run, sites)
  return sights.flatMap((seen) => seen ?? [])
}

async function checkSites(run: Run, sites: readonly Site[]): Promise<void> {
  if (run.request.onRegistryFailure === 'abort') return checkRights(sites)
  const open = sites.filter((site) => !run.lost.has(site.name))
  await Promise.all(open.map((site) => orGiveUp(run, site, () => checkRights([site]))))
  throwWhenAllAreLost(run, sites)
}

/** Asks one site by itself; a failure is kept, so that the others can be completed all the same. */
async function orGiveUp<T>(run: Run, site: Site, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (thrown) {
    const error = asLadingError(thrown)
    if (error.code === 'CANCELLED' || error.code === 'INTERNAL') throw error
    run.lost.set(site.name, error)
    run.edges.reporter.warn(`${site.name} is left out: ${error.message}`)
    return undefined
  }
}

function throwWhenAllAreLost({ lost }: Run, sites: readonly Site[]): void {
  const [first] = lost.values()
  if (first !== undefined && sites.every((site) => lost.has(site.name))) throw first
}

/** What the survey found, in words. */
function inWords({ request, facts }: Run, plan: PublishPlan): string {
  const asked = plan.push.push
    ? `${count(request.images.length, 'repository', 'repositories')} looked at`
    : 'nothing to look at'
  const writable = plan.push.push && !isDone(plan, facts.digest) ? ', pushes are accepted' : ''
  const limits = (facts.rateLimits ?? []).map(
    ({ registry, remaining, limit }) => `, ${registry}: ${remaining} of ${limit} pulls left`,
  )
  return `${asked}${writable}${limits.join('')}`
}

function siteOf({ request, edges }: Run, image: Repository, names: Names): Site {
  // With nothing slow in between, the upload itself asks the same a moment later.
  const session = request.origin.kind === 'build' || request.gate.scan !== 'off'
  const remote = edges.stores.remote(image, 'push')
  return {
    name: remote.name,
    tags: names.tags.map(({ tag }) => tag),
    lookUp: (tag) => remote.resolve(tag),
    pushRight: () => remote.pushRight({ session, create: !request.dryRun }),
  }
}

/** Docker has this repository for asking; a HEAD of it is free (docs.docker.com, "Pull usage and limits"). */
const LIMIT_PREVIEW: Repository = { registry: DOCKER_HUB, path: 'ratelimitpreview/test' }

/** What the build takes from Docker Hub. */
async function askPullsOfBuild(run: Run, build: BuildRequest): Promise<void> {
  const { environment, edges } = run
  run.bases = await baseImages(build, (path) => readFile(path, 'utf8').catch(() => undefined), environment.machine)
  if (!run.bases.known) return edges.reporter.debug(`what the build pulls is not known: ${run.bases.why}`)
  const needed = pullsNeeded(run.bases.images).get(DOCKER_HUB) ?? 0
  const images = run.bases.images.filter(({ reference }) => reference.registry === DOCKER_HUB).map(({ text }) => text)
  await askPullLimit(run, needed, images)
}

/**
 * What reading an image takes from Docker Hub, where each manifest is a pull: an index has at least one beside itself, and
 * how many nobody knows before it is read.
 */
async function askPullsOfStored(run: Run, { from, image }: Stored): Promise<void> {
  if (from.registry !== DOCKER_HUB) return
  await askPullLimit(run, isIndex(image.mediaType) ? 2 : 1, [formatReference(from)])
}

/** The pull limit of Docker Hub, for the identity that will pull, when anything is taken from there. */
async function askPullLimit(run: Run, needed: number, images: readonly string[]): Promise<void> {
  if (needed === 0) return
  const { request, edges, facts } = run
  const remote = edges.stores.remote(LIMIT_PREVIEW, 'pull')
  const username = await remote.account()
  const { rateLimit: policy, reserve } = request.rateLimit
  const now = edges.clock.now()
  const answer = await checkPullLimit({ needed, images, policy, reserve, username, now, ask: () => remote.pullLimit() })
  if ('limit' in answer) {
    const { limit, remaining, windowSeconds, source } = answer.limit
    const identity = username === '' ? source : username
    const resets = refilledBy(now, windowSeconds)
    facts.rateLimits = [{ registry: DOCKER_HUB, identity, limit, remaining, needed, windowSeconds, resets }]
  }
  if (answer.kind === 'unknown') edges.reporter.notice(answer.message)
  if (answer.kind === 'warning') edges.reporter.warn(answer.message)
  if (answer.kind === 'exhausted') throw answer.error
}

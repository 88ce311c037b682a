import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildImage } from '../build/build.ts'
import { chooseBuilder } from '../build/builder.ts'
import { baseImages, pullsNeeded } from '../build/dockerfile.ts'
import { type Image, readImage, verifyImage } from '../content/image.ts'
import { type Delivery, deliver, moveTags } from '../content/publish.ts'
import type { Layout } from '../content/store.ts'
import type { Remote, Variables } from '../edges.ts'
import { LadingError } from '../error.ts'
import type { Admitted } from '../image/admitted.ts'
import { DOCKER_HUB, formatReference, type Repository, tagged } from '../image/reference.ts'
import { announce, count, printPlan } from '../plan/print.ts'
import { decidePush, isDone, type PlannedReference, type PublishPlan, planPublish } from '../plan/publish-plan.ts'
import type { BuildRequest } from '../plan/request.ts'
import { reportOf } from '../report/draft.ts'
import type { Report } from '../report/report.ts'
import { scanImage } from '../scan/scan.ts'
import { scanReport } from '../scan/scan-report.ts'
import { judge, refusalError } from '../scan/verdict.ts'
import { checkPullLimit, checkRights, lookAtTags, type Site } from '../survey/survey.ts'
import { labelsOf } from '../tags/label.ts'
import { type Names, nameImage } from '../tags/name.ts'
import { failed, failureOf, planned, type Run, registryReports, tagReports, undone } from './run-facts.ts'

/**
 * Publishes an image: looks before anything slow, builds once, scans those bytes, brings them everywhere, moves the
 * tags last and reads them back. What goes wrong is in the report; nothing is thrown.
 */
export async function publish(run: Run): Promise<Report> {
  try {
    await story(run)
  } catch (thrown) {
    failed(run, thrown)
  }
  return reportOf(run.facts)
}

async function story(run: Run): Promise<void> {
  const { request, edges, facts } = run
  const names = name(run)
  const finished = await openFinished(run)
  const plan = await run.phase('check', () => look(run, names, finished))
  for (const line of printPlan(plan)) edges.reporter.info(line)
  if (finished !== undefined && isDone(plan, facts.digest)) return nothingToDo(run, plan)

  const layout = finished ?? (await run.phase('build', () => build(run, request.origin)))
  const image = await run.phase('verify', () => verify(run, layout))
  const admitted = await run.phase('scan', () => gate(run, layout, image))
  if (!plan.push.push || request.dryRun) return stopBeforeWriting(run, plan)

  const deliveries = await run.phase('upload', () => upload(run, plan, { admitted, layout, image }))
  await run.phase('tags', () => tag(run, plan, { deliveries, image, layout }))
}

/** Pure: what this image will be called. */
function name(run: Run): Names {
  const { request, environment, edges, facts } = run
  const { version, images } = request
  const names = nameImage(request.tags, { ...environment, ...(version === undefined ? {} : { version }) })
  const created = environment.committed === '' ? edges.clock.now() : new Date(environment.committed)
  const source = environment.repository === '' ? '' : `${environment.serverUrl}/${environment.repository}`
  facts.version = names.version
  facts.tagNames = names.tags.map(({ tag }) => tag)
  facts.tags = images.flatMap((image) => names.tags.map(({ tag }) => formatReference(tagged(image, tag))))
  if (request.origin.kind === 'build') {
    const { about, sha: revision } = environment
    facts.labels = labelsOf({ about, source, version: names.version, revision, created, own: request.labels })
  }
  for (const { rule, why } of names.skipped) edges.reporter.debug(`tags: ${rule} gives nothing: ${why}`)
  const platforms = request.origin.kind === 'build' ? request.origin.platforms : []
  const title = environment.repository === '' ? (images[0]?.path ?? '') : environment.repository
  const head = { title, version: names.version, commit: environment.sha, platforms, origin: request.origin.kind }
  edges.reporter.info(announce(run.release, head, images.length))
  return names
}

/** A layout that somebody else built is known before anything is asked. */
async function openFinished({ request, edges, facts }: Run): Promise<Layout | undefined> {
  if (request.origin.kind !== 'layout') return undefined
  const layout = await edges.stores.layout(request.origin.path)
  facts.digest = (await layout.root()).digest
  return layout
}

/** Everything that would make a long build fail at its end, asked at its beginning. */
async function look(run: Run, names: Names, finished: Layout | undefined): Promise<PublishPlan> {
  const { request, environment, facts } = run
  const decision = decidePush(request, environment)
  const sites = decision.push ? request.images.map((image) => siteOf(run, image, names)) : []
  const [sights] = await Promise.all([
    lookAtTags(sites),
    request.origin.kind === 'build' ? askPullLimit(run, request.origin) : undefined,
  ])
  const live = new Map(
    sights.flatMap(({ site, live: tags }) =>
      [...tags].map(([tag, digest]) => [`${site.name}:${tag}`, digest] as const),
    ),
  )
  const plan = planPublish(request, environment, names, live)
  facts.references = undone(plan, 'the step ended before any tag was written')
  run.plan = plan
  // With nothing to write, even the question about rights would be one too many.
  const isOver = finished !== undefined && isDone(plan, facts.digest)
  if (!isOver) await checkRights(sites)
  return plan
}

function siteOf({ edges }: Run, image: Repository, names: Names): Site {
  const remote = edges.stores.remote(image, 'push')
  return {
    name: remote.name,
    tags: names.tags.map(({ tag }) => tag),
    lookUp: async (tag) => (await remote.resolve(tag))?.digest,
    pushRight: () => remote.pushRight(),
  }
}

/** Docker gives this repository for asking; a HEAD of it is free (docs.docker.com, "Pull usage and limits"). */
const LIMIT_PREVIEW: Repository = { registry: DOCKER_HUB, path: 'ratelimitpreview/test' }

async function askPullLimit(run: Run, origin: BuildRequest): Promise<void> {
  const { request, edges, facts } = run
  const bases = await baseImages(origin, (path) => readFile(path, 'utf8').catch(() => undefined))
  run.bases = bases
  if (!bases.known) return edges.reporter.debug(`what the build pulls is not known: ${bases.why}`)
  const hub = bases.images.filter(({ reference }) => reference.registry === DOCKER_HUB)
  const needed = pullsNeeded(bases.images).get(DOCKER_HUB) ?? 0
  const remote = edges.stores.remote(LIMIT_PREVIEW, 'pull')
  const username = needed === 0 ? '' : await remote.account()
  const { rateLimit: policy, reserve } = request.rateLimit
  const now = edges.clock.now()
  const images = hub.map(({ text }) => text)
  const answer = await checkPullLimit({ needed, images, policy, reserve, username, now, ask: () => remote.pullLimit() })
  if (answer.kind === 'unknown') edges.reporter.notice(answer.message)
  if (answer.kind === 'warning') edges.reporter.warn(answer.message)
  if (answer.kind !== 'enough' && answer.kind !== 'warning') return
  const { limit, remaining, windowSeconds, source } = answer.limit
  facts.rateLimits = [
    { registry: DOCKER_HUB, identity: username === '' ? source : username, limit, remaining, needed, windowSeconds },
  ]
}

async function build(run: Run, origin: BuildRequest | { readonly kind: 'layout' }): Promise<Layout> {
  if (!('context' in origin)) throw new LadingError('INTERNAL', 'a finished layout is not built')
  const { edges, facts } = run
  const { exec, clock, scratch, reporter } = edges
  const env: Variables = await edges.docker()
  const bases = run.bases ?? { known: false, why: 'the Dockerfile was not read' }
  const builder = await chooseBuilder(origin, { exec, env, scratch, reporter, bases })
  reporter.info(`Builder  ${builder.name}: ${builder.why}`)
  const directory = join(scratch.directory, 'layout')
  const metadataFile = join(scratch.directory, 'build-metadata.json')
  const labels = facts.labels ?? {}
  await buildImage(origin, { builder: builder.name, labels, directory, metadataFile, env, exec, clock, reporter })
  return edges.stores.layout(directory)
}

/** Reads the image whole and checks every byte: a scanner does not do that, and a registry only sees what is sent. */
async function verify({ edges, facts }: Run, layout: Layout): Promise<Image> {
  const image = await readImage(layout, await layout.root())
  facts.digest = image.root.descriptor.digest
  facts.platforms = image.platforms.map(({ platform, manifest, bytes }) => ({
    platform,
    digest: manifest.digest,
    bytes,
  }))
  edges.signal.throwIfAborted()
  await verifyImage(layout, image)
  return image
}

/** The only way to an `Admitted` image. A refusal ends the step before any registry has seen a byte. */
async function gate(run: Run, layout: Layout, image: Image): Promise<Admitted> {
  const { request, environment, edges, facts } = run
  const { platforms, root } = image
  const { workspace, searchPath } = environment
  const wanted = { layoutDirectory: layout.directory, platforms, gate: request.gate, workspace, searchPath }
  const scan = request.gate.scan === 'off' ? 'off' : await edges.reporter.group('Scan', () => scanImage(wanted, edges))
  const verdict = judge(root.descriptor, scan, request.gate)
  facts.scan = scanReport(scan, verdict)
  if (verdict.pass) return verdict.image
  facts.result = 'refused'
  throw refusalError(verdict, request.gate)
}

type Cargo = { readonly admitted: Admitted; readonly layout: Layout; readonly image: Image }

/** Content everywhere, each registry for itself and all at once. */
async function upload(run: Run, plan: PublishPlan, { admitted, layout, image }: Cargo): Promise<readonly Delivery[]> {
  const { request, edges } = run
  const destinations = request.images.map((repository) => {
    const target = edges.stores.remote(repository, 'push')
    return { target, tags: plan.references.filter((reference) => isIn(reference, repository)).map(toMove) }
  })
  const deliveries = await deliver(admitted, destinations, journey(run, layout))
  run.facts.registries = registryReports(deliveries, image, (target) => remoteOf(run, target.name))
  for (const line of run.trafficLines()) edges.reporter.info(line)
  return deliveries
}

async function tag(
  run: Run,
  plan: PublishPlan,
  done: Omit<Cargo, 'admitted'> & { readonly deliveries: readonly Delivery[] },
): Promise<void> {
  const { facts, edges } = run
  const { digest } = done.image.root.descriptor
  const outcomes = await moveTags(done.image.root, done.deliveries, journey(run, done.layout))
  facts.references = tagReports(outcomes, digest)
  facts.registries = registryReports(done.deliveries, done.image, (target) => remoteOf(run, target.name))
  const failure = failureOf(outcomes, done.deliveries)
  if (failure !== undefined) throw failure
  const moved = outcomes.filter(({ outcome }) => outcome !== 'unchanged').length
  facts.result = moved === 0 ? 'unchanged' : 'published'
  edges.reporter.info(
    `${count(moved, 'tag')} written and read back; ${count(plan.references.length, 'reference')} show ${digest}`,
  )
}

function nothingToDo({ facts, edges }: Run, plan: PublishPlan): void {
  facts.result = 'unchanged'
  facts.reason = `every reference shows ${facts.digest ?? 'the image'} already`
  facts.references = plan.references.map((reference) => ({
    reference: formatReference(tagged(reference, reference.tag)),
    kind: reference.kind,
    before: facts.digest ?? null,
    digest: facts.digest ?? null,
    outcome: 'unchanged' as const,
    reason: '',
  }))
  edges.reporter.info(`Nothing to do: ${count(plan.references.length, 'reference')} show ${facts.digest ?? ''} already`)
}

function stopBeforeWriting({ request, facts, edges }: Run, plan: PublishPlan): void {
  facts.result = plan.push.push ? 'dry-run' : 'not-pushed'
  facts.reason = plan.push.push ? 'dry-run is true' : plan.push.reason
  facts.references = planned(plan, facts.digest, facts.reason)
  const what = request.dryRun && plan.push.push ? 'Dry run' : 'Not pushed'
  edges.reporter.notice(`${what}: ${facts.reason}; the image is ${facts.digest ?? ''}`)
}

function journey({ edges }: Run, source: Layout) {
  return { source, signal: edges.signal, now: () => performance.now(), sleep: (ms: number) => edges.clock.sleep(ms) }
}

function remoteOf({ request, edges }: Run, name: string): Remote | undefined {
  return request.images.map((image) => edges.stores.remote(image, 'push')).find((remote) => remote.name === name)
}

function isIn(reference: PlannedReference, repository: Repository): boolean {
  return reference.registry === repository.registry && reference.path === repository.path
}

function toMove({ tag, kind, before }: PlannedReference) {
  return { tag, kind, before: before.kind === 'image' ? before.digest : undefined }
}

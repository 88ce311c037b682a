import { join } from 'node:path'
import { buildImage } from '../build/build.ts'
import { chooseBuilder } from '../build/builder.ts'
import { lookAhead } from '../content/ahead.ts'
import { type CheckedSource, checkedOnce } from '../content/checked.ts'
import { type Image, readImage, verifyImage } from '../content/image.ts'
import { type Delivery, type Destination, deliver, moveTags } from '../content/publish.ts'
import type { Layout } from '../content/store.ts'
import type { Remote } from '../edges.ts'
import type { Admitted } from '../image/admitted.ts'
import { formatReference, type Repository, tagged } from '../image/reference.ts'
import { count, printPlan } from '../plan/print.ts'
import { isDone, type PlannedReference, type PublishPlan } from '../plan/publish-plan.ts'
import type { BuildRequest } from '../plan/request.ts'
import { reportOf } from '../report/draft.ts'
import type { Report } from '../report/report.ts'

import { scanImage } from '../scan/scan.ts'
import { scanInWords, scanReport } from '../scan/scan-report.ts'
import { judge, refusalError, type Verdict } from '../scan/verdict.ts'
import { labelsOf } from '../tags/label.ts'
import { type Names, nameImage } from '../tags/name.ts'
import { look } from './look.ts'
import { failureOf, planned, registryReports, tagReports, trafficLine, unchanged } from './outcomes.ts'
import { fail, type Run, type Say } from './run.ts'

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
  }
  return reportOf(run.facts)
}

async function story(run: Run): Promise<void> {
  const { request, facts, edges } = run
  const names = name(run)
  const given = await openGiven(run)
  const plan = await run.phase('check', (say) => look(run, names, say))
  for (const line of printPlan(plan, facts.digest)) edges.reporter.info(line)
  if (isDone(plan, facts.digest)) return nothingToDo(run, plan)

  const layout = 'layout' in given ? given.layout : await run.phase('build', (say) => build(run, given.request, say))
  const source = checkedOnce(layout, AbortSignal.any([edges.signal, run.over.signal]))
  const image = await readWhole(run, layout)
  // Asked while this machine reads and scans; trouble shows when it matters.
  const ahead = lookAhead(image, plan.push.push ? unfinished(run, plan) : [])
  await run.phase('verify', (say) => verify(run, plan, { source, image }, say))
  const verdict = await run.phase('scan', (say) => gate(run, { layout, image }, say))
  const admitted = admittedBy(verdict, run)
  if (!plan.push.push || request.dryRun) return stopBeforeWriting(run, plan)

  await ahead
  const cargo = { admitted, source, image }
  const deliveries = await run.phase('upload', (say) => upload(run, plan, cargo, say))
  await run.phase('tags', (say) => tag(run, cargo, deliveries, say))
  edges.reporter.info(`${facts.result === 'published' ? 'Published' : 'Unchanged:'} ${admitted.digest}`)
}

/** What this image will be called, before anybody is asked. */
function name(run: Run): Names {
  const { request, environment, edges, facts } = run
  const { version, images, origin } = request
  const names = nameImage(request.tags, { ...environment, ...(version === undefined ? {} : { version }) })
  facts.version = names.version
  facts.tagNames = names.tags.map(({ tag }) => tag)
  facts.tags = images.flatMap((image) => names.tags.map(({ tag }) => formatReference(tagged(image, tag))))
  if (origin.kind === 'build') facts.labels = labels(run, names)
  for (const { rule, why } of names.skipped) edges.reporter.debug(`tags: ${rule} gives nothing: ${why}`)
  return names
}

function labels({ request, environment, edges }: Run, { version }: Names): Readonly<Record<string, string>> {
  const { about, repository, serverUrl, sha: revision, committed } = environment
  const source = repository === '' ? '' : `${serverUrl}/${repository}`
  const created = committed === '' ? edges.clock.now() : new Date(committed)
  return labelsOf({ about, source, version, revision, created, own: request.labels })
}

/** Where the image comes from: a layout that is there, or a build that is to be done. */
type Given = { readonly layout: Layout } | { readonly request: BuildRequest }

/** A layout that somebody else built is known before anything is asked. */
async function openGiven({ request: { origin }, edges, facts }: Run): Promise<Given> {
  if (origin.kind === 'build') return { request: origin }
  const layout = await edges.stores.layout(origin.path)
  facts.digest = (await layout.root()).digest
  return { layout }
}

async function build({ edges, facts, bases }: Run, origin: BuildRequest, say: Say): Promise<Layout> {
  const { exec, clock, scratch, reporter } = edges
  const env = await edges.docker()
  const builder = await chooseBuilder(origin, { exec, env, scratch, reporter, bases })
  say(`by ${builder.name}: ${builder.why}`)
  const directory = join(scratch.directory, 'layout')
  const metadataFile = join(scratch.directory, 'build-metadata.json')
  const settings = { builder: builder.name, labels: facts.labels ?? {}, directory, metadataFile, env }
  await buildImage(origin, { ...settings, exec, clock, reporter })
  return edges.stores.layout(directory)
}

/** Reads all of the image but its layers. */
async function readWhole({ facts }: Run, layout: Layout): Promise<Image> {
  const image = await readImage(layout, await layout.root())
  facts.digest = image.root.descriptor.digest
  facts.platforms = image.platforms.map(({ platform, manifest, bytes }) => ({
    platform,
    digest: manifest.digest,
    bytes,
  }))
  return image
}

type Readings = { readonly source: CheckedSource; readonly image: Image }

/**
 * Checks every byte: a scanner does not do that, and a registry only sees what is sent. Without a scan, what is sent is
 * all that counts, and it is checked on its way.
 */
async function verify({ request }: Run, plan: PublishPlan, { source, image }: Readings, say: Say): Promise<void> {
  const isOnTheWay = request.gate.scan === 'off' && plan.push.push && !request.dryRun
  if (!isOnTheWay) await verifyImage(source, image)
  const { platforms, content } = image
  const how = isOnTheWay ? 'what is sent is checked on its way' : 'each what its digest says'
  say(`${count(platforms.length, 'platform')}, ${count(content.length, 'piece')} of content, ${how}`)
}

type Scanned = { readonly layout: Layout; readonly image: Image }

/** Looks at every platform and decides. */
async function gate({ request, environment, edges, facts }: Run, scanned: Scanned, say: Say): Promise<Verdict> {
  const { layout, image } = scanned
  const { workspace, searchPath } = environment
  const { platforms, root } = image
  const wanted = { layoutDirectory: layout.directory, platforms, gate: request.gate, workspace, searchPath }
  const scan = request.gate.scan === 'off' ? 'off' : await edges.reporter.group('Scan', () => scanImage(wanted, edges))
  const verdict = judge(root.descriptor, scan, request.gate)
  facts.scan = scanReport(scan, verdict)
  say(scanInWords(facts.scan))
  return verdict
}

/** The only way to an `Admitted` image. A refusal ends the step before any registry has seen a byte. */
function admittedBy(verdict: Verdict, { request, facts }: Run): Admitted {
  if (verdict.pass) return verdict.image
  facts.result = 'refused'
  throw refusalError(verdict, request.gate)
}

type Cargo = { readonly admitted: Admitted; readonly source: CheckedSource; readonly image: Image }

/** Content everywhere, each registry for itself and all at once. */
async function upload(run: Run, plan: PublishPlan, cargo: Cargo, say: Say): Promise<readonly Delivery[]> {
  const { request, edges, facts } = run
  const destinations = request.images.map((repository) => ({
    target: edges.stores.remote(repository, 'push'),
    tags: plan.references.filter((reference) => isIn(reference, repository)).map(toMove),
  }))
  const reached = destinations.filter(({ target }) => !run.lost.has(target.name))
  const delivered = await deliver(cargo.admitted, reached, {
    ...journey(run, cargo.source),
    mountFrom: cargo.image.bases,
  })
  const deliveries = [...delivered, ...destinations.flatMap((destination) => givenUp(destination, run))]
  facts.registries = registryReports(deliveries, cargo.image, (target) => trafficOf(run, target.name))
  for (const registry of facts.registries) edges.reporter.info(trafficLine(registry))
  const arrived = deliveries.filter((delivery) => delivery.arrived).length
  say(`${arrived} of ${count(deliveries.length, 'repository has', 'repositories have')} everything`)
  return deliveries
}

function givenUp(destination: Destination, { lost }: Run): readonly Delivery[] {
  const error = lost.get(destination.target.name)
  return error === undefined ? [] : [{ destination, arrived: false, error, copied: [], milliseconds: 0 }]
}

/** Tags last. Throws when one that should show the image does not. */
async function tag(run: Run, cargo: Cargo, deliveries: readonly Delivery[], say: Say): Promise<void> {
  const { facts } = run
  const { admitted, source, image } = cargo
  const outcomes = await moveTags(admitted, deliveries, journey(run, source))
  // In the order of `tags`, not in that of writing: people read the two side by side.
  const order = new Map((facts.tags ?? []).map((reference, index) => [reference, index]))
  facts.references = tagReports(outcomes, admitted.digest).toSorted(
    (one, other) => (order.get(one.reference) ?? 0) - (order.get(other.reference) ?? 0),
  )
  facts.registries = registryReports(deliveries, image, (target) => trafficOf(run, target.name))
  const failure = failureOf(outcomes, deliveries)
  if (failure !== undefined) throw failure
  const written = outcomes.filter(({ outcome }) => outcome !== 'unchanged').length
  facts.result = written === 0 ? 'unchanged' : 'published'
  say(written === 0 ? 'every one shows the image already' : `${written} written and read back`)
}

function nothingToDo({ facts, edges }: Run, plan: PublishPlan): void {
  facts.result = 'unchanged'
  facts.reason = 'every reference shows this image already'
  facts.references = unchanged(plan)
  edges.reporter.info(`Nothing to do: ${count(plan.references.length, 'reference')} show ${facts.digest ?? ''} already`)
}

function stopBeforeWriting({ facts, edges }: Run, plan: PublishPlan): void {
  facts.result = plan.push.push ? 'dry-run' : 'not-pushed'
  facts.reason = plan.push.push ? 'dry-run is true' : plan.push.reason
  facts.references = planned(plan, facts.digest, facts.reason)
  edges.reporter.notice(`Nothing was pushed, because ${facts.reason}; the image is ${facts.digest ?? ''}`)
}

/** Repositories in which some tag does not show the image yet. */
function unfinished({ request, edges, facts }: Run, plan: PublishPlan): readonly Remote[] {
  const shows = ({ before }: PlannedReference) => before.kind === 'image' && before.digest === facts.digest
  const open = request.images.filter((image) => plan.references.some((one) => isIn(one, image) && !shows(one)))
  return open.map((image) => edges.stores.remote(image, 'push'))
}

function journey({ edges, request }: Run, source: CheckedSource) {
  const onFailure = request.onRegistryFailure
  return { source, onFailure, signal: edges.signal, now: () => performance.now(), sleep: edges.clock.sleep }
}

function trafficOf({ request, edges }: Run, name: string) {
  const remotes = request.images.map((image) => edges.stores.remote(image, 'push'))
  return remotes.find((remote) => remote.name === name)?.traffic() ?? { requests: {}, retries: 0 }
}

function isIn(reference: PlannedReference, repository: Repository): boolean {
  return reference.registry === repository.registry && reference.path === repository.path
}

function toMove({ tag, kind, before }: PlannedReference) {
  return { tag, kind, before: before.kind === 'image' ? before.digest : undefined }
}

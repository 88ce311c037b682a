import type { CheckedSource } from '../content/checked.ts'
import { type Delivery, type Destination, deliver, type Journey, moveTags } from '../content/publish.ts'
import type { Admitted } from '../image/admitted.ts'
import { formatRepository, type Repository } from '../image/reference.ts'
import { count } from '../plan/print.ts'
import { isToWrite, type PlannedReference, type PublishPlan } from '../plan/publish-plan.ts'
import type { Names } from '../tags/name.ts'
import type { Judge } from './decide.ts'
import type { Cargo } from './obtain.ts'
import { failureOf, registryReports, staying, tagReports, trafficLine } from './outcomes.ts'
import type { Run, Say } from './run.ts'

/** An image that the gate let through. */
export type Approved = Cargo & { readonly admitted: Admitted }

/** Content everywhere, each registry for itself and all at once. */
export async function upload(run: Run, plan: PublishPlan, cargo: Approved, say: Say): Promise<readonly Delivery[]> {
  const { request, edges, facts } = run
  const destinations = request.images.map((repository) => ({
    target: edges.stores.remote(repository, 'push'),
    tags: plan.references.filter((reference) => isToWrite(reference) && isIn(reference, repository)).map(toMove),
  }))
  // Where every tag stays with another image, nobody could pull this one.
  const wanted = destinations.filter(({ tags }) => tags.length > 0)
  const reached = wanted.filter(({ target }) => !run.lost.has(target.name))
  const delivered = await deliver(cargo.admitted, reached, {
    ...journey(run, cargo.source),
    mountFrom: cargo.image.bases,
    ...storedIn(run, plan),
  })
  const deliveries = [...delivered, ...wanted.flatMap((destination) => givenUp(destination, run))]
  facts.registries = registryReports(deliveries, cargo.image, (target) => trafficOf(run, target.name))
  for (const registry of facts.registries) edges.reporter.info(trafficLine(registry))
  const arrived = deliveries.filter((delivery) => delivery.arrived).length
  say(`${arrived} of ${count(deliveries.length, 'repository has', 'repositories have')} everything`)
  return deliveries
}

/** Where the whole image is already. */
function storedIn({ request: { origin } }: Run, { course }: PublishPlan): Pick<Journey, 'storedIn'> {
  if (course.kind === 'reuse') return { storedIn: course.from }
  return origin.kind === 'registry' ? { storedIn: origin.from } : {}
}

/** Whether this is the repository that the image is promoted from: a registry has all of what it shows there. */
export function isOrigin({ request: { origin } }: Pick<Run, 'request'>, repository: Repository): boolean {
  return origin.kind === 'registry' && formatRepository(origin.from) === formatRepository(repository)
}

function givenUp(destination: Destination, { lost }: Run): readonly Delivery[] {
  const error = lost.get(destination.target.name)
  return error === undefined ? [] : [{ destination, arrived: false, error, copied: [], milliseconds: 0 }]
}

type Planned = { readonly plan: PublishPlan; readonly judge: Judge; readonly names: Names }
type Delivered = { readonly cargo: Approved; readonly deliveries: readonly Delivery[] }

/** Tags last. Throws when one that should show the image does not. */
export async function moveAll(run: Run, planned: Planned, { cargo, deliveries }: Delivered, say: Say): Promise<void> {
  const { facts } = run
  const { admitted, source, image } = cargo
  const rule = rulesOf(run, planned, admitted)
  const outcomes = await moveTags(admitted, deliveries, { ...journey(run, source), rule })
  // In the order of `tags`, not in that of writing: people read the two side by side.
  const order = new Map((facts.tags ?? []).map((reference, index) => [reference, index]))
  facts.references = [...tagReports(outcomes, admitted.digest), ...staying(planned.plan)].toSorted(
    (one, other) => (order.get(one.reference) ?? 0) - (order.get(other.reference) ?? 0),
  )
  facts.registries = registryReports(deliveries, image, (target) => trafficOf(run, target.name))
  const failure = failureOf(outcomes, deliveries)
  if (failure !== undefined) throw failure
  const written = outcomes.filter(({ outcome }) => outcome === 'created' || outcome === 'moved').length
  facts.result = written === 0 ? 'unchanged' : RESULTS[planned.plan.course.kind]
  if (planned.plan.course.kind === 'reuse') facts.reason = planned.plan.course.why
  say(written === 0 ? 'every one shows what it should already' : `${written} written and read back`)
}

const RESULTS = { make: 'published', reuse: 'reused' } as const

/** Decides about tags that somebody else wrote while this image was made. */
function rulesOf({ request }: Run, { judge, names }: Planned, { digest }: Admitted): NonNullable<Journey['rule']> {
  return async ({ tag: wanted }, shown, target) => {
    const repository = request.images.find((image) => formatRepository(image) === target.name)
    const found = names.tags.find((one) => one.tag === wanted)
    if (repository === undefined || found === undefined) return { act: 'write' }
    return judge.rule({ repository, name: found, shown }, digest)
  }
}

function journey({ edges, request }: Run, source: CheckedSource) {
  const onFailure = request.onRegistryFailure
  return { source, onFailure, signal: edges.clock.signal, now: () => performance.now(), sleep: edges.clock.sleep }
}

function trafficOf({ request, edges }: Run, name: string) {
  const remotes = request.images.map((image) => edges.stores.remote(image, 'push'))
  return remotes.find((remote) => remote.name === name)?.traffic() ?? { requests: {}, retries: 0 }
}

/** Whether a reference is one of a repository. */
export function isIn(reference: PlannedReference, repository: Repository): boolean {
  return reference.registry === repository.registry && reference.path === repository.path
}

function toMove({ tag, kind, before }: PlannedReference) {
  return { tag, kind, before: before.kind === 'image' ? before.digest : undefined }
}

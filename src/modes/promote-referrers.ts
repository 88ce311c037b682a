import type { Delivery } from '../content/publish.ts'
import { copyReferrers, type ReferrerCopy, type ReferrersCarried } from '../content/referrers.ts'
import type { Remote } from '../edges.ts'
import { asLadingError, LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { formatRepository } from '../image/reference.ts'
import { count } from '../plan/print.ts'
import { type Approved, isOrigin } from './carry.ts'
import type { Run, Say } from './run.ts'

/**
 * Carries what hangs on a promoted image (signatures, SBOMs, attestations) to where its content has arrived, before any
 * tag says so: whoever admits by signature finds it together with the tag. Where a tag shows the image already, an earlier
 * run has brought it, so that nobody is asked, unless `referrers` is `recheck`. What does not arrive counts as if the image
 * had not. Throws what stands in the way of reading the source.
 */
export async function carryAlong(
  run: Run,
  { admitted, source }: Approved,
  deliveries: readonly Delivery[],
): Promise<readonly Delivery[]> {
  const wanted = deliveries.filter((delivery) => delivery.arrived && isAsked(run, delivery, admitted))
  const targets = elsewhere(run).filter(({ name }) =>
    wanted.some(({ destination }) => destination.target.name === name),
  )
  if (targets.length === 0) return deliveries
  // What was read already is not read again: at Docker Hub each manifest is a pull.
  const carried = await run.phase('referrers', (say) => carryTo(run, admitted, { targets, image: source, say }))
  const errors = new Map(carried.flatMap(({ target, error }) => (error === undefined ? [] : [[target.name, error]])))
  return deliveries.map((delivery): Delivery => {
    const error = errors.get(delivery.destination.target.name)
    return error === undefined ? delivery : { ...delivery, arrived: false, error }
  })
}

/** With `recheck`, looks for what is missing where every tag shows the image. Throws the first failure of a target. */
export async function recheckReferrers(run: Run, image: Descriptor): Promise<void> {
  const { request } = run
  if (request.origin.kind !== 'registry' || request.origin.referrers !== 'recheck' || request.dryRun) return
  const targets = elsewhere(run)
  if (targets.length === 0) return
  const carried = await run.phase('referrers', (say) => carryTo(run, image, { targets, say }))
  const [failed] = carried.flatMap(({ error }) => (error === undefined ? [] : [error]))
  if (failed !== undefined) throw failed
}

function isAsked({ request: { origin } }: Run, { destination }: Delivery, image: Descriptor): boolean {
  if (origin.kind !== 'registry' || origin.referrers === 'no') return false
  return origin.referrers === 'recheck' || destination.tags.every(({ before }) => before !== image.digest)
}

/** All repositories of the promotion but the one that the image comes from. */
function elsewhere(run: Run): readonly Remote[] {
  const { request, edges, lost } = run
  const others = request.images.filter((image) => !isOrigin(run, image) && !lost.has(formatRepository(image)))
  return others.map((image) => edges.stores.remote(image, 'push'))
}

type Way = Pick<ReferrerCopy, 'image'> & { readonly targets: readonly Remote[]; readonly say: Say }

async function carryTo(
  { request, edges }: Run,
  root: Descriptor,
  { say, ...way }: Way,
): Promise<readonly ReferrersCarried[]> {
  if (request.origin.kind !== 'registry') return []
  const source = edges.stores.remote(request.origin.from, 'pull')
  const { signal, sleep } = edges.clock
  const wish = { filters: [], digestTags: true }
  const carried = await copyReferrers(root, { ...way, source, wish, signal, sleep }).catch((thrown: unknown) => {
    throw explained(thrown)
  })
  for (const one of carried) tellOf(one, edges.reporter)
  say(inWords(carried))
  return carried
}

function explained(thrown: unknown): LadingError {
  const { code, message, hint } = asLadingError(thrown)
  if (code === 'CANCELLED' || code === 'INTERNAL') return asLadingError(thrown)
  const way = '`referrers: false` promotes without signatures, SBOMs and attestations.'
  return new LadingError(code, message, { hint: `${hint} ${way}`, cause: thrown })
}

function tellOf({ target, tags, passedOver }: ReferrersCarried, reporter: Run['edges']['reporter']): void {
  for (const { tag } of tags.filter(({ outcome }) => outcome === 'kept')) {
    reporter.notice(`referrers: ${target.name}:${tag} stays as it is: it has signatures that the source does not have`)
  }
  for (const what of passedOver) reporter.debug(`${target.name}: not carried: ${what}`)
}

function inWords(carried: readonly ReferrersCarried[]): string {
  const most = (numbers: readonly number[]) => Math.max(0, ...numbers)
  const referrers = most(carried.map((one) => one.referrers))
  const tags = most(carried.map((one) => one.tags.length))
  const there = carried.filter(({ error }) => error === undefined).length
  const what = `${count(referrers, 'referrer')}, ${count(tags, 'digest tag')}`
  return `${what} in ${there} of ${count(carried.length, 'repository', 'repositories')}`
}

import { copyReferrers, type ReferrersCarried } from '../../content/referrers.ts'
import type { Source } from '../../content/store.ts'
import type { Descriptor } from '../../image/descriptor.ts'
import { formatRepository } from '../../image/reference.ts'
import type { Sight } from '../../plan/mirror-plan.ts'
import type { Changed } from './compare.ts'
import { type MirrorRun, remoteOf, tagListOf } from './ledger.ts'

/** What came along with an image, by the name of the target's repository. */
export type CarriedAlong = ReadonlyMap<string, ReferrersCarried>

const NOTHING: CarriedAlong = new Map()

/**
 * Brings signatures, SBOMs and attestations of an image to where its content is by now. Nobody pulls by them, so they come
 * before the tags: whoever verifies what a tag shows finds them there.
 */
export async function carryReferrers(
  run: MirrorRun,
  task: Changed,
  { root, source, sights }: { readonly root: Descriptor; readonly source: Source; readonly sights: readonly Sight[] },
): Promise<CarriedAlong> {
  const { referrers, digestTags } = task.entry
  if ((referrers.carry === 'no' && digestTags === 'no') || sights.length === 0) return NOTHING
  const from = referrers.from ?? task.source
  const origin = remoteOf(run, from, 'pull')
  const places = new Map(sights.map(({ target }) => [formatRepository(target), referrers.to ?? target] as const))
  const targets = [...places].map(([name, place]) => ({ name, remote: remoteOf(run, place, 'push') }))
  const carried = await copyReferrers(root, {
    // The image itself is read where it lies; what belongs to it, beside it or in the place that is named.
    source: referrers.from === undefined ? { ...origin, fetch: source.fetch } : origin,
    targets: targets.map(({ remote }) => remote),
    wish: {
      filters: referrers.carry === 'no' ? NO_LISTED : referrers.filters,
      digestTags: digestTags !== 'no',
    },
    tags: tagListOf(run, from),
    signal: run.edges.clock.signal,
    sleep: run.edges.clock.sleep,
  })
  return new Map(targets.flatMap(({ name }, at) => (carried[at] === undefined ? [] : [[name, carried[at]] as const])))
}

/** No manifest is of this type: only tags are carried. */
const NO_LISTED = [{ artifactType: 'application/vnd.lading.none', annotations: {} }]

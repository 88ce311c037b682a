import { copyReferrers, type ReferrersCarried } from '../../content/referrers.ts'
import type { Source } from '../../content/store.ts'
import type { Descriptor } from '../../image/descriptor.ts'
import { formatReference, formatRepository } from '../../image/reference.ts'
import type { Sight } from '../../plan/mirror-plan.ts'
import type { Changed } from './compare.ts'
import { readCounted } from './counted.ts'
import { type MirrorRun, remoteOf, tagListOf } from './ledger.ts'
import type { Part } from './part.ts'

/** What came along with an image, by the name of the target's repository. */
export type CarriedAlong = ReadonlyMap<string, ReferrersCarried>

const NOTHING: CarriedAlong = new Map()

type Along = {
  readonly root: Descriptor
  /** where the image is read; whatever else its registry has can be read there too */
  readonly image: Source
  /** what of it is not copied, and has nothing that belongs to it here */
  readonly leaveOut: Part['leaveOut']
  readonly sights: readonly Sight[]
}

/**
 * Brings signatures, SBOMs and attestations of an image to where its content is by now. Nobody pulls by them, so they come
 * before the tags: whoever verifies what a tag shows finds them there.
 */
export async function carryReferrers(
  run: MirrorRun,
  task: Changed,
  { root, image, leaveOut, sights }: Along,
): Promise<CarriedAlong> {
  const { referrers, digestTags } = task.entry
  if ((referrers.carry === 'no' && digestTags === 'no') || sights.length === 0) return NOTHING
  const from = referrers.from ?? task.source
  const origin = { ...remoteOf(run, from, 'pull'), ...readCounted(run, from) }
  const places = new Map(sights.map(({ target }) => [formatRepository(target), referrers.to ?? target] as const))
  const targets = [...places].map(([name, place]) => ({ name, remote: remoteOf(run, place, 'push') }))
  const carried = await copyReferrers(root, {
    // The image itself is read where it lies, which may be on this machine by now.
    source: origin,
    image,
    targets: targets.map(({ remote }) => remote),
    wish: {
      filters: referrers.carry === 'no' ? NO_LISTED : referrers.filters,
      digestTags: digestTags !== 'no',
    },
    leaveOut,
    tags: tagListOf(run, from),
    turn: run.facts.turn,
    oneByOne: run.facts.oneByOne,
    signal: run.edges.clock.signal,
    sleep: run.edges.clock.sleep,
  })
  for (const one of carried) remark(run, task, one)
  return new Map(targets.flatMap(({ name }, at) => (carried[at] === undefined ? [] : [[name, carried[at]] as const])))
}

/** No manifest is of this type: only tags are carried. */
const NO_LISTED = [{ artifactType: 'application/vnd.lading.none', annotations: {} }]

/** What did not come along though the source has it is said; nobody would see it otherwise. */
function remark({ edges }: MirrorRun, task: Changed, { target, tags, passedOver }: ReferrersCarried): void {
  for (const { tag } of tags.filter(({ outcome }) => outcome === 'kept')) {
    edges.reporter.notice(
      `${target.name}:${tag} stays as it is: it shows signatures that the one of ${formatReference(task.source)} does not have`,
    )
  }
  for (const text of passedOver) {
    edges.reporter.notice(`${formatReference(task.source)} lists what does not belong to it: ${text}`)
  }
}

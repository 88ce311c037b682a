import { DOCKER_HUB } from '../image/reference.ts'
import { buildkitdConfigOf } from './buildkitd-config.ts'
import type { MirroredImage, MirrorReport } from './mirror-report.ts'
import type { MirrorOutput } from './output-table.ts'
import { LONGEST_JSON } from './outputs.ts'

/** The outputs of a mirror, by name; each name is always there. `report-file` is added by whoever writes it. */
export function mirrorOutputsOf(report: MirrorReport): Record<Exclude<MirrorOutput, 'report-file'>, string> {
  const { images, result, rateLimits, failure } = report
  const limit = rateLimits.find(({ registry }) => registry === DOCKER_HUB)
  return {
    copied: listOf(images, ['copied']),
    unchanged: listOf(images, ['unchanged', 'kept']),
    held: listOf(images, ['held', 'not-reached']),
    failed: listOf(images, ['failed']),
    drift: String(result === 'drift'),
    'buildkitd-config': buildkitdConfigOf(images),
    'rate-limit-limit': limit === undefined ? '' : String(limit.limit),
    'rate-limit-remaining': limit === undefined ? '' : String(limit.remaining),
    'rate-limit-source': limit?.identity ?? '',
    'rate-limit-reset': limit?.resets ?? '',
    'failure-reason': failure?.code ?? '',
    json: reportText(report),
  }
}

/** A list that is too long for an output is in the report file. */
const LONGEST_LIST = 60_000

/** Targets by name; what could not even be listed by its source. */
function listOf(images: readonly MirroredImage[], outcomes: readonly MirroredImage['outcome'][]): string {
  const names = images
    .filter(({ outcome }) => outcomes.includes(outcome))
    .map(({ source, target }) => (target === '' ? source : target))
  return JSON.stringify(fitting([...new Set(names)], LONGEST_LIST))
}

function reportText(report: MirrorReport): string {
  const whole = JSON.stringify(report)
  if (whole.length <= LONGEST_JSON) return whole
  const room = LONGEST_JSON - JSON.stringify({ ...report, images: [] }).length
  // What did not change is what is left out first: people read this for what did.
  const ordered = report.images.toSorted(
    (a, b) => Number(a.outcome === 'unchanged') - Number(b.outcome === 'unchanged'),
  )
  return JSON.stringify({ ...report, images: fitting(ordered, room) })
}

/** As many of the first items as have room as JSON. */
function fitting<T>(items: readonly T[], room: number): readonly T[] {
  let taken = 2
  const first = items.findIndex((item) => {
    taken += JSON.stringify(item).length + 1
    return taken > room
  })
  return first < 0 ? items : items.slice(0, first)
}

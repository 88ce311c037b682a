import { join } from 'node:path'
import { checkedOnce } from '../content/checked.ts'
import { readImage } from '../content/image.ts'
import { stageLayout } from '../content/layout-target.ts'
import { asLadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { formatReference, type Repository, tagged } from '../image/reference.ts'
import { withBaseline } from '../scan/baseline.ts'
import { counts } from '../scan/distinct.ts'
import { type Scan, scanImage } from '../scan/scan.ts'
import type { Run } from './run.ts'
import type { Way } from './tools.ts'

/**
 * The scan with marks on what the live image of the baseline's tag has too. When there is no such image, or it cannot be
 * read or scanned, nothing is marked: the gate is then as strict as without a baseline, and says so. Throws `CANCELLED`.
 */
export async function againstBaseline(run: Run, scan: Scan, way: Way): Promise<Scan> {
  const { request, edges } = run
  const { baseline } = request.gate
  if (baseline === undefined || !isStopped(scan)) return scan
  try {
    const live = await liveImage(run, baseline)
    if (live === undefined) {
      edges.reporter.notice(`scan-baseline: no repository has the tag ${baseline} yet, so that every finding counts`)
      return scan
    }
    const name = `${formatReference(tagged(live.repository, baseline))}@${live.root.digest}`
    const before = await edges.reporter.group(`Scan of ${name}`, () => scanLive(run, live, { scan, way }))
    return { ...withBaseline(scan, before), baseline: name }
  } catch (thrown) {
    const { code, message } = asLadingError(thrown)
    if (code === 'CANCELLED') throw thrown
    edges.reporter.warn(`scan-baseline: ${baseline} could not be looked at, so that every finding counts: ${message}`)
    return scan
  }
}

/** Without a finding that counts there is nothing to compare, and no image has to be fetched. */
function isStopped({ platforms, rule }: Scan): boolean {
  return platforms.some(({ findings }) => findings.some((finding) => counts(finding, rule)))
}

type LiveImage = { readonly repository: Repository; readonly root: Descriptor }

/** What the tag shows in the first repository that has it. */
async function liveImage({ request, edges }: Run, tag: string): Promise<LiveImage | undefined> {
  for (const repository of request.images) {
    const root = await edges.stores.remote(repository, 'pull').resolve(tag)
    if (root !== undefined) return { repository, root }
  }
  return undefined
}

async function scanLive(
  { edges, over }: Run,
  { repository, root }: LiveImage,
  { scan, way }: { readonly scan: Scan; readonly way: Way },
): Promise<Scan> {
  const signal = AbortSignal.any([edges.clock.signal, over.signal])
  const directory = join(edges.scratch.directory, 'baseline')
  const layout = await stageLayout(edges.stores.remote(repository, 'pull'), root, directory, signal)
  const { platforms } = await readImage(checkedOnce(layout, signal), root)
  const shared = platforms.filter(({ platform }) => scan.asked.some((one) => one.platform === platform))
  if (shared.length === 0) return { ...scan, platforms: [] }
  return scanImage({ ...way, layoutDirectory: directory, platforms: shared }, edges)
}

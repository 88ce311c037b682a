import { join } from 'node:path'
import { buildImage } from '../build/build.ts'
import { chooseBuilder } from '../build/builder.ts'
import { type CheckedSource, checkedOnce, checkedOnTheWay } from '../content/checked.ts'
import { type Image, readImage } from '../content/image.ts'
import { stageLayout } from '../content/layout-target.ts'
import { manifestsOnce } from '../content/manifests-once.ts'
import type { Layout, Source } from '../content/store.ts'
import type { Exec, Stores } from '../edges.ts'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { formatReference, type Reference } from '../image/reference.ts'
import type { Course, PublishPlan } from '../plan/publish-plan.ts'
import { type BuildOrder, type Named, orderBuild } from './describe.ts'
import type { Run, Say } from './run.ts'

/** What the user gave: a build that is to be done, a layout that is there, or an image that a registry has. */
export type Given =
  | { readonly kind: 'build'; readonly order: BuildOrder }
  | { readonly kind: 'layout'; readonly layout: Layout }
  | { readonly kind: 'registry'; readonly stored: Stored }

/** An image that is in a registry, and what its name showed when it was looked at: from there on it is this digest. */
export type Stored = { readonly from: Reference; readonly image: Descriptor }

/** What somebody else built is known before anything is decided. Throws `SOURCE_MISSING` when it is not there. */
export async function openGiven(run: Run, named: Named): Promise<Given> {
  const { request, edges, facts } = run
  const { origin } = request
  switch (origin.kind) {
    case 'build':
      return { kind: 'build', order: await orderBuild(run, origin, named) }
    case 'layout': {
      const layout = await edges.stores.layout(origin.path)
      facts.digest = (await layout.root()).digest
      return { kind: 'layout', layout }
    }
    case 'registry': {
      const stored = await findStored(edges.stores, origin.from)
      facts.digest = stored.image.digest
      return { kind: 'registry', stored }
    }
  }
}

/** By a HEAD: that is no pull anywhere. */
async function findStored(stores: Stores, from: Reference): Promise<Stored> {
  const image = await stores.remote(from, 'pull').resolve('tag' in from ? from.tag : from.digest)
  const what = `looking for ${formatReference(from)}, which is to be promoted`
  if (image === undefined) throw new LadingError('SOURCE_MISSING', `${what}: it is not there`, { hint: NOT_THERE })
  // A proxy that answers everything with something else does not have it.
  if ('digest' in from && image.digest !== from.digest) {
    throw new LadingError('CONTENT_INVALID', `${what}: its registry shows ${image.digest} for it`, {
      hint: WRONG_DIGEST,
    })
  }
  return { from, image }
}

const NOT_THERE =
  'Check the reference in `from`, and that this login may pull it: some registries hide what they do not show.'
const WRONG_DIGEST = 'Look for a proxy or mirror in front of this registry that answers with something else.'

/** An image at hand: where its bytes come from, all of it but its layers, and its folder where a scanner needs one. */
export type Cargo = { readonly source: CheckedSource; readonly image: Image; readonly directory: string }

/** Gets hold of the image: builds it, opens it, or takes the one that is in a registry already. */
export async function obtain(run: Run, plan: PublishPlan, given: Given): Promise<Cargo> {
  const { edges, over } = run
  const signal = AbortSignal.any([edges.clock.signal, over.signal])
  const { course } = plan
  if (course.kind === 'reuse') return fetchEarlier(run, course, signal)
  if (given.kind === 'registry') return fetchPromoted(run, given.stored, signal)
  const layout =
    given.kind === 'layout' ? given.layout : await run.phase('build', (say) => build(run, given.order, say))
  return { ...(await readWhole(run, checkedOnce(layout, signal), await layout.root())), directory: layout.directory }
}

/** An image of an earlier run. */
function fetchEarlier(run: Run, { from, image }: Extract<Course, { readonly kind: 'reuse' }>, signal: AbortSignal) {
  const source = run.edges.stores.remote(from, 'push')
  return fetchStored(run, { source, image, told: `${formatReference(from)}, which an earlier run published` }, signal)
}

function fetchPromoted(run: Run, { from, image }: Stored, signal: AbortSignal): Promise<Cargo> {
  const source = run.edges.stores.remote(from, 'pull')
  return fetchStored(run, { source, image, told: formatReference(from) }, signal)
}

type Shelf = { readonly source: Source; readonly image: Descriptor; readonly told: string }

/** What a registry has. A scanner needs its files here; without a scan only what is missing somewhere is read. */
async function fetchStored(run: Run, { source, image: root, told }: Shelf, signal: AbortSignal): Promise<Cargo> {
  const { request, edges } = run
  if (request.gate.scan === 'off') {
    return { ...(await readWhole(run, checkedOnTheWay(manifestsOnce(source)), root)), directory: '' }
  }
  const directory = join(edges.scratch.directory, 'stored')
  const layout = await run.phase('fetch', async (say) => {
    say(told)
    return stageLayout(source, root, directory, signal)
  })
  return { ...(await readWhole(run, checkedOnce(layout, signal), root)), directory }
}

async function build({ edges, bases, over }: Run, order: BuildOrder, say: Say): Promise<Layout> {
  const { clock, scratch, reporter } = edges
  const exec = endedWith(over.signal, edges.exec)
  const pulled = bases.known ? bases.images.map(({ reference }) => reference.registry) : []
  const env = await edges.docker([...new Set(pulled)])
  const builder = await chooseBuilder(order.build, { exec, env, scratch, reporter, bases })
  say(`by ${builder.name}: ${builder.why}`)
  const directory = join(scratch.directory, 'layout')
  const metadataFile = join(scratch.directory, 'build-metadata.json')
  const { labels, annotations } = order
  const settings = { builder: builder.name, labels, annotations, directory, metadataFile, env }
  await buildImage(order.build, { ...settings, exec, clock, reporter })
  return edges.stores.layout(directory)
}

/** Programs end when the story does, not only when the step is cancelled. */
function endedWith(signal: AbortSignal, exec: Exec): Exec {
  return (command) =>
    exec({ ...command, stop: command.stop === undefined ? signal : AbortSignal.any([command.stop, signal]) })
}

/** Reads all of the image but its layers. */
async function readWhole({ facts }: Run, source: CheckedSource, root: Descriptor): Promise<Omit<Cargo, 'directory'>> {
  const image = await readImage(source, root)
  facts.digest = image.root.descriptor.digest
  facts.platforms = image.platforms.map(({ platform, manifest, bytes }) => ({
    platform,
    digest: manifest.digest,
    bytes,
  }))
  return { source, image }
}

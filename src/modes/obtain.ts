import { join } from 'node:path'
import { buildImage } from '../build/build.ts'
import { chooseBuilder } from '../build/builder.ts'
import { type CheckedSource, checkedOnce, checkedOnTheWay } from '../content/checked.ts'
import { type Image, readImage } from '../content/image.ts'
import { stageLayout } from '../content/layout-target.ts'
import type { Layout } from '../content/store.ts'
import type { Exec } from '../edges.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { formatReference } from '../image/reference.ts'
import type { Course, PublishPlan } from '../plan/publish-plan.ts'
import { type BuildOrder, type Named, orderBuild } from './describe.ts'
import type { Run, Say } from './run.ts'

/** What the user gave: a layout that is there, or a build that is to be done. */
export type Given = { readonly layout: Layout; readonly order?: undefined } | { readonly order: BuildOrder }

/** A layout that somebody else built is known before anything is asked. */
export async function openGiven(run: Run, named: Named): Promise<Given> {
  const { request, edges, facts } = run
  if (request.origin.kind === 'build') return { order: await orderBuild(run, request.origin, named) }
  const layout = await edges.stores.layout(request.origin.path)
  facts.digest = (await layout.root()).digest
  return { layout }
}

/** An image at hand: where its bytes come from, all of it but its layers, and its folder where a scanner needs one. */
export type Cargo = { readonly source: CheckedSource; readonly image: Image; readonly directory: string }

/** Gets hold of the image: builds it, opens it, or takes the one that is in a registry already. */
export async function obtain(run: Run, plan: PublishPlan, given: Given): Promise<Cargo> {
  const { edges, over } = run
  const signal = AbortSignal.any([edges.clock.signal, over.signal])
  const { course } = plan
  if (course.kind === 'reuse') return fetchStored(run, course, signal)
  const { order } = given
  const layout = order === undefined ? given.layout : await run.phase('build', (say) => build(run, order, say))
  return { ...(await readWhole(run, checkedOnce(layout, signal), await layout.root())), directory: layout.directory }
}

/** An image of an earlier run. A scanner needs its files here; without a scan only what is missing somewhere is read. */
async function fetchStored(
  run: Run,
  { from, image: root }: Extract<Course, { readonly kind: 'reuse' }>,
  signal: AbortSignal,
): Promise<Cargo> {
  const { stores, scratch } = run.edges
  const remote = stores.remote(from, 'push')
  if (run.request.gate.scan === 'off') {
    return { ...(await readWhole(run, checkedOnTheWay(remote), root)), directory: '' }
  }
  const directory = join(scratch.directory, 'stored')
  const layout = await run.phase('fetch', async (say) => {
    say(`${formatReference(from)}, which an earlier run published`)
    return stageLayout(remote, root, directory, signal)
  })
  return { ...(await readWhole(run, checkedOnce(layout, signal), root)), directory }
}

async function build({ edges, bases, over }: Run, order: BuildOrder, say: Say): Promise<Layout> {
  const { clock, scratch, reporter } = edges
  const exec = endedWith(over.signal, edges.exec)
  const env = await edges.docker()
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

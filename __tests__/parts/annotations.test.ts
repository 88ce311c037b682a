import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { need, pushBuilderImage, type StartedEngine, startEngine, startRegistry } from '../../scripts/part/index.ts'
import { buildImage } from '../../src/build/build.ts'
import { chooseBuilder, removeBuilder } from '../../src/build/builder.ts'
import type { Bases } from '../../src/build/dockerfile.ts'
import type { Variables } from '../../src/edges.ts'
import type { BuildOrder } from '../../src/modes/describe.ts'
import {
  buildRequest,
  listeningReporter,
  makeWorld,
  quickClock,
  rejection,
  rememberingScratch,
  runProgram,
} from '../build/world.ts'
import { orderedBuild } from '../modes/given-run.ts'

const LIMIT = { timeout: 120_000 }
const REQUEST = 'io.github.lading.request'
const VERSION = 'org.opencontainers.image.version'
const BOTH = 'linux/amd64,linux/arm64'

const NOTHING: Bases = { known: true, images: [] }

type Texts = Readonly<Record<string, string>>
type Node = {
  readonly mediaType: string
  readonly annotations: Texts
  /** of the descriptor that leads here */
  readonly onDescriptor: Texts
  /** empty for an index */
  readonly platform: string
  readonly labels: Texts
  readonly children: readonly Node[]
}

/** Where a build runs: the builder of an engine, or one that was made for it. */
type Place = { readonly env: Variables; readonly builder: string }

/** Builds with these inputs and reads what lies in the layout. */
async function buildAt(
  { env, builder }: Place,
  inputs: Texts,
  change: (order: BuildOrder) => Texts = (order) => order.annotations,
) {
  const place = await makeWorld()
  onTestFinished(() => place[Symbol.asyncDispose]())
  const workspace = join(place.directory, 'workspace')
  await mkdir(workspace)
  const dockerfile = `FROM scratch\nCOPY Dockerfile /\nLABEL ${VERSION}=24.04 base.label=kept\n`
  await writeFile(join(workspace, 'Dockerfile'), dockerfile)
  const given = { inputs, environment: { workspace, committed: '2026-11-20T10:00:00.000Z' } }
  const { order, notices } = await orderedBuild(given)
  const directory = join(place.directory, 'layout')
  const settings = { builder, env, directory, metadataFile: join(place.directory, 'meta.json') }
  const written = { labels: order.labels, annotations: change(order) }
  const around = { exec: runProgram, reporter: listeningReporter(), clock: quickClock() }
  await buildImage(order.build, { ...settings, ...written, ...around })
  return { root: await readTree(directory), order, notices }
}

describe.skipIf(!(await need(['engine', 'buildx'])))('what the builder of an engine makes of an order', LIMIT, () => {
  let engine: StartedEngine
  beforeAll(async () => {
    engine = await startEngine('containerd')
  })
  afterAll(() => engine.stop())

  const built = (inputs: Texts, change?: (order: BuildOrder) => Texts) =>
    buildAt({ env: environmentOf(engine), builder: 'default' }, inputs, change)

  test.each<[string, Texts]>([
    ['said nothing of', {}],
    ['switched off', { provenance: 'false' }],
    ['kept inline', { provenance: 'mode=min,inline-only=true' }],
  ])('one platform, provenance %s: a single manifest', async (_name, inputs) => {
    const { root, order, notices } = await built({ ...inputs, annotations: 'a=1', labels: 'b={{branch}}' })
    expect(root.platform).toMatch(/^linux\/a(?:md|rm)64$/)
    expect(root.annotations).toMatchObject({ [VERSION]: '1.2.3', a: '1', [REQUEST]: order.hash })
    expect(root.labels).toEqual({ ...order.labels, 'base.label': 'kept' })
    expect(root.labels).toMatchObject({ [VERSION]: '1.2.3', b: 'main', 'org.opencontainers.image.licenses': '' })
    expect(notices).toEqual([])
  })

  test.each<[string, Texts]>([
    ['true', { provenance: 'true' }],
    ['with a mode', { provenance: 'mode=max' }],
    ['false, and an index asked of BuildKit', { provenance: 'false', 'build-args': 'BUILDKIT_MULTI_PLATFORM=1' }],
  ])('one platform, provenance %s: an index, and annotations at both', async (_name, inputs) => {
    const { root, order } = await built({ ...inputs, annotations: 'index:a=1\nmanifest:a=2' })
    expect(root).toMatchObject({ platform: '', annotations: { [VERSION]: '1.2.3', a: '1', [REQUEST]: order.hash } })
    const [image, ...attestations] = root.children
    expect(image?.annotations).toMatchObject({ [VERSION]: '1.2.3', a: '2', [REQUEST]: order.hash })
    expect(attestations.map(({ annotations }) => annotations)).toEqual(attestations.map(() => ({})))
  })

  test.each<[string, string]>([
    ['off', 'false'],
    ['on', 'true'],
    ['said nothing of', ''],
  ])('two platforms, provenance %s: an index, and each level has its own', async (_name, provenance) => {
    const annotations = [
      'a=everywhere',
      'manifest[linux/arm64/v8]:a=arm',
      'index:a=index',
      'manifest-descriptor[linux/amd64]:d=amd',
      'manifest-descriptor:e=any',
    ]
    const inputs = { platforms: BOTH, provenance, annotations: annotations.join('\n') }
    const { root, order } = await built(inputs)
    expect(root.annotations).toMatchObject({ [VERSION]: '1.2.3', a: 'index', [REQUEST]: order.hash })
    const images = root.children.filter(({ platform }) => platform !== 'unknown/unknown')
    expect(images).toMatchObject([
      { platform: 'linux/amd64', annotations: { a: 'everywhere' }, onDescriptor: { d: 'amd', e: 'any' } },
      { platform: 'linux/arm64', annotations: { a: 'arm' }, onDescriptor: { e: 'any' } },
    ])
    for (const image of images) {
      expect(image.annotations).toMatchObject({ [VERSION]: '1.2.3', [REQUEST]: order.hash })
      expect(image.labels).toMatchObject(order.labels)
    }
    expect(root.children.length).toBe(provenance === 'false' ? 2 : 4)
  })

  test('the selector of the only platform counts', async () => {
    const { root } = await built({ platforms: 'linux/arm64', annotations: 'manifest[linux/arm64/v8]:a=1' })
    expect(root).toMatchObject({ platform: 'linux/arm64', annotations: { a: '1' } })
  })

  test('a single manifest with an annotation of an index is refused, which is why none is written', async () => {
    const asked = { annotations: 'index:a=1' }
    expect((await built(asked)).notices).toEqual([expect.stringContaining('single manifest')])
    const error = await rejection(built(asked, ({ annotations }) => ({ ...annotations, 'index:a': '1' })))
    expect(error.message).toContain('index annotations not supported for single platform export')
  })

  test('values reach the image as they are', async () => {
    const value = `a, "b" = c <d> 'e' \${f} ü`
    const { root } = await built({ labels: `x=${value}`, annotations: `x=${value}\n"y=1\n2"` })
    expect(root.labels['x']).toBe(value)
    expect(root.annotations).toMatchObject({ x: value, y: '1\n2' })
  })
})

describe.skipIf(!(await need(['engine-graph', 'buildx', 'registry2', 'crane', 'builder-image'])))(
  'what a builder that was made makes of an order',
  LIMIT,
  () => {
    test('the same: a manifest for one platform, an index for provenance', async () => {
      const [engine, registry] = await Promise.all([startEngine('graph'), startRegistry(2)])
      for (const part of [engine, registry]) onTestFinished(() => part.stop())
      const env = environmentOf(engine)
      const buildkitImage = await pushBuilderImage(registry.host)
      const around = { exec: runProgram, env, bases: NOTHING, reporter: listeningReporter() }
      const scratch = rememberingScratch('/nowhere')
      const { name: builder } = await chooseBuilder(buildRequest({ buildkitImage }), { ...around, scratch })
      onTestFinished(async () => void (await removeBuilder(builder, { exec: runProgram, env })))
      const one = await buildAt({ env, builder }, { annotations: 'a=1' })
      expect(one.root).toMatchObject({ annotations: { a: '1', [REQUEST]: one.order.hash }, children: [] })
      expect(one.root.platform).not.toBe('')
      const attested = await buildAt({ env, builder }, { annotations: 'a=1', provenance: 'true' })
      expect(attested.root).toMatchObject({ annotations: { a: '1', [REQUEST]: attested.order.hash }, platform: '' })
      expect(attested.root.children[0]?.annotations).toMatchObject({ a: '1', [REQUEST]: attested.order.hash })
    })
  },
)

function environmentOf({ env, path }: StartedEngine): Variables {
  return { ...env, PATH: `${path}:/usr/bin:/bin` }
}

async function readTree(directory: string): Promise<Node> {
  const index = object(await readJson(join(directory, 'index.json')))
  const [first] = listOf(index['manifests'])
  return readNode(directory, object(first))
}

async function readNode(directory: string, descriptor: Record<string, unknown>): Promise<Node> {
  const blob = async (of: Record<string, unknown>) =>
    object(await readJson(join(directory, 'blobs/sha256', String(of['digest']).slice('sha256:'.length))))
  const manifest = await blob(descriptor)
  const config = manifest['config'] === undefined ? {} : await blob(object(manifest['config']))
  const children = listOf(manifest['manifests']).map((child) => readNode(directory, object(child)))
  const platform = object(descriptor['platform'])
  return {
    mediaType: String(manifest['mediaType']),
    annotations: strings(manifest['annotations']),
    onDescriptor: strings(descriptor['annotations']),
    platform: [platform['os'], platform['architecture']].filter((part) => part !== undefined).join('/'),
    labels: strings(object(config['config'])['Labels']),
    children: await Promise.all(children),
  }
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'))
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function strings(value: unknown): Texts {
  return Object.fromEntries(Object.entries(object(value)).map(([key, text]) => [key, String(text)]))
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { children, isAttestation, type Manifest, parseManifest } from '../../src/image/manifest.ts'
import { blobPath, type SampleSpec, writeSampleLayout } from './sample-layout.ts'

const LAYER = { files: { 'etc/name': 'one', 'a.txt': 'two' }, deleted: ['etc/old'] }
const SPEC: SampleSpec = {
  platforms: [
    { platform: 'linux/amd64', layers: [LAYER, { files: {}, compression: 'none' }], env: ['A=b'] },
    { platform: 'linux/arm/v7', layers: [LAYER] },
  ],
  annotations: { 'org.opencontainers.image.title': 'sample' },
  attestations: true,
}

async function write(spec: SampleSpec) {
  const directory = await mkdtemp(join(tmpdir(), 'sample-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return writeSampleLayout(directory, spec)
}

async function read(directory: string, descriptor: Descriptor): Promise<Manifest> {
  return parseManifest(descriptor, await readFile(blobPath(directory, descriptor.digest)))
}

test('a sample of two platforms is an index over two images and their attestations', async () => {
  const { directory, root, platforms } = await write(SPEC)
  const index = await read(directory, root)
  expect(index).toMatchObject({ kind: 'index', annotations: SPEC.annotations })
  const images = children(index).filter((child) => !isAttestation(child))
  expect(images).toEqual(platforms.map((platform) => platform.manifest))
  expect(children(index)).toHaveLength(4)
  expect(images[1]?.platform).toEqual({ os: 'linux', architecture: 'arm', variant: 'v7' })
})

test('every blob of a sample lies under its own digest, and the same spec makes the same bytes', async () => {
  const [one, two] = [await write(SPEC), await write(SPEC)]
  expect(two.root).toEqual(one.root)
  for (const name of await readdir(join(one.directory, 'blobs/sha256'))) {
    expect(digestOf(await readFile(join(one.directory, 'blobs/sha256', name)))).toBe(`sha256:${name}`)
  }
})

test('a sample of one platform is a single manifest, unless an index is wanted', async () => {
  const [first] = SPEC.platforms
  if (first === undefined) throw new Error('no platform')
  const single = await write({ platforms: [first], annotations: { a: 'b' } })
  expect(await read(single.directory, single.root)).toMatchObject({ kind: 'image', annotations: { a: 'b' } })
  const always = await write({ platforms: [first], index: 'always' })
  expect((await read(always.directory, always.root)).kind).toBe('index')
})

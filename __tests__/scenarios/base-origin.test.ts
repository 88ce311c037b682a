import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'
import { blobPath, type SampleLayout } from '../support/sample-layout.ts'
import { fakeTrivy, finding, TRIVY, vulnerability } from './programs.ts'
import { expectRed, layer, layout, registry, runner, twoPlatforms } from './stage.ts'

/** A base for two platforms. */
const BASE = ['linux/amd64', 'linux/arm64'].map((platform) => ({ platform, layers: [layer('shared')] }))

test('findings of the base image are told apart, and the hint names the base', async () => {
  const on = await runner()
  const one = await registry()
  const base = await layout(on, { platforms: BASE }, 'base')
  await put(one, base)
  const name = `${one.host}/acme/base:3@${base.root.digest}`
  const annotations = { 'org.opencontainers.image.base.name': name }
  const image = await layout(on, { ...twoPlatforms(), annotations })
  const brought = vulnerability({ Layer: { DiffID: image.platforms[1]?.layers[0]?.digest } })
  await fakeTrivy(on, { scan: finding(brought, 'arm64') })
  const end = await on.step({ inputs: { ...TRIVY, images: `${one.host}/acme/api`, layout: 'layout' } })

  expect(expectRed(end, 'SCAN_FINDINGS')).toContain(`Take a newer base image: all of these came with \`${name}\``)
  expect(end.main.report?.scan).toMatchObject({
    findings: [{ origin: 'base' }],
    platforms: [{ platform: 'linux/amd64' }, { platform: 'linux/arm64', base: name }],
  })
  expect(end.main.report?.scan.platforms[0]).not.toHaveProperty('base')
  expect(end.main.summary).toContain('Of these, 1 came with the base image')
  const asked = one.requests.filter((request) => request.repository === 'acme/base')
  expect(asked.map(({ method }) => method)).toEqual(['HEAD', 'GET', 'GET'])
})

test('what was begun on the side holds nobody up when the gate has refused', { timeout: 30_000 }, async () => {
  const on = await runner()
  const one = await registry()
  const patience = { status: 429, headers: { 'retry-after': '100' } }
  one.fail({ step: 'blob-head', effect: { kind: 'status', ...patience } })
  await layout(on)
  // Only a repository that is not new is asked for what it has.
  const blobs = [Buffer.from('{"os":"linux","architecture":"amd64"}')]
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config: configOf(blobs[0]), layers: [] }
  one.put('acme/api', { manifest, blobs, tag: 'latest' })
  await fakeTrivy(on, { scan: finding(vulnerability()) })
  expectRed(await on.step({ inputs: { ...TRIVY, images: `${one.host}/acme/api`, layout: 'layout' } }), 'SCAN_FINDINGS')
  expect(one.requests.some(({ step }) => step === 'blob-head')).toBe(true)
})

function configOf(bytes = Buffer.alloc(0)): Descriptor {
  return { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(bytes), size: bytes.length }
}

async function put(one: InProcessRegistry, { directory, root, platforms }: SampleLayout): Promise<void> {
  for (const { manifest } of platforms) {
    one.put('acme/base', { manifest: await readFile(blobPath(directory, manifest.digest)), blobs: [] })
  }
  one.put('acme/base', { manifest: await readFile(blobPath(directory, root.digest)) })
}

import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'
import { SHA } from '../support/runner.ts'
import { blobPath, tarOf } from '../support/sample-layout.ts'
import { fakeTrivy, TRIVY } from './programs.ts'
import {
  expectGreen,
  guardedRegistry,
  layer,
  layout,
  login,
  registry,
  runner,
  shown,
  steps,
  tagsOf,
  tally,
  twoPlatforms,
  unscanned,
} from './stage.ts'

const PASSWORD = 'a password of the tests'
const TAGS = ['1.2.3', `1.2.3-${SHA.slice(0, 7)}`, 'latest']

/** A runner with a layout, and two registries, one of which wants a login. */
async function twoRegistries() {
  const on = await runner()
  const [open, guarded] = [await registry(), await guardedRegistry(PASSWORD)]
  const inputs = {
    ...TRIVY,
    images: `${open.host}/acme/api\n${guarded.host}/acme/api`,
    'registry-auth': login(guarded.host, PASSWORD),
    layout: 'layout',
  }
  await fakeTrivy(on)
  return { on, open, guarded, both: [open, guarded], inputs, image: await layout(on) }
}

describe('publishing two platforms to two registries', () => {
  test('every tag of both shows the digest of the layout', async () => {
    const { on, both, inputs, image } = await twoRegistries()
    const end = await on.step({ inputs })
    expectGreen(end)
    const expected = Object.fromEntries(TAGS.map((tag) => [tag, image.root.digest]))
    for (const one of both) expect(tagsOf(one, 'acme/api')).toEqual(expected)
    expect(end.main.outputs).toMatchObject({ published: 'true', digest: image.root.digest, 'scan-result': 'clean' })
    expect(end.main.report).toMatchObject({ result: 'published', scan: { decision: 'passed' } })
    expect(end.main.report?.references.map(({ outcome }) => outcome)).toEqual(Array(6).fill('created'))
    expect((await on.calls()).filter(({ args }) => args.includes('--input'))).toHaveLength(2)
  })

  test('fixed tags come before moving ones, and all content of both before any tag', async () => {
    const { on, both, inputs } = await twoRegistries()
    expectGreen(await on.step({ inputs }))
    const writes = both.flatMap((one) => one.writes()).toSorted((one, other) => one.startedAt - other.startedAt)
    const firstTag = writes.findIndex(({ step }) => step === 'tag-put')
    expect(writes.slice(firstTag).map(({ step }) => step)).toEqual(Array(6).fill('tag-put'))
    expect(writes.slice(firstTag).map(({ reference }) => reference !== 'latest')).toEqual([
      ...Array(4).fill(true),
      ...Array(2).fill(false),
    ])
    const lastContent = Math.max(...writes.slice(0, firstTag).map(({ endedAt = 0 }) => endedAt))
    expect(lastContent).toBeLessThan(writes[firstTag]?.startedAt ?? 0)
  })

  test('children come before the index, and each tag is read back after it was written', async () => {
    const { on, open, inputs, image } = await twoRegistries()
    expectGreen(await on.step({ inputs }))
    const manifests = open.writes().filter(({ step }) => step === 'manifest-put')
    expect(manifests.at(-1)?.digest).toBe(image.root.digest)
    expect(manifests).toHaveLength(3)
    for (const tag of TAGS) {
      const put = open.requests.findIndex(({ step, reference }) => step === 'tag-put' && reference === tag)
      const after = open.requests.slice(put).filter(({ reference, method }) => reference === tag && method === 'HEAD')
      expect(after.length).toBeGreaterThan(0)
    }
  })

  test('again costs one HEAD for each tag, no session and no scan', async () => {
    const { on, open, guarded, both, inputs, image } = await twoRegistries()
    expectGreen(await on.step({ inputs }))
    for (const one of both) one.reset()
    const scans = (await on.calls()).length
    const end = await on.step({ inputs })
    expectGreen(end)
    expect(tally(open)).toEqual({ 'manifest-head': 3 })
    expect(tally(guarded)).toEqual({ 'manifest-head': 4, token: 1 })
    expect((await on.calls()).length).toBe(scans)
    expect(end.main.report).toMatchObject({ result: 'unchanged' })
    expect(end.main.outputs).toMatchObject({ published: 'true', pushed: '[]', digest: image.root.digest })
    expect(end.main.outputs['tag-refs']?.split('\n')).toHaveLength(6)
  })

  test('with one layer changed sends that layer, its configuration and the manifests', async () => {
    const { on, both, inputs } = await twoRegistries()
    expectGreen(await on.step({ inputs }))
    for (const one of both) one.reset()
    const changed = await layout(on, twoPlatforms('two'), 'changed')
    const end = await on.step({ inputs: { ...inputs, layout: 'changed', version: '1.2.4' } })
    expectGreen(end)
    const [first] = changed.platforms
    for (const one of both) {
      const blobs = one.writes().filter(({ step }) => step === 'upload-put')
      expect(new Set(blobs.map(({ digest }) => digest))).toEqual(
        new Set([first?.config.digest, first?.layers[1]?.digest]),
      )
      const manifests = one.writes().filter(({ step }) => step === 'manifest-put')
      expect(manifests.map(({ digest }) => digest)).toEqual([first?.manifest.digest, changed.root.digest])
    }
    expect(end.main.report?.registries.map(({ uploaded }) => uploaded.blobs)).toEqual([2, 2])
  })
})

describe('publishing', () => {
  test('to two repositories of one registry mounts what the first one has', async () => {
    const on = await runner()
    const one = await registry()
    await layout(on)
    const end = await on.step({ inputs: unscanned(`${one.host}/acme/api`, `${one.host}/acme/web`) })
    expectGreen(end)
    const sent = one.writes().filter(({ step }) => step === 'upload-put')
    expect(new Set(sent.map(({ digest }) => digest)).size).toBe(sent.length)
    const mounted = one.requests.filter(({ step, status }) => step === 'mount' && status === 201)
    expect(mounted).toHaveLength(sent.length)
    expect(shown(one, 'acme/web', 'latest')).toBe(shown(one, 'acme/api', 'latest'))
  })

  test('a single manifest keeps it single', async () => {
    const on = await runner()
    const one = await registry()
    const image = await layout(on, { platforms: [{ platform: 'linux/amd64', layers: [layer('app')] }] })
    const end = await on.step({ inputs: unscanned(`${one.host}/acme/api`) })
    expectGreen(end)
    expect(shown(one, 'acme/api', 'latest')).toBe(image.root.digest)
    expect(JSON.parse(end.main.outputs['digests'] ?? '')).toEqual({ 'linux/amd64': image.root.digest })
  })

  test('a nested index leaves it as it is and scans all of its platforms', async () => {
    const on = await runner()
    const one = await registry()
    await fakeTrivy(on)
    const { root } = await layout(on)
    const outer = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: root.mediaType, manifests: [root] }))
    const digest = digestOf(outer)
    await writeFile(blobPath(join(on.workspace, 'layout'), digest), outer)
    await writeIndex(on.workspace, [{ mediaType: root.mediaType, digest, size: outer.length }])
    const end = await on.step({ inputs: { ...TRIVY, images: `${one.host}/acme/api`, layout: 'layout' } })
    expectGreen(end)
    expect(shown(one, 'acme/api', 'latest')).toBe(digest)
    expect(end.main.report?.scan.platforms.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64'])
    expect(one.repositories.get('acme/api')?.manifests.get(digest)?.bytes).toEqual(outer)
  })

  test('a layout that is a tar', async () => {
    const on = await runner()
    const one = await registry()
    const image = await layout(on)
    await writeFile(join(on.workspace, 'image.tar'), await tarOfFolder(join(on.workspace, 'layout')))
    await rename(join(on.workspace, 'layout'), join(on.home, 'away'))
    const end = await on.step({ inputs: { ...unscanned(`${one.host}/acme/api`), layout: 'image.tar' } })
    expectGreen(end)
    expect(shown(one, 'acme/api', 'latest')).toBe(image.root.digest)
  })

  test('a layout that lists one image under several names', async () => {
    const on = await runner()
    const one = await registry()
    const { root } = await layout(on)
    const named = (name: string) => ({ ...root, annotations: { 'org.opencontainers.image.ref.name': name } })
    await writeIndex(on.workspace, [named('one'), named('two')])
    expectGreen(await on.step({ inputs: unscanned(`${one.host}/acme/api`) }))
    expect(shown(one, 'acme/api', 'latest')).toBe(root.digest)
  })

  test('where only some tags are missing writes those alone, and sends nothing', async () => {
    const on = await runner()
    const one = await registry()
    await layout(on)
    const inputs = unscanned(`${one.host}/acme/api`)
    expectGreen(await on.step({ inputs }))
    one.reset()
    const end = await on.step({ inputs: { ...inputs, tags: 'version,latest,extra' } })
    expectGreen(end)
    expect(writesOf(one)).toEqual(['tag-put'])
    expect(JSON.parse(end.main.outputs['pushed'] ?? '')).toEqual([`${one.host}/acme/api:extra`])
  })

  test('survives answers that are worth repeating', async () => {
    const on = await runner()
    const one = await registry({
      faults: [
        { step: 'manifest-head', when: { nth: 1 }, effect: { kind: 'status', status: 503 } },
        { step: 'upload-put', when: { nth: 1 }, effect: { kind: 'reset-after-commit' } },
        { step: 'tag-put', when: { nth: 1 }, effect: { kind: 'status', status: 429, headers: { 'retry-after': '0' } } },
      ],
    })
    const image = await layout(on)
    const end = await on.step({ inputs: unscanned(`${one.host}/acme/api`) })
    expectGreen(end)
    expect(shown(one, 'acme/api', '1.2.3')).toBe(image.root.digest)
    expect(end.main.report?.registries[0]?.retries).toBe(3)
  })
})

function writesOf(one: InProcessRegistry): readonly string[] {
  const writes = new Set(one.writes().map(({ step }) => step))
  return steps(one).filter((step) => [...writes].some((write) => write === step))
}

async function writeIndex(workspace: string, manifests: readonly object[]): Promise<void> {
  await writeFile(join(workspace, 'layout', 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
}

async function tarOfFolder(folder: string): Promise<Buffer> {
  const { readdir, readFile } = await import('node:fs/promises')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const files = await Promise.all(
    paths.map(async (path) => [path.slice(folder.length + 1), await readFile(path)] as const),
  )
  return tarOf(Object.fromEntries(files))
}

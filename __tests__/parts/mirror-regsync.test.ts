import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../scripts/part/command.ts'
import { need, requirePart } from '../../scripts/part/index.ts'
import { digestOf } from '../../src/image/digest.ts'
import { mirrorStep } from '../../src/mirror-step.ts'
import { type InProcessRegistry, startRegistry } from '../support/registry/server.ts'
import { withoutMasks } from '../support/runner/log.ts'
import { BASE, contentOf, DOCKER, shelf } from './mirrored.ts'

const FILE = join(import.meta.dirname, '../fixtures/regsync/both.yml')
const USER = { name: 'reader', password: 'a password of the source' }

/** One file, run by regsync and by the mirror into registries of their own. */
describe.skipIf(!(await need(['regsync'])))('a file that regsync and the mirror run', () => {
  let directory: string
  let from: Sources
  let theirs: Targets
  let ours: Targets
  const all: InProcessRegistry[] = []

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lading-both-'))
    await writeFile(join(directory, 'mirror.yml'), await readFile(FILE))
    await writeFile(join(directory, 'source.token'), `${USER.password}\n`)
    const start = async (options: Parameters<typeof startRegistry>[0]) => {
      const registry = await startRegistry(options)
      all.push(registry)
      return registry
    }
    const users = { [USER.name]: { password: USER.password } }
    from = {
      modern: await start({ auth: { kind: 'basic', users } }),
      old: await start({ referrers: false }),
    }
    const targets = async () => ({ modern: await start({}), old: await start({ referrers: false, validate: false }) })
    theirs = await targets()
    ours = await targets()
    fill(from)
  })
  afterAll(async () => {
    for (const registry of all) await registry.stop()
    await rm(directory, { recursive: true })
  })

  async function runBoth(): Promise<string> {
    const file = join(directory, 'mirror.yml')
    const setting = { environment: environmentOf(from, theirs), folder: directory, milliseconds: 60_000 }
    const synced = await run(await requirePart('regsync'), ['-v', 'warn', 'once', '-c', file], setting)
    expect(synced, synced.stderr).toMatchObject({ code: 0 })
    const said: string[] = []
    const variables = { ...environmentOf(from, ours), ...runnerIn(directory), INPUT_CONFIG: 'mirror.yml' }
    const signal = new AbortController().signal
    const around = { program: 'mirror.js', variables, signals: { on: () => undefined }, directory, signal }
    const exitCode = await mirrorStep({ ...around, write: (text) => said.push(text) }, signal)
    expect(exitCode, said.join('')).toBe(0)
    return said.join('')
  }

  test('leaves the same tags, digests, referrers and blobs', async () => {
    const said = await runBoth()
    expect(withoutMasks(said)).not.toContain(USER.password)
    const { modern, old } = contents(ours)
    expect(tagsOf(modern)).toEqual({
      fast: ['1.0', '….att', '….sig', '….sig', '….sig'],
      slow: ['1.0', '….att', '….sig', '….sig', '….sig'],
      'one-platform': ['1.0', '….sig'],
      'copied/versions': ['1.0.0', '1.4.0', '3', '3.1', '4.1.2', '4.1.3', '4.2.0', 'edge', 'latest'],
      'copied/nested': ['1.0'],
      'kept/edge': ['current'],
      external: ['1.0'],
      'external-too': ['1.0'],
      filtered: ['1.0'],
      apart: ['1.0'],
      belongings: [],
      forced: ['1.0'],
      unforced: ['1.0'],
      'all/library/one': ['1'],
      'all/library/two': ['1'],
      'tags-alone': ['1.0', '….sig'],
      'signed-there': ['1.0', '….att', '….sig', '….sig', '….sig'],
      late: ['1.0'],
      'from-old': ['1.0', '….sig'],
    })
    expect(tagsOf(old)).toEqual({
      holes: ['1.0', '…'],
      'fewer-holes': ['1.0'],
      'from-old': ['1.0', '…', '….sig'],
      'to-old': ['1.0', '…', '…', '…', '…', '….att', '….sig', '….sig', '….sig'],
    })
    const counts = (name: string) => [modern[name]?.manifests.length, modern[name]?.blobs.length]
    expect(counts('external')).toEqual([1, 1])
    expect(counts('external-too')).toEqual([1, 2])
    // Of five that refer to the image or to another one, two fit the filters.
    expect(counts('filtered')).toEqual([7, 13])
    expect(counts('belongings')).toEqual([1, 3])
    expectSame(contents(theirs), { modern, old })
  })

  test('leaves the same after changes at the source, and keeps the same backups', async () => {
    const later = change(from)
    for (const { modern } of [theirs, ours]) {
      for (const name of ['forced', 'unforced']) lose(modern, name)
      shelf(modern, 'signed-there').signature(later.image, 'att', 'of somebody else')
    }
    await runBoth()
    const { modern, old } = contents(ours)
    const tags: Contained[string]['tags'] = modern['copied/versions']?.tags ?? {}
    // What left the source stays.
    const versions = ['1.0.0', '1.4.0', '3', '3.1', '4.1.2', '4.1.3', '4.2.0', '4.9.0']
    expect(Object.keys(tags).toSorted()).toEqual([...versions, 'bkup-4.1.2', 'bkup-edge', 'edge', 'latest'])
    expect(tags['edge']).toBe(from.modern.repositories.get('versions')?.tags.get('edge'))
    expect(Object.keys(modern['old/kept/edge']?.tags ?? {})).toEqual(['image-current'])
    expect(modern['forced']?.blobs.length).toBe((modern['unforced']?.blobs.length ?? 0) + 1)
    // What came later belongs to an image that has not changed: it is only looked for where that is not `fastCheck`.
    expect(modern['slow']?.manifests.length).toBe((modern['fast']?.manifests.length ?? 0) + 2)
    expectSame(contents(theirs), { modern, old })
  })

  test('differs where it means to, and nowhere else', () => {
    const [regsync, own] = [contentOf(theirs.modern), contentOf(ours.modern)]
    // A list of referrers is no tag of its own: it comes with `referrers`, and not with `digestTags`.
    expect(tagsOf(regsync)['tags-alone']).toEqual(['1.0', '…', '….sig'])
    expect(tagsOf(own)['tags-alone']).toEqual(['1.0', '….sig'])
    // Signatures at the target that the source does not have are kept, and not written over.
    const [shown, kept] = [regsync, own].map((content) => attestationOf(content['signed-there']))
    expect(shown).toBe(attestationOf(contentOf(from.modern)['app']))
    expect(kept).not.toBe(shown)
    // What comes to belong to a platform is looked for there too, as for the whole image.
    expect(regsync['late']?.manifests).toHaveLength(1)
    expect(own['late']?.manifests).toHaveLength(2)
  })
})

const DIFFERENT = ['tags-alone', 'signed-there', 'late']

type Contents = { readonly modern: Contained; readonly old: Contained }
type Contained = ReturnType<typeof contentOf>

function contents({ modern, old }: Targets): Contents {
  return { modern: contentOf(modern), old: contentOf(old) }
}

function expectSame(theirs: Contents, ours: Contents): void {
  expect(ours.old).toEqual(theirs.old)
  expect(without(ours.modern)).toEqual(without(theirs.modern))
}

type Sources = { readonly modern: InProcessRegistry; readonly old: InProcessRegistry }
type Targets = Sources

function without(content: Contained): Contained {
  return Object.fromEntries(Object.entries(content).filter(([name]) => !DIFFERENT.includes(name)))
}

/** Tags by repository, without the digests in them. */
function tagsOf(content: Contained): Readonly<Record<string, readonly string[]>> {
  const named = Object.entries(content).map(([name, { tags }]) => {
    return [
      name,
      Object.keys(tags)
        .map((tag) => tag.replace(/^sha256-[0-9a-f]{64}/, '…'))
        .toSorted(),
    ] as const
  })
  return Object.fromEntries(named)
}

function attestationOf(content: Contained[string] | undefined): unknown {
  return Object.entries(content?.tags ?? {}).find(([tag]) => tag.endsWith('.att'))?.[1]
}

function environmentOf(from: Sources, to: Targets): Readonly<Record<string, string>> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    SOURCE: from.modern.host,
    OLD_SOURCE: from.old.host,
    TARGET: to.modern.host,
    OLD_TARGET: to.old.host,
    SOURCE_USER: USER.name,
  }
}

function runnerIn(directory: string): Readonly<Record<string, string>> {
  return { GITHUB_WORKSPACE: directory, RUNNER_TEMP: directory, GITHUB_REPOSITORY: 'acme/api' }
}

/** A layer is gone, and the manifests that name it are not. */
function lose({ repositories }: InProcessRegistry, name: string): void {
  expect(repositories.get(name)?.blobs.delete(digestOf(BASE))).toBe(true)
}

/** Tags that move, come and go, and what comes to belong to images that stay. */
function change({ modern }: Sources) {
  const versions = shelf(modern, 'versions')
  versions.image('version 4.1.2, made again', { kind: DOCKER, tag: '4.1.2' })
  versions.image('the next edge', { tag: 'edge' })
  versions.image('version 4.9.0', { kind: DOCKER, tag: '4.9.0' })
  modern.repositories.get('versions')?.tags.delete('1.4.0')
  const app = shelf(modern, 'app')
  // The same bytes as before, to have their names.
  const image = app.index('app 1.0')
  const late = shelf(modern, 'late').index('late')
  app.referrer(image, 'application/vnd.example.later')
  for (const child of image.children.slice(0, 1)) app.referrer(child, 'application/vnd.example.later')
  for (const child of late.children) shelf(modern, 'late').referrer(child, 'application/vnd.example.later')
  return { image }
}

/** What the sources have at first: each key of the file makes a difference in it. */
function fill({ modern, old }: Sources): void {
  const app = shelf(modern, 'app')
  const image = app.index('app 1.0', { tag: '1.0' })
  const [amd64, arm64] = image.children
  if (amd64 === undefined || arm64 === undefined) throw new Error('an index has two images')
  const bill = app.referrer(image, 'application/spdx+json', { 'org.example.kind': 'sbom' })
  app.referrer(image, 'application/spdx+json', { 'org.example.kind': 'other' })
  app.referrer(image, 'application/vnd.example', { 'org.example.anything': 'goes' })
  app.referrer(bill, 'application/vnd.example.signature')
  app.referrer(amd64, 'application/vnd.example.scan')
  app.referrer(arm64, 'application/vnd.example.scan')
  for (const subject of [image, arm64]) app.signature(subject)
  app.signature(app.signature(image, 'att'))
  const belongings = shelf(modern, 'belongings')
  belongings.referrer(image, 'application/vnd.example.apart')

  const versions = shelf(modern, 'versions')
  const tags = [
    '1.0.0',
    '1.4.0',
    '1.5.0-rc.1',
    '1.9.9',
    '2.0.0',
    '3',
    '3.1',
    '3.1-rc1',
    '3.2.0',
    '4.1.2',
    '4.1.3',
    '4.2.0',
  ]
  for (const tag of tags) versions.image(`version ${tag}`, { kind: DOCKER, tag })
  versions.index('the newest', { kind: DOCKER, tag: 'latest' })
  versions.image('the edge', { tag: 'edge' })

  const nested = shelf(modern, 'nested')
  const inner = nested.index('inner')
  const { mediaType, digest, size } = inner
  nested.index('outer', { tag: '1.0', within: [{ mediaType, digest, size }] })
  for (const child of inner.children) nested.referrer(child, 'application/vnd.example.scan')

  shelf(modern, 'late').index('late', { tag: '1.0' })
  shelf(modern, 'external').external('a layer that lies elsewhere', '1.0')
  for (const name of ['library/one', 'library/two', 'library/private', 'other/three']) {
    shelf(modern, name).image(name, { tag: '1' })
    shelf(modern, name).index(`${name} for all`, { tag: 'all' })
  }

  const aged = shelf(old, 'app')
  const listed = aged.index('app of old', { tag: '1.0' })
  aged.list(listed, [
    { ...aged.referrer(listed, 'application/spdx+json', { a: 'b' }), artifactType: 'application/spdx+json' },
    { ...aged.referrer(listed, 'application/vnd.example'), artifactType: 'application/vnd.example' },
  ])
  aged.signature(listed)
}

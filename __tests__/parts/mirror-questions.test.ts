import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, startCraneRegistry, startRegistry } from '../../scripts/part/index.ts'
import { copyGraph } from '../../src/content/copy.ts'
import { readManifest } from '../../src/content/image.ts'
import { copyReferrers } from '../../src/content/referrers.ts'
import type { Remote } from '../../src/edges.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { type Client, openClient } from '../support/client.ts'
import { memoryStore, putImage } from '../support/memory-store.ts'

const never = new AbortController().signal

/** What each real registry does when a mirror asks; none of them has a list of referrers. */
describe.each([
  ['registry 2', 'registry2', { deletion: 'DELETE HEAD PUT DELETE PUT DELETE', next: 'HEAD PUT DELETE' }],
  ['registry 3', 'registry3', { deletion: 'DELETE', next: 'DELETE' }],
  ['crane', 'crane', { deletion: 'DELETE', next: 'DELETE' }],
] as const)('%s', async (_name, part, expected) => {
  const isThere = await need([part])

  describe.skipIf(!isThere)('asked by a mirror', () => {
    let registry: { readonly host: string; stop(): Promise<void> }
    let client: Client
    const sent: string[] = []
    beforeAll(async () => {
      registry = await (part === 'crane' ? startCraneRegistry() : startRegistry(part === 'registry2' ? 2 : 3))
      client = openClient({
        around: (send) => (request) => {
          sent.push(request.method)
          return send(request)
        },
      })
    })
    afterAll(async () => {
      await client.close()
      await registry.stop()
    })

    async function withTags(name: string, tags: readonly string[]): Promise<Remote> {
      const remote = client.remote(`${registry.host}/${name}`)
      const origin = memoryStore()
      const image = putImage(origin, 'amd64', [name])
      await copyGraph(image, { source: origin, target: remote, signal: never })
      const manifest = await readManifest(origin, image)
      for (const tag of tags) await remote.tag(manifest, tag)
      sent.length = 0
      return remote
    }

    test('takes a tag away, and leaves what other tags show', async () => {
      const remote = await withTags('mirror/deletion', ['one', 'two', 'three'])
      const before = await remote.resolve('three')
      sent.length = 0
      expect(await remote.deleteTag('one')).toBe('deleted')
      expect(sent.join(' ')).toBe(expected.deletion)
      sent.length = 0
      expect(await remote.deleteTag('two')).toBe('deleted')
      expect(sent.join(' ')).toBe(expected.next)
      expect(await remote.deleteTag('two')).toBe('absent')
      expect(await remote.deleteTag('never')).toBe('absent')
      expect(await remote.listTags({ limit: 10 })).toEqual({ tags: ['three'], isWhole: true })
      expect(await remote.resolve('three')).toEqual(before)
      expect(await remote.resolve('one')).toBeUndefined()
    })

    test('lists its repositories', async () => {
      for (const name of ['listed/a', 'listed/b', 'other/c']) await withTags(name, ['one'])
      const remote = client.remote(`${registry.host}/listed/a`)
      const match = (path: string) => path.startsWith('listed/')
      const { repositories, isWhole } = await remote.catalog({ limit: 100, match })
      expect({ repositories: repositories.toSorted(), isWhole }).toEqual({
        repositories: ['listed/a', 'listed/b'],
        isWhole: true,
      })
    })

    test('finds a referrer by the fallback tag that was made for it', async () => {
      const remote = await withTags('mirror/referrers', ['one'])
      const subject = await remote.resolve('one')
      if (subject === undefined) throw new Error('the tag was just written')
      expect(await remote.referrers(subject.digest)).toEqual({ descriptors: [], from: 'none' })
      const source = client.remote(`${registry.host}/mirror/signed`)
      const origin = memoryStore()
      const config = origin.put('{}', 'application/vnd.oci.empty.v1+json')
      const manifest = {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociManifest,
        artifactType: 'a/signature',
        config,
        layers: [],
        subject,
      }
      const signature = origin.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest)
      await copyGraph(signature, { source: origin, target: source, signal: never })
      const listing = {
        ...source,
        referrers: async () => ({ descriptors: [signature], from: 'tag' as const }),
      }
      const copy = {
        targets: [remote],
        wish: { filters: [], digestTags: true },
        signal: never,
        sleep: async () => undefined,
      }
      const [carried] = await copyReferrers(subject, { source: listing, ...copy })
      expect(carried).toMatchObject({ referrers: 1, lists: 1 })
      expect(await remote.referrers(subject.digest)).toEqual({
        descriptors: [{ ...signature, artifactType: 'a/signature' }],
        from: 'tag',
      })
      expect(await remote.referrers(subject.digest, 'another')).toEqual({ descriptors: [], from: 'tag' })
    })
  })
})

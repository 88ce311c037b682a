import { expect, test } from 'vitest'
import { copyGraph } from '../../src/content/copy.ts'
import { type Elsewhere, MissingContent, type Target } from '../../src/content/store.ts'
import { digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'

const never = new AbortController().signal

function twoPlatforms(source: MemoryStore) {
  return putIndex(source, [
    putImage(source, 'amd64', ['shared', 'amd64']),
    putImage(source, 'arm64', ['shared', 'arm64']),
  ])
}

test('copyGraph pushes children before their parents', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const root = putIndex(source, [putImage(source, 'amd64', ['one'])])
  await copyGraph(root, { source, target, signal: never })
  expect(target.log.slice(0, 2).toSorted()).toEqual(['push config', 'push layer'])
  expect(target.log.slice(2)).toEqual(['push manifest', 'push index'])
})

test('copyGraph copies content shared by two platforms once', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const copied = await copyGraph(twoPlatforms(source), { source, target, signal: never })
  expect(target.log.filter((line) => line === 'push layer')).toHaveLength(3)
  expect(copied).toHaveLength(8)
})

test('copyGraph copies one layer, its config and its manifests when one layer changed', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  await copyGraph(twoPlatforms(source), { source, target, signal: never })
  target.log.length = 0
  const changed = putIndex(source, [
    putImage(source, 'amd64', ['shared', 'new']),
    putImage(source, 'arm64', ['shared', 'arm64']),
  ])
  await copyGraph(changed, { source, target, signal: never })
  // The config of this sample says nothing about its layers, so it is the same one.
  expect(target.log).toEqual(['push layer', 'push manifest', 'push index'])
})

test('copyGraph looks at nothing below a manifest that is there', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const root = twoPlatforms(source)
  await copyGraph(root, { source, target, signal: never })
  source.fetched.length = 0
  const copied = await copyGraph(root, { source, target, signal: never })
  expect(copied).toEqual([{ descriptor: root, status: 'present' }])
  expect(source.fetched).toEqual([])
})

test('copyGraph pushes no manifest when a layer fails, and throws the reason of that layer', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  target.before = (verb, subject) => {
    if (verb === 'push' && subject === 'layer') throw new Error('the disk is full')
  }
  await expect(copyGraph(twoPlatforms(source), { source, target, signal: never })).rejects.toThrow('the disk is full')
  expect(target.log.filter((line) => line !== 'push config')).toEqual([])
})

test('copyGraph begins nothing new once something has failed', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const root = putImage(
    source,
    'amd64',
    Array.from({ length: 50 }, (_, index) => `layer ${index}`),
  )
  let asked = 0
  target.before = async (verb) => {
    if (verb !== 'push') return
    asked += 1
    if (asked === 1) throw new Error('gone')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await expect(copyGraph(root, { source, target, signal: never })).rejects.toThrow('gone')
  expect(target.log).not.toContain('push manifest')
})

test('copyGraph stops when the step is cancelled', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const cancel = new AbortController()
  target.before = (verb) => {
    if (verb === 'push') cancel.abort(new Error('cancelled'))
  }
  await expect(copyGraph(twoPlatforms(source), { source, target, signal: cancel.signal })).rejects.toThrow('cancelled')
  expect(target.log).not.toContain('push index')
})

test('copyGraph refuses a manifest whose bytes are not what the descriptor says', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const root = { ...twoPlatforms(source) }
  const wrong = { ...root, size: root.size - 1 }
  await expect(copyGraph(wrong, { source, target, signal: never })).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  expect(target.log).toEqual([])
})

test('copyGraph brings back what a target had lost when it notices at the manifest', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const root = twoPlatforms(source)
  const lost = losing(target, 'layer')
  const copied = await copyGraph(root, { source, target, signal: never })
  expect(lost()).toBeGreaterThan(0)
  expect(await target.exists(root)).toBe(true)
  expect(target.log.filter((line) => line === 'push index')).toEqual(['push index'])
  expect(copied.at(0)?.descriptor).toEqual(root)
})

test('copyGraph brings back what was lost once, and not for ever', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const push = target.push
  let refused = 0
  target.push = (descriptor, open) => {
    if (!descriptor.mediaType.includes('manifest')) return push(descriptor, open)
    refused += 1
    return Promise.reject(new MissingContent('CONTENT_REFUSED', 'something is missing'))
  }
  const root = putImage(source, 'amd64', ['one'])
  await expect(copyGraph(root, { source, target, signal: never })).rejects.toThrow('something is missing')
  expect(refused).toBe(2)
})

/** A target that says it has the layers and has not, until it is asked again. How many it lied about. */
function losing(target: MemoryStore, kind: string): () => number {
  const { exists, push } = target
  let lies = 0
  let missing = true
  target.exists = async (descriptor, again) => {
    if (again === 'again' || !descriptor.mediaType.includes(kind)) return exists(descriptor)
    lies += 1
    return true
  }
  target.push = async (descriptor, open) => {
    if (descriptor.mediaType.includes('manifest.v1') && missing) {
      missing = false
      throw new MissingContent('CONTENT_REFUSED', 'a blob is unknown')
    }
    return push(descriptor, open)
  }
  return () => lies
}

test('copyGraph says of each layer what it lies on and where it may be, and of nothing else', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const mountFrom = [{ registry: 'ghcr.io', path: 'acme/base' }]
  const told: [string, Elsewhere | undefined][] = []
  const listening: Target = {
    ...target,
    push(descriptor, open, elsewhere) {
      told.push([descriptor.digest, elsewhere])
      return target.push(descriptor, open, elsewhere)
    },
  }
  const root = putIndex(source, [
    putImage(source, 'amd64', ['one', 'two']),
    putImage(source, 'arm64', ['one', 'three']),
  ])
  await copyGraph(root, { source, target: listening, signal: never, mountFrom })
  const [one, two, three] = [digestOf('one'), digestOf('two'), digestOf('three')]
  const expected = new Map<string, Elsewhere>([
    [one, { mountFrom, liesOn: undefined }],
    [two, { mountFrom, liesOn: one }],
    [three, { mountFrom, liesOn: one }],
  ])
  expect(told).toHaveLength(8)
  expect(told.map(([digest, elsewhere]) => [digest, elsewhere])).toEqual(
    told.map(([digest]) => [digest, expected.get(digest)]),
  )
})

test('copyGraph asks nobody else for what it brings back', async () => {
  const [source, target] = [memoryStore(), memoryStore()]
  const mountFrom = [{ registry: 'ghcr.io', path: 'acme/base' }]
  const told: (Elsewhere | undefined)[] = []
  // A lender said that it had lent the layer, and it was not so: the manifest is refused once.
  let lied = false
  const listening: Target = {
    ...target,
    async push(descriptor, open, elsewhere) {
      if (descriptor.digest !== digestOf('one')) {
        if (descriptor.mediaType === MEDIA_TYPE.ociManifest && !(await target.exists(layer))) {
          throw new MissingContent('CONTENT_REFUSED', 'blob unknown')
        }
        return target.push(descriptor, open)
      }
      told.push(elsewhere)
      if (lied) return target.push(descriptor, open)
      lied = true
      return 'mounted'
    },
  }
  const root = putImage(source, 'amd64', ['one'])
  const layer = source.put('one', 'application/vnd.oci.image.layer.v1.tar')
  await copyGraph(root, { source, target: listening, signal: never, mountFrom })
  expect(told).toEqual([{ mountFrom, liesOn: undefined }, undefined])
  expect(await target.exists(root)).toBe(true)
})

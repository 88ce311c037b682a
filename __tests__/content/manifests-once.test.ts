import { expect, test } from 'vitest'
import { copyGraph } from '../../src/content/copy.ts'
import { readManifest } from '../../src/content/image.ts'
import { manifestsOnce } from '../../src/content/manifests-once.ts'
import { memoryStore, putImage, putIndex } from '../support/memory-store.ts'

const never = new AbortController().signal

test('a manifest is read once, however many copies need it, and at once', async () => {
  const store = memoryStore()
  const root = putIndex(store, [putImage(store, 'amd64', ['one'])])
  const source = manifestsOnce(store)
  await Promise.all([1, 2, 3].map(() => copyGraph(root, { source, target: memoryStore(), signal: never })))
  expect(store.fetched.filter((digest) => digest === root.digest)).toHaveLength(1)
  expect(store.fetched).toHaveLength(2 + 3 * 2)
})

test('one with wrong bytes is refused each time it is asked for', async () => {
  const store = memoryStore()
  const image = putImage(store, 'amd64', ['one'])
  const wrong = { ...image, size: image.size - 1 }
  const source = manifestsOnce(store)
  for (let at = 0; at < 2; at += 1) {
    await expect(readManifest(source, wrong)).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  }
  expect((await readManifest(source, image)).descriptor).toEqual(image)
})

test('what could not be read is asked for again', async () => {
  const store = memoryStore()
  const image = putImage(store, 'amd64', ['one'])
  let isBroken = true
  const source = manifestsOnce({
    ...store,
    fetch: async (descriptor) => {
      if (isBroken) throw new Error('not now')
      return store.fetch(descriptor)
    },
  })
  await expect(source.fetch(image)).rejects.toThrow('not now')
  isBroken = false
  expect((await readManifest(source, image)).descriptor).toEqual(image)
})

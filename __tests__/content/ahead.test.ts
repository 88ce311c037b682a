import { expect, test } from 'vitest'
import { lookAhead } from '../../src/content/ahead.ts'
import { copyGraph } from '../../src/content/copy.ts'
import { readImage } from '../../src/content/image.ts'
import { connected } from '../support/client.ts'
import { memoryStore, putImage, putIndex } from '../support/memory-store.ts'

const signal = new AbortController().signal

function sample() {
  const source = memoryStore()
  return {
    source,
    root: putIndex(source, [putImage(source, 'amd64', ['one', 'two']), putImage(source, 'arm64', ['one'])]),
  }
}

test('what was asked ahead is not asked again by the copy', async () => {
  const { registry, remote } = await connected()
  const { source, root } = sample()
  const image = await readImage(source, root)
  await lookAhead(image, [remote])
  const asked = registry.requests.length
  expect(registry.requests.every(({ method }) => method === 'HEAD')).toBe(true)
  expect(asked).toBe(image.content.length - 1)

  await copyGraph(root, { source, target: remote, signal, rootIsMissing: true })
  expect(registry.requests.slice(asked).filter(({ method }) => method === 'HEAD')).toEqual([])
})

test('what we brought ourselves is asked for no more', async () => {
  const { registry, remote } = await connected()
  const { source, root } = sample()
  await copyGraph(root, { source, target: remote, signal })
  registry.reset()
  await lookAhead(await readImage(source, root), [remote])
  expect(registry.requests).toEqual([])
})

test('a repository that looks new is asked nothing, and writes nothing', async () => {
  const { registry, remote } = await connected()
  const { source, root } = sample()
  expect(await remote.resolve('1.0')).toBeUndefined()
  registry.reset()
  await lookAhead(await readImage(source, root), [remote])
  expect(registry.requests).toEqual([])
})

test('trouble ahead is no trouble yet', async () => {
  const { remote } = await connected({ faults: [{ step: 'blob-head', effect: { kind: 'status', status: 400 } }] })
  const { source, root } = sample()
  await expect(lookAhead(await readImage(source, root), [remote])).resolves.toBeUndefined()
})

import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import { connected } from '../support/client.ts'
import type { InProcessRegistry, RegistryOptions } from '../support/registry/server.ts'

const BYTES = Buffer.from('content')
const BLOB = { mediaType: 'application/octet-stream', digest: digestOf(BYTES), size: BYTES.length }

/** A registry that makes no repository by itself, and somebody who creates one when asked. */
async function creating(options: RegistryOptions = {}, create?: (registry: InProcessRegistry) => void) {
  const created: string[] = []
  const there = await connected(
    { createOnPush: false, ...options },
    {
      creator:
        ({ path }) =>
        async () => {
          created.push(path)
          create?.(there.registry)
          there.registry.create(path)
        },
    },
  )
  return { ...there, created }
}

const steps = (registry: InProcessRegistry) => registry.requests.map(({ step }) => step)

test('a missing repository is created where rights are asked, by one question', async () => {
  const { registry, remote, created } = await creating()
  await remote.resolve('1.0')
  expect(await remote.pushRight({ session: true, create: true })).toEqual({ granted: true, shownBy: 'session' })
  expect(created).toEqual(['acme/api'])
  expect(steps(registry)).toEqual(['manifest-head', 'manifest-get', 'upload-open', 'upload-cancel'])
})

test('one that is missing is only seen, and not created, where nothing may be written', async () => {
  const { registry, remote, created } = await creating()
  await remote.resolve('1.0')
  expect(await remote.pushRight({ session: true })).toEqual({ granted: true, shownBy: 'nothing' })
  expect(created).toEqual([])
  expect(steps(registry)).toEqual(['manifest-head', 'manifest-get'])
})

test('one is created before the first of several uploads, once', async () => {
  const { registry, remote, created } = await creating()
  await remote.resolve('1.0')
  const other = { ...BLOB, digest: digestOf(Buffer.from('another')) }
  await Promise.all([
    remote.push(BLOB, async () => Readable.from([BYTES])),
    remote.push(other, async () => Readable.from([Buffer.from('another')])),
  ])
  expect(created).toEqual(['acme/api'])
  expect(steps(registry).slice(0, 2)).toEqual(['manifest-head', 'manifest-get'])
  expect(registry.repositories.get('acme/api')?.blobs.size).toBe(2)
})

test('one in which a tag was found is not asked for', async () => {
  const { registry, remote, created } = await creating()
  registry.put('acme/api', { manifest: { schemaVersion: 2 }, tag: '1.0' })
  await remote.resolve('1.0')
  expect(await remote.pushRight({ session: true, create: true })).toMatchObject({ granted: true })
  expect(created).toEqual([])
  expect(steps(registry)).toEqual(['manifest-head', 'upload-open', 'upload-cancel'])
})

test('one that is there without the tag is left as it is', async () => {
  const { registry, remote, created } = await creating()
  registry.create('acme/api')
  await remote.resolve('1.0')
  expect(await remote.pushRight({ session: true, create: true })).toMatchObject({ granted: true })
  expect(created).toEqual([])
})

test('one that breaks off uploads while it is missing, as ECR does, is created before any upload', async () => {
  const { registry, remote, created } = await creating(
    { faults: [{ step: ['mount', 'upload-open'], effect: { kind: 'reset' } }] },
    (one) => one.heal(),
  )
  await remote.resolve('1.0')
  await remote.push(BLOB, async () => Readable.from([BYTES]))
  expect(created).toEqual(['acme/api'])
  expect(steps(registry)).toEqual(['manifest-head', 'manifest-get', 'mount', 'upload-put'])
})

test('what stands in the way of its creation is what the push fails with', async () => {
  const { remote } = await creating({}, () => {
    throw new Error('not allowed')
  })
  await remote.resolve('1.0')
  await expect(remote.pushRight({ session: true, create: true })).rejects.toThrow('not allowed')
  await expect(remote.push(BLOB, async () => Readable.from([BYTES]))).rejects.toThrow('not allowed')
})

test('without the wish nothing is asked or created', async () => {
  const { registry, remote } = await connected({ createOnPush: false })
  await remote.resolve('1.0')
  const right = await remote.pushRight({ session: true, create: true })
  expect(right).toMatchObject({ granted: false, code: 'REPOSITORY_MISSING' })
  expect(steps(registry)).not.toContain('manifest-get')
})

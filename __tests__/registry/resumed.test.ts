import { expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import { connected } from '../support/client.ts'
import type { Fault, When } from '../support/registry/fault.ts'
import type { Rules } from '../support/registry/rules.ts'

const LAYER = 'application/vnd.oci.image.layer.v1.tar'
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251))
const BLOB = { mediaType: LAYER, digest: digestOf(BYTES), size: BYTES.length }

async function stored(faults: readonly Fault[], more = {}, rules: Rules = {}) {
  const all = await connected({ ...rules, faults }, more)
  all.registry.put('acme/api', { manifest: {}, blobs: [BYTES] })
  return all
}

async function read({ remote }: Awaited<ReturnType<typeof stored>>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await remote.fetch(BLOB)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const cut = (after: number, when: When): Fault => ({ step: 'blob-get', when, effect: { kind: 'cut', after } })

test('a blob that breaks off is asked for the rest, and not for what came', async () => {
  const all = await stored([cut(100_000, { nth: 1 }), cut(50_000, { nth: 2 })])
  expect(digestOf(await read(all))).toBe(BLOB.digest)
  const sent = all.registry.requests.map(({ status, responseBytes }) => `${status} ${responseBytes}`)
  expect(sent).toHaveLength(3)
  expect(sent[0]).toBe('200 100000')
  expect(all.registry.requests.slice(1).map(({ status }) => status)).toEqual([206, 206])
  expect(all.remote.traffic().retries).toBe(2)
})

test('a registry that knows no ranges sends it again, and what came already is passed over', async () => {
  const all = await stored([cut(100_000, { nth: 1 })], {}, { ranges: false })
  expect(digestOf(await read(all))).toBe(BLOB.digest)
  expect(all.registry.requests.map(({ status, responseBytes }) => [status, responseBytes])).toEqual([
    [200, 100_000],
    [200, BYTES.length],
  ])
})

test('one that breaks off without bringing anything is given up after the retries', async () => {
  const all = await stored([cut(0, 'always')], { retries: 2 })
  await expect(read(all)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
  expect(all.registry.requests).toHaveLength(3)
})

test('one that breaks off again and again comes whole while each attempt brings something', async () => {
  const all = await stored([cut(40_000, 'always')], { retries: 2 })
  expect(digestOf(await read(all))).toBe(BLOB.digest)
  expect(all.registry.requests).toHaveLength(8)
})

test('whoever stops reading ends it, and nothing is asked for again', async () => {
  const all = await stored([{ step: 'blob-get', effect: { kind: 'stall', after: 1000 } }])
  const stream = await all.remote.fetch(BLOB)
  for await (const _ of stream) break
  expect(stream.destroyed).toBe(true)
  expect(all.registry.requests).toHaveLength(1)
})

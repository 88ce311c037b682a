import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { type Branch, openBranch, pour } from '../../src/content/pour.ts'
import { turns } from '../../src/content/turns.ts'
import { openCheck } from '../../src/content/verify.ts'
import { digestOf } from '../../src/image/digest.ts'

const CHUNK = 64 * 1024
const BYTES = Buffer.alloc(100 * CHUNK, 'a hundred chunks of bytes ')
const BLOB = { mediaType: 'application/octet-stream', digest: digestOf(BYTES), size: BYTES.length }
const patience = { windowBytes: 4 * CHUNK, lagMs: 60_000 }

/** The chunks of the blob, and how many of them were taken so far. */
function source() {
  const counted = { given: 0 }
  function* chunks() {
    for (let at = 0; at < 100; at += 1) {
      counted.given += 1
      yield BYTES.subarray(at * CHUNK, (at + 1) * CHUNK)
    }
  }
  return { stream: Readable.from(chunks(), { highWaterMark: 1 }), counted }
}

function pouring(branches: readonly Branch[]) {
  return { check: openCheck(BLOB, 'the source'), branches: new Set(branches), patience, onLag: () => undefined }
}

async function bytesOf(branch: Branch): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of branch.stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('all branches get all bytes', async () => {
  const branches = [openBranch(patience), openBranch(patience), openBranch(patience)]
  const [, ...read] = await Promise.all([pour(source().stream, pouring(branches)), ...branches.map(bytesOf)])
  expect(read.map((bytes) => digestOf(bytes))).toEqual([BLOB.digest, BLOB.digest, BLOB.digest])
})

test('no more is read than the windows hold while a branch stands still', async () => {
  const [moving, still] = [openBranch(patience), openBranch(patience)]
  const { stream, counted } = source()
  const reading = bytesOf(moving)
  const ending = pour(stream, pouring([moving, still]))
  while (!still.stream.writableNeedDrain) await new Promise((resolve) => setImmediate(resolve))
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  // Its window, what it hands on at once, the one that is held back and the ones that are on their way.
  expect(counted.given).toBeLessThan(12)
  const [bytes] = await Promise.all([bytesOf(still), reading, ending])
  expect(digestOf(bytes)).toBe(BLOB.digest)
})

test('a branch that was closed is passed over, and when none is left no more is read', async () => {
  const [one, two] = [openBranch(patience), openBranch(patience)]
  const { stream, counted } = source()
  one.stream.destroy()
  two.stream.once('data', () => two.stream.destroy())
  await pour(stream, pouring([one, two]))
  expect(counted.given).toBeLessThan(12)
  expect(stream.destroyed).toBe(true)
})

test.each([
  ['more', Buffer.concat([BYTES, Buffer.from('x')])],
  ['fewer', BYTES.subarray(1)],
  ['other', Buffer.from(BYTES).fill(1, 0, 1)],
])('with %s bytes than promised no branch comes to its end', async (_name, wrong) => {
  const branch = openBranch(patience)
  let size = 0
  branch.stream.on('data', (chunk: Uint8Array) => {
    size += chunk.length
  })
  const chunks = Array.from({ length: Math.ceil(wrong.length / CHUNK) }, (_, at) =>
    wrong.subarray(at * CHUNK, (at + 1) * CHUNK),
  )
  await expect(pour(Readable.from(chunks), pouring([branch]))).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  expect(branch.stream.writableEnded).toBe(false)
  expect(size).toBeLessThan(BLOB.size)
})

test('turns come in order, so many at a time, also after one that fails', async () => {
  const turn = turns(2)
  const begun: string[] = []
  let [now, most] = [0, 0]
  const work = (name: string) =>
    turn(async () => {
      begun.push(name)
      now += 1
      most = Math.max(most, now)
      await new Promise((resolve) => setImmediate(resolve))
      now -= 1
      if (name === 'b') throw new Error('b fails')
    }).catch(() => undefined)
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map(work))
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(most).toBe(2)
})

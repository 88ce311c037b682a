import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readVerified, verified } from '../../src/content/verify.ts'
import { digestOf, hasher } from '../../src/image/digest.ts'

const describedBy = (text: string) => ({ mediaType: 'x/y', digest: digestOf(text), size: Buffer.byteLength(text) })

test.each([
  ['other bytes of the same size', 'wrong', 'holds other bytes'],
  ['too few bytes', 'shor', 'has 4 bytes and not 5'],
  ['no bytes', '', 'has 0 bytes and not 5'],
  ['too many bytes', 'right and more', 'has more than 5 bytes'],
])('verified ends in an error for %s, and the last chunk is never passed on', async (_name, text, message) => {
  const passed: Buffer[] = []
  const reading = async () => {
    const chunks = [...text].map((letter) => Buffer.from(letter))
    for await (const chunk of verified(describedBy('right'), Readable.from(chunks), 'the layout')) passed.push(chunk)
  }
  await expect(reading()).rejects.toMatchObject({ code: 'CONTENT_INVALID', message: expect.stringContaining(message) })
  expect(Buffer.concat(passed).length).toBeLessThan(Math.max(text.length, 1))
})

test('verified passes on the very bytes, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1 })), async (chunks) => {
      const whole = Buffer.concat(chunks)
      const descriptor = { mediaType: 'x/y', digest: digestOf(whole), size: whole.length }
      const read = await readVerified(descriptor, Readable.from(chunks), 1_000_000, 'here')
      expect(Buffer.compare(read, whole)).toBe(0)
    }),
    { numRuns: 50 },
  )
})

test('readVerified knows sha512', async () => {
  const digest = hasher('sha512').update('right').digest()
  const descriptor = { mediaType: 'x/y', digest, size: 5 }
  expect(String(await readVerified(descriptor, Readable.from([Buffer.from('right')]), 10, 'here'))).toBe('right')
})

test('readVerified reads nothing of what is announced as too large', async () => {
  const stream = Readable.from([Buffer.from('right')])
  await expect(readVerified(describedBy('right'), stream, 4, 'here')).rejects.toThrow('at most 4 are read')
  expect(stream.destroyed).toBe(true)
})

test('verified fails when its source does', async () => {
  const broken = new Readable({ read: () => broken.destroy(new Error('the disk is gone')) })
  await expect(readVerified(describedBy('right'), broken, 10, 'here')).rejects.toThrow('the disk is gone')
})

import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { checkedOnce } from '../../src/content/checked.ts'
import type { Source } from '../../src/content/store.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'

const never = new AbortController().signal
const RIGHT = described('right')

function described(text: string): Descriptor {
  return { mediaType: 'x/y', digest: digestOf(text), size: Buffer.byteLength(text) }
}

/** A source that gives the same chunks whatever it is asked for, and counts. */
function sourceOf(chunks: readonly string[]): Source & { reads: number } {
  const source = {
    name: 'the layout',
    reads: 0,
    resolve: async () => undefined,
    async fetch() {
      source.reads += 1
      return Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
    },
  }
  return source
}

test('reads once for the check, however many copies are made', async () => {
  const source = sourceOf(['ri', 'ght'])
  const checked = checkedOnce(source, never)
  const copies = await Promise.all([1, 2, 3].map(async () => buffer(await checked.fetch(RIGHT))))
  expect(copies.map(String)).toEqual(['right', 'right', 'right'])
  expect(source.reads).toBe(4)
  await checked.check(RIGHT)
  expect(source.reads).toBe(4)
})

test.each([
  ['other bytes', ['wro', 'ng'], 'holds other bytes'],
  ['too few', ['ri', 'gh'], 'has 4 bytes and not 5'],
  ['too many', ['right', 'and more'], 'has more than 5'],
])('%s are never passed on to their end', async (_name, chunks, message) => {
  const checked = checkedOnce(sourceOf(chunks), never)
  const passed: Buffer[] = []
  const reading = async () => {
    for await (const chunk of await checked.fetch(RIGHT)) passed.push(chunk)
  }
  await expect(reading()).rejects.toMatchObject({ code: 'CONTENT_INVALID', message: expect.stringContaining(message) })
  expect(Buffer.concat(passed).length).toBeLessThan(chunks.join('').length)
  await expect(checked.check(RIGHT)).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
})

test('the last bytes wait for the check, the first ones do not', async () => {
  const checking = Promise.withResolvers<Readable>()
  const bytes = () => Readable.from([Buffer.from('ri'), Buffer.from('ght')])
  let reads = 0
  const source: Source = {
    ...sourceOf([]),
    // The copy reads first, its check second.
    fetch: async () => {
      reads += 1
      return reads === 1 ? bytes() : checking.promise
    },
  }
  const copy = (await checkedOnce(source, never).fetch(RIGHT))[Symbol.asyncIterator]()
  expect(String((await copy.next()).value)).toBe('ri')
  const last = copy.next()
  expect(await Promise.race([last, new Promise((end) => setTimeout(end, 30, 'waiting'))])).toBe('waiting')
  checking.resolve(bytes())
  expect(String((await last).value)).toBe('ght')
  expect((await copy.next()).done).toBe(true)
})

test('one digest with another size is another promise', async () => {
  const checked = checkedOnce(sourceOf(['right']), never)
  await checked.check(RIGHT)
  await expect(checked.check({ ...RIGHT, size: 6 })).rejects.toThrow('has 5 bytes and not 6')
})

test('nothing is content, too', async () => {
  expect(await buffer(await checkedOnce(sourceOf([]), never).fetch(described('')))).toHaveLength(0)
})

test('a cancel ends a check that is under way, and tells its reason', async () => {
  const cancel = new AbortController()
  const endless = new Readable({ read: () => undefined })
  const checking = checkedOnce({ ...sourceOf([]), fetch: async () => endless }, cancel.signal).check(RIGHT)
  setImmediate(() => cancel.abort(new Error('the step was cancelled')))
  await expect(checking).rejects.toThrow('the step was cancelled')
  expect(endless.destroyed).toBe(true)
})

test('what breaks on its way breaks the copy', async () => {
  let reads = 0
  const broken = new Readable({ read: () => broken.destroy(new Error('the disk is gone')) })
  const fetch = async () => {
    reads += 1
    return reads === 1 ? broken : Readable.from([Buffer.from('right')])
  }
  await expect(buffer(await checkedOnce({ ...sourceOf([]), fetch }, never).fetch(RIGHT))).rejects.toThrow(
    'disk is gone',
  )
})

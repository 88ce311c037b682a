import { expect, test } from 'vitest'
import { limitTo } from '../../src/net/limit.ts'
import { narrowing } from '../../src/net/narrowing.ts'
import { networkTrouble } from '../../src/net/trouble.ts'
import { scripted } from '../support/scripted-send.ts'

const url = new URL('https://registry.example/v2/')
const GET = { method: 'GET', url } as const
const trouble = (code: string) => networkTrouble(Object.assign(new Error(code), { code }), url)
const soon = () => new Promise((resolve) => setImmediate(resolve))

/** The most that ran at once out of twelve, narrowed while the first ones ran. */
async function mostAtOnce(width: number, narrowings: number) {
  const limit = limitTo(width)
  let [begun, running, most] = [0, 0, 0]
  const work = async () => {
    begun += 1
    running += 1
    if (begun === 1) for (let count = 0; count < narrowings; count += 1) limit.narrow()
    if (begun > width) most = Math.max(most, running)
    await soon()
    running -= 1
  }
  await Promise.all(Array.from({ length: 12 }, () => limit(work)))
  return { most, begun }
}

test.each([
  [4, 0, 4],
  [4, 1, 2],
  [4, 2, 1],
  [4, 9, 1],
  [3, 1, 1],
  [1, 1, 1],
])('a limit of %i that was narrowed %i times lets %i through at a time, and all in the end', async (...given) => {
  const [width, narrowings, wanted] = given
  expect(await mostAtOnce(width, narrowings)).toEqual({ most: wanted, begun: 12 })
})

test.each(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])('%s narrows', async (code) => {
  const widths: (readonly number[])[] = []
  const send = narrowing([limitTo(4), limitTo(16)], (now) => widths.push(now))(scripted(trouble(code)))
  await expect(send(GET)).rejects.toThrow('registry.example')
  expect(widths).toEqual([[2, 8]])
})

test.each(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_HEADERS_TIMEOUT', 'CERT_HAS_EXPIRED'])('%s does not', async (code) => {
  const widths: (readonly number[])[] = []
  const send = narrowing([limitTo(4)], (now) => widths.push(now))(scripted(trouble(code)))
  await expect(send(GET)).rejects.toThrow('registry.example')
  expect(widths).toEqual([])
})

test('resets of requests that set out together are one incident, a later one is another', async () => {
  const widths: (readonly number[])[] = []
  const send = narrowing([limitTo(8)], (now) => widths.push(now))(async () => {
    await soon()
    throw trouble('ECONNRESET')
  })
  await Promise.allSettled([send(GET), send(GET), send(GET)])
  expect(widths).toEqual([[4]])
  await Promise.allSettled([send(GET)])
  expect(widths).toEqual([[4], [2]])
})

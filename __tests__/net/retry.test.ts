import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LadingError } from '../../src/error.ts'
import { isTemporary, pause, retryAfter, waitFor, withRetry } from '../../src/net/retry.ts'
import type { Request } from '../../src/net/send.ts'
import { networkTrouble } from '../../src/net/trouble.ts'
import { type Scripted, scripted } from '../support/scripted-send.ts'

const url = new URL('https://registry.example/v2/')
const GET: Request = { method: 'GET', url }
const NOW = new Date('2026-11-21T12:00:00Z')

function network(code: string): LadingError {
  return networkTrouble(Object.assign(new Error(code), { code }), url)
}

const busy = (value: string) => ({ status: 429, headers: { 'retry-after': value } })

async function bodyOf(result: unknown): Promise<string> {
  if (typeof result !== 'object' || result === null || !('body' in result) || !(result.body instanceof Readable))
    throw new Error('there is no answer')
  return String(Buffer.concat(await result.body.toArray()))
}

async function tried(answers: readonly Scripted[], request = GET, retries = 3) {
  const send = scripted(...answers)
  const waits: number[] = []
  const told: string[] = []
  const result = await withRetry(send, {
    retries,
    now: () => NOW,
    sleep: async (milliseconds) => void waits.push(milliseconds),
    random: () => 0,
    onRetry: (_request, why) => void told.push(why),
    judge: (response, said) => {
      if (response.header('final') !== undefined) return 'final'
      return said.includes('secondary rate limit') ? 'again' : undefined
    },
  })(request).catch((error: unknown) => error)
  return { result, waits, told, attempts: send.requests.length }
}

describe('withRetry', () => {
  test.each([408, 429, 500, 502, 503, 504, 522])('repeats a %i', async (status) => {
    const { result, attempts, told } = await tried([{ status }, { status: 200 }])
    expect(result).toMatchObject({ status: 200 })
    expect([attempts, told]).toEqual([2, [`status ${status}`]])
  })

  test.each([200, 201, 202, 301, 400, 401, 403, 404, 405, 416, 501, 505])('does not repeat a %i', async (status) => {
    expect(isTemporary(status)).toBe(false)
    expect((await tried([{ status }])).attempts).toBe(1)
  })

  test('gives the last answer when all attempts failed', async () => {
    const { result, waits, attempts } = await tried([{ status: 503 }])
    expect(result).toMatchObject({ status: 503 })
    expect([attempts, waits]).toEqual([4, [125, 250, 500]])
  })

  test.each(['ECONNRESET', 'ECONNREFUSED', 'EAI_AGAIN', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'ETIMEDOUT'])(
    'repeats after %s',
    async (code) => {
      expect(await tried([network(code), { status: 200 }])).toMatchObject({ result: { status: 200 }, attempts: 2 })
    },
  )

  test.each([
    ['an unknown name', network('ENOTFOUND')],
    ['an unknown authority', network('SELF_SIGNED_CERT_IN_CHAIN')],
    ['a cancelled step', new LadingError('CANCELLED', 'cancelled')],
    ['a redirect that is not followed', new LadingError('REGISTRY_UNREACHABLE', 'redirects to this machine')],
    ['wrong content', new LadingError('CONTENT_INVALID', 'other bytes')],
    ['what nobody foresaw', new TypeError('oops')],
  ])('does not repeat after %s', async (_name, error) => {
    expect(await tried([error])).toMatchObject({ result: error, attempts: 1 })
  })

  test('throws the last network error when all attempts failed', async () => {
    expect(await tried([network('ECONNRESET')])).toMatchObject({
      result: { code: 'REGISTRY_UNREACHABLE' },
      attempts: 4,
    })
  })

  test('waits as the server asks, in a header or in words', async () => {
    const answers = [
      busy('3'),
      busy('Sat, 21 Nov 2026 12:00:09 GMT'),
      { status: 429, body: '{"message":"retry-after: 10.3ms, allowed: 2000/minute"}' },
      { status: 200 },
    ]
    expect(await tried(answers)).toMatchObject({ waits: [3000, 9000, 11], result: { status: 200 } })
  })

  test('waits a little longer than asked, each in its own way, since all who wait heard the same', async () => {
    expect(waitFor(3000, 0, { random: () => 0.5 })).toBe(3125)
    expect(waitFor(3000, 3, { random: () => 0.5 })).toBe(4000)
  })

  test('waits for five minutes in all, whatever the server asks for', async () => {
    expect(await tried([busy('301'), { status: 200 }])).toMatchObject({ waits: [], result: { status: 429 } })
    expect(await tried([busy('200'), busy('100'), busy('1'), { status: 200 }])).toMatchObject({
      waits: [200_000, 100_000],
      attempts: 3,
      result: { status: 429 },
    })
  })

  test('gives up with the network error when no time is left', async () => {
    const waited = await tried([busy('300'), network('ECONNRESET'), { status: 200 }])
    expect(waited).toMatchObject({ waits: [300_000], attempts: 2, result: { code: 'REGISTRY_UNREACHABLE' } })
  })

  test('does not repeat what looks temporary and is final, and leaves its body to be read', async () => {
    const { result, attempts } = await tried([{ status: 429, headers: { final: 'yes' }, body: 'used up' }])
    expect(attempts).toBe(1)
    expect(await bodyOf(result)).toBe('used up')
  })

  test('repeats a 403 whose words say that it passes, and no other', async () => {
    const abuse = { status: 403, body: 'You have exceeded a secondary rate limit.' }
    expect(await tried([abuse, { status: 200 }])).toMatchObject({ attempts: 2, result: { status: 200 } })
    const { result, attempts } = await tried([{ status: 403, body: 'denied' }])
    expect(attempts).toBe(1)
    expect(await bodyOf(result)).toBe('denied')
  })

  test('leaves the body of the last answer to be read', async () => {
    expect(await bodyOf((await tried([{ status: 503, body: 'disk full' }])).result)).toBe('disk full')
    const late = { ...busy('301'), body: 'much later' }
    expect(await bodyOf((await tried([late])).result)).toBe('much later')
  })

  test('does not repeat a body that is a stream, nor what says so itself', async () => {
    const open = async () => Promise.reject(new Error('not read'))
    const put: Request = { method: 'PUT', url, body: { kind: 'stream', size: 1, open } }
    expect((await tried([{ status: 500 }], put)).attempts).toBe(1)
    expect((await tried([{ status: 500 }], { ...GET, repeatable: false })).attempts).toBe(1)
    expect((await tried([{ status: 500 }], { ...put, repeatable: true })).attempts).toBe(4)
  })

  test('with no repetitions sends once', async () => {
    expect((await tried([{ status: 500 }], GET, 0)).attempts).toBe(1)
  })
})

test.each([
  [undefined, undefined],
  ['', undefined],
  ['soon', undefined],
  ['0', 0],
  [' 7 ', 7000],
  ['0.3', 300],
  ['Sat, 21 Nov 2026 12:01:00 GMT', 60_000],
  ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
  ['Saturday, 21-Nov-26 12:01:00 GMT', 60_000],
  ['Foo, 99 Bar', undefined],
  ['2026', 2_026_000],
  ['10.3ms', 11],
  ['1m30.5s', 90_500],
  ['2h', 7_200_000],
  ['-3', undefined],
  ['3 days', undefined],
])('retryAfter of %j is %s ms', (value, wanted) => {
  expect(retryAfter(value, NOW)).toBe(wanted)
})

test('pause grows to a bound, and retryAfter is never negative', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.double({ min: 0, max: 0.999, noNaN: true }), fc.string(), (attempt, random, text) => {
      const wait = pause(attempt, { random: () => random })
      expect(wait).toBeGreaterThanOrEqual(125)
      expect(wait).toBeLessThanOrEqual(15_000)
      expect(retryAfter(text, NOW) ?? 0).toBeGreaterThanOrEqual(0)
    }),
  )
})

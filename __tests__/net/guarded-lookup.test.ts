import type { LookupFunction } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Nearness } from '../../src/net/addresses.ts'
import { guardedLookup } from '../../src/net/guarded-lookup.ts'
import { isWorthRepeating } from '../../src/net/retry.ts'

/** A DNS that gives every name these addresses. */
function dnsOf(...addresses: readonly string[]): LookupFunction {
  return (_host, options, callback) => {
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    if (options.all === true) callback(null, found)
    else callback(null, addresses[0] ?? '', 4)
  }
}

type Given = { readonly from?: Nearness; readonly isProven?: boolean; readonly all?: boolean }

/** What comes out of the look-up: the addresses, or what went wrong. */
function lookedUp(dns: LookupFunction, { from = 'public', isProven = false, all = true }: Given = {}) {
  return new Promise<unknown>((resolve) => {
    const lookup = guardedLookup({ from: () => from, isProven }, dns)
    lookup('storage.example', { all }, (error, found) => resolve(error ?? found))
  })
}

const refused = { code: 'REGISTRY_UNREACHABLE', message: expect.stringContaining('nothing is sent there') }

describe('a name that a registry out there gives us', () => {
  test('is followed to public addresses, which are handed on as they came', async () => {
    const found = [
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]
    expect(await lookedUp(dnsOf('8.8.8.8', '2606:4700::1111'))).toEqual(found)
    expect(await lookedUp(dnsOf('8.8.8.8'), { all: false })).toBe('8.8.8.8')
  })

  test.each(['10.0.0.1', '169.254.169.254', '127.0.0.1', '::1', '::ffff:10.0.0.1', 'fe80::1%eth0', '100.100.100.200'])(
    'is not followed to %s',
    async (address) => {
      for (const all of [true, false]) {
        expect(await lookedUp(dnsOf(address), { all })).toMatchObject(refused)
      }
    },
  )

  test('is not followed where one of several addresses is too near', async () => {
    expect(await lookedUp(dnsOf('8.8.8.8', '169.254.169.254'))).toMatchObject({
      message:
        'a registry sends us to storage.example, which leads to 169.254.169.254, a link-local address; nothing is sent there',
    })
  })

  test('is not asked for again', async () => {
    expect(isWorthRepeating(await lookedUp(dnsOf('10.0.0.1')))).toBe(false)
  })

  test.each([
    ['10.0.0.1', true],
    ['fd00::1', true],
    ['169.254.169.254', false],
    ['127.0.0.1', false],
  ])('and proves by a certificate may be at %s: %s', async (address, wanted) => {
    const found = await lookedUp(dnsOf(address), { isProven: true, all: false })
    if (wanted) expect(found).toBe(address)
    else expect(found).toMatchObject(refused)
  })
})

test.each<[Nearness, string, boolean]>([
  ['private', '10.0.0.1', true],
  ['private', '127.0.0.1', false],
  ['private', '169.254.169.254', false],
  ['this machine', '127.0.0.1', true],
  ['this machine', '10.0.0.1', true],
  ['this machine', '169.254.169.254', false],
])('from a registry that is %s to %s: %s', async (from, address, wanted) => {
  const found = await lookedUp(dnsOf(address), { from, all: false })
  if (wanted) expect(found).toBe(address)
  else expect(found).toMatchObject(refused)
})

test('trouble with the name itself is handed on', async () => {
  const missing = Object.assign(new Error('getaddrinfo ENOTFOUND storage.example'), { code: 'ENOTFOUND' })
  const none: LookupFunction = (_host, _options, callback) => callback(missing, '', 0)
  expect(await lookedUp(none)).toBe(missing)
})

import { expect, test } from 'vitest'
import { inWords, mayLeadTo, nearnessOf, nearnessOfAddress } from '../../src/net/addresses.ts'

test.each([
  ['registry.example', 'public'],
  ['8.8.8.8', 'public'],
  ['172.15.0.1', 'public'],
  ['172.32.0.1', 'public'],
  ['192.169.0.1', 'public'],
  ['169.253.0.1', 'public'],
  ['[2606:4700::1111]', 'public'],
  ['10.0.0.1.example', 'public'],
  ['localhost.example', 'public'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['100.100.100.200', 'private'],
  ['[fd00:ec2::254]', 'private'],
  ['[::ffff:10.0.0.1]', 'private'],
  ['[64:ff9b::a9fe:a9fe]', 'private'],
  ['169.254.169.254', 'link-local'],
  ['2852039166', 'link-local'],
  ['0xa9.0xfe.0xa9.0xfe', 'link-local'],
  ['0251.0376.0251.0376', 'link-local'],
  ['169.254.43518', 'link-local'],
  ['169.254.169.254.', 'link-local'],
  ['[::ffff:a9fe:a9fe]', 'link-local'],
  ['[fe80::1]', 'link-local'],
  ['127.0.0.1', 'this machine'],
  ['127.1', 'this machine'],
  ['0', 'this machine'],
  ['0.0.0.0', 'this machine'],
  ['2130706433', 'this machine'],
  ['0x7f000001', 'this machine'],
  ['017700000001', 'this machine'],
  ['[::1]', 'this machine'],
  ['[::]', 'this machine'],
  ['[0:0:0:0:0:ffff:7f00:1]', 'this machine'],
  ['LOCALHOST', 'this machine'],
  ['localhost.', 'this machine'],
  ['registry.localhost', 'this machine'],
  ['１２７.０.０.１', 'this machine'],
])('%s is %s', (host, wanted) => {
  for (const port of ['', ':8443']) expect(nearnessOf(new URL(`https://${host}${port}/v2/`))).toBe(wanted)
})

test.each([
  ['8.8.8.8', 'public'],
  ['10.1.2.3', 'private'],
  ['::ffff:10.0.0.1', 'private'],
  ['fe80::1%eth0', 'link-local'],
  ['::1', 'this machine'],
  ['no address', 'public'],
])('the address %s is %s', (address, wanted) => {
  expect(nearnessOfAddress(address)).toBe(wanted)
})

test.each([
  ['registry.example', 'storage.example', true],
  ['registry.example', '10.0.0.1', false],
  ['registry.example', '169.254.169.254', false],
  ['registry.example', '127.0.0.1', false],
  ['8.8.8.8', '192.168.0.1', false],
  ['10.0.0.1', '10.0.0.2', true],
  ['10.0.0.1', 'storage.example', true],
  ['10.0.0.1', '169.254.169.254', false],
  ['10.0.0.1', '127.0.0.1', false],
  ['127.0.0.1', 'localhost', true],
  ['127.0.0.1', '10.0.0.1', true],
  ['127.0.0.1', '169.254.169.254', false],
  ['169.254.1.1', '169.254.1.1', true],
])('from %s to %s: %s', (from, to, wanted) => {
  expect(mayLeadTo(new URL(`https://${from}/`), new URL(`https://${to}:8443/`))).toBe(wanted)
})

test('a place is named with what is wrong about it', () => {
  expect(inWords(new URL('https://127.1:8443/'))).toBe('127.0.0.1:8443 on this machine')
  expect(inWords(new URL('https://2852039166/'))).toBe('169.254.169.254, a link-local address')
})

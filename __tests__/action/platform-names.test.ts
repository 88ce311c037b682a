import { expect, test } from 'vitest'
import { parsePlatform } from '../../src/action/platform-names.ts'

// As `TestPlatformParse` of regclient's types/platform has them, where the machine is this one.
test.each<[string, unknown]>([
  ['linux/amd64', { os: 'linux', architecture: 'amd64' }],
  ['linux/arm64/v8', { os: 'linux', architecture: 'arm64' }],
  ['linux/arm', { os: 'linux', architecture: 'arm', variant: 'v7' }],
  ['linux/arm/v6', { os: 'linux', architecture: 'arm', variant: 'v6' }],
  ['Linux/x86_64', { os: 'linux', architecture: 'amd64' }],
  ['arm64', { os: 'linux', architecture: 'arm64' }],
  ['armhf', { os: 'linux', architecture: 'arm', variant: 'v7' }],
  ['linux', { os: 'linux', architecture: 'amd64' }],
  ['local', { os: 'linux', architecture: 'amd64' }],
  ['local/arm64', { os: 'linux', architecture: 'arm64' }],
  ['macos/arm64', { os: 'darwin', architecture: 'arm64' }],
  ['windows/amd64,osver=10.0.17763.2114', { os: 'windows', architecture: 'amd64', osVersion: '10.0.17763.2114' }],
  ['windows/amd64, OSVersion = 10.0.1', { os: 'windows', architecture: 'amd64', osVersion: '10.0.1' }],
  ['windows', undefined],
  ['', undefined],
  ['linux/', undefined],
  ['linux/a/b/c', undefined],
  ['linux/amd64,arch=x', undefined],
  ['linux/am d64', undefined],
])('%s', (text, platform) => {
  expect(parsePlatform(text, 'linux/amd64')).toEqual(platform)
})

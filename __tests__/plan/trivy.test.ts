import { describe, expect, test } from 'vitest'
import {
  ARCHIVES,
  archiveHash,
  archiveName,
  DEFAULT_TRIVY,
  describeArchive,
  isKnownBad,
  objection,
  parseTrivyVersion,
} from '../../src/plan/trivy.ts'

const SYSTEMS = ['linux/amd64', 'linux/arm64', 'darwin/amd64', 'darwin/arm64']
const HASH = 'ab'.repeat(32)

describe('the table of archives', () => {
  test('has a version in each row, and hashes that are hashes, each once', () => {
    const hashes = Object.values(ARCHIVES).flatMap((systems) => Object.values(systems))
    expect(hashes.filter((hash) => !/^[0-9a-f]{64}$/.test(hash))).toEqual([])
    expect(new Set(hashes).size).toBe(hashes.length)
    expect(Object.keys(ARCHIVES).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
    for (const systems of Object.values(ARCHIVES)) expect(SYSTEMS).toEqual(expect.arrayContaining(Object.keys(systems)))
  })

  test('has the default for every system', () => {
    const release = parseTrivyVersion(DEFAULT_TRIVY)
    expect(release).toEqual({ version: '0.74.0' })
    for (const system of SYSTEMS) expect(archiveHash({ version: '0.74.0' }, system)).toMatch(/^[0-9a-f]{64}$/)
  })

  test('has no release that is known to be bad', () => {
    expect(Object.keys(ARCHIVES).filter(isKnownBad)).toEqual([])
  })

  test('tells what an archive is', () => {
    expect(describeArchive(archiveHash({ version: '0.73.0' }, 'linux/arm64') ?? '')).toBe(
      'Trivy 0.73.0 for linux/arm64',
    )
    expect(describeArchive(HASH)).toBeUndefined()
  })
})

test.each([
  ['linux/amd64', 'trivy_0.74.0_Linux-64bit.tar.gz'],
  ['linux/arm64', 'trivy_0.74.0_Linux-ARM64.tar.gz'],
  ['darwin/amd64', 'trivy_0.74.0_macOS-64bit.tar.gz'],
  ['darwin/arm64', 'trivy_0.74.0_macOS-ARM64.tar.gz'],
  ['win32/amd64', undefined],
  ['linux/riscv64', undefined],
  ['constructor', undefined],
])('the archive for %s is %s', (system, name) => {
  expect(archiveName('0.74.0', system)).toBe(name)
})

test.each<[string, object | undefined]>([
  ['v0.74.0', { version: '0.74.0' }],
  ['0.74.0', { version: '0.74.0' }],
  [`v0.76.1@sha256:${HASH}`, { version: '0.76.1', sha256: HASH }],
  ['latest', undefined],
  ['v0.74', undefined],
  ['0.74.0 ', undefined],
  ['../0.74.0', undefined],
  [`v0.76.1@sha256:${HASH.toUpperCase()}`, undefined],
  [`v0.76.1@sha256:${HASH}0`, undefined],
  [`v0.76.1@${HASH}`, undefined],
])('the version %s is read as %j', (text, release) => {
  expect(parseTrivyVersion(text)).toEqual(release)
})

describe('objection', () => {
  test.each(['0.69.4', '0.69.5', '0.69.6'])('refuses %s by its name, with any hash', (version) => {
    expect(objection({ version })).toContain('steals credentials')
    expect(objection({ version, sha256: HASH })).toContain('steals credentials')
  })

  test('wants the hash of a version that is not known', () => {
    expect(objection({ version: '0.76.0' })).toContain('v0.76.0@sha256:…')
    expect(objection({ version: '0.76.0', sha256: HASH })).toBeUndefined()
    expect(objection({ version: 'constructor' })).toContain('not known')
  })

  test('does not let a known version have another content', () => {
    expect(objection({ version: '0.74.0', sha256: HASH })).toContain('no archive of Trivy 0.74.0')
    const other = archiveHash({ version: '0.74.0' }, 'linux/arm64') ?? ''
    expect(objection({ version: '0.74.0', sha256: other })).toBeUndefined()
  })

  test('lets the user name the hash for a system that the table lacks', () => {
    expect(archiveHash({ version: '0.71.1' }, 'darwin/arm64')).toBeUndefined()
    expect(objection({ version: '0.71.1', sha256: HASH })).toBeUndefined()
    expect(archiveHash({ version: '0.71.1', sha256: HASH }, 'darwin/arm64')).toBe(HASH)
  })

  test('has nothing against what is in the table', () => {
    expect(Object.keys(ARCHIVES).map((version) => objection({ version }))).toEqual(
      Object.keys(ARCHIVES).map(() => undefined),
    )
  })
})

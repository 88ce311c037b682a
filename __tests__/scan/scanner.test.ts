import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openCache } from '../../src/cache/cache.ts'
import { LadingError } from '../../src/error.ts'
import { openDownloads } from '../../src/net/download.ts'
import { openWire } from '../../src/net/wire.ts'
import { prepareScanner, type ScannerRequest } from '../../src/scan/scanner.ts'
import { signerOfTrivy } from '../../src/scan/signature.ts'
import { type CacheServer, startCacheServer } from '../support/cache-server.ts'
import { type Mishap, type ReleaseServer, startReleaseServer } from '../support/release-server.ts'
import { type OwnSigstore, ownSigstore } from '../support/sigstore.ts'
import { archiveOf, releaseArchive, sha256Of } from '../support/trivy-archive.ts'
import { failure, fakeTrivy, temporary, world } from './world.ts'

/** A Trivy that says that it is this version, as its makers pack it. */
async function releaseOf(version = '0.74.0'): Promise<Buffer> {
  return releaseArchive(await readFile(join(await versioned(`{"Version":"${version}"}`), 'trivy')))
}

function versioned(text: string) {
  return fakeTrivy({ version: `console.log(${JSON.stringify(text)})` })
}

const ASSET = 'trivy_0.74.0_Linux-64bit.tar.gz'

/** What GitHub has, and what of it is known. Without a bundle the release is one from before they were signed so. */
async function github(archive: Uint8Array, mishaps: readonly Mishap[] = [], bundle?: string | Uint8Array) {
  const files = {
    [ASSET]: archive,
    ...(bundle === undefined ? {} : { [`${ASSET}.sigstore.json`]: Buffer.from(bundle) }),
  }
  const server = await startReleaseServer({ files, mishaps })
  return { server, archives: { '0.74.0': { 'linux/amd64': sha256Of(archive) } } }
}

type Changes = Partial<Omit<ScannerRequest, 'trivy'>> & {
  readonly trivy?: Partial<Extract<ScannerRequest['trivy'], { readonly kind: 'release' }>>
  readonly program?: string
  readonly server?: ReleaseServer
  readonly actionsCache?: CacheServer
}

/** Prepares a scanner whose releases come from a stand-in; without one there is no network. */
async function prepare({ trivy = {}, program, server, actionsCache, ...changes }: Changes) {
  const edges = await world()
  const wire = openWire({
    userAgent: 'lading/test',
    signal: new AbortController().signal,
    proxy: { except: '' },
    settings: () => ({}),
    connections: 2,
    limits: { stallMs: 5000 },
  })
  onTestFinished(() => wire.close())
  const { now, sleep } = edges.clock
  const download = openDownloads({
    wire: wire.send,
    retries: 2,
    now,
    sleep,
    random: () => 0,
    debug: edges.reporter.debug,
  })
  const request: ScannerRequest = {
    trivy:
      program === undefined
        ? { kind: 'release', version: '0.74.0', archive: '', ...trivy }
        : { kind: 'program', path: program },
    system: 'linux/amd64',
    toolCache: '',
    useCache: true,
    mayKeep: true,
    signal: new AbortController().signal,
    ...changes,
  }
  const cache = openCache({
    variables: actionsCache?.variables ?? {},
    wire: wire.send,
    retries: 2,
    now,
    sleep,
    random: () => 0,
    debug: edges.reporter.debug,
    mask: () => undefined,
  })
  const stores = {
    cache,
    download: (order: Parameters<typeof download>[0]) => {
      expect(order.url.origin).toBe('https://github.com')
      return download({ ...order, url: new URL(order.url.pathname, server?.url ?? 'http://127.0.0.1:1') })
    },
  }
  const prepared = prepareScanner(request, { ...edges, stores })
  return { prepared, edges, left: () => readdir(edges.scratch.directory, { recursive: true }) }
}

describe('a program that the user named', () => {
  test('is taken as it is, and told by version and hash', async () => {
    const program = join(await fakeTrivy(), 'trivy')
    const { prepared, left } = await prepare({ program })
    const sha256 = sha256Of(await readFile(program))
    expect(await prepared).toEqual({ program, version: '0.74.0', from: 'trivy-path', sha256 })
    expect(await left()).toEqual([])
  })

  test('may lie behind a link, and have a v before its version', async () => {
    const [real, directory] = [await versioned('{"Version":"v0.75.1"}'), await temporary()]
    await symlink(join(real, 'trivy'), join(directory, 'trivy'))
    expect((await (await prepare({ program: join(directory, 'trivy') })).prepared).version).toBe('0.75.1')
  })

  test.each(['nowhere/trivy', ''])('is refused when it is no program: %j', async (name) => {
    const program = join(await temporary(), name)
    const error = await failure((await prepare({ program })).prepared)
    expect(error).toMatchObject({ code: 'SCAN_BROKEN', hint: expect.stringContaining('trivy-archive') })
    expect(error.message).toContain('`trivy-path` names')
  })

  test.each(['0.69.4', '0.69.5', 'v0.69.6', '0.69.4+extra'])(
    'is refused as %s, which steals credentials',
    async (bad) => {
      const program = join(await versioned(`{"Version":"${bad}"}`), 'trivy')
      const error = await failure((await prepare({ program })).prepared)
      expect(error).toMatchObject({ code: 'TOOL_UNVERIFIED', hint: expect.stringContaining('GHSA-69fq-xp46-6x23') })
    },
  )

  test.each(['0.69.3', '0.69.40', '0.70.0'])('is taken as %s', async (good) => {
    const program = join(await versioned(`{"Version":"${good}"}`), 'trivy')
    expect((await (await prepare({ program })).prepared).version).toBe(good)
  })

  test.each(['', 'Version: 0.74.0', '{"Version":1}', '[]', 'null', '{"Version":"0.74.0; rm"}'])(
    'is refused with the version %j',
    async (text) => {
      const program = join(await versioned(text), 'trivy')
      expect((await failure((await prepare({ program })).prepared)).code).toBe('SCAN_BROKEN')
    },
  )

  test('that cannot tell its version shows why', async () => {
    const folder = await fakeTrivy({ version: `console.error('no such \\u001b[1mflag'); process.exit(1)` })
    const { prepared } = await prepare({ program: join(folder, 'trivy') })
    expect((await failure(prepared)).message).toMatch(/exit code 1.*\n {2}no such flag$/s)
  })

  test('that the system cannot start is no scanner', async () => {
    const program = join(await temporary(), 'trivy')
    await writeFile(program, '#!/not/there\n')
    await chmod(program, 0o755)
    expect((await failure((await prepare({ program })).prepared)).code).toBe('SCAN_BROKEN')
  })
})

describe('a release is fetched', () => {
  test('from its makers, checked, unpacked and asked for its version; no archive is left', async () => {
    const { server, archives } = await github(await releaseOf())
    const { prepared, edges } = await prepare({ server, archives })
    const found = await prepared
    expect(found).toMatchObject({ version: '0.74.0', from: server.url.host, sha256: archives['0.74.0']['linux/amd64'] })
    expect(found.program.startsWith(edges.scratch.directory)).toBe(true)
    expect(server.asked).toEqual([
      `127.0.0.1 /aquasecurity/trivy/releases/download/v0.74.0/${ASSET}`,
      `127.0.0.1 /storage/${ASSET}`,
      `127.0.0.1 /aquasecurity/trivy/releases/download/v0.74.0/${ASSET}.sigstore.json`,
    ])
    expect(await readdir(join(found.program, '..'))).toEqual(['trivy'])
    for (const { env } of edges.commands) expect(Object.keys(env)).toEqual(['HOME', 'TMPDIR'])
  })

  test('again when it breaks off', async () => {
    const { server, archives } = await github(await releaseOf(), ['cut', 503])
    expect((await (await prepare({ server, archives })).prepared).version).toBe('0.74.0')
  })

  test('by a hash that the user named, of a version that nobody knows here', async () => {
    const archive = await releaseOf('0.99.0')
    const server = await startReleaseServer({ files: { 'trivy_0.99.0_Linux-64bit.tar.gz': archive } })
    const trivy = { version: '0.99.0', sha256: sha256Of(archive) }
    expect((await (await prepare({ server, trivy })).prepared).version).toBe('0.99.0')
  })

  test('with the reason and the way out when it cannot be had', async () => {
    const { prepared, left } = await prepare({})
    const error = await failure(prepared)
    expect(error).toMatchObject({ code: 'SCAN_BROKEN', hint: expect.stringMatching(/trivy-path.*trivy-archive/) })
    expect(error.message).toMatch(/^fetching Trivy 0\.74\.0: .*connection refused/)
    expect(await left()).toEqual([])
  })

  test('within a time', async () => {
    const { server, archives } = await github(await releaseOf(), ['stall'])
    const { prepared } = await prepare({ server, archives, fetchMs: 300 })
    expect(await failure(prepared)).toMatchObject({ code: 'SCAN_BROKEN', message: expect.stringContaining('too long') })
  })

  test('until somebody ends it, for his reason', async () => {
    const stop = new AbortController()
    const { server, archives } = await github(await releaseOf(), ['stall'])
    const { prepared, left } = await prepare({ server, archives, signal: stop.signal })
    setTimeout(() => stop.abort(new LadingError('CANCELLED', 'the step was cancelled')), 200)
    expect((await failure(prepared)).code).toBe('CANCELLED')
    expect(await left()).toEqual([])
  })

  test('and nothing is said of a trivy on PATH', async () => {
    // It would be started by its name, and this room does not even know where programs are looked for.
    const { prepared, edges } = await prepare({})
    await failure(prepared)
    expect(edges.commands).toEqual([])
  })
})

describe('a release is not taken, and nothing of it is started,', () => {
  test('when its hash is another', async () => {
    const { server } = await github(await releaseOf())
    const { prepared, edges, left } = await prepare({ server })
    const error = await failure(prepared)
    expect(error.code).toBe('TOOL_UNVERIFIED')
    expect(error.message).toContain('2ae6fe3ee734b7fdf11335663e18c75ea12dccc76062f09f164a3b0f8be4371a')
    expect(edges.commands).toEqual([])
    expect(await left()).toEqual([])
  })

  test.each(['0.69.4', '0.69.5', '0.69.6'])(
    'when it is %s, whatever its hash, and nobody is asked for it',
    async (version) => {
      const { server } = await github(await releaseOf())
      const { prepared, edges } = await prepare({ server, trivy: { version, sha256: 'a'.repeat(64) } })
      expect(await failure(prepared)).toMatchObject({
        code: 'TOOL_UNVERIFIED',
        message: expect.stringContaining('GHSA'),
      })
      expect(server.asked).toEqual([])
      expect(edges.commands).toEqual([])
    },
  )

  test.each([
    ['win32/amd64', {}, 'trivy-path'],
    ['linux/riscv64', {}, 'trivy-path'],
    ['darwin/arm64', { version: '0.71.1' }, 'v0.71.1@sha256:…'],
    ['linux/amd64', { version: '0.1.0' }, 'hash is known'],
  ])('for %s %j when nobody knows its hash', async (system, trivy, hint) => {
    const { server } = await github(await releaseOf())
    const error = await failure((await prepare({ server, system, trivy })).prepared)
    expect(error).toMatchObject({ code: 'TOOL_UNVERIFIED', hint: expect.stringContaining(hint) })
    expect(server.asked).toEqual([])
  })

  test('when a program of another version is in it', async () => {
    const { server, archives } = await github(await releaseOf('0.73.0'))
    const error = await failure((await prepare({ server, archives })).prepared)
    expect(error).toMatchObject({ code: 'TOOL_UNVERIFIED', message: expect.stringContaining('0.73.0') })
  })

  test('when there is no program in it', async () => {
    const { server, archives } = await github(await archiveOf([{ name: '../trivy', content: 'x' }]))
    const { prepared, left } = await prepare({ server, archives })
    expect(await failure(prepared)).toMatchObject({
      code: 'SCAN_BROKEN',
      message: expect.stringContaining('no program'),
    })
    expect(await left()).toEqual([])
  })

  test('when it is for another machine', async () => {
    // The head of a program for a 64-bit ARM: the system does not start it.
    const head = Buffer.from('7f454c460201010000000000000000000200b70001000000', 'hex')
    const { server, archives } = await github(await releaseArchive(Buffer.concat([head, Buffer.alloc(1000)])))
    expect((await failure((await prepare({ server, archives })).prepared)).code).toBe('SCAN_BROKEN')
  })
})

describe('the signature of a release', () => {
  const sigstore = ownSigstore()
  const IDENTITY = signerOfTrivy('0.74.0').identity
  const bundleFor = (archive: Uint8Array, version = '0.74.0', by: OwnSigstore = sigstore) =>
    JSON.stringify(by.sign(archive, signerOfTrivy(version)))

  /** A release that is signed as told, and the scanner from it. */
  async function signed(bundle: (archive: Uint8Array) => string | Uint8Array, changes: Changes = {}) {
    const archive = await releaseOf()
    const { server, archives } = await github(archive, [], bundle(archive))
    return { server, archives, archive, ...(await prepare({ server, archives, keys: sigstore.keys, ...changes })) }
  }

  test('is verified, and the scanner tells whose it is', async () => {
    const { prepared, edges, server } = await signed(bundleFor)
    const { program, signedBy, kept } = await prepared
    await kept
    expect(signedBy).toBe(IDENTITY)
    expect(edges.said).toContain(`Trivy 0.74.0 is signed by ${IDENTITY}`)
    expect(server.asked.slice(2)).toEqual([
      `127.0.0.1 /aquasecurity/trivy/releases/download/v0.74.0/${ASSET}.sigstore.json`,
      `127.0.0.1 /storage/${ASSET}.sigstore.json`,
    ])
    expect(await readdir(join(program, '..'))).toEqual(['trivy'])
  })

  test('is verified once: what lies in the tool cache is known by its hash', async () => {
    const toolCache = await temporary()
    const { prepared, archives } = await signed(bundleFor, { toolCache })
    await prepared
    const again = await (await prepare({ archives, toolCache, keys: sigstore.keys })).prepared
    expect(again.from).toBe('the tool cache')
    expect(again).not.toHaveProperty('signedBy')
  })

  test.each<[string, (archive: Uint8Array) => string | Uint8Array]>([
    ['of another archive', () => bundleFor(Buffer.from('another'))],
    ['of another release', (archive) => bundleFor(archive, '0.73.0')],
    [
      'of somebody else',
      (archive) => JSON.stringify(sigstore.sign(archive, { ...signerOfTrivy('0.74.0'), identity: 'a@example.com' })),
    ],
    [
      'that was forged',
      (archive) => JSON.stringify(sigstore.sign(archive, signerOfTrivy('0.74.0'), { forged: 'authority' })),
    ],
    ['that is none', () => '<!doctype html>'],
    ['that is no text', () => Buffer.from([0xff, 0xfe, 0x00])],
  ])('%s stops everything, before anything of it is started or kept', async (_what, bundle) => {
    const toolCache = await temporary()
    const actionsCache = await startCacheServer({ version: 'v2' })
    const { prepared, edges, left } = await signed(bundle, { toolCache, actionsCache })
    const error = await failure(prepared)
    expect(error).toMatchObject({ code: 'TOOL_UNVERIFIED', hint: expect.stringContaining('trivy-version') })
    expect(error.message).toMatch(
      /^checking the signature of trivy_0\.74\.0_Linux-64bit\.tar\.gz, which came from 127\.0\.0\.1:\d+: /,
    )
    expect(edges.commands).toEqual([])
    expect(await left()).toEqual([])
    expect(await readdir(toolCache)).toEqual([])
    expect(actionsCache.asked).toEqual(['find'])
  })

  test.each<[string, (archive: Uint8Array) => string, RegExp]>([
    [
      'by keys that nobody knows yet',
      (archive) => bundleFor(archive, '0.74.0', ownSigstore()),
      /a transparency log whose key is not known/,
    ],
    [
      'of 10 MB',
      (archive) => `${bundleFor(archive)}${' '.repeat(10_000_000)}`,
      /could not be fetched: .* more than 262144 bytes/,
    ],
  ])('%s counts for none', async (_what, bundle, why) => {
    const { prepared, edges } = await signed(bundle)
    expect(await prepared).not.toHaveProperty('signedBy')
    const said = edges.said.filter((line) => line.includes('was not verified'))
    expect(said).toEqual([expect.stringMatching(why)])
    expect(said[0]).not.toContain('alone vouches')
  })

  test('that cannot be had is told where only the workflow knows the hash', async () => {
    const archive = await releaseOf('0.99.0')
    const server = await startReleaseServer({ files: { 'trivy_0.99.0_Linux-64bit.tar.gz': archive } })
    const { prepared, edges } = await prepare({ server, trivy: { version: '0.99.0', sha256: sha256Of(archive) } })
    await prepared
    expect(edges.said.join('\n')).toMatch(
      /signature of Trivy 0\.99\.0 was not verified: it could not be fetched: .*404\. Its hash in `trivy-version` alone vouches for it/,
    )
  })

  test('that comes at the second time is verified', async () => {
    const archive = await releaseOf()
    const { server, archives } = await github(archive, ['none', 'cut', 503], bundleFor(archive))
    expect((await (await prepare({ server, archives, keys: sigstore.keys })).prepared).signedBy).toBe(IDENTITY)
  })

  test('is not waited for when the step is over', async () => {
    const stop = new AbortController()
    const archive = await releaseOf()
    const { server, archives } = await github(archive, ['none', 'stall'], bundleFor(archive))
    const { prepared, left } = await prepare({ server, archives, signal: stop.signal })
    setTimeout(() => stop.abort(new LadingError('CANCELLED', 'the step was cancelled')), 300)
    expect((await failure(prepared)).code).toBe('CANCELLED')
    expect(await left()).toEqual([])
  })

  describe('beside an archive that the user named', () => {
    async function named(lay: (path: string, archive: Uint8Array) => Promise<unknown>) {
      const archive = await releaseOf()
      const path = join(await temporary(), 'trivy.tar.gz')
      await writeFile(path, archive)
      await lay(`${path}.sigstore.json`, archive)
      const archives = { '0.74.0': { 'linux/amd64': sha256Of(archive) } }
      return prepare({ archives, keys: sigstore.keys, trivy: { archive: path } })
    }

    test('is verified', async () => {
      const { prepared } = await named((path, archive) => writeFile(path, bundleFor(archive)))
      expect(await prepared).toMatchObject({ from: 'trivy-archive', signedBy: IDENTITY })
    })

    test.each<[string, (archive: Uint8Array) => string]>([
      ['of another release', (archive) => bundleFor(archive, '0.73.0')],
      ['of 10 MB', (archive) => `${bundleFor(archive)}${' '.repeat(10_000_000)}`],
    ])('%s stops everything', async (_what, bundle) => {
      const { prepared, edges, left } = await named((path, archive) => writeFile(path, bundle(archive)))
      const error = await failure(prepared)
      expect(error.code).toBe('TOOL_UNVERIFIED')
      expect(error.message).toContain('which came from trivy-archive')
      expect(edges.commands).toEqual([])
      expect(await left()).toEqual([])
    })

    test('is done without when there is none, or something else', async () => {
      for (const lay of [async () => undefined, (path: string) => mkdir(path)]) {
        const { prepared, edges } = await named(lay)
        expect(await prepared).not.toHaveProperty('signedBy')
        expect(edges.said).toContain('The signature of Trivy 0.74.0 was not verified: there is none beside the archive')
      }
    })
  })
})

describe('an archive that the user named', () => {
  async function archiveFile(archive: Uint8Array): Promise<string> {
    const path = join(await temporary(), 'trivy.tar.gz')
    await writeFile(path, archive)
    return path
  }

  test('is taken without asking anybody, and stays as it was', async () => {
    const archive = await releaseOf()
    const { server, archives } = await github(archive)
    const path = await archiveFile(archive)
    const { prepared } = await prepare({ server, archives, trivy: { archive: path } })
    expect(await prepared).toMatchObject({ version: '0.74.0', from: 'trivy-archive' })
    expect(server.asked).toEqual([])
    expect(archive.equals(await readFile(path))).toBe(true)
  })

  test('is checked: another content is refused, and nothing is fetched in its place', async () => {
    const { server, archives } = await github(await releaseOf())
    const path = await archiveFile(await releaseArchive('something else'))
    const { prepared, edges } = await prepare({ server, archives, trivy: { archive: path } })
    expect(await failure(prepared)).toMatchObject({ code: 'TOOL_UNVERIFIED', message: expect.stringContaining(path) })
    expect(server.asked).toEqual([])
    expect(edges.commands).toEqual([])
  })

  test.each([
    ['another system', { 'linux/arm64': 'known' }, '0.74.0', 'it is Trivy 0.74.0 for linux/arm64'],
    ['another version', { 'linux/amd64': 'known' }, '0.73.0', 'it is Trivy 0.73.0 for linux/amd64'],
  ])('of %s is called what it is', async (_what, row, version, says) => {
    const archive = await releaseOf()
    const systems = Object.fromEntries(Object.keys(row).map((system) => [system, sha256Of(archive)]))
    const known = { 'linux/amd64': 'b'.repeat(64) }
    const archives =
      version === '0.74.0' ? { '0.74.0': { ...known, ...systems } } : { '0.74.0': known, [version]: systems }
    const { prepared } = await prepare({ archives, trivy: { archive: await archiveFile(archive) } })
    expect(await failure(prepared)).toMatchObject({
      code: 'TOOL_UNVERIFIED',
      message: expect.stringContaining(says),
      hint: expect.stringContaining('trivy-version'),
    })
  })

  test.each(['not-there', '.'])('is missed when it is no file: %s', async (name) => {
    const { prepared } = await prepare({ trivy: { archive: join(await temporary(), name) } })
    expect(await failure(prepared)).toMatchObject({
      code: 'SCAN_BROKEN',
      message: expect.stringContaining('there is no such file'),
    })
  })
})

describe('the tool cache', () => {
  async function kept(toolCache: string): Promise<string> {
    const names = await readdir(join(toolCache, 'lading'))
    expect(names).toHaveLength(1)
    return join(toolCache, 'lading', names[0] ?? '')
  }

  test('keeps the archive for the next run, which asks nobody', async () => {
    const toolCache = await temporary()
    const archive = await releaseOf()
    const { server, archives } = await github(archive)
    await (await prepare({ server, archives, toolCache })).prepared
    expect(archive.equals(await readFile(await kept(toolCache)))).toBe(true)
    const { prepared } = await prepare({ archives, toolCache })
    expect(await prepared).toMatchObject({ version: '0.74.0', from: 'the tool cache' })
    expect(server.asked).toHaveLength(3)
  })

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['another program', async (path) => writeFile(path, await releaseArchive('#!/bin/sh\ntouch /tmp/stolen\n'))],
    ['half of it', async (path) => writeFile(path, (await readFile(path)).subarray(0, 100))],
    ['one bit more', async (path) => writeFile(path, Buffer.concat([await readFile(path), Buffer.from([0])]))],
  ])(
    'that was changed to hold %s is told and fetched anew, and what was in it is not started',
    async (_what, change) => {
      const toolCache = await temporary()
      const archive = await releaseOf()
      const { server, archives } = await github(archive)
      await (await prepare({ server, archives, toolCache })).prepared
      await change(await kept(toolCache))
      const { prepared, edges } = await prepare({ server, archives, toolCache })
      expect((await prepared).from).toBe(server.url.host)
      expect(edges.said.join('\n')).toContain('The tool cache of this runner has something else')
      expect(archive.equals(await readFile(await kept(toolCache)))).toBe(true)
    },
  )

  test('that was changed is no way in where nothing can be fetched either', async () => {
    const toolCache = await temporary()
    const { server, archives } = await github(await releaseOf())
    await (await prepare({ server, archives, toolCache })).prepared
    await writeFile(await kept(toolCache), await releaseArchive('#!/bin/sh\n'))
    const { prepared, edges } = await prepare({ archives, toolCache })
    expect((await failure(prepared)).code).toBe('SCAN_BROKEN')
    expect(edges.commands).toEqual([])
  })

  test('is no place for a download that is refused', async () => {
    const toolCache = await temporary()
    const { server } = await github(await releaseOf())
    await failure((await prepare({ server, toolCache })).prepared)
    expect(await readdir(toolCache)).toEqual([])
  })

  test('that cannot be written to is done without', async () => {
    const toolCache = join(await temporary(), 'file')
    await writeFile(toolCache, '')
    const { server, archives } = await github(await releaseOf())
    const { prepared, edges } = await prepare({ server, archives, toolCache })
    expect((await prepared).version).toBe('0.74.0')
    expect(edges.said.join('\n')).toContain('not kept in the tool cache')
  })

  test('with a folder where the archive should be is done without, and nothing half-made stays in it', async () => {
    const toolCache = await temporary()
    const { server, archives } = await github(await releaseOf())
    await (await prepare({ server, archives, toolCache })).prepared
    const path = await kept(toolCache)
    await rm(path)
    await mkdir(path)
    expect((await (await prepare({ server, archives, toolCache })).prepared).from).toBe(server.url.host)
    expect(await readdir(join(toolCache, 'lading'))).toHaveLength(1)
  })
})

describe.each(['v1', 'v2'] as const)('the Actions cache, version %s,', (version) => {
  const KEEPING = { v1: ['reserve', 'patch', 'finish'], v2: ['reserve', 'put blob', 'finish'] }[version]

  /** A release, and a cache into which a run has put it. */
  async function keptOnce() {
    const archive = await releaseOf()
    const { server, archives } = await github(archive)
    const actionsCache = await startCacheServer({ version })
    const first = await prepare({ server, archives, actionsCache })
    const found = await first.prepared
    await found.kept
    const key = `lading-trivy-0.74.0-linux-amd64-${sha256Of(archive).slice(0, 16)}`
    return { archive, server, archives, actionsCache, first, found, key }
  }

  test('keeps the archive for the next run, which asks nobody else', async () => {
    const { archive, archives, actionsCache, first, found, key } = await keptOnce()
    expect(actionsCache.asked).toEqual(['find', ...KEEPING])
    expect([...actionsCache.entries.keys()]).toEqual([key])
    expect(actionsCache.entries.get(key)?.equals(archive)).toBe(true)
    // What was kept is no longer needed, and the program is there.
    expect(await first.left()).toEqual([found.program.split('/').at(-2), `${found.program.split('/').at(-2)}/trivy`])
    actionsCache.asked.length = 0
    const next = await (await prepare({ archives, actionsCache })).prepared
    expect(next).toMatchObject({ version: '0.74.0', from: 'the Actions cache', sha256: sha256Of(archive) })
    expect(next.kept).toBeUndefined()
    expect(actionsCache.asked).toEqual(['find', 'download'])
  })

  test('comes after the tool cache, and fills it', async () => {
    const { archives, actionsCache } = await keptOnce()
    const toolCache = await temporary()
    expect((await (await prepare({ archives, actionsCache, toolCache })).prepared).from).toBe('the Actions cache')
    actionsCache.asked.length = 0
    expect((await (await prepare({ archives, actionsCache, toolCache })).prepared).from).toBe('the tool cache')
    expect(actionsCache.asked).toEqual([])
  })

  test.each<[string, (archive: Buffer) => Promise<Buffer> | Buffer]>([
    ['another program', () => releaseArchive('#!/bin/sh\ntouch /tmp/stolen\n')],
    ['half of it', (archive) => archive.subarray(0, archive.length >> 1)],
    ['nothing', () => Buffer.alloc(0)],
  ])('with %s in its entry is told, and what was in it is not started', async (_what, change) => {
    const { archive, server, archives, actionsCache, key } = await keptOnce()
    actionsCache.entries.set(key, await change(archive))
    const { prepared, edges } = await prepare({ server, archives, actionsCache })
    expect((await prepared).from).toBe(server.url.host)
    expect(edges.said.join('\n')).toContain('The Actions cache of this repository has something else')
    expect(edges.said.join('\n')).toContain(`delete it`)
    expect(edges.commands).toHaveLength(1)
  })

  test('that was changed is no way in where nothing can be fetched either', async () => {
    const { archives, actionsCache, key } = await keptOnce()
    actionsCache.entries.set(key, await releaseArchive('#!/bin/sh\n'))
    const { prepared, edges, left } = await prepare({ archives, actionsCache })
    expect((await failure(prepared)).code).toBe('SCAN_BROKEN')
    expect(edges.commands).toEqual([])
    expect(await left()).toEqual([])
  })

  test.each<readonly [string, Partial<Changes>, readonly string[]]>([
    ['is only read by a run that may not keep', { mayKeep: false }, ['find']],
    ['is left alone where it is switched off', { useCache: false }, []],
  ])('%s', async (_what, changes, asked) => {
    const { server, archives } = await github(await releaseOf())
    const actionsCache = await startCacheServer({ version })
    const found = await (await prepare({ server, archives, actionsCache, ...changes })).prepared
    expect([found.from, found.kept]).toEqual([server.url.host, undefined])
    expect(actionsCache.asked).toEqual(asked)
  })

  test('that refuses disturbs nobody', async () => {
    const { server, archives } = await github(await releaseOf())
    const actionsCache = await startCacheServer({ version, readOnly: true, mishaps: { find: [403] } })
    const { prepared, edges } = await prepare({ server, archives, actionsCache })
    const found = await prepared
    await found.kept
    expect(found.version).toBe('0.74.0')
    expect(actionsCache.asked).toEqual(['find', 'reserve'])
    expect(edges.said.filter((line) => line.startsWith('The Actions cache'))).toHaveLength(2)
  })

  test('is no place for a download that is refused', async () => {
    const { server } = await github(await releaseOf())
    const actionsCache = await startCacheServer({ version })
    await failure((await prepare({ server, actionsCache })).prepared)
    expect(actionsCache.asked).toEqual(['find'])
  })
})

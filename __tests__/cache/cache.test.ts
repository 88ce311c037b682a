import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openCache } from '../../src/cache/cache.ts'
import type { CacheWish } from '../../src/edges.ts'
import type { Request } from '../../src/net/send.ts'
import { openWire } from '../../src/net/wire.ts'
import { type CacheServer, type CacheServerOptions, type CacheStep, startCacheServer } from '../support/cache-server.ts'
import { sha256Of } from '../support/trivy-archive.ts'

const PART = 1000
const FILE = Buffer.from(Array.from({ length: 4700 }, (_, index) => index % 251))
const SMALL = FILE.subarray(0, PART)

/** One run: a cache of its own on the server, and a folder that is its own. */
async function run(server: CacheServer, more: Readonly<Record<string, string>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'cache-'))
  const wire = openWire({
    userAgent: 'lading/test',
    signal: new AbortController().signal,
    proxy: { except: '' },
    settings: () => ({}),
    connections: 8,
    limits: { stallMs: 300 },
  })
  onTestFinished(async () => {
    await wire.close()
    await rm(folder, { recursive: true, force: true })
  })
  const [debug, waits, masks, sent]: [string[], number[], string[], Request[]] = [[], [], [], []]
  const cache = openCache({
    variables: { ...server.variables, ...more },
    wire: (request) => {
      sent.push(request)
      return wire.send(request)
    },
    retries: 5,
    now: () => new Date('2026-11-21T12:00:00Z'),
    sleep: async (milliseconds) => void waits.push(milliseconds),
    random: () => 0.5,
    debug: (line) => void debug.push(line),
    mask: (secret) => void masks.push(secret),
    partSize: PART,
  })
  const never = new AbortController().signal
  return {
    debug,
    waits,
    masks,
    sent,
    folder,
    restore: (prefixes: readonly string[], changes: Partial<CacheWish> = {}) =>
      cache.restore({ prefixes, path: join(folder, 'restored'), limit: 1e6, signal: never, ...changes }),
    async save(key: string, content: Uint8Array = FILE, signal = never) {
      await writeFile(join(folder, 'kept'), content)
      return cache.save({ key, path: join(folder, 'kept'), signal })
    },
    restored: () => readFile(join(folder, 'restored')),
  }
}

const VERSIONS = ['v1', 'v2'] as const
const times = (step: CacheStep, count: number): CacheStep[] => Array(count).fill(step)

describe.each(VERSIONS)('a cache of version %s', (version) => {
  const start = (options: Omit<CacheServerOptions, 'version'> = {}) => startCacheServer({ version, ...options })

  test.each<readonly [string, Buffer, { v1: CacheStep[]; v2: CacheStep[] }]>([
    ['a small file in one piece', SMALL, { v1: ['reserve', 'patch', 'finish'], v2: ['reserve', 'put blob', 'finish'] }],
    [
      'a larger one in parts',
      FILE,
      {
        v1: ['reserve', ...times('patch', 5), 'finish'],
        v2: ['reserve', ...times('put block', 5), 'put block list', 'finish'],
      },
    ],
  ])('keeps %s, and another run has it back', async (_what, content, steps) => {
    const server = await start()
    expect(await (await run(server)).save('db-1', content)).toBe(true)
    expect(server.asked).toEqual(steps[version])
    expect(server.mostAtOnce()).toBeLessThanOrEqual(4)
    const later = await run(server)
    expect(await later.restore(['db-1'])).toEqual({ key: 'db-1', sha256: sha256Of(content), size: content.length })
    expect(content.equals(await later.restored())).toBe(true)
    expect((await stat(join(later.folder, 'restored'))).mode & 0o777).toBe(0o600)
    expect(server.asked.slice(steps[version].length)).toEqual(['find', 'download'])
  })

  test.each<readonly [readonly string[], string | undefined]>([
    [['db-'], 'db-3'],
    [['db-1'], 'db-1'],
    [['java-', 'db-2'], 'db-2'],
    [['tool', 'db-'], 'tool-1'],
    [['DB-'], undefined],
    [['nothing-'], undefined],
  ])('asked for %j gives %s', async (prefixes, key) => {
    const server = await start()
    const one = await run(server)
    for (const name of ['db-1', 'db-2', 'tool-1', 'db-3']) await one.save(name, Buffer.from(name))
    const found = await one.restore(prefixes)
    expect(found?.key).toBe(key)
    if (key === undefined) expect(await readdir(one.folder)).toEqual(['kept'])
    else expect((await one.restored()).toString()).toBe(key)
  })

  test('does not give entries of other tools, nor ours to them', async () => {
    const server = await start()
    const one = await run(server)
    await one.save('db-1')
    const { variables } = server
    const headers = {
      authorization: `Bearer ${variables['ACTIONS_RUNTIME_TOKEN']}`,
      accept: 'application/json;api-version=6.0-preview.1',
      'content-type': 'application/json',
    }
    const theirs = 'e'.repeat(64)
    const answer =
      version === 'v1'
        ? await fetch(`${variables['ACTIONS_CACHE_URL']}_apis/artifactcache/cache?keys=db-&version=${theirs}`, {
            headers,
          })
        : await fetch(
            `${variables['ACTIONS_RESULTS_URL']}twirp/github.actions.results.api.v1.CacheService/GetCacheEntryDownloadURL`,
            {
              method: 'POST',
              headers,
              body: JSON.stringify({ key: 'db-', restore_keys: ['db-'], version: theirs }),
            },
          )
    expect(version === 'v1' ? answer.status : await answer.json()).toEqual(
      version === 'v1' ? 204 : { ok: false, signed_download_url: '', matched_key: '' },
    )
  })

  test.each<readonly [string, CacheServerOptions['mishaps'], string]>([
    ['may only read', undefined, 'status 403'],
    ['is told to come later', { reserve: [{ status: 429, retryAfter: '60' }] }, 'Rate limited'],
    ['is told that there is no room', { reserve: [400] }, 'status 400'],
  ])('whose run %s keeps nothing, asks once, and says so', async (_what, mishaps, why) => {
    const server = await start(mishaps === undefined ? { readOnly: true } : { mishaps })
    const one = await run(server)
    expect(await one.save('db-1')).toBe(false)
    expect(server.asked).toEqual(['reserve'])
    expect(one.waits).toEqual([])
    expect(one.debug.at(-1)).toMatch(/^The Actions cache does not keep db-1: reserving it: /)
    expect(one.debug.at(-1)).toContain(why)
  })

  test('keeps what it has: nothing is sent for a key that is there', async () => {
    const server = await start()
    const one = await run(server)
    await one.save('db-1', SMALL)
    const before = server.asked.length
    expect(await one.save('db-1', FILE)).toBe(false)
    expect(server.asked.slice(before)).toEqual(['reserve'])
    expect(one.debug.at(-1)).toMatch(/already exists/)
    expect(server.entries.get('db-1')?.equals(SMALL)).toBe(true)
  })

  const sending = version === 'v1' ? 'patch' : 'put block'
  test.each<readonly [string, CacheServerOptions['mishaps'], readonly number[]]>([
    ['a service that stumbles', { reserve: [500], finish: [503] }, [188, 188]],
    ['parts that break off', { [sending]: ['drop', 500] }, [188, 188]],
    ['a short wait that is asked for', { reserve: [{ status: 429, retryAfter: '2' }] }, [2125]],
  ])('outlives %s', async (_what, mishaps = {}, waits) => {
    const server = await start({ mishaps })
    const one = await run(server)
    expect(await one.save('db-1')).toBe(true)
    expect(server.entries.get('db-1')?.equals(FILE)).toBe(true)
    expect(one.waits).toEqual(waits)
  })

  test('gives up when one part cannot be sent, and finishes nothing', async () => {
    const server = await start({ mishaps: { [sending]: Array(30).fill(500) } })
    const one = await run(server)
    expect(await one.save('db-1')).toBe(false)
    expect(server.asked).not.toContain('finish')
    // Four at a time, three times each.
    expect(server.asked.filter((step) => step === sending).length).toBeLessThanOrEqual(12)
    expect(server.entries.size).toBe(0)
  })

  test('keeps nothing when its file is not there, or empty', async () => {
    const server = await start()
    const one = await run(server)
    expect(await one.save('db-1', Buffer.alloc(0))).toBe(false)
    expect(server.asked).toEqual([])
  })

  test.each<readonly [string, CacheServerOptions['mishaps'], number]>([
    ['that breaks off', { download: ['cut'] }, 2],
    ['that stands still', { download: ['stall'] }, 2],
    ['of a storage that is busy', { download: [503, 500] }, 3],
    ['after a service that stumbles', { find: [502, 'drop'] }, 1],
  ])('repeats a download %s', async (_what, mishaps = {}, downloads) => {
    const server = await start({ mishaps })
    await (await run(server)).save('db-1')
    const later = await run(server)
    expect((await later.restore(['db-1']))?.sha256).toBe(sha256Of(FILE))
    expect(server.asked.filter((step) => step === 'download')).toHaveLength(downloads)
  })

  test.each<readonly [string, CacheServerOptions['mishaps'], Partial<CacheWish>, readonly CacheStep[]]>([
    [
      'always breaks off',
      { download: times('cut' as CacheStep, 9).map(() => 'cut') },
      {},
      ['find', 'download', 'download', 'download'],
    ],
    ['is gone', { download: [404] }, {}, ['find', 'download']],
    ['is too large', {}, { limit: 1000 }, ['find', 'download']],
    ['nobody is told of', { find: [401] }, {}, ['find']],
    ['is to be asked for later', { find: [{ status: 429, retryAfter: '30' }] }, {}, ['find']],
    ['is to be asked for some time', { find: [429] }, {}, ['find']],
  ])('gives nothing and leaves no file when an entry %s', async (_what, mishaps = {}, changes, steps) => {
    const server = await start({ mishaps })
    await (await run(server)).save('db-1')
    const before = server.asked.length
    const later = await run(server)
    expect(await later.restore(['db-1'], changes)).toBeUndefined()
    expect(await readdir(later.folder)).toEqual([])
    expect(server.asked.slice(before)).toEqual(steps)
    expect(later.debug.at(-1)).toMatch(/^The Actions cache gives no db-1: /)
  })

  test.each<readonly [string, readonly string[]]>([
    ['no key', []],
    ['eleven keys', Array(11).fill('db-')],
    ['an empty key', ['']],
    ['a key with a comma', ['a,b']],
    ['a key that is too long', ['k'.repeat(513)]],
  ])('is not even asked for %s', async (_what, prefixes) => {
    const server = await start()
    const one = await run(server)
    expect(await one.restore(prefixes)).toBeUndefined()
    for (const prefix of prefixes.slice(0, 1).filter((key) => key !== 'db-')) {
      expect(await one.save(prefix)).toBe(false)
    }
    expect(server.asked).toEqual([])
  })

  test.each<readonly [string, boolean, boolean]>([
    ['read', true, false],
    [' Write ', true, true],
    ['write-only', false, true],
    ['none', false, false],
    ['', true, true],
    ['of the future', true, true],
  ])('in the mode %j reads: %s, writes: %s', async (mode, reads, writes) => {
    const server = await start()
    await (await run(server)).save('db-1')
    server.asked.length = 0
    const one = await run(server, { ACTIONS_CACHE_MODE: mode })
    expect((await one.restore(['db-1'])) !== undefined).toBe(reads)
    expect(await one.save('db-2')).toBe(writes)
    if (!reads) expect(server.asked).not.toContain('find')
    if (!writes) expect(server.asked).not.toContain('reserve')
  })

  test('stops when its run does, before and in the middle', async () => {
    const server = await start({ mishaps: { download: ['stall'] } })
    await (await run(server)).save('db-1', SMALL)
    const one = await run(server)
    const signal = AbortSignal.abort(new Error('enough'))
    server.asked.length = 0
    expect(await one.restore(['db-1'], { signal })).toBeUndefined()
    expect(await one.save('db-2', SMALL, signal)).toBe(false)
    expect(server.asked).toEqual([])
    expect(await one.restore(['db-1'], { signal: AbortSignal.timeout(100) })).toBeUndefined()
    const other = await start({ mishaps: { [sending]: ['stall'] } })
    expect(await (await run(other)).save('db-3', FILE, AbortSignal.timeout(100))).toBe(false)
    expect(other.asked).not.toContain('finish')
    expect(await readdir(one.folder)).toEqual(['kept'])
  })

  test('shows nobody its token, its paths or the signature of an address', async () => {
    const server = await start({ mishaps: { find: [500], download: ['cut'], finish: [403], [sending]: [404] } })
    const [one, other] = [await run(server), await run(server)]
    await one.save('db-1')
    await one.save('db-2')
    await one.save('db-3')
    await other.restore(['db-'])
    for (const secret of server.secrets) expect([...one.debug, ...other.debug].join('\n')).not.toContain(secret)
    const [, signature, encoded] = server.secrets
    if (version === 'v2') expect(new Set(one.masks)).toEqual(new Set([signature, encoded]))
  })
})

test('only the service gets the token, and who it leads to counts as led there', async () => {
  const server = await startCacheServer({ version: 'v2' })
  const one = await run(server)
  await one.save('db-1')
  await one.restore(['db-1'])
  const base = new URL(server.variables['ACTIONS_RESULTS_URL'] ?? '')
  const [own, others] = [
    one.sent.filter(({ url }) => url.origin === base.origin),
    one.sent.filter(({ url }) => url.origin !== base.origin),
  ]
  expect(own.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST'])
  for (const { headers, ledBy } of own) {
    expect([headers?.['authorization'], ledBy]).toEqual([
      `Bearer ${server.variables['ACTIONS_RUNTIME_TOKEN']}`,
      undefined,
    ])
  }
  expect(others).toHaveLength(7)
  for (const { headers, ledBy } of others)
    expect([headers?.['authorization'], ledBy?.origin]).toEqual([undefined, base.origin])
})

test('a service that redirects is not followed with the token', async () => {
  const server = await startCacheServer({ version: 'v2', mishaps: { find: [307], reserve: [302] } })
  const one = await run(server)
  expect([await one.restore(['db-1']), await one.save('db-1')]).toEqual([undefined, false])
  expect(server.asked).toEqual(['find', 'reserve'])
})

test.each([
  ['further inside', 'http://169.254.169.254'],
  ['to another kind of place', 'file://127.0.0.1'],
])('a service that leads %s is not followed', async (_what, storage) => {
  const server = await startCacheServer({ version: 'v2', storage })
  const one = await run(server)
  expect(await one.save('db-1')).toBe(false)
  expect(server.asked).toEqual(['reserve'])
  expect(one.debug.at(-1)).toContain('that is not followed')
})

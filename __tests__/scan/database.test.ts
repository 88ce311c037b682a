import { access, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Command, Ended } from '../../src/edges.ts'
import { LadingError } from '../../src/error.ts'
import { digestOf } from '../../src/image/digest.ts'
import { type DatabasePorts, type DatabaseRequest, prepareDatabase } from '../../src/scan/database.ts'
import { type MemoryCache, memoryCache } from '../support/memory-cache.ts'
import { archiveOf, type Entry, sha256Of } from '../support/trivy-archive.ts'
import { failure, temporary, world } from './world.ts'

const NOW = new Date('2026-11-21T12:00:00Z')
const SCANNER = { program: '/the/scanner' }

/** What a repository gives: a file, or trouble. */
type Gives = Uint8Array | Error | 'silence' | 'silence within'
type Repositories = Readonly<Record<string, Gives>>

type Given = Partial<DatabaseRequest> & {
  readonly cache?: DatabaseRequest['cache']
  readonly store?: MemoryCache
  readonly scanner?: DatabasePorts['scanner']
  readonly stop?: AbortSignal
}

async function prepare(repositories: Repositories, given: Given = {}) {
  const { store = memoryCache(), scanner = Promise.resolve(SCANNER), stop, ...changes } = given
  const signal = stop ?? new AbortController().signal
  const edges = await world({ signal })
  const warnings: string[] = []
  const asked: string[] = []
  const later: Promise<void>[] = []
  const request: DatabaseRequest = {
    repositories: Object.keys(repositories),
    javaRepositories: [],
    maxAgeHours: 48,
    directory: join(await temporary(), 'databases'),
    cache: 'read and write',
    limits: { silentMs: 150, wholeMs: 5000, trialMs: 5000 },
    ...changes,
  }
  const commands: Command[] = []
  const ports: DatabasePorts = {
    ...edges,
    reporter: { ...edges.reporter, warn: (message) => void warnings.push(message) },
    exec: (command) => {
      commands.push(command)
      return trial(command)
    },
    artifact: async (reference, wish) => {
      asked.push(`look ${reference}`)
      const gives = repositories[reference] ?? repositories[reference.replace(/:\d$/, '')]
      if (gives === undefined) throw new LadingError('SOURCE_MISSING', `${reference} is not there`)
      if (gives instanceof Error) throw gives
      if (gives === 'silence') return untilAborted(wish.signal)
      const bytes = gives === 'silence within' ? Buffer.from('x') : gives
      return {
        digest: digestOf(bytes),
        async fetch({ path, signal: watched, onProgress }) {
          asked.push(`fetch ${reference}`)
          onProgress(1, bytes.length)
          await writeFile(path, bytes)
          if (gives === 'silence within') await untilAborted(watched)
        },
      }
    },
    cache: store,
    scanner,
    later: (work) => void later.push(work),
    signal,
  }
  const prepared = prepareDatabase(request, ports)
  const settled = async () => {
    await Promise.all(later)
    return readdir(request.directory, { recursive: true }).then((names) => names.sort())
  }
  return { prepared, edges, asked, warnings, store, request, commands, settled }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

/** What the scanner says of known packages with a database of such a content. */
async function trial({ args }: Command): Promise<Ended> {
  const cache = args[args.indexOf('--cache-dir') + 1] ?? ''
  const content = await readFile(join(cache, 'db', 'trivy.db'), 'utf8')
  const exited = (code: number): Ended => ({ kind: 'exited', code, stdout: '', stderr: '' })
  if (content.startsWith('hangs')) return { kind: 'stopped', why: 'timeout', stderr: '' }
  if (content.startsWith('absent')) return { kind: 'absent' }
  if (content.startsWith('knows nothing')) return exited(0)
  return exited(content.startsWith('breaks') ? 2 : 10)
}

type Told = { readonly content?: string; readonly hours?: number; readonly next?: number }

function metadataOf({ hours = 3, next = 21 }: Told): string {
  const at = (ahead: number) => new Date(NOW.getTime() + ahead * 3_600_000).toISOString()
  return JSON.stringify({ Version: 2, UpdatedAt: at(-hours), NextUpdate: at(next) })
}

/** A database that was written so many hours ago, and whose next one is due in so many. */
function database(told: Told = {}): Promise<Buffer> {
  return databaseOf(metadataOf(told), told.content)
}

function databaseOf(metadata: string, content = 'good'): Promise<Buffer> {
  return archiveOf([
    { name: 'trivy.db', content },
    { name: 'metadata.json', content: metadata },
  ])
}

/** A cache in which an earlier job kept this database. */
async function keeping(reference: string, bytes: Uint8Array): Promise<MemoryCache> {
  const { prepared, store, settled } = await prepare({ [reference]: bytes }, { maxAgeHours: 10_000 })
  await prepared
  await settled()
  store.log.length = 0
  return store
}

const DUE = { hours: 30, next: -6 }
const REFUSED = new LadingError('REGISTRY_BUSY', 'status 429')

describe('prepareDatabase', () => {
  test('puts the database where the scanner looks for it, and nothing else', async () => {
    const { prepared, request, settled } = await prepare({ 'ghcr.io/acme/db': await database() })
    const { database: found, directory } = await prepared
    expect(found).toEqual({ source: 'ghcr.io/acme/db:2', updated: '2026-11-21T09:00:00.000Z', ageHours: 3 })
    expect(directory).toBe(request.directory)
    expect(await settled()).toEqual(['db', 'db/metadata.json', 'db/trivy.db'])
    expect(await readFile(join(directory, 'db/trivy.db'), 'utf8')).toBe('good')
  })

  test.each([
    ['ghcr.io/acme/db', 'ghcr.io/acme/db:2'],
    ['127.0.0.1:5000/db', '127.0.0.1:5000/db:2'],
    ['127.0.0.1:5000/db:3', '127.0.0.1:5000/db:3'],
    [`ghcr.io/acme/db@sha256:${'a'.repeat(64)}`, `ghcr.io/acme/db@sha256:${'a'.repeat(64)}`],
  ])('asks %s as %s', async (repository, reference) => {
    const { prepared, asked } = await prepare({ [repository]: await database() })
    await prepared
    expect(asked).toEqual([`look ${reference}`, `fetch ${reference}`])
  })

  test('asks the repositories of Trivy, in its order, when none is named', async () => {
    const { prepared, asked } = await prepare({})
    await failure(prepared)
    expect(asked).toEqual(['look mirror.gcr.io/aquasec/trivy-db:2', 'look ghcr.io/aquasecurity/trivy-db:2'])
  })

  test.each<[what: string, gives: () => Promise<Gives>, why: string]>([
    ['refuses', async () => REFUSED, 'status 429'],
    ['throws what nobody foresaw', async () => new TypeError('terminated'), 'terminated'],
    ['is silent', async () => 'silence', 'silent for too long'],
    ['is silent within the file', async () => 'silence within', 'silent for too long'],
    ['gives no archive', async () => Buffer.from('<html>'), 'cannot be unpacked'],
    ['gives half an archive', async () => (await database()).subarray(0, 90), 'cannot be unpacked'],
    [
      'gives another schema',
      () => databaseOf('{"Version":3,"UpdatedAt":"2026-11-21T00:00:00Z","NextUpdate":"2099-01-01T00:00:00Z"}'),
      'no vulnerability database of a version that is known',
    ],
    [
      'gives one without a date',
      () => databaseOf('{"Version":2,"NextUpdate":"2099-01-01T00:00:00Z"}'),
      'no vulnerability database',
    ],
    [
      'gives one that is never due',
      () => databaseOf('{"Version":2,"UpdatedAt":"2026-11-21T00:00:00Z"}'),
      'no vulnerability database',
    ],
    ['gives nonsense for dates', () => databaseOf('null'), 'no vulnerability database'],
    ['gives one that is too old', () => database({ hours: 49 }), 'it is 49 h old, and `db-max-age` allows 48 h'],
    ['gives one that finds nothing', () => database({ content: 'knows nothing' }), 'it finds nothing in packages'],
    [
      'gives one that breaks the scanner',
      () => database({ content: 'breaks' }),
      'the scanner cannot use it (exit code 2)',
    ],
    ['gives one on which the scanner hangs', () => database({ content: 'hangs' }), 'takes too long'],
  ])('goes on to the next repository when one %s, keeps nothing of it, and says why', async (_what, gives, why) => {
    const good = await database()
    const { prepared, edges, store, settled } = await prepare({ 'first/db': await gives(), 'second/db': good })
    expect((await prepared).database).toMatchObject({ source: 'second/db:2', ageHours: 3 })
    const said = edges.said.filter((line) => line.includes('could not be had'))
    expect(said).toEqual([expect.stringMatching(/^The vulnerability database could not be had from first\/db:2: /)])
    expect(said[0]).toContain(why)
    expect(await settled()).toEqual(['db', 'db/metadata.json', 'db/trivy.db'])
    expect([...store.entries.values()]).toEqual([good])
  })

  test.each<[string, readonly Entry[]]>([
    ['a link for a file', [{ name: 'trivy.db', type: 'symlink', linkname: '/etc/passwd' }]],
    [
      'a file twice',
      [
        { name: 'trivy.db', content: 'one' },
        { name: 'trivy.db', content: 'two' },
      ],
    ],
    ['a file above the folder', [{ name: '../trivy.db', content: 'x' }]],
    ['no database', []],
  ])('takes no archive with %s', async (_what, entries) => {
    const bytes = await archiveOf([...entries, { name: 'metadata.json', content: metadataOf({}) }])
    const { prepared, settled } = await prepare({ 'first/db': bytes })
    expect((await failure(prepared)).message).toContain('does not hold trivy.db and metadata.json, each once')
    expect(await settled()).toEqual([])
  })

  test('fails with the reason of every repository when all refuse', async () => {
    const { prepared } = await prepare({ 'first/db': REFUSED, 'second/db': await database({ content: 'breaks' }) })
    const error = await failure(prepared)
    expect(error.code).toBe('SCAN_DATABASE')
    expect(error.message).toMatch(/first\/db:2: status 429\n {2}second\/db:2: the scanner cannot use it/)
    expect(error.hint).toContain('Name another `db-repository`')
  })

  test('uses one that its makers should have renewed, and warns once', async () => {
    const { prepared, warnings } = await prepare({ 'first/db': await database(DUE) })
    expect((await prepared).database.ageHours).toBe(30)
    expect(warnings).toEqual([expect.stringContaining('first/db:2 is 30 h old and was to be renewed; `db-max-age`')])
  })

  test.each(['DISK_FULL', 'CANCELLED'] as const)('%s is no refusal', async (code) => {
    const { prepared, asked } = await prepare({
      'first/db': new LadingError(code, 'no'),
      'second/db': await database(),
    })
    expect((await failure(prepared)).code).toBe(code)
    expect(asked).toEqual(['look first/db:2'])
  })

  test('ends for the reason for which everything ends', async () => {
    const stop = new AbortController()
    const { prepared, asked } = await prepare(
      { 'first/db': 'silence', 'second/db': await database() },
      { stop: stop.signal, limits: { silentMs: 60_000, wholeMs: 60_000, trialMs: 1000 } },
    )
    stop.abort(new LadingError('BUILD_FAILED', 'the build failed'))
    expect((await failure(prepared)).code).toBe('BUILD_FAILED')
    expect(asked.filter((line) => line.includes('second'))).toEqual([])
  })

  test('fetches while the scanner is still on its way, and fails as that does', async () => {
    const scanner = Promise.withResolvers<typeof SCANNER>()
    const { prepared, asked } = await prepare({ 'first/db': await database() }, { scanner: scanner.promise })
    await expect.poll(() => asked).toEqual(['look first/db:2', 'fetch first/db:2'])
    scanner.reject(new LadingError('TOOL_UNVERIFIED', 'not this one'))
    expect((await failure(prepared)).code).toBe('TOOL_UNVERIFIED')
  })

  test('a scanner that cannot be started says nothing about a database', async () => {
    const { prepared } = await prepare({ 'first/db': await database({ content: 'absent' }), 'second/db': REFUSED })
    expect(await failure(prepared)).toMatchObject({ code: 'SCAN_BROKEN', hint: expect.stringContaining('trivy-path') })
  })
})

describe('prepareDatabase with a cache', () => {
  test('keeps the file that came under the version of the database and its own hash', async () => {
    const bytes = await database()
    const { prepared, store, settled } = await prepare({ 'ghcr.io/acme/db': bytes })
    await prepared
    await settled()
    const repository = sha256Of(Buffer.from('ghcr.io/acme/db:2')).slice(0, 8)
    const key = `lading-trivy-db-2-${repository}-20261121T090000Z-${sha256Of(bytes)}`
    expect(store.log).toEqual(['restore', `save ${key}`])
    expect(store.entries.get(key)).toEqual(bytes)
  })

  test.each<[DatabaseRequest['cache'], readonly string[]]>([
    ['off', []],
    ['read', ['restore']],
  ])('writes nothing when it is %s', async (cache, log) => {
    const { prepared, store, settled } = await prepare({ 'first/db': await database() }, { cache })
    await prepared
    expect(await settled()).toEqual(['db', 'db/metadata.json', 'db/trivy.db'])
    expect(store.log).toEqual(log)
  })

  test('asks nobody while the kept one is not due, tries it nevertheless, and keeps it no second time', async () => {
    const store = await keeping('ghcr.io/acme/db', await database())
    const { prepared, asked, warnings, commands, settled } = await prepare({ 'ghcr.io/acme/db': REFUSED }, { store })
    expect((await prepared).database).toMatchObject({ source: 'ghcr.io/acme/db:2 (Actions cache)', ageHours: 3 })
    expect([asked, warnings]).toEqual([[], []])
    expect(commands).toHaveLength(1)
    expect(await settled()).toEqual(['db', 'db/metadata.json', 'db/trivy.db'])
    expect(store.log).toEqual(['restore'])
  })

  test('takes the database of the first repository that has one there, and of no other', async () => {
    const store = await keeping('third/db', await database({ hours: 1 }))
    const second = await keeping('second/db', await database({ hours: 5 }))
    for (const [key, bytes] of second.entries) store.entries.set(key, bytes)
    const repositories = { 'first/db': REFUSED, 'second/db': REFUSED }
    const { database: found } = await (await prepare(repositories, { store })).prepared
    expect(found.source).toBe('second/db:2 (Actions cache)')
    expect((await failure((await prepare({ 'first/db': REFUSED }, { store })).prepared)).code).toBe('SCAN_DATABASE')
  })

  test('when it is due, looks, and fetches nothing when the repository has the same', async () => {
    const bytes = await database(DUE)
    const store = await keeping('ghcr.io/acme/db', bytes)
    const { prepared, asked, warnings } = await prepare({ 'ghcr.io/acme/db': bytes }, { store })
    expect((await prepared).database.source).toBe('ghcr.io/acme/db:2 (Actions cache)')
    expect(asked).toEqual(['look ghcr.io/acme/db:2'])
    expect(warnings).toHaveLength(1)
  })

  test('when it is due, fetches the new one, and tries only that', async () => {
    const store = await keeping('ghcr.io/acme/db', await database(DUE))
    const { prepared, warnings, commands, settled } = await prepare({ 'ghcr.io/acme/db': await database() }, { store })
    expect((await prepared).database).toMatchObject({ source: 'ghcr.io/acme/db:2', ageHours: 3 })
    expect(warnings).toEqual([])
    expect(commands).toHaveLength(1)
    expect(await settled()).toEqual(['db', 'db/metadata.json', 'db/trivy.db'])
    expect(store.entries.size).toBe(2)
  })

  test('when it is due and all refuse, uses the kept one with a warning', async () => {
    const store = await keeping('first/db', await database(DUE))
    const { prepared, warnings, asked } = await prepare({ 'first/db': REFUSED, 'second/db': 'silence' }, { store })
    expect((await prepared).database).toMatchObject({ source: 'first/db:2 (Actions cache)', ageHours: 30 })
    expect(asked).toEqual(['look first/db:2', 'look second/db:2'])
    expect(warnings).toEqual([expect.stringContaining('no repository gave a newer one')])
  })

  test('never uses a kept one that is too old, and says source, age and `db-max-age`', async () => {
    const store = await keeping('first/db', await database({ hours: 60, next: -36 }))
    const error = await failure((await prepare({ 'first/db': REFUSED }, { store })).prepared)
    expect(error.code).toBe('SCAN_DATABASE')
    expect(error.message).toContain('first/db:2: status 429')
    expect(error.message).toContain('first/db:2 (Actions cache): it is 60 h old, and `db-max-age` allows 48 h')
    expect(error.hint).toContain('db-max-age')
  })

  test('asks when the kept one is too old, although its makers do not mean to renew it yet', async () => {
    const store = await keeping('first/db', await database())
    const { prepared, asked } = await prepare({ 'first/db': await database({ hours: 0 }) }, { store, maxAgeHours: 1 })
    expect((await prepared).database.source).toBe('first/db:2')
    expect(asked).toEqual(['look first/db:2', 'fetch first/db:2'])
  })

  test('never uses what is not the file that its key names, and warns', async () => {
    const store = await keeping('first/db', await database())
    const [key = ''] = store.entries.keys()
    store.entries.set(key, await database({ content: 'good, and poisoned' }))
    const { prepared, warnings, settled } = await prepare({ 'first/db': await database({ hours: 2 }) }, { store })
    expect((await prepared).database).toMatchObject({ source: 'first/db:2', ageHours: 2 })
    expect(warnings).toEqual([expect.stringContaining('The cache has something else')])
    expect(await settled()).toEqual(['db', 'db/metadata.json', 'db/trivy.db'])
  })

  test('never uses a kept one that finds nothing, due or not', async () => {
    for (const told of [{}, DUE]) {
      const store = await keeping('first/db', await database(told))
      const empty = await database({ ...told, content: 'knows nothing' })
      const [key = ''] = store.entries.keys()
      store.entries.clear()
      store.entries.set(key.replace(/[^-]+$/, sha256Of(empty)), empty)
      const error = await failure((await prepare({ 'first/db': REFUSED }, { store })).prepared)
      expect(error.message).toMatch(/first\/db:2 \(Actions cache\): it finds nothing/)
      expect(error.message.match(/Actions cache/g)).toHaveLength(1)
    }
  })

  test('what is kept and no database is fetched anew', async () => {
    const store = await keeping('first/db', await database())
    const nonsense = Buffer.from('nonsense')
    const [key = ''] = store.entries.keys()
    store.entries.clear()
    store.entries.set(key.replace(/[^-]+$/, sha256Of(nonsense)), nonsense)
    const { database: found } = await (await prepare({ 'first/db': await database() }, { store })).prepared
    expect(found.source).toBe('first/db:2')
  })
})

describe('addJava', () => {
  const java = (content: string) =>
    archiveOf([
      { name: 'trivy-java.db', content },
      // Half a year old, and long due: it names jars, and no advisories.
      {
        name: 'metadata.json',
        content: '{"Version":1,"UpdatedAt":"2026-05-21T00:00:00Z","NextUpdate":"2026-05-24T00:00:00Z"}',
      },
    ])

  test('brings the database of jars beside the other one, once, whatever its age, without a warning', async () => {
    const { prepared, asked, warnings, store, settled } = await prepare(
      {
        'first/db': await database(),
        'acme/bad': await java('nonsense'),
        'acme/java': await java('SQLite format 3\0…'),
      },
      { repositories: ['first/db'], javaRepositories: ['acme/bad', 'acme/java'] },
    )
    const { addJava } = await prepared
    await Promise.all([addJava(), addJava()])
    expect(asked.slice(2)).toEqual(['look acme/bad:1', 'fetch acme/bad:1', 'look acme/java:1', 'fetch acme/java:1'])
    expect(warnings).toEqual([])
    expect((await settled()).map((name) => basename(name))).toEqual([
      'db',
      'metadata.json',
      'trivy.db',
      'java-db',
      'metadata.json',
      'trivy-java.db',
    ])
    expect([...store.entries.keys()].map((key) => key.replace(/-[0-9a-f]{8}-.*/, ''))).toEqual([
      'lading-trivy-db-2',
      'lading-trivy-java-db-1',
    ])
  })

  test('asks the repositories of Trivy when none is named, and fails with every reason', async () => {
    const { prepared } = await prepare({ 'first/db': await database() })
    const error = await failure((await prepared).addJava())
    expect(error).toMatchObject({ code: 'SCAN_DATABASE', hint: expect.stringContaining('`java-db-repository`') })
    for (const name of ['mirror.gcr.io/aquasec/trivy-java-db:1', 'ghcr.io/aquasecurity/trivy-java-db:1'])
      expect(error.message).toContain(`${name}: `)
  })

  test('is not fetched unless it is asked for', async () => {
    const { prepared, request } = await prepare({ 'first/db': await database() })
    await prepared
    await expect(access(join(request.directory, 'java-db'))).rejects.toThrow()
  })
})

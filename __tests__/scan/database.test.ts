import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fetchDatabase } from '../../src/scan/database.ts'
import { openWorkroom } from '../../src/scan/workroom.ts'
import { type FakeTrivy, failure, fakeTrivy, type World, world } from './world.ts'

async function fetchFrom(repositories: readonly string[], fake: FakeTrivy = {}, signal?: AbortSignal) {
  const edges = await world(signal === undefined ? {} : { signal })
  const room = await openWorkroom(edges.scratch)
  const scanner = { program: join(await fakeTrivy(fake), 'trivy') }
  const database = fetchDatabase(scanner, repositories, room, { ...edges, timeoutMs: 1500 })
  return { database, edges, asked: () => askedOf(edges) }
}

/** The repositories that were asked. */
function askedOf({ commands }: World): readonly (string | undefined)[] {
  return commands.filter(({ args }) => args.includes('--download-db-only')).map(({ args }) => args[3])
}

const refuseFirst = (how: string): string => `
  if (option('--db-repository').startsWith('first')) { ${how} }
  fs.mkdirSync(option('--cache-dir') + '/db', { recursive: true })
  fs.writeFileSync(option('--cache-dir') + '/db/metadata.json', JSON.stringify({ Version: 2, UpdatedAt: '2026-11-20T09:59:00Z' }))`

describe('fetchDatabase', () => {
  test('tells where the database is from, when it was written, and its age in full hours', async () => {
    const { database } = await fetchFrom(['ghcr.io/acme/db'])
    expect(await database).toEqual({ source: 'ghcr.io/acme/db:2', updated: '2026-11-21T08:30:00.123Z', ageHours: 3 })
  })

  test.each([
    ['ghcr.io/acme/db', 'ghcr.io/acme/db:2'],
    ['127.0.0.1:5000/db', '127.0.0.1:5000/db:2'],
    ['127.0.0.1:5000/db:3', '127.0.0.1:5000/db:3'],
    [`ghcr.io/acme/db@sha256:${'a'.repeat(64)}`, `ghcr.io/acme/db@sha256:${'a'.repeat(64)}`],
  ])('asks %s as %s', async (repository, asked) => {
    const fetched = await fetchFrom([repository])
    await fetched.database
    expect(fetched.asked()).toEqual([asked])
  })

  test('asks the repositories of Trivy, one at a time, when none is named', async () => {
    const fetched = await fetchFrom([], { download: 'process.exit(1)' })
    await failure(fetched.database)
    expect(fetched.asked()).toEqual(['mirror.gcr.io/aquasec/trivy-db:2', 'ghcr.io/aquasecurity/trivy-db:2'])
  })

  test.each([
    [
      'refuses',
      `console.error('FATAL\\tFatal error\\trun error: OCI repository error: DENIED'); process.exit(1)`,
      'DENIED',
    ],
    ['crashes the scanner', `process.kill(process.pid, 'SIGKILL')`, 'exit code'],
    ['is silent for ever', 'return void setInterval(() => {}, 1000)', 'silent for too long'],
    ['gives nothing', 'process.exit(0)', 'no vulnerability database'],
  ])('goes on to the next repository when one %s', async (_name, how, why) => {
    const fetched = await fetchFrom(['first/db', 'second/db'], { download: `(() => { ${refuseFirst(how)} })()` })
    expect(await fetched.database).toMatchObject({ source: 'second/db:2', ageHours: 26 })
    expect(fetched.edges.said.join('\n')).toContain(why)
  })

  test.each([
    '{}',
    '[]',
    'null',
    'nonsense',
    '{"Version":3,"UpdatedAt":"2026-11-20T00:00:00Z"}',
    '{"Version":2,"UpdatedAt":"soon"}',
  ])('does not take a database that says %s about itself', async (metadata) => {
    const download = `fs.mkdirSync(option('--cache-dir') + '/db'); fs.writeFileSync(option('--cache-dir') + '/db/metadata.json', ${JSON.stringify(metadata)})`
    expect((await failure((await fetchFrom(['first/db'], { download })).database)).code).toBe('SCAN_DATABASE')
  })

  test.each([
    ['finds nothing in what is known', 'process.exit(0)', 'it finds nothing in packages'],
    ['breaks the scanner', 'process.exit(2)', 'the scanner cannot use it (exit code 2)'],
  ])('goes on to the next repository when a database %s', async (_name, how, why) => {
    const isFirst = `JSON.parse(fs.readFileSync(option('--cache-dir') + '/db/metadata.json')).first`
    const download = `
      const db = option('--cache-dir') + '/db'
      // As Trivy does with one that is there and not due.
      if (fs.existsSync(db)) process.exit(0)
      fs.mkdirSync(db)
      const first = option('--db-repository').startsWith('first')
      fs.writeFileSync(db + '/metadata.json', JSON.stringify({ Version: 2, UpdatedAt: '2026-11-20T09:59:00Z', first }))`
    const known = `if (${isFirst}) { ${how} } else { process.exit(10) }`
    const fetched = await fetchFrom(['first/db', 'second/db'], { download, known })
    expect(await fetched.database).toMatchObject({ source: 'second/db:2' })
    expect(fetched.edges.said.join('\n')).toContain(`from first/db:2: ${why}`)
  })

  test('leaves an older database where it is when a repository refuses', async () => {
    const download = `
      const db = option('--cache-dir') + '/db'
      if (option('--db-repository').startsWith('first')) { fs.mkdirSync(db); fs.writeFileSync(db + '/old', ''); process.exit(1) }
      fs.writeFileSync(db + '/metadata.json', JSON.stringify({ Version: 2, UpdatedAt: '2026-11-20T09:59:00Z', old: fs.existsSync(db + '/old') }))`
    const known = `process.exit(JSON.parse(fs.readFileSync(option('--cache-dir') + '/db/metadata.json')).old ? 10 : 0)`
    expect(await (await fetchFrom(['first/db', 'second/db'], { download, known })).database).toMatchObject({
      ageHours: 26,
    })
  })

  test('shows the scanner packages of two kinds, and lets it fetch nothing', async () => {
    const known = `
      const seen = ['lib/apk/db/installed', 'app/node_modules/lodash/package.json'].every((name) => fs.existsSync(args[1] + '/' + name))
      process.exit(seen && args.includes('--skip-db-update') ? 10 : 1)`
    expect(await (await fetchFrom(['first/db'], { known })).database).toMatchObject({ source: 'first/db:2' })
  })

  test('does not wait for ever for a scanner that tries a database', async () => {
    const { database } = await fetchFrom(['first/db'], { known: 'setInterval(() => {}, 1000)' })
    expect((await failure(database)).code).toBe('SCAN_BROKEN')
  })

  test('fails with the reason of every repository when all refuse', async () => {
    const download = `console.error('FATAL\\tno ' + option('--db-repository')); process.exit(1)`
    const error = await failure((await fetchFrom(['first/db', 'second/db'], { download })).database)
    expect(error.code).toBe('SCAN_DATABASE')
    expect(error.message).toMatch(/first\/db:2: no first\/db:2\n {2}second\/db:2: no second\/db:2$/)
  })

  test('is cancelled, not refused, when the step is cancelled', async () => {
    const stop = new AbortController()
    const fetched = await fetchFrom(['first/db', 'second/db'], { download: 'setInterval(() => {}, 1000)' }, stop.signal)
    setTimeout(() => stop.abort(), 200)
    expect((await failure(fetched.database)).code).toBe('CANCELLED')
    expect(fetched.asked()).toEqual(['first/db:2'])
  })
})

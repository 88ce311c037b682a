import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fetchDatabase } from '../../src/scan/database.ts'
import { openWorkroom } from '../../src/scan/workroom.ts'
import { type FakeTrivy, failure, fakeTrivy, world } from './world.ts'

async function fetchFrom(repositories: readonly string[], fake: FakeTrivy = {}, signal?: AbortSignal) {
  const edges = await world(signal === undefined ? {} : { signal })
  const room = await openWorkroom(edges.scratch)
  const scanner = { program: join(await fakeTrivy(fake), 'trivy') }
  const database = fetchDatabase(scanner, repositories, room, { ...edges, timeoutMs: 1500 })
  return { database, edges, asked: () => edges.commands.map((command) => command.args[3]) }
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

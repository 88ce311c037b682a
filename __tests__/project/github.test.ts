import { describe, expect, test } from 'vitest'
import { scripted } from '../support/scripted-send.ts'
import { type Asked, startApi, TOKEN, world } from './world.ts'

const OURS = 'a'.repeat(40)
const THEIRS = 'b'.repeat(40)
const UNKNOWN = { kind: 'unknown' }
const COMPARE = `/repos/acme/api/compare/${THEIRS}...${OURS}?per_page=1&page=2`
const COMMIT = `/repos/acme/api/git/commits/${OURS}`
const MAIN = '/repos/acme/api/git/ref/heads/main'

/** The edge without a checkout. */
async function withApi(told: Parameters<typeof startApi>[0]) {
  const api = await startApi(told)
  return { ...world({ api: api.url }), asked: api.asked }
}

const paths = (asked: readonly Asked[]) => asked.map(({ path }) => path)

describe('the API', () => {
  test.each<readonly [unknown, object]>([
    [
      { status: 'ahead', ahead_by: 3, behind_by: 0 },
      { kind: 'ahead', commits: 3 },
    ],
    [
      { status: 'behind', ahead_by: 0, behind_by: 4 },
      { kind: 'behind', commits: 4 },
    ],
    [{ status: 'diverged', ahead_by: 3, behind_by: 4 }, { kind: 'diverged' }],
    [{ status: 'identical', ahead_by: 0, behind_by: 0 }, { kind: 'same' }],
    [{ status: 'ahead' }, { kind: 'ahead' }],
    [{ status: 'ahead', ahead_by: '3' }, { kind: 'ahead' }],
    [{ status: 'constructor' }, UNKNOWN],
    [{ status: 7 }, UNKNOWN],
    [{ total_commits: 3 }, UNKNOWN],
    [[], UNKNOWN],
    ['"ahead"', UNKNOWN],
    ['{"status":"ahe', UNKNOWN],
    ['<!doctype html>', UNKNOWN],
  ])('that compares with %j says so', async (body, kinship) => {
    const { history, asked } = await withApi({ [COMPARE]: { body } })
    expect(await history.compare(OURS, THEIRS)).toEqual(kinship)
    expect(asked).toEqual([{ path: COMPARE, authorization: `Bearer ${TOKEN}` }])
  })

  test('tells when a commit was made', async () => {
    const { history } = await withApi({ [COMMIT]: { body: { committer: { date: '2026-01-03T12:00:00+02:00' } } } })
    expect(await history.committed(OURS)).toEqual(new Date('2026-01-03T10:00:00Z'))
  })

  test.each([{}, { committer: null }, { committer: { date: 'yesterday' } }, { committer: { date: 12 } }])(
    'that says %j of a commit does not tell when it was made',
    async (body) => {
      const { history } = await withApi({ [COMMIT]: { body } })
      expect(await history.committed(OURS)).toBeUndefined()
    },
  )

  test.each<readonly [string, string, unknown, string | undefined]>([
    ['refs/heads/main', MAIN, { ref: 'refs/heads/main', object: { sha: OURS } }, OURS],
    [
      'refs/heads/feature/ä #1?',
      '/repos/acme/api/git/ref/heads/feature/%C3%A4%20%231%3F',
      { ref: 'refs/heads/feature/ä #1?', object: { sha: OURS } },
      OURS,
    ],
    ['refs/heads/main', MAIN, { ref: 'refs/heads/main-2', object: { sha: OURS } }, undefined],
    ['refs/heads/main', MAIN, [{ ref: 'refs/heads/main', object: { sha: OURS } }], undefined],
    ['refs/heads/main', MAIN, { ref: 'refs/heads/main', object: { sha: 'main\n' } }, undefined],
    ['refs/pull/12/merge', '/repos/acme/api/pulls/12', { head: { sha: OURS }, merge_commit_sha: THEIRS }, OURS],
    ['refs/pull/12/head', '/repos/acme/api/pulls/12', { head: { sha: OURS } }, OURS],
    ['refs/pull/12/merge', '/repos/acme/api/pulls/12', { head: null }, undefined],
  ])('asked for the head of %s by %s says %j', async (ref, path, body, commit) => {
    const { history, asked } = await withApi({ [path]: { body } })
    expect(await history.head(ref)).toBe(commit)
    expect(paths(asked)).toEqual([path])
  })

  test.each([
    ...['refs/tags/v1', 'main', '', 'refs/heads/', 'refs/heads/../../../user', 'refs/heads/a/./b', 'refs/heads/a//b'],
    ...['refs/pull/12', 'refs/pull/../merge', 'refs/pull/12/merge/x', 'refs/pull/x/head'],
  ])('is not asked for the head of “%s”, which does not move or is none', async (ref) => {
    const { history, asked } = await withApi({})
    expect(await history.head(ref)).toBeUndefined()
    expect(asked).toEqual([])
  })

  test('tells what the repository is', async () => {
    const body = {
      name: 'api',
      description: 'An API\u0007 for\nall',
      html_url: 'https://github.com/acme/api',
      license: { spdx_id: 'Apache-2.0' },
      default_branch: 'trunk',
    }
    const { history, asked } = await withApi({ '/repos/acme/api': { body } })
    const facts = {
      title: 'api',
      description: 'An API for all',
      url: 'https://github.com/acme/api',
      license: 'Apache-2.0',
      defaultBranch: 'trunk',
    }
    expect(await history.facts()).toEqual(facts)
    expect(await history.facts()).toEqual(facts)
    expect(asked).toHaveLength(1)
  })

  test('tells nothing of what a repository does not have', async () => {
    const body = { name: 'api', description: null, license: { spdx_id: 'NOASSERTION' }, default_branch: 'main' }
    const { history } = await withApi({ '/repos/acme/api': { body } })
    const facts = { title: 'api', description: '', url: '', license: '', defaultBranch: 'main' }
    expect(await history.facts()).toEqual(facts)
  })
})

describe('an API without an answer', () => {
  const LIMITED = {
    status: 403,
    headers: { 'x-ratelimit-remaining': '0' },
    body: { message: 'API rate limit exceeded' },
  }

  test.each<readonly [string, object, number, string]>([
    ['has had enough', LIMITED, 1, 'API rate limit exceeded'],
    ['has had too much', { status: 429, body: 'slow down' }, 1, 'status 429'],
    ['wants to be asked later', { status: 503, headers: { 'retry-after': '1' } }, 1, 'status 503'],
    ['does not know the token', { status: 401, body: { message: 'Bad credentials' } }, 1, 'Bad credentials'],
    ['does not know the repository', { status: 404 }, 1, 'status 404'],
    ['is broken', { status: 502, body: '<html>' }, 3, 'status 502'],
    ['does not end', { body: `{"status":"ahead","files":"${'x'.repeat(5_000_000)}"}` }, 1, 'larger than'],
    ['redirects for ever', { status: 302, headers: { location: COMPARE } }, 6, 'redirects more than'],
  ])('since it %s leaves all unknown', async (_name, answer, requests, words) => {
    const { history, asked, debug } = await withApi({ [COMPARE]: answer })
    expect(await history.compare(OURS, THEIRS)).toEqual(UNKNOWN)
    expect(asked).toHaveLength(requests)
    expect(debug.join('\n')).toContain(words)
    expect(await history.compare(OURS, THEIRS)).toEqual(UNKNOWN)
    expect(asked, 'it is not asked again').toHaveLength(requests)
  })

  test('since nobody listens leaves all unknown', async () => {
    const { history, debug } = world({ api: 'http://127.0.0.1:1' })
    expect(await history.compare(OURS, THEIRS)).toEqual(UNKNOWN)
    expect(await history.committed(OURS)).toBeUndefined()
    expect(await history.head('refs/heads/main')).toBeUndefined()
    expect(await history.facts()).toBeUndefined()
    expect(debug.join('\n')).toContain('nothing listens there')
  })

  test('that is broken for a moment is asked again', async () => {
    const { history, waits } = await withApi({ [COMPARE]: [{ status: 500 }, { body: { status: 'ahead' } }] })
    expect(await history.compare(OURS, THEIRS)).toEqual({ kind: 'ahead' })
    expect(waits).toHaveLength(1)
  })

  test('since the step is over leaves all unknown', async () => {
    const signal = AbortSignal.abort(new Error('over'))
    const api = await startApi({ [COMPARE]: { body: { status: 'ahead' } } })
    const { history } = world({ api: api.url, signal })
    expect(await history.compare(OURS, THEIRS)).toEqual(UNKNOWN)
    expect(api.asked).toEqual([])
  })

  test.each([
    ['no address', { api: '' }],
    ['an address of another kind', { api: 'file:///etc' }],
    ['no repository', { api: 'http://127.0.0.1:1', repository: '' }],
    ['a repository that leads elsewhere', { api: 'http://127.0.0.1:1', repository: 'acme/..' }],
    ['a repository with a query', { api: 'http://127.0.0.1:1', repository: 'acme/api?x=' }],
  ])('is not asked: %s', async (_name, options) => {
    const wire = scripted({ status: 200, body: '{"status":"ahead","default_branch":"main"}' })
    const { history } = world({ ...options, wire })
    expect(await history.compare(OURS, THEIRS)).toEqual(UNKNOWN)
    expect(await history.facts()).toBeUndefined()
    expect(wire.requests).toEqual([])
  })
})

describe('a head', () => {
  test('is asked anew each time, for it moves, and once for those who ask together', async () => {
    const at = (sha: string) => ({ body: { ref: 'refs/heads/main', object: { sha } } })
    const { history, asked } = await withApi({ [MAIN]: [at(OURS), at(THEIRS)] })
    const ask = () => history.head('refs/heads/main')
    expect(await Promise.all([ask(), ask()])).toEqual([OURS, OURS])
    expect(asked).toHaveLength(1)
    expect(await ask()).toBe(THEIRS)
  })
})

describe('the token of the job', () => {
  test('follows a repository that was renamed', async () => {
    const moved = '/repositories/12/compare'
    const told = { [COMPARE]: { status: 301, headers: { location: moved } }, [moved]: { body: { status: 'behind' } } }
    const { history, asked } = await withApi(told)
    expect(await history.compare(OURS, THEIRS)).toEqual({ kind: 'behind' })
    expect(asked.map(({ authorization }) => authorization)).toEqual([`Bearer ${TOKEN}`, `Bearer ${TOKEN}`])
  })

  test('goes to no other host, and nobody else is asked', async () => {
    const other = await startApi({ '/': { body: { status: 'ahead' } } })
    const told = { [COMPARE]: { status: 302, headers: { location: `${other.url}/` } } }
    const { history, debug } = await withApi(told)
    expect(await history.compare(OURS, THEIRS)).toEqual(UNKNOWN)
    expect(other.asked).toEqual([])
    expect(debug.join('\n')).toContain('that is not followed')
  })

  test.each([
    ['https://api.github.com', 'https://api.github.com/repos/acme/api', `Bearer ${TOKEN}`],
    ['https://ghe.example/api/v3/', 'https://ghe.example/api/v3/repos/acme/api', `Bearer ${TOKEN}`],
    ['http://ghe.example/api/v3', 'http://ghe.example/api/v3/repos/acme/api', undefined],
    ['http://localhost:3000/api/v1', 'http://localhost:3000/api/v1/repos/acme/api', `Bearer ${TOKEN}`],
  ])('is shown to %s as far as nobody can listen', async (api, url, authorization) => {
    const wire = scripted({ status: 200, body: '{}' })
    const { history } = world({ api, wire })
    await history.facts()
    expect(wire.requests.map((request) => [request.url.href, request.headers?.['authorization']])).toEqual([
      [url, authorization],
    ])
  })

  test('is left out where there is none', async () => {
    const wire = scripted({ status: 200, body: '{}' })
    await world({ api: 'https://api.github.com', wire, token: '' }).history.facts()
    expect(wire.requests.map(({ headers }) => Object.keys(headers ?? {}))).toEqual([['accept', 'x-github-api-version']])
  })

  test('stands in no line of the log', async () => {
    const { history, debug } = await withApi({ [COMPARE]: { status: 500, body: { message: 'no' } } })
    await history.compare(OURS, THEIRS)
    expect(debug.length).toBeGreaterThan(0)
    expect(debug.join('\n')).not.toContain(TOKEN)
  })
})

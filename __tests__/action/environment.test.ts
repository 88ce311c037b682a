import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readEnvironment } from '../../src/action/environment.ts'
import { folderWith } from './given.ts'

async function read(event: unknown, variables: Readonly<Record<string, string>> = {}) {
  const file = join(folderWith({ event: JSON.stringify(event) }), 'event')
  return await readEnvironment({ GITHUB_EVENT_PATH: file, ...variables }, '/srv/job')
}

test('plain node has an environment too', async () => {
  expect(await readEnvironment({}, '/somewhere')).toEqual({
    event: '',
    ref: '',
    sha: '',
    repository: '',
    serverUrl: 'https://github.com',
    defaultBranch: '',
    actor: '',
    attempt: 1,
    about: { title: '', description: '', url: '', license: '' },
    machine: expect.stringMatching(/^linux\/(?:amd64|arm64)$/),
    committed: '',
    workspace: '/somewhere',
    searchPath: '',
    reportDirectory: tmpdir(),
  })
})

test('a push tells branch, commit and repository', async () => {
  const repository = {
    name: 'api',
    default_branch: 'main',
    description: 'An API',
    html_url: 'https://github.com/acme/api',
    license: { spdx_id: 'MIT' },
  }
  const environment = await read(
    { repository, head_commit: { id: 'abc', timestamp: '2026-11-21T03:00:00+01:00' } },
    {
      GITHUB_EVENT_NAME: 'push',
      GITHUB_REF: 'refs/heads/main',
      GITHUB_SHA: 'abc',
      GITHUB_REPOSITORY: 'acme/api',
      GITHUB_ACTOR: 'octocat',
      GITHUB_WORKSPACE: '/checkout',
      RUNNER_TEMP: '/temp',
      PATH: '/bin',
    },
  )
  expect(environment).toEqual({
    event: 'push',
    ref: 'refs/heads/main',
    sha: 'abc',
    repository: 'acme/api',
    serverUrl: 'https://github.com',
    defaultBranch: 'main',
    actor: 'octocat',
    attempt: 1,
    about: { title: 'api', description: 'An API', url: 'https://github.com/acme/api', license: 'MIT' },
    machine: expect.stringMatching(/^linux\/(?:amd64|arm64)$/),
    committed: '2026-11-21T02:00:00.000Z',
    workspace: '/checkout',
    searchPath: '/bin',
    reportDirectory: '/temp',
  })
})

test('a licence that GitHub does not know is none, a time that is none neither', async () => {
  const environment = await read(
    { repository: { license: { spdx_id: 'NOASSERTION' } }, head_commit: { id: 'abc', timestamp: 'soon' } },
    { GITHUB_SHA: 'abc' },
  )
  expect(environment.about.license).toBe('')
  expect(environment.committed).toBe('')
  const other = { id: 'def', timestamp: '2026-11-21T03:00:00Z' }
  expect((await read({ head_commit: other }, { GITHUB_SHA: 'abc' })).committed).toBe('')
})

test('the folder of the report is relative to the workspace', async () => {
  expect((await read({}, { 'INPUT_REPORT-DIR': 'out/report' })).reportDirectory).toBe('/srv/job/out/report')
})

describe('pull requests', () => {
  const pull = (head: unknown) => ({
    pull_request: { number: 12, head: { repo: head }, base: { repo: { full_name: 'acme/api' } } },
  })
  test.each([
    ['own', pull({ full_name: 'Acme/api' }), { number: 12, fromFork: false }],
    ['of a fork', pull({ full_name: 'eve/api' }), { number: 12, fromFork: true }],
    ['of a deleted fork', pull(null), { number: 12, fromFork: true }],
    ['without an event', {}, { number: 7, fromFork: true }],
  ])('%s', async (_name, event, expected) => {
    const variables = { GITHUB_EVENT_NAME: 'pull_request_target', GITHUB_REF: 'refs/pull/7/merge' }
    expect((await read(event, variables)).pullRequest).toEqual(expected)
  })
})

test('an event that nobody can read is no guess', async () => {
  const file = join(folderWith({ event: '{"pull' }), 'event')
  await expect(readEnvironment({ GITHUB_EVENT_PATH: file }, '/srv/job')).rejects.toMatchObject({ code: 'INTERNAL' })
  await expect(readEnvironment({ GITHUB_EVENT_PATH: '/nowhere' }, '/srv/job')).resolves.toBeDefined()
})

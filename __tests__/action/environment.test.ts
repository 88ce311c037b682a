import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readEnvironment } from '../../src/action/environment.ts'
import { folderWith } from './given.ts'

async function read(event: unknown, variables: Readonly<Record<string, string>> = {}) {
  const file = join(folderWith({ event: JSON.stringify(event) }), 'event')
  return await readEnvironment({ GITHUB_EVENT_PATH: file, ...variables }, '/srv/job', new Date(0))
}

test('plain node has an environment too', async () => {
  expect(await readEnvironment({}, '/somewhere', new Date(0))).toEqual({
    event: '',
    ref: '',
    sha: '',
    begun: '1970-01-01T00:00:00.000Z',
    subject: { ref: '', sha: '', baseRef: '' },
    repository: '',
    serverUrl: 'https://github.com',
    defaultBranch: '',
    actor: '',
    attempt: 1,
    about: { title: '', description: '', url: '', license: '' },
    machine: expect.stringMatching(/^linux\/(?:amd64|arm64)$/),
    committed: '',
    system: expect.stringMatching(/^(?:linux|darwin)\/(?:amd64|arm64)$/),
    toolCache: '',
    workspace: '/somewhere',
    workflow: '',
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
      RUNNER_TOOL_CACHE: '/tools',
      PATH: '/bin',
    },
  )
  expect(environment).toEqual({
    event: 'push',
    ref: 'refs/heads/main',
    sha: 'abc',
    begun: '1970-01-01T00:00:00.000Z',
    subject: { ref: 'refs/heads/main', sha: 'abc', baseRef: '' },
    repository: 'acme/api',
    serverUrl: 'https://github.com',
    defaultBranch: 'main',
    actor: 'octocat',
    attempt: 1,
    about: { title: 'api', description: 'An API', url: 'https://github.com/acme/api', license: 'MIT' },
    machine: expect.stringMatching(/^linux\/(?:amd64|arm64)$/),
    committed: '2026-11-21T02:00:00.000Z',
    system: expect.stringMatching(/^(?:linux|darwin)\/(?:amd64|arm64)$/),
    toolCache: '/tools',
    workspace: '/checkout',
    workflow: '',
    searchPath: '/bin',
    reportDirectory: '/temp',
  })
})

test('a tool cache that is not absolute is none: the workspace is not to be trusted with tools', async () => {
  expect((await read({}, { RUNNER_TOOL_CACHE: 'tools' })).toolCache).toBe('')
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

test('a commit among those of a push tells its time', async () => {
  const commits = [
    { id: 'def', timestamp: '2026-11-20T03:00:00Z' },
    { id: 'abc', timestamp: '2026-11-21T03:00:00Z' },
    null,
  ]
  const head = { id: 'abc', timestamp: '2026-11-22T03:00:00Z' }
  const environment = await read({ commits, head_commit: head }, { GITHUB_SHA: 'abc' })
  expect(environment.committed).toBe('2026-11-21T03:00:00.000Z')
})

test('the run knows when it began', async () => {
  const before = Date.now()
  const { begun } = await readEnvironment({}, '/somewhere')
  expect(Date.parse(begun)).toBeGreaterThanOrEqual(before)
})

describe('names tell of', () => {
  const pull = { number: 12, pull_request: { number: 12, head: { sha: 'head' }, base: { ref: 'main' } } }
  const run = { GITHUB_REF: 'refs/heads/main', GITHUB_SHA: 'merge' }
  test.each([
    [
      'the merge of a pull request',
      pull,
      { GITHUB_EVENT_NAME: 'pull_request', GITHUB_REF: 'refs/pull/12/merge' },
      'refs/pull/12/merge merge main',
    ],
    [
      'the pull request and not its target',
      pull,
      { GITHUB_EVENT_NAME: 'pull_request_target' },
      'refs/pull/12/merge merge main',
    ],
    [
      'the head of a pull request, by the switch',
      pull,
      { GITHUB_EVENT_NAME: 'pull_request_target', DOCKER_METADATA_PR_HEAD_SHA: 'true' },
      'refs/pull/12/merge head main',
    ],
    [
      'the commit of a push, whatever the switch',
      {},
      { GITHUB_EVENT_NAME: 'push', DOCKER_METADATA_PR_HEAD_SHA: 'true' },
      'refs/heads/main merge ',
    ],
    [
      'the branch that a tag was pushed from',
      { base_ref: 'refs/heads/rel/1' },
      { GITHUB_EVENT_NAME: 'push', GITHUB_REF: 'refs/tags/v1' },
      'refs/tags/v1 merge rel/1',
    ],
  ])('%s', async (_name, event, variables, expected) => {
    const { subject, sha } = await read(event, { ...run, ...variables })
    expect(`${subject.ref} ${subject.sha} ${subject.baseRef}`).toBe(expected)
    expect(sha).toBe('merge')
  })
})

test('the folder of the report is relative to the workspace', async () => {
  expect((await read({}, { 'INPUT_REPORT-DIR': 'out/report' })).reportDirectory).toBe('/srv/job/out/report')
})

test.each([
  ['acme/api/.github/workflows/release.yml@refs/heads/main', '.github/workflows/release.yml'],
  ['acme/api/.github/workflows/a@b.yml@refs/tags/v1', '.github/workflows/a@b.yml'],
  ['acme/rules/.github/workflows/release.yml@refs/heads/main', ''],
  ['acme/api/../../etc/passwd@refs/heads/main', ''],
  ['', ''],
])('the workflow of %s is “%s” in this repository', async (ref, workflow) => {
  const environment = await read({}, { GITHUB_REPOSITORY: 'acme/api', GITHUB_WORKFLOW_REF: ref })
  expect(environment.workflow).toBe(workflow)
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

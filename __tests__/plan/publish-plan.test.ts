import { describe, expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import { parseRepository } from '../../src/image/reference.ts'
import { announce } from '../../src/plan/announce.ts'
import type { Environment } from '../../src/plan/environment.ts'
import { count, printPlan } from '../../src/plan/print.ts'
import { type Decided, decidePush, isDone, NOTHING_DECIDED, planPublish } from '../../src/plan/publish-plan.ts'
import type { PublishRequest } from '../../src/plan/request.ts'
import { PLAIN_FLAVOR } from '../../src/tags/flavor.ts'
import { GATE } from '../scan/world.ts'

const SUBJECT = { ref: 'refs/tags/v1.4.2', sha: '90dd6032fac8bda1b6c4436a2e65de27961ed071', baseRef: '' }
const ENVIRONMENT: Environment = {
  event: 'push',
  ref: SUBJECT.ref,
  sha: SUBJECT.sha,
  begun: '2026-02-03T04:05:06.789Z',
  subject: SUBJECT,
  repository: 'acme/api',
  serverUrl: 'https://github.com',
  defaultBranch: 'main',
  actor: 'somebody',
  attempt: 1,
  about: { title: 'api', description: '', url: '', license: '' },
  committed: '',
  machine: '',
  workflow: '',
  workspace: '/workspace',
  searchPath: '/bin',
  system: 'linux/amd64',
  toolCache: '',
  reportDirectory: '/reports',
}
const REQUEST: PublishRequest = {
  images: ['ghcr.io/acme/api', 'acme/api'].map(parseRepository),
  tags: [],
  flavor: PLAIN_FLAVOR,
  shortSha: 7,
  labels: [],
  labelsCompat: false,
  annotations: { own: [], places: [] },
  origin: {
    kind: 'build',
    context: '/workspace',
    file: '',
    target: '',
    platforms: ['linux/amd64', 'linux/arm64'],
    buildArgs: [],
    secrets: [],
    builder: '',
    buildkitImage: '',
    provenance: '',
  },
  gate: GATE,
  push: 'auto',
  dryRun: false,
  onRegistryFailure: 'abort',
  existingTag: 'auto',
  movingTags: 'forward',
  rateLimit: { rateLimit: 'fail', reserve: 0 },
  summary: true,
}
const NAMES = {
  version: '1.4.2',
  tags: [
    { tag: '1.4.2', kind: 'fixed' },
    { tag: 'latest', kind: 'moving' },
  ],
} as const
const digest = digestOf('the live one')

const plan = (
  live: ReadonlyMap<string, typeof digest | undefined> = new Map(),
  request = REQUEST,
  decided: Decided = NOTHING_DECIDED,
) => planPublish(request, ENVIRONMENT, NAMES, { live, decided })

describe('decidePush', () => {
  const fork = { number: 12, fromFork: true }
  const own = { number: 12, fromFork: false }
  test.each<[string, Partial<Environment>, boolean]>([
    ['a push', {}, true],
    ['a schedule', { event: 'schedule' }, true],
    ['a run by hand', { event: 'workflow_dispatch' }, true],
    ['a release', { event: 'release' }, true],
    ['a call from another workflow', { event: 'workflow_call' }, true],
    ['a pull request', { event: 'pull_request', pullRequest: own }, false],
    ['a pull request from a fork', { event: 'pull_request', pullRequest: fork }, false],
    ['a pull request with the base’s rights', { event: 'pull_request_target', pullRequest: own }, false],
    ['a review', { event: 'pull_request_review', pullRequest: own }, false],
    ['a comment of a review', { event: 'pull_request_review_comment', pullRequest: own }, false],
    ['a merge queue', { event: 'merge_group' }, false],
    ['a run about a fork’s pull request', { event: 'workflow_run', pullRequest: fork }, false],
    ['Dependabot', { actor: 'dependabot[bot]' }, false],
  ])('push: auto for %s', (_name, changed, wanted) => {
    const decision = decidePush(REQUEST, { ...ENVIRONMENT, ...changed })
    expect(decision.push).toBe(wanted)
    if (!decision.push) expect(decision.reason).not.toBe('')
  })

  test('push: true and false hold for every event', () => {
    const environment = { ...ENVIRONMENT, event: 'pull_request', pullRequest: fork }
    expect(decidePush({ ...REQUEST, push: 'yes' }, environment)).toEqual({ push: true })
    expect(decidePush({ ...REQUEST, push: 'no' }, ENVIRONMENT)).toEqual({ push: false, reason: 'push is false' })
  })
})

describe('planPublish', () => {
  const live = new Map([
    ['ghcr.io/acme/api:1.4.2', undefined],
    ['ghcr.io/acme/api:latest', digest],
  ])

  test('holds every name in every repository, and what it shows', () => {
    expect(
      plan(live).references.map(({ registry, path, tag, kind, before }) => [registry, path, tag, kind, before]),
    ).toEqual([
      ['ghcr.io', 'acme/api', '1.4.2', 'fixed', { kind: 'nothing' }],
      ['ghcr.io', 'acme/api', 'latest', 'moving', { kind: 'image', digest }],
      ['docker.io', 'acme/api', '1.4.2', 'fixed', { kind: 'unknown' }],
      ['docker.io', 'acme/api', 'latest', 'moving', { kind: 'unknown' }],
    ])
  })

  test('is plain data', () => {
    expect(JSON.parse(JSON.stringify(plan(live)))).toEqual(plan(live))
  })

  test('is done when every reference shows the image', () => {
    const all = new Map(
      ['ghcr.io', 'docker.io'].flatMap((host) =>
        ['1.4.2', 'latest'].map((tag) => [`${host}/acme/api:${tag}`, digest] as const),
      ),
    )
    expect(isDone(plan(all), digest)).toBe(true)
    expect(isDone(plan(all), undefined)).toBe(false)
    expect(isDone(plan(all), digestOf('another'))).toBe(false)
    expect(isDone(plan(live), digest)).toBe(false)
  })

  test('is done without the references that stay as they are, but not where none is to be written', () => {
    const shown = new Map(['ghcr.io', 'docker.io'].map((host) => [`${host}/acme/api:1.4.2`, digest] as const))
    const stays = (tags: readonly string[]): Decided => ({
      course: { kind: 'make' },
      intents: new Map(
        tags.flatMap((tag) =>
          ['ghcr.io', 'docker.io'].map((host) => [`${host}/acme/api:${tag}`, { kind: 'held', why: 'stays' }] as const),
        ),
      ),
    })
    expect(isDone(plan(shown, REQUEST, stays(['latest'])), digest)).toBe(true)
    expect(isDone(plan(shown, REQUEST, stays(['latest', '1.4.2'])), digest)).toBe(false)
  })

  test('is named by its repository on GitHub, else by the first image', () => {
    expect(plan().title).toBe('acme/api')
    const nowhere = { ...ENVIRONMENT, repository: '' }
    const images = [parseRepository('ghcr.io/other/name')]
    expect(
      planPublish({ ...REQUEST, images }, nowhere, NAMES, { live: new Map(), decided: NOTHING_DECIDED }).title,
    ).toBe('other/name')
  })

  test('of a finished layout knows no platforms', () => {
    expect(plan(new Map(), { ...REQUEST, origin: { kind: 'layout', path: '/layout' } })).toMatchObject({
      origin: 'layout',
      platforms: [],
    })
  })
})

describe('in print', () => {
  test('a run is announced with what it is about', () => {
    const request: PublishRequest = { ...REQUEST, tags: [{ type: 'preset', preset: 'version' }] }
    expect(announce('1.0.0', request, ENVIRONMENT)).toBe(
      'Lading 1.0.0: publish acme/api 1.4.2 (90dd603) for 2 platforms to 2 repositories',
    )
    const layout: PublishRequest = {
      ...request,
      images: request.images.slice(0, 1),
      origin: { kind: 'layout', path: '/layout' },
    }
    expect(announce('1.0.0', layout, { ...ENVIRONMENT, subject: { ...SUBJECT, sha: '' } })).toBe(
      'Lading 1.0.0: publish acme/api 1.4.2 from a finished layout to 1 repository',
    )
    const from = { registry: 'ghcr.io', path: 'acme/api', tag: 'rc' }
    const promotion: PublishRequest = { ...request, origin: { kind: 'registry', from, referrers: 'copied' } }
    expect(announce('1.0.0', promotion, ENVIRONMENT)).toBe(
      'Lading 1.0.0: promote ghcr.io/acme/api:rc to 1.4.2 in 2 repositories',
    )
  })

  test('the plan of an image that a registry has is a promotion', () => {
    const from = { registry: 'ghcr.io', path: 'acme/api', digest }
    const promotion: PublishRequest = { ...REQUEST, origin: { kind: 'registry', from, referrers: 'no' } }
    const facts = { live: new Map(), decided: NOTHING_DECIDED }
    const made = planPublish(promotion, ENVIRONMENT, { version: '1.4.2', tags: [] }, facts)
    expect(made).toMatchObject({ mode: 'promote', origin: 'registry', platforms: [] })
    expect(JSON.parse(JSON.stringify(made))).toEqual(made)
  })

  test('the plan is a line for each reference', () => {
    const live = new Map([
      ['ghcr.io/acme/api:1.4.2', digest],
      ['ghcr.io/acme/api:latest', digest],
      ['docker.io/acme/api:1.4.2', undefined],
    ])
    const short = digest.slice(7, 19)
    expect(printPlan(plan(live))).toEqual([
      'Plan',
      `  ghcr.io/acme/api:1.4.2     replaces ${short}, unless it is the same image`,
      `  ghcr.io/acme/api:latest    moves from ${short}`,
      '  docker.io/acme/api:1.4.2   new',
      '  docker.io/acme/api:latest  not looked at',
    ])
  })

  test('the plan knows what a finished layout will change', () => {
    const live = new Map([
      ['ghcr.io/acme/api:1.4.2', digest],
      ['ghcr.io/acme/api:latest', digestOf('another')],
    ])
    expect(printPlan(plan(live), digest).slice(1, 3)).toEqual([
      '  ghcr.io/acme/api:1.4.2     shows this image already',
      `  ghcr.io/acme/api:latest    moves from ${digestOf('another').slice(7, 19)}`,
    ])
  })

  test('a plan that pushes nothing says why', () => {
    const [head, ...lines] = printPlan(plan(new Map(), { ...REQUEST, push: 'no' }))
    expect(head).toBe('Plan: nothing is pushed, because push is false')
    expect(lines.every((line) => line.endsWith('would be written'))).toBe(true)
  })

  test.each([
    [1, '1 tag'],
    [2, '2 tags'],
    [0, '0 tags'],
  ])('count of %i', (number, text) => {
    expect(count(number, 'tag')).toBe(text)
  })
})

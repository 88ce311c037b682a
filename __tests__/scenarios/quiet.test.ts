import { describe, expect, test } from 'vitest'
import type { Event } from '../support/runner.ts'
import { fakeTrivy, TRIVY } from './programs.ts'
import {
  expectGreen,
  guardedRegistry,
  layout,
  login,
  messagesOf,
  registry,
  runner,
  tagsOf,
  unscanned,
} from './stage.ts'

const PULL = { name: 'pull_request', ref: 'refs/pull/7/merge' } as const
const repo = (name: string) => ({ repo: { full_name: name } })

/** The event of a pull request from this repository. */
function pullFrom(name: string): object {
  return {
    repository: { full_name: 'acme/api' },
    pull_request: { number: 7, head: repo(name), base: repo('acme/api') },
  }
}

describe('nothing is pushed and no registry is asked', () => {
  test.each<[what: string, inputs: Readonly<Record<string, string>>, event: Event, reason: string]>([
    ['with `push: false`', { push: 'false' }, {}, 'push is false'],
    ['from a pull request', {}, { ...PULL, payload: pullFrom('acme/api') }, 'pull_request'],
    ['from a fork', {}, { ...PULL, payload: pullFrom('stranger/api') }, 'fork'],
    [
      'from a fork that is gone',
      {},
      { ...PULL, payload: { pull_request: { number: 7, head: { repo: null } } } },
      'fork',
    ],
    ['from a merge queue', {}, { name: 'merge_group', ref: 'refs/heads/gh-readonly-queue/main/pr-7' }, 'merge_group'],
    ['by Dependabot', {}, { actor: 'dependabot[bot]', ref: 'refs/heads/dependabot/npm/x' }, 'Dependabot'],
  ])('%s', async (_what, inputs, event, reason) => {
    const on = await runner()
    const one = await guardedRegistry('secret')
    const image = await layout(on)
    await fakeTrivy(on)
    const end = await on.step({
      inputs: { ...TRIVY, images: `${one.host}/acme/api`, layout: 'layout', ...inputs },
      event,
    })
    expectGreen(end)
    expect(one.requests).toEqual([])
    expect(end.main.report).toMatchObject({ result: 'not-pushed', scan: { result: 'clean' } })
    expect(end.main.report?.reason).toContain(reason)
    expect(messagesOf(end.main.log, 'notice').join()).toContain(reason)
    expect(end.main.outputs).toMatchObject({
      digest: image.root.digest,
      published: 'false',
      pushed: '[]',
      'image-refs': '',
      'tag-refs': '',
      subjects: '[]',
    })
    expect(end.main.summary.replaceAll('&#95;', '_')).toContain(reason)
  })
})

test('secrets that a fork does not get are a notice, and the build goes on', async () => {
  const on = await runner()
  const one = await guardedRegistry('secret')
  await layout(on)
  const inputs = { ...unscanned(`${one.host}/acme/api`), 'registry-auth': login(one.host, '') }
  const end = await on.step({ inputs, event: { ...PULL, payload: pullFrom('stranger/api') } })
  expectGreen(end)
  expect(messagesOf(end.main.log, 'notice').join()).toContain('without a login')
})

test('`push: true` pushes from a pull request too', async () => {
  const on = await runner()
  const one = await registry()
  await layout(on)
  const inputs = { ...unscanned(`${one.host}/acme/api`), push: 'true' }
  const end = await on.step({ inputs, event: { ...PULL, payload: pullFrom('acme/api') } })
  expectGreen(end)
  expect(Object.keys(tagsOf(one, 'acme/api'))).toContain('pr-7')
})

test('a dry run writes nothing, and plans every reference with what it shows and will show', async () => {
  const on = await runner()
  const one = await registry()
  const old = one.put('acme/api', { manifest: { schemaVersion: 2 }, tag: 'latest' })
  const image = await layout(on)
  const inputs = { ...unscanned(`${one.host}/acme/api`), 'dry-run': 'true', tags: 'version,latest' }
  const end = await on.step({ inputs })
  expectGreen(end)
  expect(one.writes()).toEqual([])
  expect(tagsOf(one, 'acme/api')).toEqual({ latest: old })
  expect(end.main.report?.result).toBe('dry-run')
  expect(end.main.report?.references).toMatchObject([
    { outcome: 'planned', before: null, digest: image.root.digest, kind: 'fixed' },
    { outcome: 'planned', before: old, digest: image.root.digest, kind: 'moving' },
  ])
  expect(end.main.outputs).toMatchObject({ published: 'false', pushed: '[]', 'tag-refs': '' })
})

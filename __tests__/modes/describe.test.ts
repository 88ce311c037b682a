import { describe, expect, test } from 'vitest'
import { type Asking, NOW, orderedBuild } from './given-run.ts'

const COMMITTED = '2026-11-20T10:00:00.000Z'
const EVENT = { committed: COMMITTED }
const key = (name: string) => `org.opencontainers.image.${name}`

/** Somebody who knows, and who is not asked more than that. */
function knowing(answers: Partial<Asking> = {}): Asking & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    facts: () => {
      asked.push('facts')
      return answers.facts?.() ?? Promise.resolve(undefined)
    },
    committed: (commit) => {
      asked.push(commit.slice(0, 7))
      return answers.committed?.(commit) ?? Promise.resolve(undefined)
    },
  }
}

describe('labels', () => {
  test('tell of repository, commit and version; own ones win, with their expressions replaced', async () => {
    const inputs = { labels: `${key('title')}=Mine on {{branch}}\nsha={{sha}}\nat={{commit_date 'YYYY-MM-DD'}}` }
    const { order, run, notices } = await orderedBuild({ inputs, environment: EVENT })
    expect(order.labels).toEqual({
      at: '2026-11-20',
      [key('created')]: COMMITTED,
      [key('description')]: '',
      [key('licenses')]: '',
      [key('revision')]: '90dd603000000000000000000000000000000000',
      [key('source')]: 'https://github.com/acme/api',
      [key('title')]: 'Mine on main',
      [key('url')]: '',
      [key('version')]: '1.2.3',
      sha: '90dd603',
    })
    expect(run.facts.labels).toEqual(order.labels)
    expect(notices).toEqual([])
  })

  test('of older tools are written where they are asked for, under own ones', async () => {
    const inputs = { 'labels-compat': 'true', labels: 'vcs.ref=mine' }
    const { order } = await orderedBuild({ inputs, environment: EVENT })
    expect(order.labels).toMatchObject({ version: '1.2.3', 'build.date': COMMITTED, 'vcs.ref': 'mine' })
    const { order: without } = await orderedBuild({ environment: EVENT })
    expect(Object.keys(without.labels).filter((name) => !name.startsWith('org.'))).toEqual([])
    expect(Object.keys(order.annotations).filter((name) => /:(?:version|build\.date|vcs\.ref)$/.test(name))).toEqual([])
  })

  test('of a run that nobody knows anything about are empty', async () => {
    const { order } = await orderedBuild({ environment: { repository: '', sha: '', committed: COMMITTED } })
    expect(order.labels).toMatchObject({ [key('source')]: '', [key('revision')]: '' })
  })
})

describe('what the event does not tell', () => {
  test('nobody is asked when it tells all', async () => {
    const asking = knowing()
    await orderedBuild({ environment: EVENT, asking })
    expect(asking.asked).toEqual([])
  })

  test('the repository is asked for when the event does not know it', async () => {
    const names = { title: 'api', description: 'An API', url: 'https://x/acme/api', license: 'MIT' }
    const about = { ...names, defaultBranch: 'main' }
    const asking = knowing({ facts: async () => about })
    const { order } = await orderedBuild({ environment: { ...EVENT, defaultBranch: '' }, asking })
    expect(new Set(asking.asked)).toEqual(new Set(['facts']))
    expect(order.labels).toMatchObject({ [key('description')]: 'An API', [key('licenses')]: 'MIT' })
  })

  test('the date of the commit is asked for, and then no guess', async () => {
    const asking = knowing({ committed: async () => new Date('2026-11-19T08:00:00Z') })
    const { order, notices } = await orderedBuild({ inputs: { labels: "at={{commit_date 'D'}}" }, asking })
    expect(asking.asked).toEqual(['90dd603'])
    expect(order.labels).toMatchObject({ [key('created')]: '2026-11-19T08:00:00.000Z', at: '19' })
    expect(notices).toEqual([])
  })

  test('a date that nobody knows is guessed aloud', async () => {
    const { order, notices } = await orderedBuild({ asking: knowing() })
    expect(order.labels[key('created')]).toBe(NOW.toISOString())
    expect(notices).toEqual([expect.stringContaining('date of the commit is not known')])
  })
})

describe('annotations', () => {
  test('stand at the manifest alone when there is no index; what was asked for at the index is told', async () => {
    const inputs = { annotations: 'index:a=1' }
    const { order, run, notices } = await orderedBuild({ inputs, environment: EVENT })
    expect(Object.keys(order.annotations).every((name) => name.startsWith('manifest:'))).toBe(true)
    expect(order.annotations).toMatchObject({ [`manifest:${key('version')}`]: '1.2.3' })
    expect(run.facts.annotations).not.toHaveProperty(['manifest:io.github.lading.request'])
    expect(notices).toEqual([expect.stringMatching(/single manifest.*`index:`/)])
  })

  test('stand at the index too when there is one, and the hash of the request with them', async () => {
    const inputs = { platforms: 'linux/amd64,linux/arm64' }
    const { order, notices } = await orderedBuild({ inputs, environment: EVENT })
    for (const level of ['manifest', 'index']) {
      expect(order.annotations).toMatchObject({
        [`${level}:${key('revision')}`]: '90dd603000000000000000000000000000000000',
        [`${level}:io.github.lading.request`]: order.hash,
      })
    }
    expect(notices).toEqual([])
  })

  test('obey the switch of metadata-action, which the hash does not', async () => {
    const { order } = await orderedBuild({
      inputs: { provenance: 'true' },
      environment: EVENT,
      variables: { DOCKER_METADATA_ANNOTATIONS_LEVELS: 'index' },
    })
    expect(Object.keys(order.annotations).filter((name) => name.startsWith('manifest:'))).toEqual([
      'manifest:io.github.lading.request',
    ])
    expect(order.annotations).toHaveProperty([`index:${key('title')}`])
  })
})

describe('build arguments', () => {
  const buildArgs = "BRANCH={{branch}}\nBUILT={{date 'YYYY-MM-DD'}}\nPLAIN"

  test('have their expressions replaced', async () => {
    const { order } = await orderedBuild({ inputs: { 'build-args': buildArgs }, environment: EVENT })
    expect(order.build.buildArgs).toEqual(['BRANCH=main', 'BUILT=2026-11-21', 'PLAIN'])
  })

  test('make another request when they differ, but not by the day on which they are asked for', async () => {
    const given = { inputs: { 'build-args': buildArgs }, environment: { ...EVENT, workspace: '/nowhere' } }
    const remote = { ...given.inputs, context: 'https://github.com/acme/api.git#1' }
    const hash = async (change: object, now = NOW) =>
      (await orderedBuild({ ...given, inputs: remote, ...change, now })).order.hash
    const tomorrow = new Date(NOW.getTime() + 86_400_000)
    expect(await hash({}, tomorrow)).toBe(await hash({}))
    expect(
      await hash({ environment: { ...given.environment, subject: { ref: 'refs/heads/dev', sha: '', baseRef: '' } } }),
    ).not.toBe(await hash({}))
    expect(await hash({ inputs: { ...remote, target: 'x' } })).not.toBe(await hash({}))
  })
})

describe('expressions', () => {
  test('know the default branch from the repository where the event does not tell it', async () => {
    const names = { title: 'api', description: '', url: '', license: '' }
    const asking = knowing({ facts: async () => ({ ...names, defaultBranch: 'main' }) })
    const inputs = { labels: 'default={{is_default_branch}}' }
    const { order } = await orderedBuild({ inputs, environment: { ...EVENT, defaultBranch: '' }, asking })
    expect(order.labels['default']).toBe('true')
  })

  test('know the date of the commit from the history where a name tells it', async () => {
    const asking = knowing({ committed: async () => new Date('2026-11-19T08:00:00Z') })
    const inputs = { tags: "type=raw,value={{commit_date 'YYYYMMDD'}}" }
    const { order } = await orderedBuild({ inputs, environment: { committed: '' }, asking })
    expect(order.labels[key('created')]).toBe('2026-11-19T08:00:00.000Z')
  })
})

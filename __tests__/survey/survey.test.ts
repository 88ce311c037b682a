import { describe, expect, test } from 'vitest'
import type { PullLimit, PushRight } from '../../src/edges.ts'
import { LadingError } from '../../src/error.ts'
import { digestOf } from '../../src/image/digest.ts'
import { checkPullLimit, checkRights, lookAtTags, type PullQuestion, type Site } from '../../src/survey/survey.ts'

const limit = (remaining: number, more: Partial<PullLimit> = {}): PullLimit => ({
  limit: 100,
  remaining,
  windowSeconds: 21_600,
  source: '203.0.113.7',
  ...more,
})

function question(remaining: number, more: Partial<PullQuestion> = {}): PullQuestion {
  return {
    needed: 4,
    images: ['node:22', 'nginx:1.27'],
    policy: 'fail',
    reserve: 0,
    username: '',
    now: new Date('2026-11-21T08:20:00Z'),
    ask: async () => limit(remaining),
    ...more,
  }
}

async function refusalOf(asked: PullQuestion): Promise<LadingError | undefined> {
  const answer = await checkPullLimit(asked)
  return answer.kind === 'exhausted' ? answer.error : undefined
}

describe('checkPullLimit', () => {
  test.each<[string, PullQuestion, string]>([
    ['more than enough', question(76), 'enough'],
    ['just enough', question(4), 'enough'],
    ['just enough beyond the reserve', question(14, { reserve: 10 }), 'enough'],
    ['fewer than needed', question(3), 'warning'],
    ['fewer than needed beyond the reserve', question(13, { reserve: 10 }), 'warning'],
    ['fewer than needed, when strict', question(3, { policy: 'strict' }), 'exhausted'],
    ['none', question(0), 'exhausted'],
    ['none beyond the reserve', question(10, { reserve: 10 }), 'exhausted'],
    ['less than the reserve', question(5, { reserve: 10 }), 'exhausted'],
    ['none, when it is only to warn', question(0, { policy: 'warn' }), 'warning'],
    ['none, when it is off', question(0, { policy: 'off' }), 'free'],
    ['none, when none is needed', question(0, { needed: 0 }), 'free'],
    ['no limit', question(0, { ask: async () => undefined }), 'free'],
    [
      'a limit that cannot be asked',
      question(0, { ask: async () => Promise.reject(new Error('no route')) }),
      'unknown',
    ],
    [
      'a limit that cannot be asked, when strict',
      question(0, { policy: 'strict', ask: async () => Promise.reject(new Error('no route')) }),
      'unknown',
    ],
  ])('%s', async (_name, asked, wanted) => {
    expect(await checkPullLimit(asked)).toMatchObject({ kind: wanted })
  })

  test('asks nothing when nothing is pulled, or when it is off', async () => {
    const ask = () => Promise.reject(new Error('asked'))
    expect(await checkPullLimit(question(0, { ask, needed: 0 }))).toEqual({ kind: 'free' })
    expect(await checkPullLimit(question(0, { ask, policy: 'off' }))).toEqual({ kind: 'free' })
  })

  test('tells who is counted, what is needed, when it refills and what helps', async () => {
    await expect(refusalOf(question(0))).resolves.toMatchObject({
      code: 'RATE_LIMITED',
      message:
        "Docker Hub: 0 of 100 pulls left for this runner's address 203.0.113.7 (not signed in); 4 may be needed (node:22, nginx:1.27). It refills within 6 h, by 14:20 UTC",
      hint: expect.stringContaining('Sign in for pulls'),
    })
    await expect(refusalOf(question(2, { username: 'acme', reserve: 2 }))).resolves.toMatchObject({
      message: expect.stringContaining(
        '2 of 100 pulls left for “acme” (counted as 203.0.113.7) (2 are kept for others)',
      ),
      hint: expect.stringContaining('higher limit'),
    })
  })

  test('tells no numbers that the registry did not tell', async () => {
    const ask = async () => limit(0, { limit: 0, windowSeconds: 0, source: '' })
    expect((await refusalOf(question(0, { ask })))?.message).toBe(
      "Docker Hub: 0 pulls left for this runner's address (not signed in); 4 may be needed (node:22, nginx:1.27)",
    )
  })

  test('says why a limit cannot be asked', async () => {
    const ask = () => Promise.reject(new Error('auth.docker.io: no such host'))
    expect(await checkPullLimit(question(0, { ask }))).toEqual({
      kind: 'unknown',
      message: "Docker Hub's pull limit could not be asked: auth.docker.io: no such host",
    })
  })
})

const imageOf = (name: string) => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: digestOf(name),
  size: 1,
})

function site(
  name: string,
  right: PushRight | Error = { granted: true, shownBy: 'token' },
  tags = ['1.0', 'latest'],
): Site {
  return {
    name,
    tags,
    lookUp: async (tag) => (tag === 'latest' ? imageOf(name) : undefined),
    pushRight: async () => (right instanceof Error ? Promise.reject(right) : right),
  }
}

const refused = (code: 'PUSH_DENIED' | 'LOGIN_FAILED', why: string): PushRight => ({
  granted: false,
  code,
  why,
  hint: `hint for ${why}`,
})

describe('checkRights', () => {
  test('passes when every site grants', async () => {
    await checkRights([site('one'), site('two', { granted: true, shownBy: 'session' })])
    await checkRights([])
  })

  test('throws what the first refusing site says, and names the others', async () => {
    const sites = [
      site('one'),
      site('two', refused('PUSH_DENIED', 'two says no')),
      site('three', refused('LOGIN_FAILED', 'three too')),
    ]
    await expect(checkRights(sites)).rejects.toMatchObject({
      code: 'PUSH_DENIED',
      message: 'two says no; three too',
      hint: 'hint for two says no',
    })
  })

  test('throws what could not be asked', async () => {
    const sites = [
      site('one', refused('PUSH_DENIED', 'no')),
      site('two', new LadingError('REGISTRY_UNREACHABLE', 'gone')),
    ]
    await expect(checkRights(sites)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
  })
})

describe('lookAtTags', () => {
  test('tells what every tag of every site shows', async () => {
    const sights = await lookAtTags([site('one'), site('two')])
    expect(sights.map(({ site: { name }, live }) => [name, [...live]])).toEqual([
      [
        'one',
        [
          ['1.0', undefined],
          ['latest', imageOf('one')],
        ],
      ],
      [
        'two',
        [
          ['1.0', undefined],
          ['latest', imageOf('two')],
        ],
      ],
    ])
  })

  test('waits for all before it throws the first trouble', async () => {
    let ended = false
    const slow = {
      ...site('slow'),
      lookUp: async () =>
        new Promise<undefined>((resolve) =>
          setImmediate(() => {
            ended = true
            resolve(undefined)
          }),
        ),
    }
    const broken = { ...site('broken'), lookUp: () => Promise.reject(new LadingError('TLS_FAILED', 'no')) }
    await expect(lookAtTags([broken, slow])).rejects.toMatchObject({ code: 'TLS_FAILED' })
    expect(ended).toBe(true)
  })
})

import { describe, expect, test } from 'vitest'
import { connected } from '../support/client.ts'
import type { Fault } from '../support/registry/fault.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'

const MANY = { limit: 10_000 }
const TOKENS = { kind: 'token', users: { user: { password: 'pass-word' } } } as const

function put(registry: InProcessRegistry, tags: readonly string[]): void {
  for (const tag of tags) registry.put('acme/api', { manifest: { schemaVersion: 2 }, tag })
}

function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `1.0.${String(at).padStart(4, '0')}`)
}

/** Answers with a page as it stands; `next` is its `Link`. */
function page(tags: unknown, next?: string, when: Fault['when'] = 'always'): Fault {
  const headers = next === undefined ? {} : { link: next }
  return { step: 'tags', when, effect: { kind: 'status', status: 200, headers, body: { name: 'acme/api', tags } } }
}

function pages(...made: readonly (readonly [unknown, string?])[]): readonly Fault[] {
  return made.map(([tags, next], at) => page(tags, next, { nth: at + 1 }))
}

function queries(registry: InProcessRegistry): readonly string[] {
  return registry.requests.filter(({ step }) => step === 'tags').map(({ path }) => new URL(path, 'http://x').search)
}

describe('the list of tags', () => {
  test('is read along its pages, a thousand tags at a time', async () => {
    const tags = numbered(2345)
    const { registry, remote } = await connected()
    put(registry, tags)
    expect(await remote.listTags(MANY)).toEqual({ tags, isWhole: true })
    expect(queries(registry)).toEqual(['?n=1000', '?last=1.0.0999&n=1000', '?last=1.0.1999&n=1000'])
  })

  test('of a registry with smaller pages is read to its end', async () => {
    const { registry, remote } = await connected({ pageSize: 2 })
    put(registry, numbered(5))
    expect(await remote.listTags(MANY)).toEqual({ tags: numbered(5), isWhole: true })
    expect(queries(registry)).toHaveLength(3)
  })

  test('is cut off at the limit, and says so', async () => {
    const { registry, remote, client } = await connected()
    put(registry, numbered(5))
    expect(await remote.listTags({ limit: 3 })).toEqual({ tags: numbered(3), isWhole: false })
    expect(queries(registry)).toEqual(['?n=3'])
    expect(client.debug.join('\n')).toContain('is cut off: there are more than were asked for')
    expect(await remote.listTags({ limit: 5 })).toEqual({ tags: numbered(5), isWhole: true })
  })

  test('is cut off at the limit also when the registry gives more than it was asked for', async () => {
    const { remote } = await connected({ faults: [page(['a', 'b', 'c'])] })
    expect(await remote.listTags({ limit: 2 })).toEqual({ tags: ['a', 'b'], isWhole: false })
  })

  test('of a repository that is not there is empty', async () => {
    const { remote } = await connected()
    expect(await remote.listTags(MANY)).toEqual({ tags: [], isWhole: true })
  })

  test('is asked for with a token, and again when the registry is busy', async () => {
    const busy: Fault = { step: 'tags', when: { first: 1 }, effect: { kind: 'status', status: 503 } }
    const { registry, remote, client } = await connected({ auth: TOKENS, pageSize: 1, faults: [busy] })
    put(registry, ['a', 'b'])
    expect(await remote.listTags(MANY)).toEqual({ tags: ['a', 'b'], isWhole: true })
    expect(client.waits).toHaveLength(1)
    expect(registry.requests.filter(({ step }) => step === 'token')).toHaveLength(1)
  })

  test('is asked for with a new token when the first one ends between two pages', async () => {
    const expire: Fault = { step: 'tags', when: { nth: 3 }, beforeAuth: true, effect: { kind: 'expire-tokens' } }
    const { registry, remote } = await connected({ auth: TOKENS, pageSize: 1, faults: [expire] })
    put(registry, ['a', 'b', 'c'])
    expect((await remote.listTags(MANY)).tags).toEqual(['a', 'b', 'c'])
    expect(registry.requests.filter(({ step }) => step === 'token')).toHaveLength(2)
  })
})

describe('the next page', () => {
  test.each<readonly [string, (registry: InProcessRegistry) => string]>([
    ['relative', () => '</v2/acme/api/tags/list?last=a>; rel="next"'],
    ['a query alone', () => '<?last=a>; rel="next"'],
    ['without quotes', () => '</v2/acme/api/tags/list?last=a>;rel=next'],
    ['absolute', ({ url }) => `<${url.origin}/v2/acme/api/tags/list?last=a>; rel="next"`],
    [
      'on another port of the host, as behind a proxy',
      () => '<http://127.0.0.1/v2/acme/api/tags/list?last=a>; rel="next"',
    ],
    [
      'with another scheme, as behind a proxy',
      ({ host }) => `<https://${host}/v2/acme/api/tags/list?last=a>; rel="next"`,
    ],
  ])('is followed where it stands as %s', async (_name, link) => {
    const { registry, remote } = await connected({ auth: TOKENS })
    registry.fail(page(['a'], link(registry), { nth: 1 }))
    registry.fail(page(['b'], undefined, { nth: 2 }))
    expect(await remote.listTags(MANY)).toEqual({ tags: ['a', 'b'], isWhole: true })
    expect(queries(registry).at(-1)).toBe('?last=a')
  })

  test.each([
    ['another host', 'http://storage.example/v2/acme/api/tags/list?last=a'],
    ['another name of this machine', 'http://localhost/v2/acme/api/tags/list?last=a'],
    ['no web address', 'file:///etc/passwd'],
    ['what cannot be an address', 'http://['],
  ])('at %s is not asked for', async (_name, target) => {
    const { registry, remote, client } = await connected({ faults: [page(['a'], `<${target}>; rel="next"`)] })
    expect(await remote.listTags(MANY)).toEqual({ tags: ['a'], isWhole: false })
    expect(queries(registry)).toHaveLength(1)
    expect(client.debug.join('\n')).toContain('another host')
  })

  test('that was asked for already ends the list', async () => {
    const round = '</v2/acme/api/tags/list?n=1000>; rel="next"'
    const { registry, remote } = await connected({ faults: [page(['a'], round)] })
    expect(await remote.listTags(MANY)).toEqual({ tags: ['a'], isWhole: false })
    expect(queries(registry)).toHaveLength(1)
  })

  test('that brings nothing new ends the list, though its address is new', async () => {
    let at = 0
    const { registry, remote } = await connected()
    for (; at < 5; at += 1) registry.fail(page(['a', 'b'], `<?page=${at}>; rel="next"`, { nth: at + 1 }))
    expect(await remote.listTags(MANY)).toEqual({ tags: ['a', 'b'], isWhole: false })
    expect(queries(registry)).toHaveLength(2)
  })

  test('that is empty is passed over', async () => {
    const faults = pages([['a'], '<?page=2>; rel="next"'], [[], '<?page=3>; rel="next"'], [['b']])
    const { remote } = await connected({ faults })
    expect(await remote.listTags(MANY)).toEqual({ tags: ['a', 'b'], isWhole: true })
  })

  test('is asked for two hundred times at the most', async () => {
    const faults = Array.from({ length: 300 }, (_, at) => page([`t${at}`], `<?p=${at}>; rel="next"`, { nth: at + 1 }))
    const { registry, remote } = await connected({ faults })
    const { tags, isWhole } = await remote.listTags(MANY)
    expect(tags).toHaveLength(200)
    expect(isWhole).toBe(false)
    expect(queries(registry)).toHaveLength(200)
  })

  test('that is gone leaves the list incomplete', async () => {
    const gone: Fault = { step: 'tags', when: { nth: 2 }, effect: { kind: 'status', status: 404 } }
    const { remote } = await connected({ faults: [page(['a'], '<?last=a>; rel="next"', { nth: 1 }), gone] })
    expect(await remote.listTags(MANY)).toEqual({ tags: ['a'], isWhole: false })
  })
})

describe('row 19: an odd list', () => {
  test.each<readonly [string, unknown, readonly string[]]>([
    ['null in place of tags (Nexus, skopeo#2409)', null, []],
    ['no tags at all', undefined, []],
    ['digests as tags (Artifactory, skopeo#2346)', [`sha256:${'0'.repeat(64)}`, '1.0'], ['1.0']],
    [
      'names that are no tags',
      ['', '.hidden', '-dash', 'a b', 'a/b', 'x'.repeat(129), 'a\n::error::b', '1.0'],
      ['1.0'],
    ],
    ['what is no text', [1, null, { a: 1 }, ['1.0'], '1.0'], ['1.0']],
    ['a tag twice', ['1.0', '1.0'], ['1.0']],
    ['tags in no order (Harbor, Quay)', ['2.0', 'latest', '1.0'], ['2.0', 'latest', '1.0']],
  ])('with %s is read', async (_name, tags, read) => {
    const { remote } = await connected({ faults: [page(tags)] })
    expect(await remote.listTags(MANY)).toEqual({ tags: read, isWhole: true })
  })

  test('of digests, page after page, is no circle (Artifactory)', async () => {
    const digest = `sha256:${'0'.repeat(64)}`
    const { remote } = await connected({
      faults: pages([[digest], '<?p=2>; rel="next"'], [[digest], '<?p=3>; rel="next"'], [['1.0']]),
    })
    expect(await remote.listTags(MANY)).toEqual({ tags: ['1.0'], isWhole: true })
  })

  test('that refuses more than a thousand at a time is never asked for more (ECR, ggcr#681)', async () => {
    const { registry, remote } = await connected()
    put(registry, ['a'])
    await remote.listTags({ limit: 1_000_000 })
    expect(queries(registry)).toEqual(['?n=1000'])
  })

  test('of a registry that takes no such number is asked for without one (distribution)', async () => {
    const refusal = { errors: [{ code: 'PAGINATION_NUMBER_INVALID', message: 'invalid number of results requested' }] }
    const effect = { kind: 'status', status: 400, body: refusal } as const
    const { registry, remote } = await connected({ faults: [{ step: 'tags', when: { first: 1 }, effect }] })
    put(registry, ['a', 'b'])
    expect(await remote.listTags(MANY)).toEqual({ tags: ['a', 'b'], isWhole: true })
    expect(queries(registry)).toEqual(['?n=1000', ''])
  })

  test('that goes on with a number of none is followed as it says (GHCR)', async () => {
    const faults = pages([['a'], '</v2/acme/api/tags/list?last=a&n=0>; rel="next"'], [['b']])
    const { registry, remote } = await connected({ faults })
    expect((await remote.listTags(MANY)).tags).toEqual(['a', 'b'])
    expect(queries(registry).at(-1)).toBe('?last=a&n=0')
  })

  test('that knows only its own word for the next page is followed by that (Quay, regclient#272)', async () => {
    const faults = pages([['b'], '</v2/acme/api/tags/list?n=50&next_page=gAAAA%3D%3D>; rel="next"'], [['a']])
    const { registry, remote } = await connected({ faults })
    expect((await remote.listTags(MANY)).tags).toEqual(['b', 'a'])
    expect(queries(registry).at(-1)).toBe('?n=50&next_page=gAAAA%3D%3D')
  })

  test('all at once, whatever was asked for, is read (Docker Hub)', async () => {
    const { registry, remote } = await connected({ faults: [page(numbered(3000))] })
    expect(await remote.listTags(MANY)).toEqual({ tags: numbered(3000), isWhole: true })
    expect(queries(registry)).toHaveLength(1)
  })
})

describe('a list that is refused or no list', () => {
  const told = (status: number, body: string | object): Fault => ({
    step: 'tags',
    effect: { kind: 'status', status, body },
  })
  const denied = { errors: [{ code: 'DENIED', message: 'not authorized to perform: ecr:ListImages' }] }

  test.each<readonly [string, Fault, string, string]>([
    ['a login without the right (ECR)', told(403, denied), 'LOGIN_FAILED', 'ecr:ListImages'],
    ['no such question', told(405, {}), 'REGISTRY_UNREACHABLE', '405'],
    ['a web page', { step: 'tags', effect: { kind: 'html' } }, 'REGISTRY_UNREACHABLE', 'no list of tags'],
    ['half of an answer', told(200, '{"tags":["a"'), 'REGISTRY_UNREACHABLE', 'no list of tags'],
    ['a list in place of an object', told(200, '["a"]'), 'REGISTRY_UNREACHABLE', 'no list of tags'],
    ['an object in place of a list', told(200, { tags: { a: 1 } }), 'REGISTRY_UNREACHABLE', 'no list of tags'],
    ['a page without an end', told(200, 'x'.repeat(9_000_000)), 'CONTENT_INVALID', 'larger than'],
  ])('%s throws', async (_name, fault, code, words) => {
    const { remote } = await connected({ faults: [fault] })
    await expect(remote.listTags(MANY)).rejects.toMatchObject({ code, message: expect.stringContaining(words) })
  })

  test('a step that is cancelled asks for no more pages', async () => {
    const ending = new AbortController()
    const { registry, remote } = await connected(
      { pageSize: 1 },
      {
        signal: ending.signal,
        around: (send) => async (request) => {
          const response = await send(request)
          ending.abort(new Error('over'))
          return response
        },
      },
    )
    put(registry, ['a', 'b', 'c'])
    await expect(remote.listTags(MANY)).rejects.toThrow()
    expect(queries(registry).length).toBeLessThan(3)
  })
})

import { describe, expect, test } from 'vitest'
import { connected } from '../support/client.ts'
import type { Fault } from '../support/registry/fault.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'

const MANY = { limit: 10_000 }
const users = { user: { password: 'pass-word' } }

function create(registry: InProcessRegistry, paths: readonly string[]): void {
  for (const path of paths) registry.create(path)
}

function queries(registry: InProcessRegistry): readonly string[] {
  return registry.requests.filter(({ step }) => step === 'catalog').map(({ path }) => new URL(path, 'http://x').search)
}

describe('the list of repositories', () => {
  test('is read along its pages, with a token for it', async () => {
    const { registry, remote } = await connected({ pageSize: 2, auth: { kind: 'token', users } })
    create(registry, ['a', 'b/c', 'd', 'e', 'f'])
    expect(await remote.catalog(MANY)).toEqual({ repositories: ['a', 'b/c', 'd', 'e', 'f'], isWhole: true })
    expect(queries(registry).at(-1)).toBe('?last=e&n=2')
    const scopes = registry.requests.filter(({ step }) => step === 'token').map(({ path }) => path)
    expect(scopes).toHaveLength(1)
    expect(scopes[0]).toContain(`scope=${encodeURIComponent('registry:catalog:*')}`)
  })

  test('holds those that match, and its limit counts them alone', async () => {
    const { registry, remote } = await connected()
    create(registry, ['acme/a', 'acme/b', 'other/c', 'zeta/d'])
    const match = (path: string) => path.startsWith('acme/') || path.startsWith('zeta/')
    expect(await remote.catalog({ limit: 3, match })).toEqual({
      repositories: ['acme/a', 'acme/b', 'zeta/d'],
      isWhole: true,
    })
    expect(await remote.catalog({ limit: 2, match })).toEqual({ repositories: ['acme/a', 'acme/b'], isWhole: false })
  })

  test('of a registry that takes no such number is asked for without one', async () => {
    const fault: Fault = { step: 'catalog', when: { first: 1 }, effect: { kind: 'status', status: 400 } }
    const { registry, remote } = await connected({ faults: [fault] })
    create(registry, ['a'])
    expect((await remote.catalog(MANY)).repositories).toEqual(['a'])
    expect(queries(registry)).toEqual(['?n=1000', ''])
  })

  test('passes over what is no name of a repository', async () => {
    const repositories = ['a', 'B', '../x', 'a\n::error::b', '', 'a/', 1, 'x'.repeat(300)]
    const { remote } = await connected({
      faults: [{ step: 'catalog', effect: { kind: 'json', set: { repositories } } }],
    })
    expect(await remote.catalog(MANY)).toEqual({ repositories: ['a'], isWhole: true })
  })

  test.each<readonly [string, number, string]>([
    ['that is not there', 404, 'REGISTRY_UNREACHABLE'],
    ['that this login may not see', 403, 'LOGIN_FAILED'],
    ['that is unsupported', 405, 'REGISTRY_UNREACHABLE'],
  ])('%s is an error with a remedy, and no empty registry', async (_name, status, code) => {
    const { remote } = await connected({ faults: [{ step: 'catalog', effect: { kind: 'status', status } }] })
    await expect(remote.catalog(MANY)).rejects.toMatchObject({ code })
  })

  test('that nobody may see says what to do instead', async () => {
    const grants = ({ type }: { readonly type: string }) => (type === 'registry' ? [] : ['pull'])
    const auth = { kind: 'token', users: { user: { password: 'pass-word', grants } } } as const
    const { remote } = await connected({ auth })
    await expect(remote.catalog(MANY)).rejects.toMatchObject({
      code: 'LOGIN_FAILED',
      hint: expect.stringContaining('one by one'),
    })
  })
})

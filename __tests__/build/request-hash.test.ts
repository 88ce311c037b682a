import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestHash } from '../../src/build/request-hash.ts'
import { digestOf } from '../../src/image/digest.ts'
import type { BuildRequest } from '../../src/plan/request.ts'
import { buildRequest } from './world.ts'

const HERE = { workspace: '/work/api', machine: 'linux/amd64' }
const hash = (changes: Partial<BuildRequest> = {}, place = HERE) =>
  requestHash(buildRequest({ context: '/work/api', ...changes }), place)

test('the hash of a request is that of its text, which stays as it is: images carry it', () => {
  const text =
    '{"arguments":[["A","1"],["B","2"],["C",null]],"contexts":[["","web"]],"file":"docker/App","form":1,"platforms":["linux/amd64","linux/arm64"],"target":"app"}'
  const request = { context: '/work/api/web', file: '/work/api/docker/App', target: 'app' }
  const lists = { buildArgs: ['B=2', 'A=1', 'C'], platforms: ['linux/arm64', 'linux/amd64'] }
  expect(hash({ ...request, ...lists })).toBe(digestOf(Buffer.from(text)))
})

describe('the same request has the same hash', () => {
  const SAME: readonly (readonly [string, Partial<BuildRequest>, Partial<BuildRequest>])[] = [
    ['platforms in another order', { platforms: ['a/b', 'c/d'] }, { platforms: ['c/d', 'a/b'] }],
    ['a platform by its other name', { platforms: ['linux/arm64/v8'] }, { platforms: ['linux/arm64'] }],
    ['the platform of the machine, named', {}, { platforms: ['linux/amd64'] }],
    ['arguments in another order', { buildArgs: ['A=1', 'B=2'] }, { buildArgs: ['B=2', 'A=1'] }],
    ['an argument that a later line replaces', { buildArgs: ['A=0', 'A=1'] }, { buildArgs: ['A=1'] }],
    ['a login in a URL', { context: 'https://u:p@a.b/c.git#x' }, { context: 'https://a.b/c.git#x' }],
    ['secrets', { secrets: [{ id: 'a', file: '/t/s' }] }, {}],
    ['another builder', { builder: 'mine', buildkitImage: 'x' }, {}],
    ['provenance', { provenance: 'mode=max' }, {}],
  ]
  test.each(SAME)('%s', (_name, one, other) => {
    expect(hash(one)).toBe(hash(other))
  })

  test('a workspace elsewhere', () => {
    const there = { ...HERE, workspace: '/home/me/api' }
    const folders = { context: '/home/me/api/web', file: '/home/me/api/web/Dockerfile' }
    expect(hash(folders, there)).toBe(hash({ context: '/work/api/web', file: '/work/api/web/Dockerfile' }))
  })

  test('whatever the order of arguments with different names', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[A-Za-z_]\w{0,5}$/), { maxLength: 6 })
    fc.assert(
      fc.property(names, fc.string(), (all, value) => {
        const buildArgs = all.map((name) => `${name}=${value}`)
        expect(hash({ buildArgs })).toBe(hash({ buildArgs: buildArgs.toReversed() }))
      }),
    )
  })
})

describe('another request has another hash', () => {
  const OTHER: readonly (readonly [string, Partial<BuildRequest>, Partial<BuildRequest>])[] = [
    ['the file', { file: '/work/api/a' }, { file: '/work/api/b' }],
    ['the target', { target: 'a' }, { target: 'b' }],
    ['the context', { context: '/work/api/a' }, { context: '/work/api/b' }],
    ['the commit of a context', { context: 'https://a.b/c.git#1' }, { context: 'https://a.b/c.git#2' }],
    ['a platform more', { platforms: ['linux/amd64', 'linux/arm64'] }, { platforms: ['linux/amd64'] }],
    ['a variant', { platforms: ['linux/arm/v6'] }, { platforms: ['linux/arm/v7'] }],
    ['the value of an argument', { buildArgs: ['A=1'] }, { buildArgs: ['A=2'] }],
    ['an argument without a value', { buildArgs: ['A'] }, { buildArgs: ['A='] }],
    ['which of two lines comes last', { buildArgs: ['A=1', 'A=2'] }, { buildArgs: ['A=2', 'A=1'] }],
    ['an equals sign', { buildArgs: ['A=B=C'] }, { buildArgs: ['A=B', 'C'] }],
    ['words that change their place', { target: 'a', file: '/work/api/b' }, { target: 'b', file: '/work/api/a' }],
  ]
  test.each(OTHER)('%s', (_name, one, other) => {
    expect(hash(one)).not.toBe(hash(other))
  })

  test('the machine, when no platform is named', () => {
    expect(hash({}, { ...HERE, machine: 'linux/arm64' })).not.toBe(hash())
  })
})

import { describe, expect, test } from 'vitest'
import {
  fits,
  patternFault,
  patternSurprise,
  selectNames,
  selectTags,
  type TagSet,
  tagsToDate,
} from '../../src/tags/select.ts'

const go = (texts: readonly string[] = []) => texts.map((text) => ({ text, reading: 'go' as const }))
const glob = (texts: readonly string[]) => texts.map((text) => ({ text, reading: 'glob' as const }))
type Written = {
  readonly ranges?: readonly string[]
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly newest?: number
}

function setOf({ ranges = [], allow, deny, newest }: Written): TagSet {
  return { ranges, allow: go(allow), deny: go(deny), ...(newest === undefined ? {} : { newest }) }
}

const taken = (sets: readonly Written[], tags: readonly string[], times?: ReadonlyMap<string, number>) =>
  selectTags({ sets: sets.map(setOf) }, tags, times).taken

// `TestFilterListVersionScheme` of regclient's cmd/regsync/regsync_test.go.
describe('tags are taken as regsync takes them', () => {
  test.each<[string, Written, string, string]>([
    [
      'ranges and deny',
      { ranges: ['>=1.0.0 <2.0.0', '>=4.0.0'], deny: ['.*-rc.*'] },
      '1.0.0 1.5.0-rc1 2.0.0 4.0.0 4.1.0-rc2 5.0.0',
      '1.0.0 4.0.0 5.0.0',
    ],
    ['no version', { ranges: ['>=1.0.0'] }, 'latest dev 1.0.0 1.5.0 main', '1.0.0 1.5.0'],
    [
      'a range and deny',
      { ranges: ['>=1.0.0 <3.0.0'], deny: ['.*-rc.*'] },
      '1.0.0 1.5.0-rc1 2.0.0 2.1.0-rc2 3.0.0',
      '1.0.0 2.0.0',
    ],
    ['allow alone', { allow: ['v[0-9]+\\.[0-9]+\\.[0-9]+'] }, 'v1.0.0 v1.5.0 latest dev', 'v1.0.0 v1.5.0'],
    ['nothing', { ranges: ['>=5.0.0'] }, '1.0.0 2.0.0 3.0.0', ''],
    [
      'a gap',
      { ranges: ['>=1.0.0 <1.20.0', '>=1.22.0'] },
      '1.0.0 1.19.0 1.20.0 1.21.0 1.22.0 1.23.0',
      '1.0.0 1.19.0 1.22.0 1.23.0',
    ],
    ['a range, then allow', { ranges: ['>=1.0.0'], allow: ['v.*'] }, '1.0.0 v1.5.0 v2.0.0 3.0.0', 'v1.5.0 v2.0.0'],
    ['nothing asked', { ranges: [] }, '1.0.0 2.0.0', '1.0.0 2.0.0'],
    [
      'alpine',
      { ranges: ['>=1.0.0 <2.0.0'] },
      'v1.2.3-alpine3.21 v1.5.0-alpine3.20 v2.0.0-alpine3.21 v0.9.0-alpine3.19',
      'v1.2.3-alpine3.21 v1.5.0-alpine3.20 v2.0.0-alpine3.21',
    ],
    ['scratch', { ranges: ['>=5.0.0'] }, 'v5-scratch v4-scratch v6-scratch v5.1-scratch', 'v6-scratch v5.1-scratch'],
    [
      'mixed ends',
      { ranges: ['>=1.0.0 <3.0.0'] },
      'v1.0.0 v1.5.0-alpine v2.0.0-scratch v2.5.1-debian v3.0.0-alpine',
      'v1.0.0 v1.5.0-alpine v2.0.0-scratch v2.5.1-debian v3.0.0-alpine',
    ],
    ['majors', { ranges: ['>=2 <5'] }, 'v1 v2 v3 v4 v5 v6', 'v2 v3 v4'],
    ['minors', { ranges: ['>=1.5 <2.0'] }, 'v1.4 v1.5 v1.6 v1.9 v2.0 v2.1', 'v1.5 v1.6 v1.9'],
    [
      'mixed forms',
      { ranges: ['>=1.0.0 <3.0.0'] },
      'v1 v1.5 v1.5.0 v2 v2.0 v2.0.0 v3 v3.0.0',
      'v1 v1.5 v1.5.0 v2 v2.0 v2.0.0',
    ],
    [
      'deny ends',
      { ranges: ['>=1.0.0'], deny: ['.*-alpine.*'] },
      'v1.0.0 v1.2.3-alpine3.21 v2.0.0-scratch v2.5.0-alpine3.20',
      'v1.0.0 v2.0.0-scratch',
    ],
    [
      'allow adds none',
      { ranges: ['>=1.0.0 <2.0.0'], allow: ['latest', 'edge'] },
      '0.9.0 1.0.0 1.5.0 2.0.0 latest edge dev',
      '',
    ],
    [
      'all three',
      { ranges: ['>=1.0.0'], allow: ['latest', 'stable'], deny: ['.*-rc.*', 'latest'] },
      '1.0.0 1.5.0-rc1 2.0.0 latest stable dev',
      '',
    ],
    ['two numbers', { allow: ['v[0-9]+\\.[0-9]+'] }, 'v1.0 v1.5 v2.0 latest edge', 'v1.0 v1.5 v2.0'],
    [
      'both fit',
      { ranges: ['>=1.0.0'], allow: ['v[0-9]+\\.[0-9]+\\.[0-9]+'] },
      'v1.0.0 v1.5.0 v2.0.0 latest',
      'v1.0.0 v1.5.0 v2.0.0',
    ],
  ])('%s', (_, set, tags, expected) => {
    expect(taken([set], tags.split(' ')).join(' ')).toBe(expected)
  })

  test('no set takes all, several take what any of them takes, each tag once and in the order of the sets', () => {
    const tags = ['1', '2', '3', '4']
    expect(taken([], tags)).toEqual(tags)
    expect(taken([{ allow: ['3', '4'] }, { allow: ['1', '3'] }], tags)).toEqual(['3', '4', '1'])
    expect(taken([{ allow: ['9'] }, { allow: ['2'] }], tags)).toEqual(['2'])
  })

  test('each half of a | is held at one end', () => {
    expect(taken([{ allow: ['a|b'] }], ['a', 'b', 'ax', 'xb', 'xa', 'bx'])).toEqual(['a', 'b', 'ax', 'xb'])
  })
})

describe('what was not taken', () => {
  test('is told with what each set says, and patterns that fit nothing with what they are', () => {
    const sets = [setOf({ ranges: ['>=1', '>=9'], deny: ['.*-rc.*', 'x.*'] }), setOf({ allow: ['edge', 'nightly'] })]
    expect(selectTags({ sets }, ['0.9', '1.0', '1.1-rc1', 'edge', 'main'])).toEqual({
      taken: ['1.0', 'edge'],
      left: [
        { tag: '0.9', reasons: ['in no range', 'allowed by no pattern'] },
        { tag: '1.1-rc1', reasons: ['denied by .*-rc.*', 'allowed by no pattern'] },
        { tag: 'main', reasons: ['no version', 'allowed by no pattern'] },
      ],
      idle: [
        { text: '>=9', of: 'range' },
        { text: 'x.*', of: 'deny' },
        { text: 'nightly', of: 'allow' },
      ],
    })
  })

  test('a pattern that fits only what another one fits too is not idle', () => {
    expect(selectTags({ sets: [setOf({ allow: ['1.*', '1.2'] })] }, ['1.2']).idle).toEqual([])
  })
})

test('repositories are taken by the same patterns', () => {
  const names = ['library/alpine', 'library/debian', 'acme/api']
  const { taken: some, idle } = selectNames({ allow: go(['library/.*', 'x/.*']), deny: go(['.*/debian']) }, names)
  expect([some, idle]).toEqual([['library/alpine'], [{ text: 'x/.*', of: 'allow' }]])
})

describe('the newest', () => {
  test('are the highest versions, and what is none is left out', () => {
    const tags = ['1.9', 'latest', 'v1.10.0', '1.10.0-rc1', '1.2']
    expect(taken([{ newest: 2 }], tags)).toEqual(['v1.10.0', '1.10.0-rc1'])
    expect(taken([{ newest: 2, deny: ['.*-rc.*'] }], tags)).toEqual(['1.9', 'v1.10.0'])
    expect(taken([{ newest: 9 }], tags)).toEqual(['1.9', 'v1.10.0', '1.10.0-rc1', '1.2'])
    expect(selectTags({ sets: [setOf({ newest: 1, allow: ['1\\.\\d'] })] }, tags).left).toContainEqual({
      tag: '1.2',
      reasons: ['not among the 1 newest'],
    })
  })

  test('are told apart by name where versions are one', () => {
    expect(taken([{ newest: 1 }], ['1.2.0-alpha.2', '1.2.0-alpha.10', '1.2.0-alpha.9'])).toEqual(['1.2.0-alpha.10'])
  })

  test('are those made last where no version is, and nobody is asked about others', () => {
    const sets = [{ newest: 1, allow: ['nightly-.*'] }, { newest: 1, allow: ['\\d.*'] }, { allow: ['edge'] }]
    const tags = ['nightly-b', 'nightly-a', 'nightly-c', '1.2', '1.3', 'edge']
    expect(tagsToDate({ sets: sets.map(setOf) }, tags)).toEqual(['nightly-b', 'nightly-a', 'nightly-c'])
    const times = new Map([
      ['nightly-a', 30],
      ['nightly-b', 20],
    ])
    expect(taken(sets, tags, times)).toEqual(['nightly-a', '1.3', 'edge'])
  })
})

describe('a pattern', () => {
  test('that is a glob means the whole tag', () => {
    const fitting = (text: string, tags: readonly string[]) =>
      tags.filter((tag) => fits({ text, reading: 'glob' }, tag))
    expect(fitting('3.*', ['3.1', '3.21-alpine', '3x1', '13.1', '3'])).toEqual(['3.1', '3.21-alpine'])
    expect(fitting('v?', ['v1', 'v12', 'xv1', 'v'])).toEqual(['v1'])
    expect(fitting('*', ['', 'any'])).toEqual(['', 'any'])
    expect(fitting('a+(b)|[c]', ['a+(b)|[c]', 'aab'])).toEqual(['a+(b)|[c]'])
    expect(glob(['\u0000', 'é', '\\']).map(patternFault)).toEqual([undefined, undefined, undefined])
  })

  test.each<[string, string | undefined]>([
    ['^a|b$', 'held at one end only; the whole name is (a|b)'],
    ['3.9|latest', 'is read as ^3.9|latest$'],
    ['*', 'repeats the ^'],
    ['+', 'any name is .*'],
    ['^a$|^b$', undefined],
    ['(a|b)', undefined],
    ['a$|^b|c', 'held at one end'],
    ['v.*', undefined],
    ['(', undefined],
  ])('that does not do what it looks like: %s', (text, expected) => {
    const surprise = patternSurprise(text)
    if (expected === undefined) expect(surprise).toBeUndefined()
    else expect(surprise).toContain(expected)
  })

  test('that nobody can read is a fault with its reason', () => {
    expect(go(['a', 'a(', '(?=a)', '*']).map((pattern) => patternFault(pattern) !== undefined)).toEqual([
      false,
      true,
      true,
      false,
    ])
    expect(() => taken([{ allow: ['('] }], ['a'])).toThrow(TypeError)
  })
})

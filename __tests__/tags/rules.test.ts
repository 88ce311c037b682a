import { describe, expect, test } from 'vitest'
import { readInputs } from '../../src/action/inputs.ts'
import { type Names, nameImage } from '../../src/tags/name.ts'
import type { Occasion } from '../../src/tags/occasion.ts'
import { environment, withInputs } from '../action/given.ts'

// What each rule names is compared with metadata-action in metadata-action.test.ts; here is what only Lading knows.

const RELEASE = 'refs/tags/v1.2.3'
const on = (ref: string, more: Partial<Occasion> = {}): Occasion => ({
  event: 'push',
  ref,
  sha: '90dd6032fac8bda1b6c4436a2e65de27961ed071',
  defaultBranch: 'main',
  baseRef: '',
  shortSha: 7,
  begun: new Date('2026-02-03T04:05:06.789Z'),
  committed: new Date('2026-01-30T08:11:12Z'),
  ...more,
})

async function names(tags: string, occasion: Occasion, flavor = ''): Promise<Names> {
  const { request } = await readInputs(withInputs({ images: 'a/b', tags, flavor }), environment())
  return nameImage(request, occasion)
}

async function told(tags: string, occasion: Occasion, flavor = ''): Promise<string> {
  return (await names(tags, occasion, flavor)).tags.map(({ tag }) => tag).join(' ')
}

describe('a name is fixed or moves, and follows its line', () => {
  test.each([
    ['a full version', 'type=semver,pattern={{version}}', RELEASE, '1.2.3 fixed release'],
    ['a full version with a letter', 'type=semver,pattern=v{{version}}', RELEASE, 'v1.2.3 fixed release'],
    ['a version as it was written', 'type=semver,pattern={{raw}}', RELEASE, 'v1.2.3 fixed release'],
    ['all parts of a version', 'type=semver,pattern={{major}}.{{minor}}.{{patch}}', RELEASE, '1.2.3 fixed release'],
    ['a part of a version', 'type=semver,pattern={{major}}.{{minor}}', RELEASE, '1.2 moving release'],
    ['a word for versions', 'type=semver,pattern=stable', RELEASE, 'stable moving release'],
    [
      'a pre-release, whatever the pattern',
      'type=semver,pattern={{major}}',
      'refs/tags/v2.0.0-rc.1',
      '2.0.0-rc.1 fixed release',
    ],
    ['a part that is said to be fixed', 'type=semver,pattern={{major}},fixed=true', RELEASE, '1 fixed release'],
    ['a version that is said to move', 'type=semver,pattern={{version}},fixed=false', RELEASE, '1.2.3 moving release'],
    ['a full version of PEP 440', 'type=pep440,pattern={{version}}', 'refs/tags/1.0', '1.0 fixed release'],
    ['a part of one', 'type=pep440,pattern={{major}}', 'refs/tags/1.0', '1 moving release'],
    ['a pre-release of one', 'type=pep440,pattern={{major}}', 'refs/tags/1.0rc1', '1.0rc1 fixed release'],
    ['a post-release of one', 'type=pep440,pattern={{major}}', 'refs/tags/1.0-5', '1.0.post5 fixed release'],
    ['a tag', 'type=ref,event=tag', 'refs/tags/nice', 'nice fixed other'],
    ['a branch', 'type=ref,event=branch', 'refs/heads/dev', 'dev moving branch'],
    ['a pull request', 'type=ref,event=pr', 'refs/pull/7/merge', 'pr-7 moving pull-request'],
    ['the edge', 'type=edge', 'refs/heads/main', 'edge moving branch'],
    ['a commit', 'type=sha', 'refs/heads/main', 'sha-90dd603 fixed other'],
    [
      'a whole commit',
      'type=sha,format=long,prefix=',
      'refs/heads/x',
      '90dd6032fac8bda1b6c4436a2e65de27961ed071 fixed other',
    ],
    ['a word', 'next', 'refs/heads/main', 'next moving other'],
    ['a word that is latest', 'type=raw,value=latest', 'refs/heads/main', 'latest moving release'],
    ['a word that is a version', 'type=raw,value=1.2.3', 'refs/heads/main', '1.2.3 fixed other'],
    ['a word that is a part of a version', 'type=raw,value=1.2', 'refs/heads/main', '1.2 moving release'],
    ['a word that is said to be fixed', 'type=raw,value=golden,fixed=true', 'refs/heads/main', 'golden fixed other'],
    ['a part that is cut out', 'type=match,pattern=\\d.\\d', RELEASE, '1.2 moving release'],
    ['a word that is cut out', 'type=match,pattern=[a-z]+$,value=x-lts', 'refs/heads/main', 'lts moving other'],
  ])('%s', async (_name, rule, ref, expected) => {
    const { tags } = await names(rule, on(ref), 'latest=false')
    expect(tags.map(({ tag, kind, line }) => `${tag} ${kind} ${line}`)).toEqual([expected])
  })

  test.each([
    ['a schedule', 'type=schedule', 'nightly moving other'],
    ['a schedule with a date', "type=schedule,pattern={{date 'YYYYMMDD'}}", '20260203 fixed other'],
    ['a schedule with a date that moves', "type=schedule,pattern={{date 'YYYYMM'}},fixed=false", '202602 moving other'],
  ])('%s', async (_name, rule, expected) => {
    const { tags } = await names(rule, on('refs/heads/main', { event: 'schedule' }))
    expect(tags.map(({ tag, kind, line }) => `${tag} ${kind} ${line}`)).toEqual([expected])
  })

  test('latest by the flavor moves with the releases', async () => {
    const { tags } = await names('type=semver,pattern={{version}}', on(RELEASE))
    expect(tags.at(-1)).toMatchObject({ tag: 'latest', kind: 'moving', line: 'release' })
  })
})

describe('a name knows what stands around its version', () => {
  const affixes = async (tags: string, flavor: string, ref = RELEASE) =>
    (await names(tags, on(ref), flavor)).tags.map(
      ({ tag, affixes: { prefix, suffix } }) => `${tag}: ${prefix}|${suffix}`,
    )

  test('by the flavor, its own, or both', async () => {
    const rules = ['{{version}}', '{{major}},suffix=-s', '{{minor}},prefix='].map(
      (rest) => `type=semver,pattern=${rest}`,
    )
    expect(await affixes(rules.join('\n'), 'prefix=p-,suffix=-alpine\nlatest=false')).toEqual([
      'p-1.2.3-alpine: p-|-alpine',
      'p-1-s: p-|-s',
      '2-alpine: |-alpine',
    ])
  })

  test('as it stands in the tag', async () => {
    expect(await affixes('version', 'suffix=-{{branch}}', 'refs/heads/a/b')).toEqual(['a-b-a-b: |-a-b'])
  })

  test('and latest stands for the versions of its flavor, with or without it', async () => {
    const [, plain] = await affixes('type=semver,pattern={{version}}', 'suffix=-alpine')
    expect(plain).toBe('latest: |-alpine')
    const [, own] = await affixes('type=semver,pattern={{version}}', 'suffix=-alpine,onlatest=true')
    expect(own).toBe('latest-alpine: |-alpine')
    expect(await affixes('latest', 'suffix=-alpine')).toEqual(['latest: |-alpine'])
  })
})

describe('presets and the flavor', () => {
  const ALL = 'version\nversion-commit\ncommit\nmajor-minor\nmajor\nlatest'
  test.each([
    [
      'a suffix',
      'suffix=-alpine',
      RELEASE,
      '1.2.3-alpine 1.2.3-90dd603-alpine sha-90dd603-alpine 1.2-alpine 1-alpine latest',
    ],
    [
      'a suffix on latest',
      'suffix=-x,onlatest=true',
      RELEASE,
      '1.2.3-x 1.2.3-90dd603-x sha-90dd603-x 1.2-x 1-x latest-x',
    ],
    ['a prefix', 'prefix=p-', RELEASE, 'p-1.2.3 p-1.2.3-90dd603 sha-90dd603 p-1.2 p-1 latest'],
    ['a prefix on a branch', 'prefix=p-', 'refs/heads/dev', 'p-dev p-dev-90dd603 sha-90dd603'],
    ['a prefix on a pull request', 'prefix=p-', 'refs/pull/7/merge', 'pr-7 pr-7-90dd603 sha-90dd603'],
    ['no latest', 'latest=false', RELEASE, '1.2.3 1.2.3-90dd603 sha-90dd603 1.2 1'],
    ['latest always', 'latest=true', 'refs/heads/dev', 'dev dev-90dd603 sha-90dd603 latest'],
    ['latest once', 'latest=true', RELEASE, '1.2.3 1.2.3-90dd603 sha-90dd603 1.2 1 latest'],
  ])('%s', async (_name, flavor, ref, expected) => {
    expect(await told(ALL, on(ref), flavor)).toBe(expected)
  })

  test('auto adds latest for rules of metadata-action, and leaves it to the preset otherwise', async () => {
    expect(await told('version', on(RELEASE))).toBe('1.2.3')
    expect(await told('version\ntype=semver,pattern={{major}}', on(RELEASE))).toBe('1.2.3 1 latest')
    expect(await told('version\nnext', on(RELEASE))).toBe('1.2.3 next')
  })

  test('a long branch is cut so that commit and suffix stay', async () => {
    const tag = await told('version-commit', on(`refs/heads/${'x'.repeat(300)}`), 'suffix=-alpine')
    expect(tag).toBe(`${'x'.repeat(113)}-90dd603-alpine`)
  })

  test('stand with the versions, before what has a lower priority', async () => {
    expect(await told('next\ntype=sha\nversion\ntype=raw,value=first,priority=901', on('refs/heads/dev'))).toBe(
      'first dev next sha-90dd603',
    )
  })
})

describe('the input version', () => {
  const version = (text: string, ref = 'refs/heads/dev') => on(ref, { version: text })

  test('is what rules for versions look at', async () => {
    const rules = 'type=semver,pattern={{version}}\ntype=pep440,pattern={{major}}\ntype=match,pattern=\\d+.\\d+'
    expect(await told(rules, version('3.2.1'))).toBe('3.2.1 3 3.2 latest')
    expect(await told(rules, version('3.2.1', RELEASE))).toBe('3.2.1 3 3.2 latest')
  })

  test('gives way to the value of a rule', async () => {
    expect(await told('type=semver,pattern={{version}},value=9.9.9', version('3.2.1'))).toBe('9.9.9 latest')
  })

  test.each([
    ['a release on a branch', 'type=ref,event=branch', version('3.2.1'), 'dev latest', '3.2.1'],
    [
      'a pre-release on the tag of a release',
      'type=ref,event=tag',
      version('3.2.1-rc.1', RELEASE),
      'v1.2.3',
      '3.2.1-rc.1',
    ],
    ['a release beside a word', 'next', version('3.2.1'), 'next latest', '3.2.1'],
  ])('decides about latest and is the version: %s', async (...[_name, rules, occasion, tags, expected]) => {
    const found = await names(rules, occasion)
    expect(found.tags.map(({ tag }) => tag).join(' ')).toBe(tags)
    expect(found).toMatchObject({ version: expected, release: expected })
  })
})

describe('the names of an image', () => {
  test.each([
    ['a tag', 'type=ref,event=tag', RELEASE, '1.2.3'],
    ['a tag of PEP 440', 'type=pep440,pattern={{major}}', 'refs/tags/v1.0.RC1', '1.0rc1'],
    ['a local version', 'type=pep440,pattern={{version}}', 'refs/tags/1.0+Ubuntu.1', '1.0+ubuntu.1'],
    ['a value', 'type=semver,pattern={{major}},value=v4.5.6', 'refs/heads/main', '4.5.6'],
    ['a part of a tag', 'type=semver,pattern={{major}},match=v(.*)', 'refs/tags/app/v1.2.3', '1.2.3'],
    ['a branch', 'type=ref,event=branch', 'refs/heads/1.2.3', undefined],
  ])('know the release: %s', async (_name, rule, ref, release) => {
    expect((await names(rule, on(ref))).release).toBe(release)
  })

  test('have the version of the first rule, or of the run when that is a preset', async () => {
    const versionOf = async (tags: string) => (await names(tags, on(RELEASE))).version
    expect(await versionOf('type=semver,pattern={{major}}')).toBe('1')
    expect(await versionOf('major')).toBe('1.2.3')
    expect(await versionOf('latest\ntype=semver,pattern={{major}}')).toBe('1.2.3')
  })

  test('come with why a rule gave none, and with warnings where somebody should look', async () => {
    const rules = [
      'type=semver,pattern={{version}},match=^z(.*)',
      'type=edge',
      'type=raw,value=x,enable=false',
      'next',
      'type=match,pattern=z',
    ]
    const found = await names(rules.join('\n'), on('refs/tags/nice'))
    expect(found.skipped).toEqual([
      { rule: rules[0], why: 'nice is no version of semver.org' },
      { rule: rules[4], why: 'z does not match nice' },
      { rule: 'type=edge', why: 'only for the branch main' },
      { rule: 'type=raw,value=x,enable=false', why: 'enable=false' },
    ])
    expect(found.warnings).toEqual([
      '^z(.*) does not match nice, so the whole of it is taken',
      'nice is no version of semver.org',
      'z does not match nice',
    ])
  })

  test('say each thing once', async () => {
    const { warnings } = await names(
      'type=semver,pattern={{version}}\ntype=semver,pattern={{major}}\nx',
      on('refs/tags/nice'),
    )
    expect(warnings).toEqual(['nice is no version of semver.org'])
  })

  test('say when they hold a date that nobody told', async () => {
    const rule = "type=raw,value=x-{{commit_date 'YYYYMMDD'}}"
    expect((await names(rule, on('refs/heads/main'))).notices).toEqual([])
    const unknown = on('refs/heads/main', { committed: undefined })
    expect(await told(rule, unknown)).toBe('x-20260203')
    expect((await names(rule, unknown)).notices.join()).toContain('nobody tells when the commit was made')
    expect((await names('x', unknown, "suffix=-{{commit_date 'X'}}")).notices).toHaveLength(1)
    expect((await names('x', unknown)).notices).toEqual([])
  })

  test('need an enable that is true or false', async () => {
    await expect(names('type=raw,value=x,enable={{branch}}', on('refs/heads/dev'))).rejects.toThrow(
      'tags: type=raw,value=x,enable={{branch}}: its enable gives “dev”, which is neither true nor false',
    )
  })
})

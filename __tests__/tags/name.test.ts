import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LadingError } from '../../src/error.ts'
import { checkTag } from '../../src/image/reference.ts'
import { PLAIN_FLAVOR } from '../../src/tags/flavor.ts'
import { nameImage as nameBy } from '../../src/tags/name.ts'
import type { Occasion } from '../../src/tags/occasion.ts'
import { PRESETS, type Preset, type TagRule } from '../../src/tags/rule.ts'
import { dashed, sanitizeTag } from '../../src/tags/tag-text.ts'
import { plainTemplate } from '../../src/tags/template.ts'
import { isFullVersion } from '../../src/tags/version-rule.ts'

const SHA = '90dd6032fac8bda1b6c4436a2e65de27961ed071'
const presets = (...names: readonly Preset[]): TagRule[] => names.map((preset) => ({ type: 'preset', preset }))
const raw = (value: string, more: { enable?: boolean; fixed?: boolean } = {}): TagRule => ({
  type: 'raw',
  text: `type=raw,value=${value}`,
  value: plainTemplate(value),
  priority: 200,
  enable: plainTemplate(`${more.enable ?? true}`),
  ...(more.fixed === undefined ? {} : { fixed: more.fixed }),
})
const nameImage = (tags: readonly TagRule[], occasion: Occasion) => nameBy({ tags, flavor: PLAIN_FLAVOR }, occasion)
const on = (event: string, ref: string, more: Partial<Occasion> = {}): Occasion => ({
  event,
  ref,
  sha: SHA,
  defaultBranch: 'main',
  baseRef: '',
  shortSha: 7,
  begun: new Date('2026-02-03T04:05:06.789Z'),
  committed: undefined,
  ...more,
})
const ALL = presets(...PRESETS)

function told(rules: readonly TagRule[], occasion: Occasion): string[] {
  return nameImage(rules, occasion).tags.map(({ tag, kind }) => `${tag} ${kind}`)
}

describe('the presets', () => {
  test.each<[string, Occasion, string, readonly string[]]>([
    [
      'a release',
      on('push', 'refs/tags/v1.4.2'),
      '1.4.2',
      ['1.4.2 fixed', '1.4.2-90dd603 fixed', 'sha-90dd603 fixed', '1.4 moving', '1 moving', 'latest moving'],
    ],
    [
      'a release without v',
      on('push', 'refs/tags/1.4.2'),
      '1.4.2',
      ['1.4.2 fixed', '1.4.2-90dd603 fixed', 'sha-90dd603 fixed', '1.4 moving', '1 moving', 'latest moving'],
    ],
    [
      'a pre-release',
      on('push', 'refs/tags/v2.0.0-rc.1'),
      '2.0.0-rc.1',
      ['2.0.0-rc.1 fixed', '2.0.0-rc.1-90dd603 fixed', 'sha-90dd603 fixed'],
    ],
    [
      'a release below 1.0.0',
      on('push', 'refs/tags/v0.3.1'),
      '0.3.1',
      ['0.3.1 fixed', '0.3.1-90dd603 fixed', 'sha-90dd603 fixed', '0.3 moving', 'latest moving'],
    ],
    [
      'build metadata, which no tag can hold',
      on('push', 'refs/tags/v1.0.0+build.5'),
      '1.0.0',
      ['1.0.0 fixed', '1.0.0-90dd603 fixed', 'sha-90dd603 fixed', '1.0 moving', '1 moving', 'latest moving'],
    ],
    [
      'the default branch',
      on('push', 'refs/heads/main'),
      'main',
      ['main moving', 'main-90dd603 fixed', 'sha-90dd603 fixed', 'latest moving'],
    ],
    [
      'another branch',
      on('push', 'refs/heads/feature/über#1'),
      'feature-ber-1',
      ['feature-ber-1 moving', 'feature-ber-1-90dd603 fixed', 'sha-90dd603 fixed'],
    ],
    [
      'a tag that is no version',
      on('push', 'refs/tags/nice'),
      'nice',
      ['nice moving', 'nice-90dd603 fixed', 'sha-90dd603 fixed'],
    ],
    [
      'a pull request',
      on('pull_request', 'refs/pull/12/merge', { pullRequest: { number: 12 } }),
      'pr-12',
      ['pr-12 moving', 'pr-12-90dd603 fixed', 'sha-90dd603 fixed'],
    ],
    [
      'a pull request by its ref',
      on('pull_request_target', 'refs/pull/7/merge'),
      'pr-7',
      ['pr-7 moving', 'pr-7-90dd603 fixed', 'sha-90dd603 fixed'],
    ],
    [
      'a schedule',
      on('schedule', 'refs/heads/main'),
      'nightly',
      ['nightly moving', 'nightly-90dd603 fixed', 'sha-90dd603 fixed'],
    ],
    [
      'a run by hand',
      on('workflow_dispatch', 'refs/heads/main'),
      'main',
      ['main moving', 'main-90dd603 fixed', 'sha-90dd603 fixed'],
    ],
    [
      'the input version',
      on('push', 'refs/heads/main', { version: '3.2.1' }),
      '3.2.1',
      ['3.2.1 fixed', '3.2.1-90dd603 fixed', 'sha-90dd603 fixed', '3.2 moving', '3 moving', 'latest moving'],
    ],
    [
      'the input version against the tag',
      on('push', 'refs/tags/v1.0.0', { version: '3.2.1-rc.1' }),
      '3.2.1-rc.1',
      ['3.2.1-rc.1 fixed', '3.2.1-rc.1-90dd603 fixed', 'sha-90dd603 fixed'],
    ],
    [
      'the input version on a schedule',
      on('schedule', 'refs/heads/main', { version: '3.2.1' }),
      '3.2.1',
      ['3.2.1 fixed', '3.2.1-90dd603 fixed', 'sha-90dd603 fixed', '3.2 moving', '3 moving', 'latest moving'],
    ],
    ['no ref at all', on('repository_dispatch', ''), 'sha-90dd603', ['sha-90dd603 fixed']],
  ])('name %s', (...[_name, occasion, version, tags]) => {
    expect(told(ALL, occasion)).toEqual(tags)
    expect(nameImage(ALL, occasion).version).toBe(version)
  })

  test('say why they give nothing', () => {
    expect(nameImage(ALL, on('push', 'refs/tags/v0.1.0-rc.1')).skipped).toEqual([
      { rule: 'major-minor', why: '0.1.0-rc.1 is a pre-release' },
      { rule: 'major', why: 'there is no major tag below 1.0.0' },
      { rule: 'latest', why: '0.1.0-rc.1 is a pre-release' },
    ])
  })

  test('name no commit that is not known', () => {
    expect(told(ALL, on('push', 'refs/heads/main', { sha: '' }))).toEqual(['main moving', 'latest moving'])
  })
})

describe('the names', () => {
  test('stand by priority, then in the order of the rules, each once; fixed wins over moving', () => {
    const rules = [raw('z'), ...presets('latest', 'version'), raw('latest'), raw('main', { fixed: true }), raw('a')]
    expect(told(rules, on('push', 'refs/heads/main'))).toEqual(['latest moving', 'main fixed', 'z moving', 'a moving'])
  })

  test('stay fixed when a later rule says otherwise', () => {
    expect(told([raw('1.2.3'), raw('1.2.3', { fixed: false })], on('push', ''))).toEqual(['1.2.3 fixed'])
  })

  test('of a raw rule are fixed when they are a full version, or when it says so', () => {
    const rules = [
      raw('1.2.3'),
      raw('v1.2.3-rc.1'),
      raw('1.2'),
      raw('2.0.0', { fixed: false }),
      raw('golden', { fixed: true }),
    ]
    expect(told(rules, on('push', ''))).toEqual([
      '1.2.3 fixed',
      'v1.2.3-rc.1 fixed',
      '1.2 moving',
      '2.0.0 moving',
      'golden fixed',
    ])
  })

  test('of a rule that is switched off are none', () => {
    const names = nameImage([raw('a', { enable: false }), raw('b')], on('push', ''))
    expect(names).toMatchObject({
      version: 'b',
      tags: [{ tag: 'b' }],
      skipped: [{ rule: 'type=raw,value=a', why: 'enable=false' }],
    })
  })

  test('are a mistake when there are none, and it says why', () => {
    expect(() => nameImage(presets('latest', 'major'), on('push', 'refs/heads/dev'))).toThrow(
      expect.objectContaining({
        code: 'INPUT_INVALID',
        message:
          'tags: no rule gives a tag for push on refs/heads/dev (latest: only for releases; major: only for releases)',
      }),
    )
  })

  test.each([raw('…'), raw('')])('are a mistake when no registry takes them: %o', (rule) => {
    expect(() => nameImage([rule], on('push', ''))).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }))
  })

  test('keep the commit of a branch with a long name', () => {
    const [name] = told(presets('version-commit'), on('push', `refs/heads/${'x'.repeat(300)}`))
    expect(name).toMatch(/^x{120}-90dd603 fixed$/)
  })

  test('are tags that every registry takes, whatever the ref', () => {
    const ref = fc.oneof(
      fc.string(),
      fc.string().map((name) => `refs/heads/${name}`),
      fc.string().map((name) => `refs/tags/${name}`),
      fc.string().map((name) => `refs/pull/${name}`),
    )
    const rulesWith = (value: string) => [...ALL, ...(value === '' ? [] : [raw(value)])]
    fc.assert(
      fc.property(ref, fc.constantFrom('push', 'schedule', 'pull_request'), fc.string(), (text, event, value) => {
        try {
          for (const { tag } of nameImage(rulesWith(value), on(event, text)).tags) expect(checkTag(tag)).toBe(tag)
        } catch (error) {
          if (!(error instanceof LadingError)) throw error
          expect(error.code).toBe('INPUT_INVALID')
          expect(() => checkTag(dashed(value))).toThrow()
        }
      }),
    )
  })
})

test.each([
  ['feature/x', 'feature-x'],
  ['a  b', 'a-b'],
  ['.-x', 'x'],
  ['_x', '_x'],
  ['///', ''],
  ['Ünï', 'n-'],
])('sanitizeTag of “%s” is “%s”', (text, tag) => {
  expect(sanitizeTag(text)).toBe(tag)
})

test.each([
  ['1.2.3', true],
  ['v1.2.3', true],
  ['1.2.3-rc.1+x', true],
  ['1.2', false],
  ['latest', false],
  ['01.2.3', false],
  ['', false],
])('isFullVersion of “%s” is %s', (text, wanted) => {
  expect(isFullVersion(text)).toBe(wanted)
})

import { describe, expect, test } from 'vitest'
import { annotationsOf, type OwnAnnotation, type Place, requestAnnotations } from '../../src/tags/annotation.ts'
import { parseTemplate } from '../../src/tags/template.ts'

const RUN = { values: { branch: 'main' }, date: new Date(0), commitDate: new Date(0) }
const ONE = { isIndex: false, platforms: ['linux/arm64'] }
const TWO = { isIndex: true, platforms: ['linux/amd64', 'linux/arm64'] }
const STANDARD = [
  ['title', 'api'],
  ['created', 'then'],
] as const

function own(line: string, ...places: readonly Place[]): OwnAnnotation {
  const read = parseTemplate(line)
  if ('pieces' in read) return { places, line: read }
  throw new Error(read.why)
}

function written(lines: readonly OwnAnnotation[], shape = TWO, places: readonly Place[] = []) {
  return annotationsOf(STANDARD, { own: lines, places }, shape, RUN)
}

describe('annotationsOf', () => {
  test('writes at every manifest and at the index, level by level and sorted', () => {
    expect(Object.entries(written([own('a={{branch}}')]).written)).toEqual([
      ['manifest:a', 'main'],
      ['manifest:created', 'then'],
      ['manifest:title', 'api'],
      ['index:a', 'main'],
      ['index:created', 'then'],
      ['index:title', 'api'],
    ])
  })

  test('writes nothing at an index that is not made, and says so only where it was asked for', () => {
    expect(written([], ONE)).toEqual({ written: { 'manifest:created': 'then', 'manifest:title': 'api' }, left: [] })
    const asked = [own('a=1', { level: 'index' }), own('b=2', { level: 'manifest-descriptor' })]
    expect(written(asked, ONE)).toEqual({
      written: { 'manifest:created': 'then', 'manifest:title': 'api', 'manifest-descriptor:b': '2' },
      left: ['index'],
    })
    expect(written([], ONE, [{ level: 'index-descriptor' }, { level: 'index' }])).toEqual({
      written: {},
      left: ['index-descriptor', 'index'],
    })
  })

  test('lets own ones win: everywhere without a level, and only there with one', () => {
    const lines = [own('title=mine'), own('created=never', { level: 'index' })]
    expect(written(lines).written).toEqual({
      'manifest:created': 'then',
      'manifest:title': 'mine',
      'index:created': 'never',
      'index:title': 'mine',
    })
  })

  test('puts all at the levels of the switch', () => {
    const places = [{ level: 'index' }, { level: 'manifest-descriptor' }] as const
    expect(Object.keys(written([own('a=1')], TWO, places).written)).toEqual(
      ['index', 'manifest-descriptor'].flatMap((level) => ['a', 'created', 'title'].map((key) => `${level}:${key}`)),
    )
  })

  test('names platforms as BuildKit does', () => {
    const lines = [own('a=1', { level: 'manifest', platform: 'linux/arm64/v8' })]
    expect(written(lines, TWO).written).toMatchObject({ 'manifest[linux/arm64]:a': '1' })
    const arm = { isIndex: true, platforms: ['linux/arm/v7', 'linux/amd64'] }
    const armed = [own('a=1', { level: 'manifest', platform: 'linux/arm' })]
    expect(written(armed, arm).written).toMatchObject({ 'manifest[linux/arm/v7]:a': '1' })
  })

  test('takes the only platform for the whole image, and what is said of it for the last word', () => {
    const lines = [own('title=special', { level: 'manifest', platform: 'linux/arm64' }), own('title=general')]
    expect(written(lines, ONE).written).toEqual({ 'manifest:created': 'then', 'manifest:title': 'special' })
  })
})

test('requestAnnotations stand wherever a later run looks', () => {
  expect(requestAnnotations('sha256:a', TWO)).toEqual({
    'manifest:io.github.lading.request': 'sha256:a',
    'index:io.github.lading.request': 'sha256:a',
  })
  expect(requestAnnotations('sha256:a', ONE)).toEqual({ 'manifest:io.github.lading.request': 'sha256:a' })
})

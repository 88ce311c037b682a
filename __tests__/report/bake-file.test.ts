import { expect, test } from 'vitest'
import { parseRepository } from '../../src/image/reference.ts'
import { bakeFileOf } from '../../src/report/bake-file.ts'
import { failureReport } from '../../src/report/draft.ts'
import { PROMOTED, PUBLISHED } from './examples.ts'

const REPOSITORIES = ['ghcr.io/acme/api', 'acme/api'].map(parseRepository)

test('bakeFileOf has what metadata-action’s bake files have, in one target', () => {
  const report = { ...PUBLISHED, labels: { a: 'one\ntwo' }, annotations: { 'manifest:b': '1', 'index:b': '2' } }
  expect(JSON.parse(bakeFileOf(report, REPOSITORIES) ?? '')).toEqual({
    target: {
      'docker-metadata-action': {
        tags: PUBLISHED.tags,
        labels: { a: 'one\ntwo' },
        annotations: ['manifest:b=1', 'index:b=2'],
        args: { DOCKER_META_IMAGES: 'ghcr.io/acme/api,docker.io/acme/api', DOCKER_META_VERSION: '1.4.2' },
      },
    },
  })
})

test('bakeFileOf a promotion is none: there is nothing to build', () => {
  expect(bakeFileOf(PROMOTED, [])).toBeUndefined()
})

test('bakeFileOf a run without a name is none', () => {
  expect(bakeFileOf(failureReport('publish', { code: 'INPUT_INVALID', message: '', hint: '' }), [])).toBeUndefined()
})

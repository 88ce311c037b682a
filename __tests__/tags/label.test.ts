import { expect, test } from 'vitest'
import { compatPairs, ownPairs, recordOf, splitPair, standardPairs } from '../../src/tags/label.ts'
import { parseTemplate, type Template } from '../../src/tags/template.ts'

const facts = {
  about: { title: 'api', description: 'The API', url: 'https://github.com/acme/api', license: 'Apache-2.0' },
  source: 'https://github.com/acme/api',
  version: '1.4.2',
  revision: '90dd603',
  created: new Date('2026-11-21T12:00:00Z'),
}
const key = (name: string) => `org.opencontainers.image.${name}`

function template(text: string): Template {
  const read = parseTemplate(text)
  if ('pieces' in read) return read
  throw new Error(read.why)
}

test('standardPairs gives the OCI keys', () => {
  expect(recordOf(standardPairs(facts))).toEqual({
    [key('created')]: '2026-11-21T12:00:00.000Z',
    [key('description')]: 'The API',
    [key('licenses')]: 'Apache-2.0',
    [key('revision')]: '90dd603',
    [key('source')]: 'https://github.com/acme/api',
    [key('title')]: 'api',
    [key('url')]: 'https://github.com/acme/api',
    [key('version')]: '1.4.2',
  })
})

test('standardPairs leaves no key to the base image, also where nothing is known', () => {
  const about = { title: '', description: '', url: '', license: '' }
  const labels = recordOf(standardPairs({ ...facts, about }))
  expect(labels).toMatchObject({ [key('licenses')]: '', [key('description')]: '' })
  expect(Object.keys(labels)).toHaveLength(8)
})

test('compatPairs gives what older tools read', () => {
  expect(compatPairs(facts)).toEqual([
    ['version', '1.4.2'],
    ['build.date', '2026-11-21T12:00:00.000Z'],
    ['vcs.ref', '90dd603'],
  ])
})

test('ownPairs replaces expressions, in keys too, and cuts at the first equals sign', () => {
  const run = { values: { branch: 'main' }, date: new Date(0), commitDate: new Date('2026-11-21T12:00:00Z') }
  const lines = ['{{branch}}.key=a={{branch}}', "b=<{{commit_date 'YYYY'}}>", 'c='].map(template)
  expect(ownPairs(lines, run)).toEqual([
    ['main.key', 'a=main'],
    ['b', '<2026>'],
    ['c', ''],
  ])
})

test('splitPair trims the key and not the value', () => {
  expect(splitPair(' a = b ')).toEqual(['a', ' b '])
})

test('recordOf lets the last of two win, and sorts as a dictionary does', () => {
  const labels = recordOf([
    ...standardPairs(facts),
    [key('title'), 'mine'],
    ['Z', '1'],
    ['b', '2'],
    ['A', '3'],
    ['_', '4'],
  ])
  expect(labels).toMatchObject({ [key('title')]: 'mine' })
  expect(Object.keys(labels).filter((name) => name.length === 1)).toEqual(['_', 'A', 'b', 'Z'])
  expect(recordOf([['__proto__', 'x']])).toEqual(Object.fromEntries([['__proto__', 'x']]))
})

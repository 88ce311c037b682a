import { expect, test } from 'vitest'
import { labelsOf } from '../../src/tags/label.ts'

const facts = {
  about: { title: 'api', description: 'The API', url: 'https://github.com/acme/api', license: 'Apache-2.0' },
  source: 'https://github.com/acme/api',
  version: '1.4.2',
  revision: '90dd603',
  created: new Date('2026-11-21T12:00:00Z'),
  own: {},
}
const key = (name: string) => `org.opencontainers.image.${name}`

test('labelsOf gives the OCI keys, sorted', () => {
  const labels = labelsOf(facts)
  expect(labels).toEqual({
    [key('created')]: '2026-11-21T12:00:00.000Z',
    [key('description')]: 'The API',
    [key('licenses')]: 'Apache-2.0',
    [key('revision')]: '90dd603',
    [key('source')]: 'https://github.com/acme/api',
    [key('title')]: 'api',
    [key('url')]: 'https://github.com/acme/api',
    [key('version')]: '1.4.2',
  })
  expect(Object.keys(labels)).toEqual(Object.keys(labels).toSorted())
})

test('labelsOf leaves out what is not known', () => {
  const about = { title: '', description: '', url: '', license: '' }
  expect(Object.keys(labelsOf({ ...facts, about, source: '' }))).toEqual(['created', 'revision', 'version'].map(key))
})

test('labelsOf lets the user’s own labels win, and sorts them in', () => {
  const labels = labelsOf({ ...facts, own: { [key('title')]: 'mine', 'a.first': '1' } })
  expect(labels).toMatchObject({ [key('title')]: 'mine', 'a.first': '1' })
  expect(Object.keys(labels)[0]).toBe('a.first')
})

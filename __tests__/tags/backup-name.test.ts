import { expect, test } from 'vitest'
import type { TagReference } from '../../src/image/reference.ts'
import { BACKUP_FIELDS, backupOf } from '../../src/tags/backup-name.ts'
import { parseNameTemplate } from '../../src/tags/name-template.ts'

const TARGET: TagReference = { registry: 'b.io', path: 'acme/a', tag: '1.2' }

function nameOf(text: string) {
  const backup = parseNameTemplate(text, BACKUP_FIELDS)
  if ('why' in backup) throw new Error(backup.why)
  return backupOf({ backup, fields: { 'Sync.Source': 'a.io/a' } }, TARGET, new Date('2026-02-03T04:05:06Z'))
}

test.each<[string, TagReference]>([
  ['bkup-{{.Ref.Tag}}', { ...TARGET, tag: 'bkup-1.2' }],
  [' {{.Ref.Tag}}-{{time.Now.Format "20060102"}}\n', { ...TARGET, tag: '1.2-20260203' }],
  ['{{.Ref.Registry}}/old/{{.Ref.Repository}}:{{.Ref.Tag}}', { registry: 'b.io', path: 'old/acme/a', tag: '1.2' }],
  ['{{.Ref.Reference}}-old', { ...TARGET, tag: '1.2-old' }],
  [
    'b.io/{{index (split .Sync.Source "/") 1}}:{{.Ref.Scheme}}{{.Ref.Digest}}{{.Ref.Path}}',
    { registry: 'b.io', path: 'a', tag: 'reg' },
  ],
  ['c.io/{{index (split .Step.Source "/") 1}}', { registry: 'c.io', path: 'a', tag: 'latest' }],
])('a backup named %s', (text, expected) => {
  expect(nameOf(text)).toEqual(expected)
})

test.each([
  ['{{.Ref.Tag}}', 'would have its own name'],
  ['{{.Ref.Reference}}', 'would have its own name'],
  ['', 'cannot have its name'],
  ['a b', 'cannot have its name'],
  ['b.io/A:1', 'cannot have its name'],
  [`b.io/a@sha256:${'0'.repeat(64)}`, 'has a digest'],
  ['{{index (split .Ref.Tag ".") 5}}', 'beyond a list of 2'],
])('no backup can be named “%s”', (text, why) => {
  expect(nameOf(text)).toEqual({ why: expect.stringContaining(why) })
})

test('no backup is wanted', () => {
  expect(backupOf({ fields: {} }, TARGET, new Date(0))).toBeUndefined()
})

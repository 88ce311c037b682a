import { expect, test } from 'vitest'
import { ask } from './metadata-action/ours.ts'
import { book } from './metadata-action/recorded.ts'
import { writeFileSync } from 'node:fs'

test('dump', async () => {
  const out = []
  for (const one of book.cases) {
    if (!one.expected) continue
    const a = await ask({ ...one, inputs: Object.fromEntries(Object.entries(one.inputs ?? {}).filter(([k]) => !['labels', 'annotations'].includes(k))) })
    const e = one.expected
    const ours = 'refusal' in a ? { refusal: a.refusal } : { version: a.names.version, names: a.names.tags.map((t) => t.tag) }
    const theirs = e.exit !== 0 ? { error: e.errors } : { version: e.version, names: e.tagNames ?? (one.inputs?.images ? undefined : e.tags), tags: e.tags, warnings: e.warnings }
    out.push({ name: one.name, event: one.event, inputs: one.inputs, env: one.env, ours, theirs })
  }
  writeFileSync('/tmp/t1-dump.json', JSON.stringify(out))
  expect(out.length).toBeGreaterThan(1)
})

import { describe, expect, test } from 'vitest'
import type { Journey } from '../../src/content/publish.ts'
import { LadingError } from '../../src/error.ts'
import { connected } from '../support/client.ts'
import { type MemoryStore, memoryStore } from '../support/memory-store.ts'
import { type Failure, failing, publish, sample, TAGS } from './publishing.ts'

describe('moveTags', () => {
  test('leaves a tag alone that somebody else has moved to the image meanwhile', async () => {
    const target = memoryStore('here')
    const given = sample()
    target.tags.set('1.4.2', given.root)
    const { outcomes } = await publish([target], TAGS, given)
    expect(outcomes[0]).toMatchObject({ tag: '1.4.2', outcome: 'unchanged', before: given.root.digest })
    expect(target.log).not.toContain('tag 1.4.2')
  })

  test('asks who decides about a tag that shows something new, and about no other', async () => {
    const target = memoryStore('here')
    const other = target.put('somebody else’s image', 'application/vnd.oci.image.manifest.v1+json')
    for (const tag of ['latest', '1.4', '1.4.2']) target.tags.set(tag, other)
    const tags = TAGS.map((one) => (one.tag === '1.4' ? { ...one, before: other.digest } : one))
    const asked: unknown[] = []
    const rule: Journey['rule'] = async (tag, now, { name }) => {
      asked.push([name, tag.tag, tag.before, now?.digest])
      return tag.kind === 'moving' ? { act: 'held', reason: 'stays' } : { act: 'kept', reason: 'exists' }
    }
    const { outcomes } = await publish([target], tags, sample(), { rule })
    expect(asked).toEqual([
      ['here', 'latest', undefined, other.digest],
      ['here', '1.4.2', undefined, other.digest],
    ])
    expect(outcomes).toMatchObject([
      { tag: '1.4.2', outcome: 'kept', before: other.digest, reason: 'exists' },
      { tag: 'latest', outcome: 'held', before: other.digest, reason: 'stays' },
      { tag: '1.4', outcome: 'moved' },
    ])
    expect(target.log.filter((line) => line.startsWith('tag'))).toEqual(['tag 1.4'])
  })

  test('moves no moving tag when a fixed one turns out to be somebody else’s', async () => {
    const target = memoryStore('here')
    target.tags.set('1.4.2', target.put('another one', 'application/vnd.oci.image.manifest.v1+json'))
    const error = new LadingError('TAG_EXISTS', 'here:1.4.2 exists')
    const { told, outcomes } = await publish([target], TAGS, sample(), { rule: async () => ({ act: 'fail', error }) })
    expect(told).toEqual(['here:1.4.2 failed', 'here:latest refused', 'here:1.4 refused'])
    expect(outcomes[0]).toMatchObject({ error: { code: 'TAG_EXISTS' } })
    expect(target.log.filter((line) => line.startsWith('tag'))).toEqual([])
  })

  test('that must stop everything stops the fixed ones too, in every destination', async () => {
    const [one, other] = [memoryStore('one'), memoryStore('other')]
    const given = sample()
    one.tags.set('latest', one.put('another one', 'application/vnd.oci.image.manifest.v1+json'))
    const rule: Journey['rule'] = async () => ({ act: 'stop', error: failing() })
    const { told, outcomes } = await publish([one, other], TAGS, given, { rule })
    expect(told).toEqual([
      ...['one:1.4.2 refused', 'other:1.4.2 refused'],
      ...['one:latest failed', 'one:1.4 refused', 'other:latest refused', 'other:1.4 refused'],
    ])
    expect(outcomes[2]).toMatchObject({ error: { code: 'PUSH_DENIED' } })
    for (const { log } of [one, other]) expect(log.filter((line) => line.startsWith('tag'))).toEqual([])
  })

  test('tells what a tag really showed, and not what was planned', async () => {
    const target = memoryStore('here')
    const other = target.put('somebody else’s image', 'application/vnd.oci.image.manifest.v1+json')
    target.tags.set('latest', other)
    const { outcomes } = await publish([target])
    expect(outcomes.find(({ tag }) => tag === 'latest')).toMatchObject({ outcome: 'moved', before: other.digest })
  })

  test('moves no moving tag when a fixed one could not be written', async () => {
    const [good, bad] = [memoryStore('good'), memoryStore('bad')]
    bad.before = (verb) => {
      if (verb === 'tag') throw failing('REGISTRY_BUSY')
    }
    const { told, outcomes } = await publish([good, bad])
    expect(good.log.filter((line) => line.startsWith('tag'))).toEqual(['tag 1.4.2'])
    expect(told).toEqual([
      ...['good:1.4.2 created', 'bad:1.4.2 failed'],
      ...['good:latest refused', 'good:1.4 refused', 'bad:latest refused', 'bad:1.4 refused'],
    ])
    expect(outcomes[2]).toMatchObject({ reason: 'not moved, because bad:1.4.2 could not be written' })
  })

  test('finishes the tags it has begun when the step is cancelled among them', async () => {
    const target = memoryStore('here')
    const cancel = new AbortController()
    target.before = (verb) => {
      if (verb === 'tag') cancel.abort(new LadingError('CANCELLED', 'the step was cancelled'))
    }
    const { told } = await publish([target], TAGS, sample(), { signal: cancel.signal })
    expect(told.every((line) => line.endsWith('created'))).toBe(true)
  })

  test('asks again when a registry shows the old digest for a moment', async () => {
    const target = memoryStore('here')
    const late = lagging(target, 2)
    const { told, waits } = await publish([late], TAGS.slice(2))
    expect(told).toEqual(['here:1.4.2 created'])
    expect(waits).toEqual([250, 750])
  })

  test('fails a tag whose read-back never shows the image', async () => {
    const target = memoryStore('here')
    const { outcomes, waits } = await publish([lagging(target, 100)], TAGS.slice(2))
    expect(outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'DIGEST_MISMATCH' }, found: undefined }])
    expect(waits).toEqual([250, 750, 2000])
  })

  test('takes a tag as written that shows the image though its write failed', async () => {
    const target = memoryStore('here')
    // The proxy before the registry gave up waiting.
    const gateway = failingAfter(target, '1.4.2')
    const { told } = await publish([gateway])
    expect(told).toEqual(['here:1.4.2 created', 'here:latest created', 'here:1.4 created'])
  })

  test('fails a tag that the target says it stored as something else, whatever it shows', async () => {
    const { outcomes, root } = await publish([failingAfter(memoryStore('here'), '1.4.2', 'DIGEST_MISMATCH')])
    expect(outcomes[0]).toMatchObject({ outcome: 'failed', error: { code: 'DIGEST_MISMATCH' }, found: root.digest })
  })

  test('tells what a tag shows whose write failed', async () => {
    const target = memoryStore('here')
    const other = target.put('somebody else’s image', 'application/vnd.oci.image.manifest.v1+json')
    target.before = (verb, subject) => {
      if (verb !== 'tag' || subject !== '1.4.2') return
      target.tags.set('1.4.2', other)
      throw failing('REGISTRY_BUSY')
    }
    const { outcomes } = await publish([target])
    expect(outcomes[0]).toMatchObject({ outcome: 'failed', error: { code: 'REGISTRY_BUSY' }, found: other.digest })
  })

  test('fails a tag with the reason of its write when it cannot be looked at either', async () => {
    const target = memoryStore('here')
    let isDown = false
    target.before = (verb) => {
      if (verb === 'tag') isDown = true
      if (isDown) throw failing(verb === 'tag' ? 'REGISTRY_BUSY' : 'PUSH_DENIED')
    }
    const { outcomes } = await publish([target], TAGS.slice(2))
    expect(outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'REGISTRY_BUSY' }, found: undefined }])
  })
})

describe('several tags', () => {
  const tagLines = ({ log }: MemoryStore) => log.filter((line) => line.startsWith('tag'))

  test('are written at once, those of one kind and one target, where that takes them', async () => {
    const [one, two] = [memoryStore('one'), memoryStore('two')]
    one.takesAtOnce = (tags) => tags
    const fixed = { tag: '1.4.2-a1b2c3d', kind: 'fixed', before: undefined } as const
    const { told } = await publish([one, two], [...TAGS, fixed])
    expect(tagLines(one)).toEqual(['tag 1.4.2 1.4.2-a1b2c3d', 'tag latest 1.4'])
    expect(tagLines(two)).toEqual(['tag 1.4.2', 'tag 1.4.2-a1b2c3d', 'tag latest', 'tag 1.4'])
    expect(told).toHaveLength(8)
    expect(told.every((line) => line.endsWith('created'))).toBe(true)
  })

  test('are asked for at once only as far as they are to be written', async () => {
    const target = memoryStore('here')
    const asked: (readonly string[])[] = []
    target.takesAtOnce = (tags) => {
      asked.push(tags)
      return []
    }
    const given = sample()
    target.tags.set('1.4', given.root)
    const { told } = await publish([target], TAGS, given)
    expect(asked).toEqual([['1.4.2'], ['latest']])
    expect(told).toEqual(['here:1.4.2 created', 'here:latest created', 'here:1.4 unchanged'])
  })

  test('that were not taken with the others are written one by one', async () => {
    const target = memoryStore('here')
    target.takesAtOnce = (tags) => tags.filter((tag) => tag === '1.4')
    const { told, root } = await publish([target])
    expect(tagLines(target)).toEqual(['tag 1.4.2', 'tag 1.4', 'tag latest'])
    expect(told).toEqual(['here:1.4.2 created', 'here:latest created', 'here:1.4 created'])
    expect(target.tags.get('latest')?.digest).toBe(root.digest)
  })

  test('fail one by one', async () => {
    const target = memoryStore('here')
    target.before = (verb, subject) => {
      if (verb === 'tag' && subject === 'latest') throw failing()
    }
    const { told, outcomes } = await publish([target])
    expect(told).toEqual(['here:1.4.2 created', 'here:latest failed', 'here:1.4 created'])
    expect(outcomes[1]).toMatchObject({ error: { code: 'PUSH_DENIED' } })
  })

  test('that are said to be written at once are read back', async () => {
    const target = memoryStore('here')
    const boasting: MemoryStore = { ...target, tagAtOnce: async (_, tags) => tags }
    const { outcomes, waits } = await publish([boasting], TAGS.slice(0, 2))
    const failed = { outcome: 'failed', error: { code: 'DIGEST_MISMATCH' }, found: undefined }
    expect(outcomes).toMatchObject([failed, failed])
    expect(waits.toSorted((a, b) => a - b)).toEqual([250, 250, 750, 750, 2000, 2000])
  })

  test('that were written though the answer was lost are not called unwritten, whatever comes next', async () => {
    const { registry, remote, name } = await connected({ apiVersion: 'root', multiTag: true })
    const given = sample()
    const atOnce = { step: 'manifest-put', reference: given.root.digest, when: { nth: 2 } } as const
    registry.fail({ ...atOnce, effect: { kind: 'reset-after-commit' } })
    registry.fail({ step: 'tag-put', effect: { kind: 'status', status: 403 } })
    const { told } = await publish([remote], TAGS.slice(0, 2), given)
    expect(told).toEqual([`${name}:latest created`, `${name}:1.4 created`])
    expect(registry.requests.filter(({ step }) => step === 'tag-put').map(({ status }) => status)).toEqual([403, 403])
  })

  test('hold the moving ones back when a fixed one of them failed', async () => {
    const target = memoryStore('here')
    const fixed = { tag: '1.4.2-a1b2c3d', kind: 'fixed', before: undefined } as const
    target.takesAtOnce = (tags) => tags.filter((tag) => tag !== '1.4.2')
    target.before = (verb) => {
      if (verb === 'tag') throw failing()
    }
    const { told } = await publish([target], [...TAGS, fixed])
    expect(told).toEqual([
      ...['here:1.4.2 failed', 'here:1.4.2-a1b2c3d created'],
      ...['here:latest refused', 'here:1.4 refused'],
    ])
  })
})

describe('an image that a repository has', () => {
  const home = { registry: 'ghcr.io', path: 'acme/api' }

  test('gets nothing but tags there', async () => {
    const target = memoryStore('ghcr.io/acme/api')
    const given = sample()
    await publish([target], TAGS.slice(2), given)
    target.log.splice(0)
    const { told } = await publish([target], TAGS.slice(0, 1), given, { storedIn: home })
    expect(told).toEqual(['ghcr.io/acme/api:latest created'])
    expect(target.log).toEqual(['tag latest'])
  })

  test('is asked for elsewhere before it is sent', async () => {
    const given = sample()
    const target = memoryStore('ghcr.io/acme/app')
    await publish([target], TAGS.slice(2), given)
    const again = await publish([target], TAGS.slice(0, 1), given, { storedIn: home })
    expect(again.deliveries).toMatchObject([{ arrived: true, copied: [{ status: 'present' }] }])
  })
})

/** A store that writes a tag and fails nevertheless. */
function failingAfter(store: MemoryStore, failed: string, code: Failure = 'REGISTRY_BUSY'): MemoryStore {
  return {
    ...store,
    async tag(manifest, tag) {
      await store.tag(manifest, tag)
      if (tag === failed) throw failing(code)
    },
  }
}

/** A store whose tags show up only after so many looks at them. */
function lagging(store: MemoryStore, looks: number): MemoryStore {
  let left = looks
  let written = false
  return {
    ...store,
    async tag(manifest, tag) {
      await store.tag(manifest, tag)
      written = true
    },
    async resolve(tagOrDigest) {
      if (!written || tagOrDigest.includes(':')) return store.resolve(tagOrDigest)
      left -= 1
      return left >= 0 ? undefined : store.resolve(tagOrDigest)
    },
  }
}

import { describe, expect, test } from 'vitest'
import { deliver, moveTags, type TagToMove } from '../../src/content/publish.ts'
import { LadingError } from '../../src/error.ts'
import { admit } from '../../src/image/admitted.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { connected, loginAt, openClient } from '../support/client.ts'
import { memoryStore, putImage } from '../support/memory-store.ts'
import { failing, journeyFrom, publish, sample, TAGS } from './publishing.ts'

describe('a publish', () => {
  test('writes content, then fixed tags, then moving ones', async () => {
    const target = memoryStore('here')
    const { told, root } = await publish([target])
    expect(target.log.slice(0, 4).toSorted()).toEqual(['push config', 'push config', 'push layer', 'push layer'])
    expect(target.log.slice(4, 7)).toEqual(['push manifest', 'push manifest', 'push index'])
    expect(target.log.slice(7)).toEqual(['tag 1.4.2', 'tag latest', 'tag 1.4'])
    expect(told).toEqual(['here:1.4.2 created', 'here:latest created', 'here:1.4 created'])
    expect([...target.tags.values()].map(({ digest }) => digest)).toEqual([root.digest, root.digest, root.digest])
  })

  test('writes no tag before every target has all content', async () => {
    const all: string[] = []
    const targets = ['one', 'two'].map((name) => {
      const target = memoryStore(name)
      target.before = async (verb, subject) => {
        // The second registry is the slow one.
        if (name === 'two' && verb === 'push') await new Promise((resolve) => setTimeout(resolve, 5))
        if (verb === 'push' || verb === 'tag') all.push(`${verb} ${subject}`)
      }
      return target
    })
    await publish(targets)
    const first = all.findIndex((line) => line.startsWith('tag'))
    expect(all.slice(first).filter((line) => line.startsWith('push'))).toEqual([])
    expect(all.slice(first, first + 2)).toEqual(['tag 1.4.2', 'tag 1.4.2'])
  })

  test('tags nothing anywhere when one target did not get the content', async () => {
    const [good, bad] = [memoryStore('good'), memoryStore('bad')]
    bad.before = (verb, subject) => {
      if (verb === 'push' && subject === 'layer') throw failing()
    }
    const { told, outcomes, deliveries } = await publish([good, bad])
    expect(good.log.filter((line) => line.startsWith('tag'))).toEqual([])
    expect(good.log).toContain('push index')
    expect(told).toEqual([
      ...['good:latest refused', 'good:1.4 refused', 'good:1.4.2 refused'],
      ...['bad:latest failed', 'bad:1.4 failed', 'bad:1.4.2 failed'],
    ])
    expect(outcomes[0]).toMatchObject({ reason: 'not moved, because the image did not reach bad' })
    expect(outcomes[3]).toMatchObject({ error: { code: 'PUSH_DENIED' } })
    expect(deliveries.map(({ arrived }) => arrived)).toEqual([true, false])
  })

  test('completes the other targets when it is told to continue', async () => {
    const [good, bad] = [memoryStore('good'), memoryStore('bad')]
    bad.before = (verb, subject) => {
      if (verb === 'push' && subject === 'layer') throw failing()
    }
    const { told } = await publish([good, bad], TAGS, sample(), { onFailure: 'continue' })
    expect(good.log.filter((line) => line.startsWith('tag'))).toEqual(['tag 1.4.2', 'tag latest', 'tag 1.4'])
    expect(told.toSorted()).toEqual([
      ...['bad:1.4 failed', 'bad:1.4.2 failed', 'bad:latest failed'],
      ...['good:1.4 created', 'good:1.4.2 created', 'good:latest created'],
    ])
  })

  test('asks nothing of a target whose tags all show the image', async () => {
    const target = memoryStore('here')
    const given = sample()
    target.before = (verb) => {
      throw new Error(`asked to ${verb}`)
    }
    const { told, deliveries } = await publish([target], shown(given.root), given)
    expect(told).toEqual(['here:1.4.2 unchanged', 'here:latest unchanged', 'here:1.4 unchanged'])
    expect(deliveries).toMatchObject([{ arrived: true, copied: [] }])
  })

  test('begins no tag when the step was cancelled before', async () => {
    const target = memoryStore('here')
    const cancel = new AbortController()
    target.before = (verb, subject) => {
      if (verb === 'push' && subject === 'index') cancel.abort(new LadingError('CANCELLED', 'the step was cancelled'))
    }
    await expect(publish([target], TAGS, sample(), { signal: cancel.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    expect(target.log.filter((line) => line.startsWith('tag'))).toEqual([])
  })

  test('reports every piece that arrived', async () => {
    const target = memoryStore('here')
    const seen: string[] = []
    const { deliveries } = await publish([target], TAGS, sample(), {
      onCopied: ({ name }, { status }) => void seen.push(`${name} ${status}`),
    })
    expect(seen).toEqual(Array(7).fill('here uploaded'))
    expect(deliveries).toMatchObject([{ copied: Array(7).fill({ status: 'uploaded' }) }])
  })
})

describe('a publish over HTTP', () => {
  const AUTH = { kind: 'token', users: { user: { password: 'pass-word' } } } as const
  const methods = (requests: readonly { method: string; step: string }[]) => {
    const counts: Record<string, number> = {}
    for (const { method, step } of requests) {
      const key = `${method} ${step}`
      counts[key] = (counts[key] ?? 0) + 1
    }
    return counts
  }

  test('of one image under one tag takes no request too many', async () => {
    const { registry, remote } = await connected({ auth: AUTH })
    const source = memoryStore()
    const root = putImage(source, 'amd64', ['one', 'two'])
    const journey = journeyFrom(source)
    expect(await remote.resolve('1.0')).toBeUndefined()
    const destination = { target: remote, tags: [{ tag: '1.0', kind: 'fixed', before: undefined } as const] }
    const deliveries = await deliver(admit(root, 'passed'), [destination], journey)
    const outcomes = await moveTags(admit(root, 'passed'), deliveries, journey)
    expect(outcomes).toMatchObject([{ outcome: 'created' }])
    expect(methods(registry.requests)).toEqual({
      // challenge, tag before, tag again, read-back
      'HEAD manifest-head': 4,
      'GET token': 1,
      // config and two layers: no look before, since a tag that is not there makes the repository look new
      'POST mount': 3,
      'PUT upload-put': 3,
      'PUT manifest-put': 1,
      'PUT tag-put': 1,
    })
  })

  test('with nothing to do takes one HEAD for each tag, one challenge and one token', async () => {
    const { registry, remote } = await connected({ auth: AUTH })
    const source = memoryStore()
    const root = putImage(source, 'amd64', ['one'])
    const first = await Promise.all(TAGS.map(({ tag }) => remote.resolve(tag)))
    expect(first).toEqual([undefined, undefined, undefined])
    const journey = journeyFrom(source)
    const deliveries = await deliver(admit(root, 'passed'), [{ target: remote, tags: TAGS }], journey)
    await moveTags(admit(root, 'passed'), deliveries, journey)

    // Another run: it has to learn everything anew.
    registry.reset()
    await using client = openClient({ logins: [loginAt(registry.host)] })
    const fresh = client.remote(`${registry.host}/acme/api`)
    const live = await Promise.all(TAGS.map(async ({ tag }) => (await fresh.resolve(tag))?.digest))
    expect(live).toEqual([root.digest, root.digest, root.digest])
    const unchanged = TAGS.map((tag) => ({ ...tag, before: root.digest }))
    const nothing = await deliver(admit(root, 'passed'), [{ target: fresh, tags: unchanged }], journey)
    const outcomes = await moveTags(admit(root, 'passed'), nothing, journey)
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged', 'unchanged'])
    expect(methods(registry.requests)).toEqual({ 'HEAD manifest-head': 4, 'GET token': 1 })
  })

  test('copies nothing but what changed', async () => {
    const { registry, remote } = await connected({ auth: AUTH })
    const source = memoryStore()
    const journey = journeyFrom(source)
    const send = (root: Descriptor) => deliver(admit(root, 'passed'), [{ target: remote, tags: TAGS }], journey)
    await send(putImage(source, 'amd64', ['base', 'old']))
    registry.reset()
    await send(putImage(source, 'amd64', ['base', 'new']))
    expect(registry.writes().map(({ step }) => step)).toEqual(['upload-put', 'manifest-put'])
  })
})

function shown(root: Descriptor): readonly TagToMove[] {
  return TAGS.map((tag) => ({ ...tag, before: root.digest }))
}

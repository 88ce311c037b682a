import { describe, expect, test } from 'vitest'
import type { Elsewhere } from '../../src/content/store.ts'
import { LadingError } from '../../src/error.ts'
import { parseRepository } from '../../src/image/reference.ts'
import { connected, openClient } from '../support/client.ts'
import type { RegistryOptions } from '../support/registry/server.ts'
import type { User } from '../support/registry/user.ts'
import { layer, steps, stored } from '../support/sample-blob.ts'

describe('a blob that a sibling repository has', () => {
  async function siblings(options: Parameters<typeof connected>[0] = {}) {
    const { registry, client } = await connected(options)
    const [one, two] = ['acme/one', 'acme/two'].map((path) => client.remote(`${registry.host}/${path}`))
    if (one === undefined || two === undefined) throw new Error('two repositories are needed')
    return { registry, one, two }
  }

  test('is mounted, also while it is still on its way there', async () => {
    const { registry, one, two } = await siblings()
    const blob = layer()
    const arrivals = await Promise.all([one.push(blob, blob.open), two.push(blob, blob.open)])
    expect(arrivals).toEqual(['uploaded', 'mounted'])
    expect(blob.opened).toBe(1)
    expect(stored(registry, blob, 'acme/two')).toBe('a layer')
  })

  test('is mounted when the registry said that it has it', async () => {
    const { registry, one, two } = await siblings({
      auth: { kind: 'token', users: { user: { password: 'pass-word' } } },
    })
    const blob = layer()
    registry.put('acme/one', { manifest: {}, blobs: [Buffer.from('a layer')] })
    expect(await one.exists(blob)).toBe(true)
    expect(await two.push(blob, blob.open)).toBe('mounted')
    expect(blob.opened).toBe(0)
  })

  test.each([400, 401, 403, 404, 405])('is uploaded when the registry answers %i to the mount', async (status) => {
    const { registry, one, two } = await siblings({ faults: [{ step: 'mount', effect: { kind: 'status', status } }] })
    const blob = layer()
    await one.push(blob, blob.open)
    expect(await two.push(blob, blob.open)).toBe('uploaded')
    expect(stored(registry, blob, 'acme/two')).toBe('a layer')
  })

  test('is uploaded into the session that the mount opened instead', async () => {
    const { registry, one, two } = await siblings({ mount: false })
    const blob = layer()
    await one.push(blob, blob.open)
    registry.reset()
    expect(await two.push(blob, blob.open)).toBe('uploaded')
    expect(steps(registry)).toEqual(['mount 202', 'upload-put 201'])
    expect(registry.openUploads()).toEqual([])
  })

  test('is uploaded when the sibling did not get it', async () => {
    const fault = { step: 'upload-put', repository: 'acme/one', effect: { kind: 'status', status: 403 } } as const
    const { registry, one, two } = await siblings({ faults: [fault] })
    const blob = layer()
    const [first, second] = await Promise.allSettled([one.push(blob, blob.open), two.push(blob, blob.open)])
    expect([first.status, second]).toEqual(['rejected', { status: 'fulfilled', value: 'uploaded' }])
    expect(steps(registry).join()).not.toContain('mount')
  })
})

describe('a layer that another image of the repository has brought', () => {
  test('is waited for, and neither sent nor looked for again', async () => {
    const { registry, client } = await connected()
    const [one, two] = [client.remote(`${registry.host}/acme/api`), client.remote(`${registry.host}/acme/api`)]
    const blob = layer()
    expect(await Promise.all([one.push(blob, blob.open), two.push(blob, blob.open)])).toEqual(['uploaded', 'present'])
    expect(blob.opened).toBe(1)
    expect(steps(registry)).toEqual(['upload-open 202', 'upload-put 201'])
  })

  test('is sent by itself when the other one did not get it there', async () => {
    const { registry, client } = await connected({
      faults: [{ step: 'upload-put', when: { nth: 1 }, effect: { kind: 'status', status: 403 } }],
    })
    const [one, two] = [client.remote(`${registry.host}/acme/api`), client.remote(`${registry.host}/acme/api`)]
    const blob = layer()
    const [first, second] = await Promise.allSettled([one.push(blob, blob.open), two.push(blob, blob.open)])
    expect([first.status, second]).toEqual(['rejected', { status: 'fulfilled', value: 'uploaded' }])
  })

  test('is sent again when the registry has lost it', async () => {
    const { registry, client } = await connected()
    const [one, two] = [client.remote(`${registry.host}/acme/api`), client.remote(`${registry.host}/acme/api`)]
    const blob = layer()
    await one.push(blob, blob.open)
    registry.repositories.get('acme/api')?.blobs.delete(blob.digest)
    expect(await two.exists(blob, 'again')).toBe(false)
    expect(await two.push(blob, blob.open)).toBe('uploaded')
    expect(stored(registry, blob, 'acme/api')).toBe('a layer')
  })
})

describe('a layer that another repository may have', () => {
  const tokens = (user: Partial<User> = {}) =>
    ({ kind: 'token', users: { user: { password: 'pass-word', ...user } } }) as const
  const mounts = (registry: Awaited<ReturnType<typeof connected>>['registry']) =>
    registry.requests
      .filter(({ step }) => step === 'mount')
      .map(({ path }) => new URLSearchParams(path.split('?')[1]).get('from'))

  /** An image of four layers on a base that has two of them, and a push of them all at once, lowest first. */
  async function onBase(
    options: RegistryOptions = {},
    more: { readonly looksNew?: boolean; readonly from?: readonly string[]; readonly cancel?: AbortSignal } = {},
  ) {
    const signal = more.cancel ?? new AbortController().signal
    const { registry, remote, client } = await connected(options, { signal })
    registry.put('acme/base', {
      manifest: { layers: [] },
      blobs: ['base one', 'base two'].map((text) => Buffer.from(text)),
    })
    const layers = ['base one', 'base two', 'own three', 'own four'].map((text) => layer(text))
    const mountFrom = (more.from ?? ['acme/base']).map((path) => parseRepository(`${registry.host}/${path}`))
    registry.put('acme/api', { manifest: { layers: [] }, tag: 'latest' })
    // What there is to learn before an upload: whether the tag is there, and how to log in.
    await remote.resolve(more.looksNew === true ? '1.4.2' : 'latest')
    registry.reset()
    const elsewhere = (at: number): Elsewhere => ({ mountFrom, liesOn: layers[at - 1]?.digest })
    const push = () => Promise.all(layers.map((blob, at) => remote.push(blob, blob.open, elsewhere(at))))
    return {
      registry,
      remote,
      client,
      layers,
      push,
      elsewhere,
      count: (step: string) => registry.requests.filter((one) => one.step === step).length,
    }
  }

  describe('in a repository with tags', () => {
    test('is mounted, and what is not there takes the session that was opened instead', async () => {
      const { registry, push, layers } = await onBase()
      expect(await push()).toEqual(['mounted', 'mounted', 'uploaded', 'uploaded'])
      expect(layers.map(({ opened }) => opened)).toEqual([0, 0, 1, 1])
      expect(steps(registry).toSorted()).toEqual([
        ...['mount 201', 'mount 201', 'mount 202', 'mount 202'],
        ...['upload-put 201', 'upload-put 201'],
      ])
      expect(registry.openUploads()).toEqual([])
      expect(layers.map((blob) => stored(registry, blob))).toEqual(['base one', 'base two', 'own three', 'own four'])
    })

    test('is asked for at the next one when the first has nothing, each layer once', async () => {
      const { registry, push } = await onBase({}, { from: ['acme/builder', 'acme/base'] })
      expect(await push()).toEqual(['uploaded', 'mounted', 'uploaded', 'uploaded'])
      expect(mounts(registry)).toEqual(['acme/builder', 'acme/base', 'acme/base', 'acme/base'])
    })

    test('is asked for though another one was not there: that is free', async () => {
      const { registry, remote, layers, elsewhere } = await onBase()
      for (const at of [3, 1]) {
        const blob = layers[at]
        if (blob === undefined) throw new Error('a layer is needed')
        expect(await remote.push(blob, blob.open, elsewhere(at))).toBe(at === 3 ? 'uploaded' : 'mounted')
      }
      expect(steps(registry)).toEqual(['mount 202', 'upload-put 201', 'mount 201'])
    })

    test('costs one token for the base', async () => {
      const { registry, push, count } = await onBase({ auth: tokens() })
      expect(await push()).toEqual(['mounted', 'mounted', 'uploaded', 'uploaded'])
      expect([count('token'), count('mount'), count('upload-put')]).toEqual([1, 4, 2])
      expect(registry.requests).toHaveLength(7)
      // The right to push comes first: some token services look at one scope only.
      const asked = registry.requests.find(({ step }) => step === 'token')?.path.split('?')[1]
      expect(new URLSearchParams(asked).getAll('scope')).toEqual([
        'repository:acme/api:pull,push',
        'repository:acme/base:pull',
      ])
    })

    test('is not asked for where the token grants nothing', async () => {
      const grants: User['grants'] = ({ name, actions }) => (name === 'acme/base' ? [] : actions)
      const { registry, push, count } = await onBase({ auth: tokens({ grants }) })
      expect(await push()).toEqual(Array(4).fill('uploaded'))
      expect([count('token'), count('mount'), count('upload-put')]).toEqual([1, 0, 4])
      expect(registry.openUploads()).toEqual([])
    })

    test('is not asked for a second time where the token service refuses the scope', async () => {
      const { registry, push, count } = await onBase({ auth: tokens() })
      registry.fail({ step: 'token', effect: { kind: 'status', status: 403, body: { errors: [{ code: 'DENIED' }] } } })
      expect(await push()).toEqual(Array(4).fill('uploaded'))
      expect(steps(registry).filter((step) => step.startsWith('token'))).toEqual(['token 403'])
      expect([count('mount'), count('upload-open'), count('upload-put')]).toEqual([0, 4, 4])
    })

    test('is asked for once, with one token, where only the registry knows that the base is closed', async () => {
      const grants: User['grants'] = ({ name, actions }) => (name === 'acme/base' ? [] : actions)
      const { registry, push, count } = await onBase({ auth: { ...tokens({ grants }), opaque: true } })
      expect(await push()).toEqual(Array(4).fill('uploaded'))
      expect(steps(registry).filter((step) => step.startsWith('mount'))).toEqual(['mount 401'])
      expect([count('token'), count('upload-open'), count('upload-put')]).toEqual([1, 4, 4])
    })

    test.each([400, 401, 403, 404, 405, 429, 500, 503])(
      'is asked for once when the registry answers %i',
      async (status) => {
        const { push, count } = await onBase({
          faults: [{ step: 'mount', effect: { kind: 'status', status } }],
        })
        expect(await push()).toEqual(Array(4).fill('uploaded'))
        expect([count('mount'), count('upload-open'), count('upload-put')]).toEqual([1, 4, 4])
      },
    )

    test('is uploaded by another attempt when the connection breaks', async () => {
      const { push, count } = await onBase({ faults: [{ step: 'mount', effect: { kind: 'reset' } }] })
      expect(await push()).toEqual(Array(4).fill('uploaded'))
      expect(count('mount')).toBe(1)
    })
  })

  describe('in a repository that looks new', () => {
    test('is asked for as long as the base had what lies below, and no request is added', async () => {
      const { registry, push, count } = await onBase({}, { looksNew: true })
      expect(await push()).toEqual(['mounted', 'mounted', 'uploaded', 'uploaded'])
      expect(mounts(registry)).toEqual(['acme/base', 'acme/base', 'acme/base', 'acme/api'])
      // Two mounts have saved a request each, and one look was bought for it.
      expect([count('mount'), count('upload-put'), count('blob-head')]).toEqual([4, 2, 1])
      expect(registry.openUploads()).toEqual([])
    })

    test('is found when an earlier run has left it, above the base too', async () => {
      const { registry, push, layers, count } = await onBase({}, { looksNew: true })
      await using other = openClient()
      const before = other.remote(`${registry.host}/acme/api`)
      for (const blob of layers.slice(2)) await before.push(blob, blob.open)
      registry.reset()
      expect(await push()).toEqual(['mounted', 'mounted', 'present', 'present'])
      expect([count('mount'), count('upload-put'), count('blob-head'), count('upload-cancel')]).toEqual([4, 0, 1, 1])
      expect(registry.openUploads()).toEqual([])
    })

    test('is looked for here at once when the base has nothing', async () => {
      const { registry, push, count } = await onBase({}, { looksNew: true, from: ['acme/nothing'] })
      expect(await push()).toEqual(Array(4).fill('uploaded'))
      expect(mounts(registry)).toEqual(['acme/nothing', 'acme/api', 'acme/api', 'acme/api'])
      expect([count('blob-head'), count('upload-put')]).toEqual([0, 4])
    })

    test('is asked for at the next one when the first has nothing', async () => {
      const { registry, push } = await onBase({}, { looksNew: true, from: ['acme/builder', 'acme/base'] })
      expect(await push()).toEqual(['uploaded', 'mounted', 'uploaded', 'uploaded'])
      expect(mounts(registry)).toEqual(['acme/builder', 'acme/base', 'acme/base', 'acme/api'])
    })

    test.each<[string, RegistryOptions, number]>([
      [
        'the token grants nothing',
        { auth: tokens({ grants: ({ name, actions }) => (name === 'acme/base' ? [] : actions) }) },
        1,
      ],
      [
        'nothing needs a token',
        {
          auth: {
            kind: 'basic',
            users: {
              user: { password: 'pass-word', grants: ({ name, actions }) => (name === 'acme/base' ? [] : actions) },
            },
          },
        },
        0,
      ],
    ])('is looked for here when the base is closed and %s', async (_name, options, expected) => {
      const { registry, push, layers, count } = await onBase(options, { looksNew: true })
      registry.put('acme/api', { manifest: { layers: [] }, blobs: [Buffer.from('base one')] })
      expect(await push()).toEqual(['present', 'uploaded', 'uploaded', 'uploaded'])
      expect(count('token')).toBe(expected)
      expect(layers[0]?.opened).toBe(0)
    })

    test('does not wait for ever for what lies below when the step is cancelled', async () => {
      const cancel = new AbortController()
      const { remote, layers, elsewhere } = await onBase({}, { looksNew: true, cancel: cancel.signal })
      cancel.abort(new LadingError('CANCELLED', 'the step was cancelled'))
      const ended = await Promise.allSettled(layers.map((blob, at) => remote.push(blob, blob.open, elsewhere(at))))
      expect(ended.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
    })
  })

  test('is not asked for in another registry, nor in the repository itself', async () => {
    const { registry, remote, layers } = await onBase()
    const mountFrom = ['docker.io/library/node', 'ghcr.io/acme/base', `${registry.host}/acme/api`].map(parseRepository)
    const [blob] = layers
    if (blob === undefined) throw new Error('a layer is needed')
    expect(await remote.push(blob, blob.open, { mountFrom, liesOn: undefined })).toBe('uploaded')
    expect(steps(registry)).toEqual(['upload-open 202', 'upload-put 201'])
  })

  test('is mounted from the sibling that has it already', async () => {
    const { registry, client, push, layers, elsewhere } = await onBase()
    await push()
    registry.reset()
    const sibling = client.remote(`${registry.host}/acme/two`)
    const arrivals = await Promise.all(layers.map((blob, at) => sibling.push(blob, blob.open, elsewhere(at))))
    expect(arrivals).toEqual(Array(4).fill('mounted'))
    expect(mounts(registry)).toEqual(Array(4).fill('acme/api'))
  })
})

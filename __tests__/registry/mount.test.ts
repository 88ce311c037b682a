import { describe, expect, test } from 'vitest'
import { connected } from '../support/client.ts'
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

import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import type { Send } from '../../src/net/send.ts'
import { connected, openClient } from '../support/client.ts'
import type { LocationForm } from '../support/registry/effect.ts'
import { layer, steps, stored } from '../support/sample-blob.ts'
import { scripted } from '../support/scripted-send.ts'

describe('uploading a blob', () => {
  test('takes one POST and one PUT with its length', async () => {
    const { registry, remote } = await connected()
    const blob = layer()
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(steps(registry)).toEqual(['upload-open 202', 'upload-put 201'])
    expect(stored(registry, blob)).toBe('a layer')
    expect(remote.traffic()).toEqual({ requests: { POST: 1, PUT: 1 }, retries: 0 })
  })

  test('works for an empty blob', async () => {
    const { registry, remote } = await connected()
    const blob = layer('')
    await remote.push(blob, blob.open)
    expect(stored(registry, blob)).toBe('')
  })

  test.each<[string, LocationForm]>([
    ['relative', 'relative'],
    ['absolute', 'absolute'],
    ['without its scheme', 'scheme-less'],
    ['without its port', 'no-port'],
    ['as http', 'http'],
  ])('goes where the registry says: %s', async (_name, form) => {
    const fault = { step: 'upload-open', effect: { kind: 'location', form } } as const
    const { registry, remote } = await connected({ faults: [fault] })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(stored(registry, blob)).toBe('a layer')
  })

  test.each([
    ['nothing', undefined],
    ['no web address', 'http://'],
  ])('fails when the registry names %s as the place', async (_name, location) => {
    const fault = { step: 'upload-open', effect: { kind: 'headers', set: { location } } } as const
    const { remote } = await connected({ faults: [fault] })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toThrow('did not say where to send it')
  })

  test('does not go to this machine because a registry elsewhere says so', async () => {
    const send = scripted({ status: 202, headers: { location: 'https://127.0.0.1:8443/upload' } })
    await using client = openClient({ around: () => send })
    const blob = layer()
    const pushing = client.remote('registry.example/acme/api').push(blob, blob.open)
    await expect(pushing).rejects.toThrow('on this machine; nothing is sent there')
    expect([send.requests.length, blob.opened]).toEqual([1, 0])
  })

  test.each([200, 202, 204])('takes a %i for a 201', async (status) => {
    const { remote } = await connected({ faults: [{ step: 'upload-put', effect: { kind: 'answer', status } }] })
    const blob = layer()
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
  })
})

describe('an upload that fails', () => {
  test.each([
    [408, 2],
    [429, 2],
    [500, 2],
    [503, 2],
    // A gateway does not know what became of the bytes, so the blob is waited for a little each time.
    [502, 8],
    [504, 8],
  ])('by a %i begins again with a new session, its bytes read anew, after %i waits', async (status, waits) => {
    const fault = { step: 'upload-put', when: { first: 2 }, effect: { kind: 'status', status } } as const
    const { registry, remote, client } = await connected({ faults: [fault] })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(stored(registry, blob)).toBe('a layer')
    expect(blob.opened).toBe(3)
    expect(client.waits).toHaveLength(waits)
    expect(remote.traffic().retries).toBe(2)
    expect(registry.openUploads()).toEqual([])
  })

  test('by a reset in the middle of its body begins again', async () => {
    const fault = { step: 'upload-put', when: { nth: 1 }, effect: { kind: 'reset', afterBytes: 200_000 } } as const
    const { registry, remote, client } = await connected({ faults: [fault] })
    const blob = layer(Buffer.alloc(20_000_000, 'x'))
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(blob.opened).toBe(2)
    // It cannot be there, so it is looked for once and not waited for.
    expect(client.waits).toHaveLength(1)
    expect(stored(registry, blob)).toHaveLength(20_000_000)
    expect(registry.openUploads()).toEqual([])
  })

  test('by a lost answer finds the blob that was kept, and does not send it again', async () => {
    const fault = { step: 'upload-put', when: { nth: 1 }, effect: { kind: 'reset-after-commit' } } as const
    const { registry, remote } = await connected({ faults: [fault] })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(blob.opened).toBe(1)
    expect(steps(registry)).toEqual(['upload-open 202', 'upload-put reset', 'blob-head 200', 'upload-cancel 404'])
  })

  test('by a gateway that gave up on a slow commit finds the blob that was kept', async () => {
    const fault = { step: 'upload-put', when: { nth: 1 }, effect: { kind: 'answer', status: 504 } } as const
    const { remote } = await connected({ faults: [fault] })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(blob.opened).toBe(1)
  })

  test('by a lost session opens another one', async () => {
    const body = { errors: [{ code: 'BLOB_UPLOAD_UNKNOWN', message: 'upload unknown' }] }
    const fault = { step: 'upload-put', when: { nth: 1 }, effect: { kind: 'status', status: 404, body } } as const
    const { registry, remote } = await connected({ faults: [fault] })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(stored(registry, blob)).toBe('a layer')
    expect(steps(registry).filter((step) => step === 'upload-open 202')).toHaveLength(2)
  })

  test('waits as long as the registry asks for', async () => {
    const effect = { kind: 'status', status: 503, headers: { 'retry-after': '7' } } as const
    const { remote, client } = await connected({ faults: [{ step: 'upload-put', when: { nth: 1 }, effect }] })
    const blob = layer()
    await remote.push(blob, blob.open)
    // And a little more: half of the first pause, by the test's chance.
    expect(client.waits).toEqual([7125])
  })

  test('each time ends after all retries, with what the registry said and no session left open', async () => {
    const effect = {
      kind: 'status',
      status: 500,
      body: { errors: [{ code: 'UNKNOWN', message: 'disk full' }] },
    } as const
    const { registry, remote } = await connected({ faults: [{ step: 'upload-put', effect }] }, { retries: 2 })
    const blob = layer()
    const error = await remote.push(blob, blob.open).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'REGISTRY_BUSY', message: expect.stringContaining('UNKNOWN: disk full') })
    expect(blob.opened).toBe(3)
    expect(registry.openUploads()).toEqual([])
  })

  test.each([
    ['bytes that are not what the digest says', { digest: digestOf('other') }, {}, 'CONTENT_REFUSED', 'DIGEST_INVALID'],
    ['a body that a proxy finds too large', {}, { status: 413 }, 'CONTENT_REFUSED', 'status 413'],
    ['a right that is missing', {}, { status: 403 }, 'PUSH_DENIED', 'status 403'],
  ] as const)('for good is not tried again: %s', async (...[_name, changed, answered, code, text]) => {
    const { registry, remote, client } = await connected()
    if ('status' in answered) registry.fail({ step: 'upload-put', effect: { kind: 'status', ...answered } })
    const blob = layer()
    const error = await remote.push({ ...blob, ...changed }, blob.open).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, message: expect.stringContaining(text) })
    expect(client.waits).toEqual([])
    expect(registry.openUploads()).toEqual([])
  })

  test('because its source breaks off names the source’s reason', async () => {
    const { registry, remote } = await connected()
    const blob = layer()
    const broken = async () => Readable.from([Buffer.from('a')])
    const error = await remote.push(blob, broken).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CONTENT_INVALID' })
    expect(registry.openUploads()).toEqual([])
  })

  test('because the step was cancelled lets the registry forget its session', async () => {
    const cancel = new AbortController()
    const fault = { step: 'upload-put', effect: { kind: 'delay', ms: 60_000 } } as const
    const { registry, remote } = await connected({ faults: [fault] }, { signal: cancel.signal })
    const blob = layer()
    const pushing = remote.push(blob, blob.open).catch((thrown: unknown) => thrown)
    await expect.poll(() => steps(registry)).toContain('upload-put reset')
    cancel.abort()
    expect(await pushing).toMatchObject({ code: 'CANCELLED' })
    expect(steps(registry).at(-1)).toBe('upload-cancel 204')
    expect(registry.openUploads()).toEqual([])
  })

  test('while it waited to be tried again, for the step was cancelled, leaves no session', async () => {
    const cancel = new AbortController()
    const around: (send: Send) => Send = (send) => async (request) => {
      const response = await send(request)
      if (request.method === 'PUT') cancel.abort()
      return response
    }
    const fault = { step: 'upload-put', effect: { kind: 'status', status: 503 } } as const
    const { registry, remote } = await connected({ faults: [fault] }, { signal: cancel.signal, around })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(steps(registry)).toEqual(['upload-open 202', 'upload-put 503', 'upload-cancel 204'])
  })

  test('is bounded by its waits taken together, whatever its retries', async () => {
    const effect = { kind: 'status', status: 503, headers: { 'retry-after': '140' } } as const
    const { remote, client } = await connected({ faults: [{ step: 'upload-put', effect }] })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({ code: 'REGISTRY_BUSY' })
    expect(client.waits).toEqual([140_125, 140_250])
  })

  test('to begin is tried as often as one that fails later, not more', async () => {
    const fault = { step: 'upload-open', effect: { kind: 'status', status: 503 } } as const
    const { registry, remote } = await connected({ faults: [fault] }, { retries: 3 })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({ code: 'REGISTRY_BUSY' })
    expect(steps(registry)).toEqual(Array.from({ length: 4 }, () => 'upload-open 503'))
    expect(remote.traffic().retries).toBe(3)
  })
})

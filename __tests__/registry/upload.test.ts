import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { connected } from '../support/client.ts'
import { bytesOf } from '../support/registry/blob.ts'
import type { LocationForm } from '../support/registry/effect.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'

const LAYER = 'application/vnd.oci.image.layer.v1.tar'

function layer(
  content: string | Uint8Array = 'a layer',
): Descriptor & { open: () => Promise<Readable>; opened: number } {
  const bytes = Buffer.from(content)
  const described = { mediaType: LAYER, digest: digestOf(bytes), size: bytes.length, opened: 0 }
  const open = async () => {
    blob.opened += 1
    return Readable.from(chunksOf(bytes))
  }
  const blob = { ...described, open }
  return blob
}

function chunksOf(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / 65_536)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * 65_536, (index + 1) * 65_536))
}

const steps = (registry: InProcessRegistry) =>
  registry.requests.map(({ step, status }) => `${step} ${status ?? 'reset'}`)

function stored(registry: InProcessRegistry, { digest }: Descriptor, path = 'acme/api'): string | undefined {
  const blob = registry.repositories.get(path)?.blobs.get(digest)
  return blob === undefined ? undefined : bytesOf(blob).toString()
}

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

  test.each([200, 202, 204])('takes a %i for a 201', async (status) => {
    const { remote } = await connected({ faults: [{ step: 'upload-put', effect: { kind: 'answer', status } }] })
    const blob = layer()
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
  })
})

describe('an upload that fails', () => {
  test.each([408, 429, 500, 502, 503, 504])(
    'by a %i begins again with a new session, its bytes read anew',
    async (status) => {
      const fault = { step: 'upload-put', when: { first: 2 }, effect: { kind: 'status', status } } as const
      const { registry, remote, client } = await connected({ faults: [fault] })
      const blob = layer()
      await remote.push(blob, blob.open)
      expect(stored(registry, blob)).toBe('a layer')
      expect(blob.opened).toBe(3)
      expect(client.waits).toHaveLength(2)
      expect(remote.traffic().retries).toBe(2)
      expect(registry.openUploads()).toEqual([])
    },
  )

  test('by a reset in the middle of its body begins again', async () => {
    const fault = { step: 'upload-put', when: { nth: 1 }, effect: { kind: 'reset', afterBytes: 200_000 } } as const
    const { registry, remote } = await connected({ faults: [fault] })
    const blob = layer(Buffer.alloc(1_000_000, 'x'))
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(blob.opened).toBe(2)
    expect(stored(registry, blob)).toHaveLength(1_000_000)
    expect(registry.openUploads()).toEqual([])
  })

  test('by a lost answer finds the blob that was kept, and does not send it again', async () => {
    const fault = { step: 'upload-put', when: { nth: 1 }, effect: { kind: 'reset-after-commit' } } as const
    const { registry, remote } = await connected({ faults: [fault] })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(blob.opened).toBe(1)
    expect(steps(registry)).toEqual(['upload-open 202', 'upload-put reset', 'upload-cancel 404', 'blob-head 200'])
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
    expect(client.waits).toEqual([7000])
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
})

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

  test('is uploaded when the mount only opens a session, which is cancelled', async () => {
    const { registry, one, two } = await siblings({ mount: false })
    const blob = layer()
    await one.push(blob, blob.open)
    registry.reset()
    expect(await two.push(blob, blob.open)).toBe('uploaded')
    expect(steps(registry)).toEqual(['mount 202', 'upload-cancel 204', 'upload-open 202', 'upload-put 201'])
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

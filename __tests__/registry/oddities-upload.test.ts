import { createSecureServer } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Request, Send } from '../../src/net/send.ts'
import { openTunnel } from '../scenarios/tunnel.ts'
import { connected, dockerWith, openClient } from '../support/client.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import type { LocationForm } from '../support/registry/effect.ts'
import type { Fault } from '../support/registry/fault.ts'
import type { RecordedRequest } from '../support/registry/record.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'
import { layer, steps, stored } from '../support/sample-blob.ts'
import { scripted } from '../support/scripted-send.ts'

// What real registries do while content is written to them, row by row of the list that we keep of it.

const MEBIBYTE = 1024 * 1024
const TOKENS = { kind: 'token', users: { user: { password: 'pass-word' } } } as const
const manifest = Buffer.from('{"schemaVersion":2}')
const manifestBlob = () => ({ ...layer(manifest), mediaType: 'application/vnd.oci.image.manifest.v1+json' })

const refusing = (status: number, code: string, message = 'as the registry says') => ({
  kind: 'status' as const,
  status,
  body: { errors: [{ code, message }] },
})

/** A client whose requests are kept as they go out. */
async function watched(options: Parameters<typeof connected>[0] = {}) {
  const sent: Request[] = []
  const around = (send: Send): Send => {
    return (request) => {
      sent.push(request)
      return send(request)
    }
  }
  return { sent, ...(await connected(options, { around })) }
}

/** A registry that takes a body in a PATCH only. */
const patchOnly = (effect: Fault['effect'] = refusing(405, 'UNSUPPORTED')): Fault => ({
  step: 'upload-put',
  withBody: true,
  effect,
})

async function siblings(options: Parameters<typeof connected>[0]) {
  const { registry, client } = await connected(options)
  const blob = layer()
  await client.remote(`${registry.host}/acme/one`).push(blob, blob.open)
  registry.reset()
  return { registry, blob, two: client.remote(`${registry.host}/acme/two`) }
}

test.each<[string, LocationForm]>([
  ['relative', 'relative'],
  ['absolute', 'absolute'],
  ['without its scheme', 'scheme-less'],
  ['without its port', 'no-port'],
])('row 1: an upload goes to a place that is given %s, and keeps its query', async (_name, form) => {
  const fault = { step: ['upload-open', 'upload-patch'], effect: { kind: 'location', form } } as const
  const { registry, remote } = await connected({ faults: [fault, patchOnly()] })
  const blob = layer()
  await remote.push(blob, blob.open)
  expect(stored(registry, blob)).toBe('a layer')
})

test.each([
  ['PUT', []],
  ['PATCH', [patchOnly()]],
] as const)('row 2: no credentials go along to a place on another host, by %s', async (_name, faults) => {
  const { registry, remote } = await connected({ auth: TOKENS, storage: { uploads: true }, faults })
  const blob = layer()
  await remote.push(blob, blob.open)
  expect(stored(registry, blob)).toBe('a layer')
  const elsewhere = registry.requests.filter(({ origin }) => origin === 'storage')
  expect(elsewhere.length).toBeGreaterThan(0)
  expect(elsewhere.filter(({ authorization }) => authorization !== undefined)).toEqual([])
})

test('row 3: a mount that opens a session is an upload in that session', async () => {
  const { registry, blob, two } = await siblings({ mount: false })
  expect(await two.push(blob, blob.open)).toBe('uploaded')
  expect(steps(registry)).toEqual(['mount 202', 'upload-put 201'])
  expect(registry.openUploads()).toEqual([])
})

test.each([400, 401, 403, 404])('row 4: a mount that is refused with %i is an ordinary upload', async (status) => {
  const { registry, blob, two } = await siblings({ faults: [{ step: 'mount', effect: { kind: 'status', status } }] })
  expect(await two.push(blob, blob.open)).toBe('uploaded')
  expect(steps(registry).slice(-2)).toEqual(['upload-open 202', 'upload-put 201'])
  expect(stored(registry, blob, 'acme/two')).toBe('a layer')
})

test.each([
  ['upload-open', 200],
  ['upload-open', 201],
  ['upload-open', 204],
  ['upload-put', 200],
  ['upload-put', 202],
  ['upload-put', 204],
  ['upload-patch', 200],
  ['upload-patch', 201],
  ['upload-patch', 204],
] as const)('row 5: %s may be answered %i', async (step, status) => {
  const faults: Fault[] = [{ step, effect: { kind: 'other-status', status } }]
  if (step === 'upload-patch') faults.push(patchOnly())
  const { registry, remote } = await connected({ faults })
  const blob = layer()
  expect(await remote.push(blob, blob.open)).toBe('uploaded')
  expect(stored(registry, blob)).toBe('a layer')
  expect(steps(registry)).toContain(`${step} ${status}`)
})

test('row 6: a blob is never sent in pieces', async () => {
  const { registry, remote, sent } = await watched()
  const blob = layer(Buffer.alloc(12 * MEBIBYTE, 'x'))
  await remote.push(blob, blob.open)
  expect(steps(registry)).toEqual(['upload-open 202', 'upload-put 201'])
  expect(registry.requests[1]).toMatchObject({ requestBytes: blob.size })
  expect(sent.map(({ headers }) => headers?.['content-range'])).toEqual([undefined, undefined])
})

test.each([
  ['PUT', []],
  ['PATCH', [patchOnly()]],
] as const)('row 7: a limit on ranges does not matter, by %s', async (_name, faults) => {
  const { registry, remote, sent } = await watched({ chunkLimit: 4 * MEBIBYTE, faults })
  const blob = layer(Buffer.alloc(5 * MEBIBYTE, 'x'))
  await remote.push(blob, blob.open)
  expect(stored(registry, blob)).toHaveLength(blob.size)
  expect(sent.filter(({ headers }) => headers?.['content-range'] !== undefined)).toEqual([])
})

describe('row 8: a PUT whose commit is slow', () => {
  test.each([
    ['BLOB_UPLOAD_UNKNOWN', 404],
    ['BLOB_UPLOAD_INVALID', 400],
  ])('and that is answered %s is done when the blob is there', async (code, status) => {
    const effect = { ...refusing(status, code), kind: 'answer' } as const
    const { registry, remote } = await connected({ faults: [{ step: 'upload-put', effect }] })
    const blob = layer()
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(blob.opened).toBe(1)
    expect(steps(registry).filter((step) => step.startsWith('upload-put'))).toHaveLength(1)
  })

  test.each([
    ['BLOB_UPLOAD_UNKNOWN', 404],
    ['BLOB_UNKNOWN', 404],
    ['RANGE_INVALID', 416],
  ])('and that is answered %s is begun anew when the blob is lost', async (code, status) => {
    const fault = { step: 'upload-put', when: { nth: 1 }, effect: refusing(status, code) } as const
    const { registry, remote } = await connected({ faults: [fault] })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(stored(registry, blob)).toBe('a layer')
    expect(steps(registry).filter((step) => step === 'upload-open 202')).toHaveLength(2)
    expect(registry.openUploads()).toEqual([])
  })

  test('and that a gateway gives up on is waited for, its session left alone meanwhile', async () => {
    const faults = [
      { step: 'upload-put', when: { nth: 1 }, effect: { kind: 'answer', status: 504 } },
      { step: 'blob-head', when: { first: 2 }, effect: { kind: 'status', status: 404 } },
    ] as const
    const { registry, remote } = await connected({ faults })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(blob.opened).toBe(1)
    expect(steps(registry).slice(2)).toEqual(['blob-head 404', 'blob-head 404', 'blob-head 200', 'upload-cancel 404'])
  })
})

describe('row 21: a 429', () => {
  const inFive = () => new Date(Date.now() + 5000).toUTCString()
  const inWords = { errors: [{ code: 'TOOMANYREQUESTS', message: 'retry-after: 10.3ms, allowed: 2000/minute' }] }

  test.each([
    ['with seconds', () => ({ headers: { 'retry-after': '5' } }), 5000, 5125],
    ['with a date', () => ({ headers: { 'retry-after': inFive() } }), 3000, 5125],
    ['with a Go duration in its message', () => ({ body: inWords }), 11, 136],
    ['with nothing', () => ({}), 125, 250],
  ])('%s is waited for, at every step', async (...[_name, told, least, most]) => {
    for (const step of ['upload-open', 'upload-put', 'manifest-put'] as const) {
      const effect = { kind: 'status', status: 429, ...told() } as const
      const { remote, client } = await connected({ faults: [{ step, when: { nth: 1 }, effect }] })
      const blob = step === 'manifest-put' ? manifestBlob() : layer()
      expect(await remote.push(blob, blob.open)).toBe('uploaded')
      expect(client.waits).toHaveLength(1)
      expect(client.waits[0]).toBeGreaterThanOrEqual(least)
      expect(client.waits[0]).toBeLessThanOrEqual(most)
    }
  })

  test('that asks for more than there is time ends at once', async () => {
    const effect = { kind: 'status', status: 429, headers: { 'retry-after': '3600' } } as const
    const { remote, client } = await connected({ faults: [{ step: 'upload-put', effect }] })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({ code: 'REGISTRY_BUSY' })
    expect(client.waits).toEqual([])
  })

  test('of a pull quota that only its words tell ends at once, and they are told', async () => {
    const body = {
      errors: [{ code: 'TOOMANYREQUESTS', message: 'You have reached your unauthenticated pull rate limit' }],
    }
    const fault = { step: 'manifest-get', effect: { kind: 'status', status: 429, body } } as const
    const { registry, remote, client } = await connected({ faults: [fault] }, { use: 'pull' })
    await expect(remote.fetch(manifestBlob())).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      message: expect.stringContaining('unauthenticated pull rate limit'),
    })
    expect([registry.requests.length, client.waits]).toEqual([1, []])
  })
})

describe('row 22: a 403 of GHCR’s secondary rate limit', () => {
  const effect = { kind: 'status', status: 403, body: 'You have exceeded a secondary rate limit.' } as const

  test.each(['upload-open', 'upload-put', 'manifest-put'] as const)('passes at %s', async (step) => {
    const { remote, client } = await connected({ faults: [{ step, when: { first: 2 }, effect }] })
    const blob = step === 'manifest-put' ? manifestBlob() : layer()
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(client.waits).toHaveLength(2)
  })

  test('that does not pass is no missing right', async () => {
    const { remote, registry } = await connected({ faults: [{ step: 'upload-put', effect }] }, { retries: 2 })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({ code: 'REGISTRY_BUSY' })
    expect(blob.opened).toBe(3)
    expect(registry.openUploads()).toEqual([])
  })
})

describe('row 22: the same at the token service', () => {
  const effect = { kind: 'status', status: 403, body: 'You have exceeded a secondary rate limit.' } as const

  test('passes', async () => {
    const faults = [{ step: 'token', when: { first: 2 }, effect }] as const
    const { registry, remote, client } = await connected({ auth: TOKENS, faults })
    const blob = layer()
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(steps(registry).filter((step) => step.startsWith('token'))).toEqual(['token 403', 'token 403', 'token 200'])
    expect(client.waits).toHaveLength(2)
  })

  test('that does not pass is no missing right either', async () => {
    const { registry, remote } = await connected({ auth: TOKENS, faults: [{ step: 'token', effect }] }, { retries: 2 })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({
      code: 'REGISTRY_BUSY',
      message: expect.stringContaining('secondary rate limit'),
    })
    expect(steps(registry).filter((step) => step.startsWith('token'))).toHaveLength(3)
  })
})

describe('a token that arrives in part', () => {
  const half = { kind: 'status', status: 200, body: '{"token":"eyJhbGciOi' } as const

  test.each([
    ['its connection breaks off', { kind: 'cut', after: 20 }],
    ['its JSON ends early', half],
  ] as const)('because %s is asked for again', async (_name, effect) => {
    const faults = [{ step: 'token', when: { first: 2 }, effect }] as const
    const { registry, remote, client } = await connected({ auth: TOKENS, faults })
    expect(await remote.resolve('1.0')).toBeUndefined()
    expect(registry.requests.filter(({ step }) => step === 'token')).toHaveLength(3)
    expect(client.waits).toHaveLength(2)
    expect(client.masks.filter((mask) => mask.startsWith('eyJ'))).toHaveLength(1)
  })

  test.each([
    ['its connection breaks off', { kind: 'cut', after: 20 }, 'was closed before the answer was complete'],
    ['its JSON ends early', half, 'breaks off in the middle'],
  ] as const)('again and again because %s ends with the attempts', async (_name, effect, says) => {
    const { registry, remote } = await connected({ auth: TOKENS, faults: [{ step: 'token', effect }] }, { retries: 2 })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining(says),
    })
    expect(registry.requests.filter(({ step }) => step === 'token')).toHaveLength(3)
  })
})

describe('row 23: a token that lives shorter than an upload', () => {
  test('is renewed before it runs out', async () => {
    const { registry, remote, client } = await connected({ auth: { ...TOKENS, expiresIn: 300 } })
    const blob = layer()
    const slowly = async () => {
      client.pass(295_000)
      return blob.open()
    }
    await remote.push(blob, slowly)
    await remote.push(manifestBlob(), manifestBlob().open)
    expect(steps(registry).filter((step) => step.endsWith('401'))).toHaveLength(1)
    expect(steps(registry).filter((step) => step === 'token 200')).toHaveLength(2)
  })

  test('is renewed when it is refused, and the body is opened again', async () => {
    const { registry, remote } = await connected({ auth: { ...TOKENS, expiresIn: 0.4 } })
    const blob = layer()
    const slowlyOnce = async () => {
      if (blob.opened === 0) await pause(600)
      return blob.open()
    }
    await remote.push(blob, slowlyOnce)
    expect(stored(registry, blob)).toBe('a layer')
    expect(blob.opened).toBe(2)
    expect(steps(registry).slice(-3)).toEqual(['upload-put 401', 'token 200', 'upload-put 201'])
  })
})

test('row 25: what a registry says it has got of a PATCH is not relied on', async () => {
  const range = { step: 'upload-patch', effect: { kind: 'headers', set: { range: '0-0' } } } as const
  const { registry, remote } = await connected({ faults: [range, patchOnly()] })
  const blob = layer()
  await remote.push(blob, blob.open)
  expect(stored(registry, blob)).toBe('a layer')
})

describe('row 26: a registry that refuses a body in its PUT', () => {
  test.each([
    [405, 'UNSUPPORTED'],
    [411, 'UNKNOWN'],
    [501, 'UNKNOWN'],
    [400, 'UNSUPPORTED'],
  ])('with %i %s gets it in a PATCH, and from then on at once', async (status, code) => {
    const { registry, client, remote } = await connected({ faults: [patchOnly(refusing(status, code))] })
    const [one, two, three] = ['one', 'two', 'three'].map((text) => layer(text))
    if (one === undefined || two === undefined || three === undefined) throw new Error('three blobs are needed')
    await remote.push(one, one.open)
    const learning = ['upload-open 202', `upload-put ${status}`, 'upload-cancel 204']
    const way = ['upload-open 202', 'upload-patch 202', 'upload-put 201']
    expect(steps(registry)).toEqual([...learning, ...way])
    registry.reset()
    await remote.push(two, two.open)
    await client.remote(`${registry.host}/acme/other`).push(three, three.open)
    expect(steps(registry)).toEqual([...way, ...way])
    expect([stored(registry, one), stored(registry, two)]).toEqual(['one', 'two'])
    expect([client.waits, remote.traffic().retries]).toEqual([[], 0])
  })

  test('also before it was sent whole', async () => {
    const early = { kind: 'status', status: 405, early: true } as const
    const { registry, remote } = await connected({ faults: [patchOnly(early)] })
    const blob = layer(Buffer.alloc(20 * MEBIBYTE, 'x'))
    await remote.push(blob, blob.open)
    expect(stored(registry, blob)).toHaveLength(blob.size)
  })

  test('and the PATCH too fails, and leaves no session', async () => {
    const faults = [patchOnly(), { step: 'upload-patch', effect: refusing(405, 'UNSUPPORTED') }] as const
    const { registry, remote } = await connected({ faults })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({ code: 'CONTENT_REFUSED' })
    expect(registry.openUploads()).toEqual([])
  })

  test.each([
    ['PATCH breaks off', { step: 'upload-patch', effect: { kind: 'reset', afterBytes: 3 } }, 2],
    ['PATCH finds the registry busy', { step: 'upload-patch', effect: { kind: 'status', status: 503 } }, 2],
    [
      'PUT finds the registry busy',
      { step: 'upload-put', withBody: false, effect: { kind: 'status', status: 503 } },
      2,
    ],
    ['answer of the PUT is lost', { step: 'upload-put', withBody: false, effect: { kind: 'reset-after-commit' } }, 1],
  ] as const)('begins again when the %s', async (_name, fault, bodies) => {
    const { registry, remote } = await connected({ faults: [patchOnly(), { ...fault, when: { nth: 1 } }] })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(stored(registry, blob)).toBe('a layer')
    // One of them was for the PUT that showed what the registry wants; a second one when that was not remembered yet.
    const patches = registry.requests.filter(({ step }) => step === 'upload-patch')
    expect(patches).toHaveLength(bodies)
    expect(registry.openUploads()).toEqual([])
  })
})

describe('row 27: a registry that resets what is too much at once', () => {
  test.each(['upload-open', 'upload-put'] as const)('gets fewer transfers at a time, at %s', async (step) => {
    const faults: Fault[] = [
      { step, effect: { kind: 'delay', ms: 30 } },
      { step, when: { above: 1 }, effect: { kind: 'reset' } },
    ]
    const { registry, remote, client } = await connected({ faults }, { parallel: 4 })
    const blobs = Array.from({ length: 8 }, (_, index) => layer(`layer ${index}`))
    await Promise.all(blobs.map((blob) => remote.push(blob, blob.open)))
    expect(blobs.map((blob) => stored(registry, blob))).toEqual(blobs.map((_, index) => `layer ${index}`))
    const seen = registry.requests.filter((request) => request.step === step)
    // Uploads are begun ahead of their transfers, so at the beginning more of them are seen at once.
    expect(mostAtOnce(seen)).toBeGreaterThanOrEqual(4)
    expect(mostAtOnce(seen.slice(-4))).toBe(1)
    expect(client.debug.join('\n')).toContain('from now on 1 transfers')
    expect(registry.openUploads()).toEqual([])
  })

  test('gets them all at once as long as it resets nothing', async () => {
    const { registry, remote } = await connected(
      { faults: [{ step: 'upload-put', effect: { kind: 'delay', ms: 30 } }] },
      { parallel: 4 },
    )
    const blobs = Array.from({ length: 8 }, (_, index) => layer(`layer ${index}`.padEnd(600_000, '.')))
    await Promise.all(blobs.map((blob) => remote.push(blob, blob.open)))
    expect(mostAtOnce(registry.requests.filter(({ step }) => step === 'upload-put'))).toBe(4)
  })
})

describe('row 28: a blob that was just uploaded', () => {
  const hidden = (first: number) =>
    ({ step: 'blob-head', when: { first }, effect: { kind: 'status', status: 404 } }) as const

  test('is asked for again before it is called missing', async () => {
    const { registry, remote, client } = await connected({ faults: [hidden(3)] })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(await remote.exists(blob, 'again')).toBe(true)
    expect(client.waits).toEqual([250, 750, 2000])
    expect(registry.requests.filter(({ step }) => step === 'blob-head')).toHaveLength(4)
  })

  test('is missing when it does not show up, and then brought again', async () => {
    const { registry, remote } = await connected()
    const blob = layer()
    registry.fail({ step: 'upload-put', when: { nth: 1 }, effect: { kind: 'forget' } })
    await remote.push(blob, blob.open)
    expect(await remote.exists(blob, 'again')).toBe(false)
    expect(await remote.exists(blob)).toBe(false)
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(stored(registry, blob)).toBe('a layer')
  })

  test('by somebody else is not waited for', async () => {
    const { registry, remote, client } = await connected()
    expect(await remote.exists(layer(), 'again')).toBe(false)
    expect([registry.requests.length, client.waits]).toEqual([1, []])
  })
})

test('row 29: a layer of any size is tried, for what a registry takes is for the registry to say', async () => {
  const send = scripted({ status: 202, headers: { location: '/upload' } }, { status: 201 })
  await using client = openClient({ around: () => send })
  const huge = { ...layer(), size: 60_000 * MEBIBYTE }
  expect(await client.remote('registry.example/acme/api').push(huge, huge.open)).toBe('uploaded')
  expect(send.requests[1]).toMatchObject({ method: 'PUT', body: { kind: 'stream', size: huge.size } })
  // No time for the whole: only standing still ends it.
  expect(send.requests[1]?.patienceMs).toBeUndefined()
})

test.each([
  ['ghcr.io', 10_000, 10_001, '10 GB a layer, and 10 minutes'],
  ['public.ecr.aws', 10_485, 10_486, '10 000 MiB'],
  ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', 54_525, 54_526, '52 000 MiB'],
])('row 29: a layer above what %s says that it takes is remarked on, once', async (registry, fits, above, words) => {
  const begun = { status: 202, headers: { location: '/upload' } }
  // The second upload fails at first: the blob is looked for, its session cancelled, and it is sent again.
  const again = [{ status: 503 }, { status: 404 }, { status: 204 }, begun, { status: 201 }]
  const send = scripted(begun, { status: 201 }, begun, ...again)
  await using client = openClient({ around: () => send, logins: [] })
  const remote = client.remote(`${registry}/acme/api`)
  const small = { ...layer('small'), size: fits * 1e6 }
  const large = { ...layer('large'), size: above * 1e6 }
  await remote.push(small, small.open)
  expect(client.warnings).toEqual([])
  await remote.push(large, large.open)
  expect(client.warnings).toEqual([
    expect.stringContaining(`layer ${large.digest} has ${(above / 1000).toFixed(1)} GB`),
  ])
  expect(client.warnings[0]).toContain(words)
})

describe('row 30: a proxy in front of the registry', () => {
  const page = '<html><head><title>413 Request Entity Too Large</title></head></html>'

  test('that bounds uploads is told of, also when it does not wait for the end', async () => {
    const effect = { kind: 'status', status: 413, early: true, body: page } as const
    const { registry, remote } = await connected({ faults: [{ step: 'upload-put', beforeAuth: true, effect }] })
    const blob = layer(Buffer.alloc(20 * MEBIBYTE, 'x'))
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({
      code: 'CONTENT_REFUSED',
      message: expect.stringContaining('413 Request Entity Too Large'),
      hint: expect.stringContaining('client_max_body_size'),
    })
    expect(blob.opened).toBe(1)
    expect(registry.openUploads()).toEqual([])
  })

  test('that gives up waiting is told of, after all attempts', async () => {
    const fault = { step: 'upload-put', effect: { kind: 'status', status: 504 } } as const
    const { remote } = await connected({ faults: [fault] }, { retries: 1 })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject({
      code: 'REGISTRY_BUSY',
      hint: expect.stringContaining('proxy_read_timeout'),
    })
    expect(blob.opened).toBe(2)
  })
})

describe('row 17: a web page in place of the registry’s answer', () => {
  const page = (status: number) => ({
    kind: 'status' as const,
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<!doctype html><h1>Sign in to continue</h1>',
  })
  const unbelieved = { code: 'REGISTRY_UNREACHABLE', message: expect.stringContaining('a web page came back') }

  test.each([
    ['the PUT that ends an upload', 'upload-put', 201, []],
    ['the same with 200', 'upload-put', 200, []],
    ['the POST that begins one', 'upload-open', 202, []],
    ['the same with 201', 'upload-open', 201, []],
    ['a PATCH', 'upload-patch', 202, [patchOnly()]],
  ] as const)('to %s passes', async (_name, step, status, more) => {
    const faults: Fault[] = [{ step, when: { first: 2 }, effect: page(status) }, ...more]
    const { registry, remote, client } = await connected({ faults })
    const blob = layer()
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(stored(registry, blob)).toBe('a layer')
    expect(client.waits).toHaveLength(2)
    expect(registry.openUploads()).toEqual([])
  })

  test.each(['upload-put', 'upload-open'] as const)('to every %s is not believed', async (step) => {
    const { registry, remote } = await connected({ faults: [{ step, effect: page(201) }] }, { retries: 2 })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject(unbelieved)
    expect(registry.requests.filter((request) => request.step === step)).toHaveLength(3)
    expect(registry.openUploads()).toEqual([])
  })

  test('to the PUT is not believed though one says that the blob is there', async () => {
    const faults: Fault[] = [
      { step: 'upload-put', effect: page(201) },
      { step: 'blob-head', effect: page(200) },
    ]
    const { remote } = await connected({ faults }, { retries: 2 })
    const blob = layer()
    await expect(remote.push(blob, blob.open)).rejects.toMatchObject(unbelieved)
    expect(await remote.exists(blob)).toBe(false)
  })

  test.each([201, 202])('to a mount, as %i, is an upload', async (status) => {
    const { registry, blob, two } = await siblings({ faults: [{ step: 'mount', effect: page(status) }] })
    expect(await two.push(blob, blob.open)).toBe('uploaded')
    expect(stored(registry, blob, 'acme/two')).toBe('a layer')
  })

  // Quay answers without a body under the default of its framework (quay, `endpoints/v2/blob.py`).
  test('is none where only the type says so, as with Quay', async () => {
    const effect = { kind: 'headers', set: { 'content-type': 'text/html; charset=utf-8' } } as const
    const { registry, blob, two } = await siblings({
      faults: [{ step: ['upload-open', 'upload-put', 'mount', 'blob-head'], effect }],
    })
    const other = layer('another layer')
    expect(await two.push(other, other.open)).toBe('uploaded')
    expect(await two.push(blob, blob.open)).toBe('mounted')
    expect(await two.exists(other, 'again')).toBe(true)
    expect(steps(registry)).toEqual(['upload-open 202', 'upload-put 201', 'mount 201', 'blob-head 200'])
  })
})

test.each(['http', 'no-port'] as const)('row 31: TLS is kept where the place is given as %s', async (form) => {
  const tls = selfSignedCertificate()
  const { registry, name } = await connected({
    tls,
    auth: TOKENS,
    faults: [{ step: 'upload-open', effect: { kind: 'location', form } }],
  })
  const settings = [{ registry: registry.host, insecure: false, ca: tls.cert }]
  const client = openClient({ settings, docker: dockerLogin(registry) })
  onTestFinished(() => client.close())
  const blob = layer()
  await client.remote(name).push(blob, blob.open)
  expect(stored(registry, blob)).toBe('a layer')
  expect(registry.requests.at(-1)).toMatchObject({ step: 'upload-put', authorization: 'Bearer', status: 201 })
})

test.each(['directly', 'through a proxy'])('row 34: HTTP/2 is not offered %s', async (way) => {
  const name = 'registry.example'
  const tls = selfSignedCertificate([name])
  const server = await serverOfBoth(tls)
  const settings = [{ registry: name, insecure: false, ca: tls.cert }]
  const tunnel = await openTunnel({ [name]: server.url })
  const client = openClient(
    way === 'directly'
      ? { settings: [{ registry: server.url.host, insecure: false, ca: tls.cert }] }
      : { settings, proxy: { https: new URL(tunnel.url), except: '' } },
  )
  onTestFinished(() => client.close())
  const registry = way === 'directly' ? server.url.host : name
  expect(await client.remote(`${registry}/acme/api`).resolve('1.0')).toBeUndefined()
  expect([server.offered, server.versions]).toEqual([['http/1.1'], ['1.1']])
  expect(tunnel.asked).toEqual(way === 'directly' ? [] : [name])
})

/** A server that would rather speak HTTP/2, and has nothing; what it was offered and what was spoken. */
async function serverOfBoth(tls: { readonly cert: string; readonly key: string }) {
  const [offered, versions]: [string[], string[]] = [[], []]
  const server = createSecureServer({
    ...tls,
    allowHTTP1: true,
    ALPNCallback({ protocols }) {
      offered.push(...protocols)
      return protocols.includes('h2') ? 'h2' : 'http/1.1'
    },
  })
  server.on('request', (request, response) => {
    versions.push(request.httpVersion)
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return { url: new URL(`https://127.0.0.1:${address.port}`), offered, versions }
}

/** How many of these requests were under way at the same moment. */
function mostAtOnce(requests: readonly RecordedRequest[]): number {
  const during = ({ startedAt }: RecordedRequest) =>
    requests.filter((other) => other.startedAt <= startedAt && (other.endedAt ?? Number.POSITIVE_INFINITY) > startedAt)
  return Math.max(...requests.map((request) => during(request).length))
}

function dockerLogin({ host }: InProcessRegistry) {
  return dockerWith({ [host]: { kind: 'password', username: 'user', password: 'pass-word' } })
}

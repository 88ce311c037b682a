import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { watchSending } from '../../src/net/progress.ts'
import { readBytes } from '../../src/net/read.ts'
import type { Request } from '../../src/net/send.ts'
import { openWire, type TimeLimits } from '../../src/net/wire.ts'
import { connected } from '../support/client.ts'
import { layer, steps, stored } from '../support/sample-blob.ts'

const MINUTE = 60_000
/** Longer than the coarse timers of the HTTP library need to notice that a time is over. */
const LONG = 1800
const large = () => layer(Buffer.alloc(40_000_000, 'x'))

describe('an upload', () => {
  test('that nobody takes any more is ended and begun again', async () => {
    const fault = { step: 'upload-put', when: { nth: 1 }, effect: { kind: 'delay', ms: 10 * MINUTE } } as const
    const { registry, remote, client } = await connected({ faults: [fault] }, { limits: { stallMs: 300 } })
    const blob = large()
    await remote.push(blob, blob.open)
    expect(stored(registry, blob)).toHaveLength(blob.size)
    expect(blob.opened).toBe(2)
    expect(client.debug.join('\n')).toMatch(/sending stood still for 0\.3 s after [1-9]\d+ bytes; again in/)
  })

  test('may take much longer than it may stand still, as long as it moves', async () => {
    const { registry, remote } = await connected({}, { limits: { stallMs: 500, headMs: 500 }, retries: 0 })
    const blob = layer(Buffer.alloc(40, 'x'))
    await remote.push(blob, async () => Readable.from(trickle(40, 25)))
    expect(stored(registry, blob)).toHaveLength(40)
  })

  test('that is committed for long is waited for', async () => {
    const fault = { step: 'upload-put', effect: { kind: 'slow-commit', ms: LONG } } as const
    const limits = { stallMs: 100, headMs: 100 }
    const { registry, remote } = await connected({ faults: [fault] }, { limits, retries: 0 })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(steps(registry)).toEqual(['upload-open 202', 'upload-put 201'])
  })

  test('that ends with a small request is waited for as long', async () => {
    const refused = { kind: 'status', status: 405 } as const
    const faults = [
      { step: 'upload-put', withBody: true, effect: refused },
      { step: 'upload-put', withBody: false, effect: { kind: 'slow-commit', ms: LONG } },
    ] as const
    const { registry, remote } = await connected({ faults }, { limits: { stallMs: 100, headMs: 100 }, retries: 0 })
    const blob = layer()
    await remote.push(blob, blob.open)
    expect(steps(registry).slice(-2)).toEqual(['upload-patch 202', 'upload-put 201'])
  })

  test('that is never answered is looked for, and not sent again when it is there', async () => {
    const fault = { step: 'upload-put', effect: { kind: 'slow-answer', ms: 10 * MINUTE } } as const
    const { remote, client } = await connected({ faults: [fault] }, { limits: { commitMs: 200 } })
    const blob = layer()
    expect(await remote.push(blob, blob.open)).toBe('uploaded')
    expect(blob.opened).toBe(1)
    expect(client.debug.join('\n')).toContain('it took all 7 bytes and gave no answer for 0.2 s')
  })

  test('whose own source stands still is ended', async () => {
    const { remote, registry } = await connected({}, { limits: { stallMs: 200 }, retries: 0 })
    const blob = layer()
    const silent = async () => new Readable({ read: () => undefined })
    await expect(remote.push(blob, silent)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('stood still'),
    })
    expect(registry.openUploads()).toEqual([])
  })
})

describe('a small request', () => {
  test('without an answer is asked again', async () => {
    const fault = { step: 'manifest-head', when: { nth: 1 }, effect: { kind: 'delay', ms: 10 * MINUTE } } as const
    const { registry, remote } = await connected({ faults: [fault] }, { limits: { headMs: 200 } })
    expect(await remote.resolve('1.0')).toBeUndefined()
    expect(registry.requests.map(({ step }) => step)).toEqual(['manifest-head', 'manifest-head'])
  })

  test('whose answer stands still in the middle is ended', async () => {
    const { registry, remote } = await connected({}, { limits: { stallMs: 200 } })
    registry.put('acme/api', { manifest: { much: 'x'.repeat(1000) }, tag: '1.0' })
    registry.fail({ step: 'manifest-head', effect: { kind: 'status', status: 405 } })
    registry.fail({ step: 'manifest-get', effect: { kind: 'stall', after: 100 } })
    await expect(remote.resolve('1.0')).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('its answer stood still'),
    })
  })
})

describe('a request with a stream', () => {
  test('may be answered slowly once its answer has begun', async () => {
    const { put, body } = await sender({ commitMs: 200 }, (response) => {
      response.write('slow')
      setTimeout(() => response.end('ly'), 600)
    })
    expect(String(await readBytes(await put({ body }), 100))).toBe('slowly')
  })

  test('waits for its answer as long as it says itself', async () => {
    const { put, body } = await sender({}, () => undefined)
    await expect(put({ body, patienceMs: 150 })).rejects.toThrow('gave no answer for 0.15 s')
  })
})

/** Sends to a server that does as it is told once it has got all. */
async function sender(limits: Partial<TimeLimits>, answer: (response: ServerResponse) => void) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const wire = openWire({
    userAgent: 'lading/test',
    signal: new AbortController().signal,
    proxy: { except: '' },
    settings: () => ({}),
    connections: 1,
    limits,
  })
  onTestFinished(async () => {
    await wire.close()
    server.closeAllConnections()
    server.close()
  })
  const url = new URL(`http://127.0.0.1:${address.port}/`)
  const body = { kind: 'stream', size: 4, open: async () => Readable.from([Buffer.from('body')]) } as const
  return { put: (more: Partial<Request>) => wire.send({ method: 'PUT', url, ...more }), body }
}

test('the time of a body that waits for its connection does not run', async () => {
  const body = Readable.from([Buffer.from('waiting')])
  const watch = watchSending(body, { stallMs: 20, commitMs: 20 })
  await pause(100)
  expect(watch.signal.aborted).toBe(false)
  body.resume()
  body.on('data', () => undefined)
  await expect.poll(() => watch.signal.aborted).toBe(true)
})

test('a watch that is done ends nothing', async () => {
  const body = Readable.from([Buffer.from('sent')])
  const watch = watchSending(body, { stallMs: 20, commitMs: 20 })
  body.on('data', () => undefined)
  await once(body, 'end')
  watch.done()
  await pause(100)
  expect(watch.signal.aborted).toBe(false)
})

async function* trickle(count: number, milliseconds: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index += 1) {
    await pause(milliseconds)
    yield Buffer.from('x')
  }
}

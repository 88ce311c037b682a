import { expect, onTestFinished, test } from 'vitest'
import type { Send } from '../../src/net/send.ts'
import { openClient } from '../support/client.ts'
import { startRegistry } from '../support/registry/server.ts'
import { layer } from '../support/sample-blob.ts'

test.each([
  [1, 'large', 1],
  [3, 'large', 3],
  [undefined, 'large', 4],
  [1, 'small', 1],
  [2, 'small', 8],
  [undefined, 'small', 16],
] as const)(
  '`parallel: %s` of one registry, and blobs that are %s: %i transfers at a time',
  async (parallel, kind, wanted) => {
    const registry = await startRegistry({ latency: 20 })
    let [now, most] = [0, 0]
    const around =
      (send: Send): Send =>
      async (request) => {
        // Look-ups run wider and have a bound of their own.
        if (request.method !== 'PUT') return send(request)
        now += 1
        most = Math.max(most, now)
        return send(request).finally(() => {
          now -= 1
        })
      }
    const settings = [{ registry: registry.host, insecure: false, ...(parallel === undefined ? {} : { parallel }) }]
    const client = openClient({ settings, around })
    onTestFinished(async () => {
      await Promise.all([client.close(), registry.stop()])
    })
    const remote = client.remote(`${registry.host}/acme/api`)
    // With small ones the way is not full, and waiting is all that they cost.
    const length = kind === 'large' ? 600_000 : 10
    const blobs = Array.from({ length: 20 }, (_, at) => layer(`${at}`.padEnd(length, '.')))
    await Promise.all(blobs.map((blob) => remote.push(blob, blob.open)))
    expect(most).toBe(wanted)
  },
)

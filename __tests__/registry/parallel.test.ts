import { expect, onTestFinished, test } from 'vitest'
import type { Send } from '../../src/net/send.ts'
import { openClient } from '../support/client.ts'
import { startRegistry } from '../support/registry/server.ts'
import { layer } from '../support/sample-blob.ts'

test.each([
  [1, 1],
  [3, 3],
  [undefined, 4],
])('`parallel: %s` of one registry: %i transfers at a time', async (parallel, wanted) => {
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
  const blobs = ['one', 'two', 'three', 'four', 'five'].map((text) => layer(text))
  await Promise.all(blobs.map((blob) => remote.push(blob, blob.open)))
  expect(most).toBe(wanted)
})

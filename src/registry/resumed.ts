import { Readable } from 'node:stream'
import type { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { isWorthRepeating, pause } from '../net/retry.ts'
import type { Response } from '../net/send.ts'
import { networkTrouble } from '../net/trouble.ts'
import type { Site } from './site.ts'

/** Asks for a blob from a byte on (RFC 9110, 14.2); an answer 200 is the whole of it all the same. */
export type AskFrom = (from: number) => Promise<Response>

/**
 * The bytes of a blob; where they break off, it is asked for the rest, so that whoever sends them on need not begin anew.
 * An attempt that brought something does not count, for large blobs may break off often. Whether the parts belong
 * together is for the reader to say: their digest tells.
 */
export function resumed(site: Site, { size }: Descriptor, first: Response, askFrom: AskFrom): Readable {
  const { policy } = site.connection

  let response = heard(first)
  let got = 0
  let failures = 0
  let isOver = false

  async function* bytes(): AsyncGenerator<Uint8Array> {
    let skip = 0
    for (;;) {
      const broken = yield* passOn(skip)
      // Whoever reads has had enough, or all that there is.
      if (broken === undefined || isOver || got === size) return
      await waitBeforeRest(networkTrouble(broken.thrown, response.url))
      response = heard(await askFrom(got))
      skip = response.status === 206 ? 0 : got
    }
  }

  /** Passes an answer on, without its first `skip` bytes; what broke it off, if anything did. */
  async function* passOn(skip: number): AsyncGenerator<Uint8Array, { readonly thrown: unknown } | undefined> {
    let left = skip
    try {
      for await (const chunk of response.body) {
        const rest = chunk.subarray(Math.min(left, chunk.length))
        left -= chunk.length - rest.length
        if (rest.length === 0) continue
        got += rest.length
        failures = 0
        yield rest
      }
      return undefined
    } catch (thrown) {
      return { thrown }
    }
  }

  async function waitBeforeRest(error: LadingError): Promise<void> {
    if (!isWorthRepeating(error) || failures >= policy.retries) throw error
    const waitMs = pause(failures, policy)
    failures += 1
    site.meter.retries += 1
    policy.debug(`${site.name}: ${error.message} after ${got} of ${size} bytes; the rest in ${waitMs} ms`)
    await policy.sleep(waitMs)
  }

  const stream = Readable.from(bytes(), { objectMode: false, highWaterMark: 64 * 1024 })
  stream.once('close', () => {
    isOver = true
    response.body.destroy()
  })
  return stream
}

/**
 * An answer whose trouble does not end the process when nobody reads it (any more): a step that is over ends its requests,
 * and a stream that is ended before its end says so as an error (undici, `BodyReadable._destroy`).
 */
function heard(response: Response): Response {
  response.body.on('error', () => undefined)
  return response
}

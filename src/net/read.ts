import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { LadingError } from '../error.ts'
import type { Response } from './send.ts'
import { networkTrouble } from './trouble.ts'

/**
 * Reads a body of at most `limit` bytes. Throws `CONTENT_INVALID` beyond: a stranger does not choose how much we hold;
 * `REGISTRY_UNREACHABLE` when it breaks off.
 */
export async function readBytes(response: Response, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body) {
      size += chunk.length
      if (size > limit) {
        throw new LadingError('CONTENT_INVALID', `the answer of ${response.url.host} is larger than ${limit} bytes`)
      }
      chunks.push(chunk)
    }
  } catch (error) {
    throw networkTrouble(error, response.url)
  }
  await connectionIsFree()
  return Buffer.concat(chunks)
}

/** The beginning of a body as text, for an error message; the rest is thrown away. */
export async function readStart(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= limit) break
    }
  } catch {
    // An error message that broke off is still better than none.
  }
  await connectionIsFree()
  return Buffer.concat(chunks).subarray(0, limit).toString('utf8')
}

/** What an answer says, and the answer as if nobody had read it, for whoever explains it later. */
export async function heard(response: Response, limit: number): Promise<{ said: string; response: Response }> {
  const said = await readStart(response, limit)
  return { said, response: { ...response, body: Readable.from(said === '' ? [] : [Buffer.from(said)]) } }
}

/** Lets go of a body nobody wants, so that its connection can be used again. */
export async function discard(response: Response): Promise<void> {
  try {
    let size = 0
    for await (const chunk of response.body) {
      size += chunk.length
      // Reading a little returns the connection to the pool; reading much costs more than a new one.
      if (size > 64 * 1024) break
    }
  } catch {
    // The answer's head is what counted.
  }
  await connectionIsFree()
}

/**
 * undici lets a connection be used again one turn of the event loop after an answer has ended, to see whether the server
 * closes it all the same. Whoever asks sooner opens another connection, and waits for its round trips.
 */
function connectionIsFree(): Promise<void> {
  return setImmediate()
}

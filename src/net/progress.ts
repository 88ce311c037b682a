import type { Readable } from 'node:stream'

/** How long a request that carries a stream may stand still, in milliseconds. */
export type Standstill = {
  /** between two pieces of its body */
  readonly stallMs: number
  /** between the end of its body and the head of the answer: a registry commits what it got */
  readonly commitMs: number
}

/** Ends a request by its `signal` when nothing moves any more; `done` when the answer is there, or nobody waits for it. */
export type Watch = { readonly signal: AbortSignal; done(): void }

/**
 * Watches a body while it is sent. The HTTP library cannot: its time for the answer begins with the first byte of the
 * request (undici, client-h1.js), so it would end a slow upload, or let one that stands still wait as long as a commit.
 */
export function watchSending(body: Readable, { stallMs, commitMs }: Standstill): Watch {
  const stop = new AbortController()
  let taken = 0
  let timer: NodeJS.Timeout | undefined

  function expect(within: number, why: () => string): void {
    clearTimeout(timer)
    timer = setTimeout(() => stop.abort(new StoodStill(why())), within)
  }

  // Whoever sends the body begins to listen to it when it has a connection; to listen before would lose the beginning.
  body.on('newListener', function begin(event) {
    if (event !== 'data') return
    body.off('newListener', begin)
    expect(stallMs, () => `sending stood still for ${seconds(stallMs)} after ${taken} bytes`)
    body.on('data', (chunk: Uint8Array) => {
      taken += chunk.length
      timer?.refresh()
    })
    body.once('end', () =>
      expect(commitMs, () => `it took all ${taken} bytes and gave no answer for ${seconds(commitMs)}`),
    )
  })
  return { signal: stop.signal, done: () => clearTimeout(timer) }
}

/** A request that stood still. Its message is shown as it is. */
class StoodStill extends Error {
  override readonly name = 'StoodStill'
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`
}

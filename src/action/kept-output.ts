/** What a program printed, as far as it is kept. */
export type Kept = { readonly add: (chunk: Buffer) => void; readonly text: () => string }

/** Keeps the first `limit` bytes. */
export function keepStart(limit: number): Kept {
  const chunks: Buffer[] = []
  let size = 0
  const add = (chunk: Buffer) => {
    const kept = chunk.subarray(0, limit - size)
    size += kept.length
    if (kept.length > 0) chunks.push(kept)
  }
  return { add, text: () => Buffer.concat(chunks).toString('utf8') }
}

/** Keeps the last `limit` bytes. */
export function keepEnd(limit: number): Kept {
  let chunks: Buffer[] = []
  let size = 0
  const shorten = () => {
    const kept = Buffer.concat(chunks).subarray(-limit)
    chunks = [kept]
    size = kept.length
  }
  const add = (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    // Only now and then, so that many small pieces do not each move everything.
    if (size > 2 * limit) shorten()
  }
  const text = () => {
    shorten()
    return chunks.map((chunk) => chunk.toString('utf8')).join('')
  }
  return { add, text }
}

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

/** What is at a path; `absent` also when a part of the way is missing or closed to us. */
export async function kindOf(path: string): Promise<'file' | 'folder' | 'absent'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file'
  } catch {
    return 'absent'
  }
}

/** Reads a text of at most `limit` bytes; `undefined` when it cannot be read or is longer. */
export async function readBounded(path: string, limit: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    // What comes is counted: pipes and devices have no size to ask for.
    for await (const chunk of createReadStream(path)) {
      if (!Buffer.isBuffer(chunk)) return undefined
      size += chunk.length
      if (size > limit) return undefined
      chunks.push(chunk)
    }
  } catch {
    return undefined
  }
  return Buffer.concat(chunks).toString('utf8')
}

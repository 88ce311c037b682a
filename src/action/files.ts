import { open, stat } from 'node:fs/promises'

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
  try {
    await using file = await open(path, 'r')
    // One byte more than allowed tells a longer file, without trusting a size that pipes and devices do not have.
    const { bytesRead, buffer } = await file.read(Buffer.alloc(limit + 1), 0, limit + 1, 0)
    return bytesRead > limit ? undefined : buffer.toString('utf8', 0, bytesRead)
  } catch {
    return undefined
  }
}

import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { isDiskFull, LadingError } from '../error.ts'
import { noScanner } from './ended.ts'

/** The largest archive that is taken, in bytes; those of 2026 have 50 MB. */
export const ARCHIVE_LIMIT = 512 * 1024 * 1024
/** The most that an archive may hold, in bytes; those of 2026 have 200 MB. */
const CONTENT_LIMIT = 2 * 1024 * 1024 * 1024

/**
 * Copies a file to a place of our own and returns its sha256: what was hashed is what is used afterwards, whoever may
 * write to where it came from. `undefined` when there is no such file. Throws `SCAN_BROKEN` when it cannot be read.
 */
export async function takeCopy(from: string, to: string): Promise<string | undefined> {
  // Asked first: to open a pipe that nobody writes to would wait for ever.
  if ((await stat(from).catch(() => undefined))?.isFile() !== true) return undefined
  const hash = createHash('sha256')
  try {
    await pipeline(
      createReadStream(from),
      async function* hashed(chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of bounded(chunks, ARCHIVE_LIMIT)) {
          hash.update(chunk)
          yield chunk
        }
      },
      createWriteStream(to, { mode: 0o600 }),
    )
  } catch (cause) {
    throw onDisk(`reading the archive of Trivy ${from}`, cause)
  }
  return hash.digest('hex')
}

/** The sha256 of a file, in hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}

/**
 * Takes the program `trivy` out of a release archive (tar.gz) whose hash was checked, and nothing else: no other name of
 * it becomes a path. Throws `SCAN_BROKEN` when there is no such program in it, or two of them.
 */
export async function unpackProgram(archive: string, program: string): Promise<void> {
  const { extract } = await import('tar-stream')
  const entries = extract()
  const inner = (chunks: AsyncIterable<Uint8Array>) => bounded(chunks, CONTENT_LIMIT)
  const reading = pipeline(createReadStream(archive), createGunzip(), inner, entries)
  // A tar that breaks off within an entry ends the reading and not the entry, which would be waited for for ever.
  const broken = new AbortController()
  reading.catch((error: unknown) => broken.abort(error))
  let found = 0
  try {
    for await (const entry of entries) {
      const isProgram = /^(?:\.\/)?trivy$/.test(entry.header.name) && entry.header.type === 'file'
      if (!isProgram) {
        entry.resume()
        continue
      }
      found += 1
      // Not to be started before it is whole.
      await pipeline(entry, createWriteStream(program, { mode: 0o600 }), { signal: broken.signal })
    }
    await reading
  } catch (cause) {
    throw onDisk('unpacking the archive of Trivy', cause)
  }
  if (found !== 1)
    throw noScanner(
      `unpacking the archive of Trivy: it has ${found === 0 ? 'no' : 'more than one'} program \`trivy\` in it`,
    )
  await chmod(program, 0o700)
}

async function* bounded(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > limit) throw new Error(`it is larger than ${limit} bytes`)
    yield chunk
  }
}

function onDisk(doing: string, cause: unknown): LadingError {
  if (isDiskFull(cause)) return new LadingError('DISK_FULL', `${doing}: no space is left in the temp folder`, { cause })
  const why = cause instanceof Error ? cause.message : String(cause)
  return noScanner(`${doing}: ${why}`, cause)
}

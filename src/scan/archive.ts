import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, stat } from 'node:fs/promises'
import { join } from 'node:path'
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
  let found = 0
  try {
    found = await unpack(archive, CONTENT_LIMIT, (name) => (name === 'trivy' ? program : undefined))
  } catch (cause) {
    throw onDisk('unpacking the archive of Trivy', cause)
  }
  if (found !== 1)
    throw noScanner(
      `unpacking the archive of Trivy: it has ${found === 0 ? 'no' : 'more than one'} program \`trivy\` in it`,
    )
  await chmod(program, 0o700)
}

/**
 * Takes these files out of an archive (tar.gz) into a folder that is there, and nothing else. `limit` bounds what the
 * archive may hold, in bytes. Throws `CONTENT_INVALID` unless each is in it once, or `DISK_FULL`.
 */
export async function unpackFiles(
  archive: string,
  folder: string,
  { names, limit }: { readonly names: readonly string[]; readonly limit: number },
): Promise<void> {
  const found = new Set<string>()
  try {
    const count = await unpack(archive, limit, (name) => {
      if (!names.includes(name)) return undefined
      found.add(name)
      return join(folder, name)
    })
    if (count === names.length && found.size === names.length) return
  } catch (cause) {
    if (isDiskFull(cause))
      throw new LadingError('DISK_FULL', 'unpacking: no space is left in the temp folder', { cause })
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new LadingError('CONTENT_INVALID', `what came cannot be unpacked: ${why}`, { cause })
  }
  throw new LadingError('CONTENT_INVALID', `what came does not hold ${names.join(' and ')}, each once`)
}

/** Writes the regular files for which `place` knows one, each for its owner alone; says how many there were. */
async function unpack(archive: string, limit: number, place: (name: string) => string | undefined): Promise<number> {
  const { extract } = await import('tar-stream')
  const entries = extract()
  const inner = (chunks: AsyncIterable<Uint8Array>) => bounded(chunks, limit)
  const reading = pipeline(createReadStream(archive), createGunzip(), inner, entries)
  // A tar that breaks off within an entry ends the reading and not the entry, which would be waited for for ever.
  const broken = new AbortController()
  reading.catch((error: unknown) => broken.abort(error))
  let found = 0
  for await (const entry of entries) {
    const { name, type } = entry.header
    const path = type === 'file' ? place(name.replace(/^\.\//, '')) : undefined
    if (path === undefined) {
      entry.resume()
      continue
    }
    found += 1
    // Not to be used before it is whole.
    await pipeline(entry, createWriteStream(path, { mode: 0o600 }), { signal: broken.signal })
  }
  await reading
  return found
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

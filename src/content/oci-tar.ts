import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { isDiskFull, LadingError } from '../error.ts'

/** What a layout is made of. Nothing else in a tar is unpacked: its names come from a stranger and become paths. */
const LAYOUT_FILE = /^(?:\.\/)?(oci-layout|index\.json|blobs\/(?:sha256\/[a-f0-9]{64}|sha512\/[a-f0-9]{128}))$/

/**
 * Unpacks an OCI layout that comes as a tar into a folder. Links and everything that is no part of a layout are left
 * out. Throws `CONTENT_INVALID` when it is no tar.
 */
export async function unpackLayout(path: string, directory: string): Promise<void> {
  const { extract } = await import('tar-stream')
  const entries = extract()
  const reading = pipeline(createReadStream(path), entries)
  // A tar that breaks off within an entry ends the reading and not the entry, which would be waited for for ever.
  const broken = new AbortController()
  reading.catch((error: unknown) => broken.abort(error))
  try {
    for await (const entry of entries) {
      const name = LAYOUT_FILE.exec(entry.header.name)?.[1]
      if (name === undefined || entry.header.type !== 'file') {
        entry.resume()
        continue
      }
      const target = join(directory, name)
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      await pipeline(entry, createWriteStream(target, { mode: 0o600 }), { signal: broken.signal })
    }
    await reading
  } catch (cause) {
    if (isDiskFull(cause)) {
      throw new LadingError('DISK_FULL', `unpacking the layout ${path}: no space is left in ${directory}`, { cause })
    }
    throw new LadingError('CONTENT_INVALID', `unpacking the layout ${path}: it is not a tar that can be read`, {
      cause,
    })
  }
}

/** Whether a path is a file, which can only be a layout's tar. */
export async function isTar(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}

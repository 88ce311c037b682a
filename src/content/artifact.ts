import { createWriteStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isDiskFull, LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { plainLine } from '../plain-text.ts'
import { readManifest } from './image.ts'
import type { Source } from './store.ts'
import { verified } from './verify.ts'

/** The one file that an artifact is about. */
export type ArtifactWish = { readonly tagOrDigest: string; readonly mediaType: string; readonly signal: AbortSignal }

/** Where a file goes. */
export type ArtifactOrder = {
  /** the file that is written; the caller's own, private to us */
  readonly path: string
  /** the most that is taken, in bytes */
  readonly limit: number
  readonly signal: AbortSignal
  /** bytes so far, and of the whole */
  readonly onProgress?: (bytes: number, total: number) => void
}

/**
 * Looks which file an artifact holds, and reads nothing of it: its digest tells whether it is here already. As other
 * clients do, it takes an artifact of exactly one layer (Trivy, pkg/oci/artifact.go; its databases are such).
 * Throws what the source throws, `SOURCE_MISSING`, `CONTENT_INVALID`, or the reason of `signal` as soon as that is aborted.
 */
export async function findArtifact(
  source: Source,
  { tagOrDigest, mediaType, signal }: ArtifactWish,
): Promise<Descriptor> {
  const named = await unlessAborted(signal, source.resolve(tagOrDigest))
  if (named === undefined) throw new LadingError('SOURCE_MISSING', `${source.name} has no ${plainLine(tagOrDigest)}`)
  const manifest = await unlessAborted(signal, readManifest(source, named))
  const [layer, ...others] = manifest.kind === 'image' ? manifest.layers : []
  if (layer === undefined || others.length > 0) {
    throw new LadingError('CONTENT_INVALID', `${named.digest} in ${source.name} is no artifact of one layer`)
  }
  if (layer.mediaType !== mediaType) {
    const found = `${named.digest} in ${source.name} holds ${plainLine(layer.mediaType)} and not ${mediaType}`
    throw new LadingError('CONTENT_INVALID', found)
  }
  return layer
}

/**
 * Writes the file of an artifact, each byte checked; what turns out to be wrong is not worth keeping, and is the caller's
 * to remove. Throws what the source throws, `CONTENT_INVALID`, `DISK_FULL`, or the reason of `signal`.
 */
export async function fetchArtifact(source: Source, layer: Descriptor, order: ArtifactOrder): Promise<void> {
  const { path, limit, signal, onProgress = () => undefined } = order
  if (layer.size > limit) {
    const message = `${layer.digest} in ${source.name} has ${layer.size} bytes; at most ${limit} are taken`
    throw new LadingError('CONTENT_INVALID', message)
  }
  const body = await open(source, layer, signal)
  try {
    const bytes = verified(layer, body, source.name)
    await pipeline(bytes, told(layer.size, onProgress), createWriteStream(path, { mode: 0o600 }), { signal })
  } catch (cause) {
    // A stream that is ended by a signal does not tell why the signal was given.
    if (signal.aborted) throw signal.reason
    if (!isDiskFull(cause)) throw cause
    const message = `fetching ${layer.digest} from ${source.name}: no space is left in the temp folder`
    throw new LadingError('DISK_FULL', message, { cause })
  }
}

/** A body that comes when nobody waits for it any more is let go. */
async function open(source: Source, layer: Descriptor, signal: AbortSignal): Promise<Readable> {
  const opening = source.fetch(layer)
  try {
    return await unlessAborted(signal, opening)
  } catch (error) {
    opening.then(
      // To let go of it is an error to it, and one that nobody listens to ends the process.
      (body) => body.on('error', () => undefined).destroy(),
      () => undefined,
    )
    throw error
  }
}

function told(total: number, onProgress: (bytes: number, total: number) => void) {
  return async function* counted(chunks: AsyncIterable<Uint8Array>) {
    let size = 0
    for await (const chunk of chunks) {
      size += chunk.length
      onProgress(size, total)
      yield chunk
    }
  }
}

/** A source has its own patience, which may be longer than that of whoever asks. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const over = Promise.withResolvers<never>()
  const stop = () => over.reject(signal.reason)
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, over.promise])
  } finally {
    signal.removeEventListener('abort', stop)
    // Of the two, one is not waited for any more.
    work.catch(() => undefined)
    over.promise.catch(() => undefined)
  }
}

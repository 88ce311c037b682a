import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isDiskFull, LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { algorithmOf, type Digest, hexOf, tryParseDigest } from '../image/digest.ts'
import { MEDIA_TYPE } from '../image/media-type.ts'
import { copyGraph } from './copy.ts'
import { manifestsOnce } from './manifests-once.ts'
import { openLayout } from './oci-layout.ts'
import type { Arrival, Layout, Source, Target } from './store.ts'
import { verified } from './verify.ts'

/** An OCI layout that is being written, and what of it is there already. */
export type LayoutTarget = Source &
  Target & {
    /** Makes it a layout that others can open: the last thing to be written. */
    complete(root: Descriptor): Promise<void>
  }

/**
 * Brings an image out of any source into an empty folder, for programs that read layouts. Every byte is checked on its
 * way in. Throws what the source throws, `CONTENT_INVALID` and `DISK_FULL`; then what lies there is no layout.
 */
export async function stageLayout(
  source: Source,
  root: Descriptor,
  directory: string,
  signal: AbortSignal,
): Promise<Layout> {
  const target = await openLayoutTarget(directory, source.name, signal)
  // Each manifest is needed twice: to look what it points at, and to keep it.
  await copyGraph(root, { source: manifestsOnce(source), target, signal })
  await target.complete(root)
  return openLayout(directory, source.name)
}

/**
 * Begins a layout (OCI image spec, image-layout.md) in an empty folder, which is made when it is missing. `name` says in
 * messages whose content it is.
 */
export async function openLayoutTarget(directory: string, name: string, signal: AbortSignal): Promise<LayoutTarget> {
  const arrived = new Map<Digest, Descriptor>()
  const tags = new Map<string, Descriptor>()
  await onDisk(() => makeEmpty(directory))

  /** What the folder does not have is what the source of it did not give. */
  async function fetch({ digest }: Descriptor): Promise<Readable> {
    const path = blobPath(directory, digest)
    if ((await stat(path).catch(() => undefined))?.isFile() === true) return createReadStream(path)
    throw new LadingError('SOURCE_MISSING', `${digest} of ${name} was not brought to ${directory}`)
  }

  async function push(descriptor: Descriptor, open: () => Promise<Readable>): Promise<Arrival> {
    const path = blobPath(directory, descriptor.digest)
    await onDisk(() => write(path, async () => verified(descriptor, await open(), name), signal))
    arrived.set(descriptor.digest, descriptor)
    return 'uploaded'
  }

  async function resolve(tagOrDigest: string): Promise<Descriptor | undefined> {
    const digest = tryParseDigest(tagOrDigest)
    return digest === undefined ? tags.get(tagOrDigest) : arrived.get(digest)
  }

  async function complete(root: Descriptor): Promise<void> {
    const names = [...tags].filter(([, { digest }]) => digest === root.digest).map(([tag]) => tag)
    await onDisk(async () => {
      await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}', { mode: 0o600 })
      // Without it nobody takes the folder for a layout, so it comes last.
      await writeFile(join(directory, 'index.json'), indexOf(root, names), { mode: 0o600 })
    })
  }

  async function onDisk<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      if (!isDiskFull(cause)) throw cause
      throw new LadingError('DISK_FULL', `bringing ${name} to this machine: no space is left in ${directory}`, {
        cause,
      })
    }
  }

  return {
    name,
    resolve,
    fetch,
    exists: async ({ digest }) => arrived.has(digest),
    push,
    async tag({ descriptor }, tag) {
      tags.set(tag, descriptor)
    },
    async tagAtOnce({ descriptor }, asked) {
      for (const tag of asked) tags.set(tag, descriptor)
      return asked
    },
    complete,
  }
}

/** What else lies in a folder could pass for content that was checked. */
async function makeEmpty(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  if ((await readdir(directory)).length > 0) throw new LadingError('INTERNAL', `the folder ${directory} is not empty`)
}

/** Bytes that turn out to be wrong, or do not come to their end, leave nothing behind. */
async function write(path: string, open: () => Promise<Readable>, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  // Nothing is awaited between the two: a stream that fails while nobody listens fails the process.
  const bytes = await open()
  try {
    await pipeline(bytes, createWriteStream(path, { mode: 0o600 }), { signal })
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

/** A checked digest is hexadecimal, so this path cannot leave the folder. */
function blobPath(directory: string, digest: Digest): string {
  return join(directory, 'blobs', algorithmOf(digest), hexOf(digest))
}

/** One root, under each of its names; its annotations are about where it came from. */
function indexOf({ mediaType, digest, size }: Descriptor, names: readonly string[]): string {
  const root = { mediaType, digest, size }
  const named = names.map((tag) => ({ ...root, annotations: { 'org.opencontainers.image.ref.name': tag } }))
  const manifests = named.length === 0 ? [root] : named
  return JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests })
}

import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { algorithmOf, type Digest, hexOf } from '../image/digest.ts'
import { MANIFEST_LIMIT, parseDescriptor } from '../image/manifest.ts'
import type { Layout } from './store.ts'

/** Bytes read from disk at a time. Larger chunks made uploads faster up to about this size, and memory stays flat. */
const READ_AHEAD = 512 * 1024

/**
 * Opens an OCI image layout (OCI image spec, image-layout.md): a folder with `oci-layout`, `index.json` and `blobs`.
 * Throws `SOURCE_MISSING` when there is none, `CONTENT_INVALID` when it does not hold exactly one image.
 */
export async function openLayout(directory: string, name = 'the layout'): Promise<Layout> {
  const index = await readIndex(directory)
  const root = onlyRoot(index, name)
  return {
    name,
    directory,
    root: async () => root,
    async resolve(tagOrDigest) {
      if (tagOrDigest === root.digest) return root
      return index.find((entry) => entry.annotations?.['org.opencontainers.image.ref.name'] === tagOrDigest)
    },
    fetch: (descriptor) => openBlob(directory, descriptor, name),
  }
}

async function readIndex(directory: string): Promise<readonly Descriptor[]> {
  const marker = await readText(join(directory, 'oci-layout'))
  const text = await readText(join(directory, 'index.json'))
  if (marker === undefined || text === undefined) {
    throw new LadingError(
      'SOURCE_MISSING',
      `reading the OCI layout ${directory}: there is no oci-layout and index.json in it`,
      {
        hint: 'Hand over the folder (or tar) that `docker buildx build --output type=oci` or another tool wrote.',
      },
    )
  }
  const json: unknown = parse(text, directory)
  const manifests = typeof json === 'object' && json !== null && 'manifests' in json ? json.manifests : undefined
  if (!Array.isArray(manifests))
    throw new LadingError('CONTENT_INVALID', `index.json of the OCI layout ${directory} lists no manifests`)
  return manifests.map((entry) => parseDescriptor(entry, 'index.json', 'manifests'))
}

/** Builders write one entry for each name of one image; several images in one layout are not one publish. */
function onlyRoot(index: readonly Descriptor[], name: string): Descriptor {
  const distinct = new Map<Digest, Descriptor>(index.map((entry) => [entry.digest, entry]))
  const [root, ...others] = distinct.values()
  if (root === undefined) throw new LadingError('CONTENT_INVALID', `index.json of ${name} is empty`)
  if (others.length > 0) {
    throw new LadingError(
      'CONTENT_INVALID',
      `${name} holds ${distinct.size} unrelated images: ${[...distinct.keys()].join(', ')}`,
      {
        hint: 'Write one image to one layout; the platforms of one image belong in one index.',
      },
    )
  }
  // Annotations of the entry are about this layout (names, times), not about the image.
  const { annotations: _, ...descriptor } = root
  return descriptor
}

async function openBlob(directory: string, descriptor: Descriptor, name: string): Promise<Readable> {
  // A checked digest is hexadecimal, so this path cannot leave the folder.
  const path = join(directory, 'blobs', algorithmOf(descriptor.digest), hexOf(descriptor.digest))
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) throw new LadingError('CONTENT_INVALID', `${descriptor.digest} is missing in ${name}`)
  if (found.size !== descriptor.size) {
    throw new LadingError(
      'CONTENT_INVALID',
      `${descriptor.digest} in ${name} has ${found.size} bytes and not ${descriptor.size}`,
    )
  }
  return createReadStream(path, { highWaterMark: READ_AHEAD })
}

async function readText(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) return undefined
  if (found.size > MANIFEST_LIMIT)
    throw new LadingError('CONTENT_INVALID', `${path} is larger than ${MANIFEST_LIMIT} bytes`)
  return readFile(path, 'utf8')
}

function parse(text: string, directory: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LadingError('CONTENT_INVALID', `index.json of the OCI layout ${directory} is not JSON`, { cause })
  }
}

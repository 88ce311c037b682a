import { Readable } from 'node:stream'
import type { Arrival, Source, Target } from '../../src/content/store.ts'
import { verify } from '../../src/content/verify.ts'
import { LadingError } from '../../src/error.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { type Digest, digestOf, tryParseDigest } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'

/** A store in a `Map`: source and target at once, with a log of what was done to it. */
export type MemoryStore = Source &
  Target & {
    /** every write in order: `push layer`, `push config`, `push index`, `tag 1.4`; `tag 1.4 latest` is one for both */
    readonly log: string[]
    readonly fetched: Digest[]
    readonly tags: Map<string, Descriptor>
    /** Puts bytes there without a word in the log. */
    put(bytes: string | Uint8Array, mediaType: string, more?: Partial<Descriptor>): Descriptor
    /** Loses content, as a registry may; manifests that name it stay. */
    lose(digest: Digest): void
    /** Which of several tags it takes at once. Default: none, as most registries. */
    takesAtOnce: (tags: readonly string[]) => readonly string[]
    /** Something to do before the next calls, for faults. */
    before: (verb: 'exists' | 'push' | 'tag' | 'resolve', subject: string) => void | Promise<void>
  }

export function memoryStore(name = 'memory'): MemoryStore {
  const contents = new Map<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>()
  const tags = new Map<string, Descriptor>()
  const store: MemoryStore = {
    name,
    log: [],
    fetched: [],
    tags,
    takesAtOnce: () => [],
    before: () => undefined,
    put(bytes, mediaType, more = {}) {
      const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
      const descriptor = { mediaType, digest: digestOf(buffer), size: buffer.length, ...more }
      contents.set(descriptor.digest, { descriptor, bytes: buffer })
      return descriptor
    },
    lose: (digest) => void contents.delete(digest),
    async resolve(tagOrDigest) {
      await store.before('resolve', tagOrDigest)
      const digest = tryParseDigest(tagOrDigest)
      return digest === undefined ? tags.get(tagOrDigest) : contents.get(digest)?.descriptor
    },
    async fetch(descriptor) {
      store.fetched.push(descriptor.digest)
      const found = contents.get(descriptor.digest)
      if (found === undefined) throw new LadingError('SOURCE_MISSING', `${descriptor.digest} is not in ${name}`)
      return Readable.from([Buffer.from(found.bytes)])
    },
    async exists(descriptor) {
      await store.before('exists', kindOf(descriptor))
      return contents.has(descriptor.digest)
    },
    async push(descriptor, open): Promise<Arrival> {
      await store.before('push', kindOf(descriptor))
      const chunks: Uint8Array[] = []
      for await (const chunk of await open()) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      await verify(descriptor, Readable.from([bytes]), name)
      contents.set(descriptor.digest, { descriptor, bytes })
      store.log.push(`push ${kindOf(descriptor)}`)
      return 'uploaded'
    },
    async tag(manifest, tag) {
      await store.before('tag', tag)
      if (!contents.has(manifest.descriptor.digest))
        throw new LadingError('CONTENT_REFUSED', `${name} does not have the manifest`)
      tags.set(tag, manifest.descriptor)
      store.log.push(`tag ${tag}`)
    },
    async tagAtOnce(manifest, asked) {
      const taken = store.takesAtOnce(asked)
      for (const tag of taken) tags.set(tag, manifest.descriptor)
      if (taken.length > 0) store.log.push(`tag ${taken.join(' ')}`)
      return taken
    },
  }
  return store
}

function kindOf({ mediaType }: Descriptor): string {
  if (mediaType === MEDIA_TYPE.ociIndex) return 'index'
  if (mediaType === MEDIA_TYPE.ociManifest) return 'manifest'
  return mediaType.includes('config') ? 'config' : 'layer'
}

/** An image with its layers in a memory store; `shared` layers are the same in every image made with them. */
export function putImage(store: MemoryStore, architecture: string, layers: readonly string[]): Descriptor {
  const config = store.put(JSON.stringify({ os: 'linux', architecture }), 'application/vnd.oci.image.config.v1+json')
  const described = layers.map((layer) => store.put(layer, 'application/vnd.oci.image.layer.v1.tar'))
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: described }
  return store.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest, { platform: { os: 'linux', architecture } })
}

/** An index of such images. */
export function putIndex(store: MemoryStore, manifests: readonly Descriptor[]): Descriptor {
  return store.put(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }), MEDIA_TYPE.ociIndex)
}

import { digestOf, parseDigest } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { fallbackTag } from '../../src/image/referrer.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'
import type { Repository, StoredManifest } from '../support/registry/store.ts'

/** What one piece of content is called in another one. */
type Entry = { readonly mediaType: string; readonly digest: string; readonly size: number }

type Kind = { readonly manifest: string; readonly config: string; readonly layer: string; readonly index: string }
const OCI: Kind = {
  manifest: MEDIA_TYPE.ociManifest,
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  index: MEDIA_TYPE.ociIndex,
}
export const DOCKER: Kind = {
  manifest: MEDIA_TYPE.dockerManifest,
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  index: MEDIA_TYPE.dockerList,
}
const ATTESTATION = 'attestation-manifest'

/** The first layer of every image. */
export const BASE = 'a base that others have too'

/** What a repository is filled with, without a request. */
export function shelf(registry: InProcessRegistry, repository: string) {
  function put(manifest: Document, blobs: readonly Uint8Array[], tag?: string): Entry {
    const bytes = Buffer.from(JSON.stringify(manifest))
    const digest = registry.put(repository, { manifest: bytes, blobs, ...(tag === undefined ? {} : { tag }) })
    return { mediaType: manifest.mediaType, digest, size: bytes.length }
  }

  function image(content: string, { kind = OCI, tag, more = {} }: ImageOptions = {}): Entry {
    const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', content }))
    const layers = [BASE, content].map((text) => Buffer.from(text))
    const manifest: Document = {
      schemaVersion: 2,
      mediaType: kind.manifest,
      config: described(config, kind.config),
      layers: layers.map((layer) => described(layer, kind.layer)),
      ...more,
    }
    return put(manifest, [config, ...layers], tag)
  }

  /** With an attestation of each platform, as BuildKit hangs them into the index. */
  function index(content: string, { kind = OCI, tag, within = [] }: IndexOptions = {}): Entry & { children: Entry[] } {
    const images = ['amd64', 'arm64'].map((architecture) => ({
      ...image(`${content} for ${architecture}`, { kind }),
      platform: { os: 'linux', architecture },
    }))
    const attestations = images.map(({ digest }) => ({
      ...image(`what is known of ${digest}`),
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': ATTESTATION, 'vnd.docker.reference.digest': digest },
    }))
    const manifests = [...images, ...(kind === OCI ? attestations : []), ...within]
    const entry = put({ schemaVersion: 2, mediaType: kind.index, manifests }, [], tag)
    return { ...entry, children: images }
  }

  /** An image with a layer that can be had elsewhere too. */
  function external(content: string, tag: string): Entry {
    const [config, layer] = [Buffer.from('{}'), Buffer.from(content)]
    const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
    const layers = [{ ...described(layer, mediaType), urls: ['https://elsewhere.invalid/layer'] }]
    const manifest = {
      schemaVersion: 2,
      mediaType: OCI.manifest,
      config: described(config, OCI.config),
      layers,
    } as const
    return put(manifest, [config, layer], tag)
  }

  /** Something with a `subject`, without a tag. */
  function referrer(subject: Entry, artifactType: string, annotations: Readonly<Record<string, string>> = {}): Entry {
    const { mediaType, digest, size } = subject
    return image(`${artifactType} of ${digest} ${JSON.stringify(annotations)}`, {
      more: { artifactType, subject: { mediaType, digest, size }, annotations },
    })
  }

  /** The list of referrers as clients keep it where the registry has none. */
  function list(subject: Entry, entries: readonly object[]): void {
    const tag = fallbackTag(parseDigest(subject.digest))
    put({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: entries }, [], tag)
  }

  /** A signature as cosign hangs it to a digest. */
  function signature(subject: Entry, suffix = 'sig', more = ''): Entry {
    return image(`${suffix} of ${subject.digest}${more}`, { tag: `${subject.digest.replace(':', '-')}.${suffix}` })
  }

  return { image, index, external, referrer, list, signature }
}

type Document = { readonly mediaType: string; readonly schemaVersion: 2; readonly [member: string]: unknown }
type ImageOptions = { readonly kind?: Kind; readonly tag?: string; readonly more?: Readonly<Record<string, unknown>> }
type IndexOptions = { readonly kind?: Kind; readonly tag?: string; readonly within?: readonly object[] }

function described(bytes: Uint8Array, mediaType: string): Entry {
  return { mediaType, digest: digestOf(bytes), size: bytes.length }
}

/** What a registry has, so that two of them can be compared. */
export function contentOf({ repositories }: InProcessRegistry): Readonly<Record<string, Content>> {
  const named = [...repositories].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(named.map(([name, repository]) => [name, contentIn(repository)]))
}

type Content = {
  /** tag → digest; of a list of referrers what it has, for each client writes its own */
  readonly tags: Readonly<Record<string, string | readonly string[]>>
  readonly manifests: readonly string[]
  readonly blobs: readonly string[]
}

const LIST_TAG = /^sha256-[0-9a-f]{64}$/

function contentIn({ tags, manifests, blobs }: Repository): Content {
  const shown = [...tags].map(([tag, digest]) => {
    const members = LIST_TAG.test(tag) ? membersOf(manifests.get(digest)) : undefined
    return [tag, members?.map((member) => JSON.stringify(member)).toSorted() ?? digest] as const
  })
  return {
    tags: Object.fromEntries(shown.toSorted(([one], [other]) => (one < other ? -1 : 1))),
    // Lists are written anew for each entry, and the former ones stay behind.
    manifests: [...manifests].flatMap(([digest, manifest]) => (isFormerList(manifest) ? [] : [digest])).toSorted(),
    blobs: [...blobs.keys()].toSorted(),
  }
}

function membersOf(manifest: StoredManifest | undefined): readonly object[] | undefined {
  if (manifest?.mediaType !== MEDIA_TYPE.ociIndex) return undefined
  const { manifests }: { readonly manifests: readonly object[] } = JSON.parse(Buffer.from(manifest.bytes).toString())
  return manifests.map((member) => ({ ...sorted(member) }))
}

function sorted(member: object): object {
  return Object.fromEntries(Object.entries(member).toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

function isFormerList(manifest: StoredManifest): boolean {
  return membersOf(manifest)?.every((member) => !('platform' in member)) === true
}

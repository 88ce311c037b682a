import { onTestFinished } from 'vitest'
import { readMirrorInputs } from '../../src/action/mirror-inputs.ts'
import type { Edges, Reporter } from '../../src/edges.ts'
import { LadingError } from '../../src/error.ts'
import { type Digest, digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { formatRepository } from '../../src/image/reference.ts'
import type { Lock } from '../../src/plan/lock.ts'
import type { MirroredImage } from '../../src/report/mirror-report.ts'
import { runMirror } from '../../src/run.ts'
import { environment, folderWith, withInputs } from '../action/given.ts'
import { world } from '../scan/world.ts'
import { openClient } from '../support/client.ts'
import { type InProcessRegistry, type RegistryOptions, startRegistry } from '../support/registry/server.ts'

/** A registry for one test. */
export async function registry(options: RegistryOptions = {}): Promise<InProcessRegistry> {
  const started = await startRegistry(options)
  onTestFinished(() => started.stop())
  return started
}

export type GivenMirror = {
  readonly inputs: Readonly<Record<string, string>>
  /** files of the workspace */
  readonly files?: Readonly<Record<string, string>>
  /** what the last run remembers */
  readonly lock?: Lock
  readonly now?: Date
  /** registries by the names that they go by, `docker.io` say */
  readonly named?: Readonly<Record<string, InProcessRegistry>>
  readonly signal?: AbortSignal
}

/** A mirror as a user asks for it, from registry to registry in this process. */
export async function mirrored({ inputs, files = {}, lock, now = new Date(), named = {}, signal }: GivenMirror) {
  const { request, logins } = await readMirrorInputs(
    withInputs({ retries: '0', 'scan-cache': 'false', ...inputs }),
    environment({ workspace: folderWith(files) }),
  )
  const client = openClient({
    logins,
    retries: 1,
    address: (host) => named[host]?.url,
    ...(signal === undefined ? {} : { signal }),
  })
  onTestFinished(() => client.close())
  const notices: string[] = []
  const lines: string[] = []
  const system = await world(signal === undefined ? {} : { signal })
  const reporter: Reporter = {
    ...system.reporter,
    info: (line) => void lines.push(line),
    notice: (message) => void notices.push(message),
    warn: (message) => void notices.push(message),
  }
  const nowhere = (): never => {
    throw new LadingError('INTERNAL', 'this is not asked of the world')
  }
  const edges: Edges = {
    reporter,
    clock: { ...system.clock, now: () => now },
    exec: system.exec,
    scratch: system.scratch,
    stores: {
      remote: (repository, use) => client.remote(formatRepository(repository), use),
      layout: nowhere,
      download: nowhere,
      cache: { restore: nowhere, save: nowhere },
    },
    project: {
      history: { compare: nowhere, head: nowhere, committed: nowhere, facts: nowhere },
      codeScanning: { mayUpload: nowhere, upload: nowhere },
    },
    docker: nowhere,
  }
  const end = await runMirror({ ...request, ...(lock === undefined ? {} : { lock }) }, environment(), edges)
  return { ...end, notices, lines, client }
}

/** What became of each target, by its tag. */
export function outcomes(images: readonly MirroredImage[]): Readonly<Record<string, string>> {
  const named = images.map(({ target, source, outcome }) => [target === '' ? source : tagOf(target), outcome] as const)
  if (new Set(named.map(([name]) => name)).size < named.length) throw new Error('a target is settled twice')
  return Object.fromEntries(named)
}

/** Why, by tag. */
export function reasons(images: readonly MirroredImage[]): Readonly<Record<string, string>> {
  return Object.fromEntries(images.map(({ target, reason }) => [tagOf(target), reason]))
}

function tagOf(reference: string): string {
  return reference.slice(reference.lastIndexOf(':') + 1)
}

/** How many requests of each method. */
export function methods({ requests }: InProcessRegistry): Readonly<Record<string, number>> {
  return counted(requests.map(({ method }) => method))
}

/** How many requests of each kind. */
export function steps({ requests }: InProcessRegistry): Readonly<Record<string, number>> {
  return counted(requests.map(({ step }) => step))
}

function counted(words: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([word, all]) => [word, all.length]))
}

/** What the tags of a repository show. */
export function tagsOf(at: InProcessRegistry, repository: string): Readonly<Record<string, string>> {
  return Object.fromEntries(at.repositories.get(repository)?.tags ?? [])
}

export const OLD_DATE = '2026-01-01T00:00:00Z'

export type SampleImage = {
  readonly tag?: string
  /** each a layer */
  readonly layers?: readonly (string | Uint8Array)[]
  /** as its configuration tells; empty: it tells nothing */
  readonly created?: string
  readonly architecture?: string
}

const text = (bytes: string | Uint8Array) => (typeof bytes === 'string' ? Buffer.from(bytes) : bytes)

/** Puts an image of one platform into a registry. */
export function putImage(at: InProcessRegistry, repository: string, image: SampleImage = {}): Digest {
  const { tag, layers = [`layer of ${tag}`], created = OLD_DATE, architecture = 'amd64' } = image
  const config = Buffer.from(
    JSON.stringify({ architecture, os: 'linux', ...(created === '' ? {} : { created }), rootfs: { type: 'layers' } }),
  )
  const blobs = layers.map(text)
  const layer = 'application/vnd.oci.image.layer.v1.tar+gzip'
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: described('application/vnd.oci.image.config.v1+json', config),
    layers: blobs.map((bytes) => described(layer, bytes)),
  }
  at.put(repository, { manifest, blobs: [config, ...blobs], ...(tag === undefined ? {} : { tag }) })
  return digestOf(JSON.stringify(manifest))
}

/** Puts an image of several platforms there; each has a layer of its own, and all share one. */
export function putIndex(
  at: InProcessRegistry,
  repository: string,
  {
    tag,
    platforms = ['amd64', 'arm64'],
    content = tag,
  }: { tag: string; platforms?: readonly string[]; content?: string },
): Digest {
  const manifests = platforms.map((architecture) => {
    const digest = putImage(at, repository, { layers: ['shared', `${content} for ${architecture}`], architecture })
    const size = at.repositories.get(repository)?.manifests.get(digest)?.bytes.length
    return { mediaType: MEDIA_TYPE.ociManifest, digest, size, platform: { os: 'linux', architecture } }
  })
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }
  at.put(repository, { manifest: index, tag })
  return digestOf(JSON.stringify(index))
}

/** Puts a manifest there that refers to another one. */
export function putReferrer(at: InProcessRegistry, repository: string, subject: Digest, content: string): Digest {
  const empty = Buffer.from('{}')
  const blob = Buffer.from(content)
  // It may lie in another repository of the registry.
  const known = [...at.repositories.values()].flatMap(({ manifests }) => manifests.get(subject) ?? [])
  const bytes = known[0]?.bytes ?? new Uint8Array()
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType: 'application/vnd.example.signature',
    config: described('application/vnd.oci.empty.v1+json', empty),
    layers: [described('application/vnd.example.signature', blob)],
    subject: described(MEDIA_TYPE.ociManifest, bytes),
  }
  at.put(repository, { manifest, blobs: [empty, blob] })
  return digestOf(JSON.stringify(manifest))
}

function described(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length }
}

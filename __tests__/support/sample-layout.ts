import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { type Digest, digestOf, hexOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { formatPlatform, type Platform } from '../../src/image/platform.ts'

/** What a sample layout holds. The same spec makes the same bytes, and so the same digests. */
export type SampleSpec = {
  readonly platforms: readonly SamplePlatform[]
  /** of the index, or of the manifest when there is none */
  readonly annotations?: Readonly<Record<string, string>>
  /** `auto`: an index for several platforms, a single manifest for one */
  readonly index?: 'auto' | 'always' | 'nested'
  /** hang BuildKit's kind of attestation into the index, one for each platform */
  readonly attestations?: boolean
}

export type SamplePlatform = {
  /** `linux/arm64/v8` */
  readonly platform: string
  readonly layers: readonly SampleLayer[]
  /** `NAME=value` */
  readonly env?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly cmd?: readonly string[]
  /** `created_by` of each history entry; default: one `COPY` for each layer */
  readonly history?: readonly { readonly createdBy: string; readonly empty?: boolean }[]
}

export type SampleLayer = {
  readonly files: Readonly<Record<string, string | Uint8Array>>
  /** paths of lower layers that this one takes away */
  readonly deleted?: readonly string[]
  readonly compression?: 'gzip' | 'zstd' | 'none'
}

/** What was written, with all that a test may want to point at. */
export type SampleLayout = {
  readonly directory: string
  readonly root: Descriptor
  readonly platforms: readonly SampleImage[]
}

export type SampleImage = {
  readonly platform: string
  readonly manifest: Descriptor
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

/** Writes an OCI layout into `directory` (made when it is missing). */
export async function writeSampleLayout(directory: string, spec: SampleSpec): Promise<SampleLayout> {
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true })
  const single = spec.platforms.length === 1 && spec.index !== 'always' && spec.attestations !== true
  const images: SampleImage[] = []
  for (const platform of spec.platforms) {
    images.push(await writeImage(directory, platform, single ? spec.annotations : undefined))
  }
  const [first] = images
  if (first === undefined) throw new Error('a sample layout needs a platform')
  const root = single ? first.manifest : await writeIndex(directory, images, spec)
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(
    join(directory, 'index.json'),
    json({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [root] }),
  )
  return { directory, root, platforms: images }
}

/** Where a blob lies in a layout. */
export function blobPath(directory: string, digest: Digest): string {
  return join(directory, 'blobs', 'sha256', hexOf(digest))
}

async function writeImage(
  directory: string,
  spec: SamplePlatform,
  annotations: SampleSpec['annotations'],
): Promise<SampleImage> {
  const tars = spec.layers.map(layerTar)
  const layers: Descriptor[] = []
  for (const [at, tar] of tars.entries()) layers.push(await writeLayer(directory, tar, spec.layers[at]?.compression))
  const config = await writeBlob(directory, 'application/vnd.oci.image.config.v1+json', json(configOf(spec, tars)))
  const manifest = await writeBlob(
    directory,
    MEDIA_TYPE.ociManifest,
    json({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers, annotations }),
  )
  const platform = platformOf(spec.platform)
  return { platform: formatPlatform(platform), manifest: { ...manifest, platform }, config, layers }
}

function writeLayer(directory: string, tar: Buffer, compression: SampleLayer['compression']): Promise<Descriptor> {
  if (compression === 'none') return writeBlob(directory, 'application/vnd.oci.image.layer.v1.tar', tar)
  if (compression === 'zstd') {
    return writeBlob(directory, 'application/vnd.oci.image.layer.v1.tar+zstd', zstdCompressSync(tar))
  }
  return writeBlob(directory, 'application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar))
}

function configOf(spec: SamplePlatform, tars: readonly Buffer[]): unknown {
  const history = spec.history ?? spec.layers.map(() => ({ createdBy: 'COPY files / # sample', empty: false }))
  return {
    created: '2026-01-01T00:00:00Z',
    ...platformOf(spec.platform),
    config: { Env: spec.env, Cmd: spec.cmd, Labels: spec.labels },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
    history: history.map((entry) => ({
      created: '2026-01-01T00:00:00Z',
      created_by: entry.createdBy,
      ...(entry.empty === true ? { empty_layer: true } : {}),
    })),
  }
}

async function writeIndex(directory: string, images: readonly SampleImage[], spec: SampleSpec): Promise<Descriptor> {
  const manifests = images.map((image) => image.manifest)
  if (spec.attestations === true) {
    for (const image of images) manifests.push(await writeAttestation(directory, image))
  }
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests, annotations: spec.annotations }
  if (spec.index !== 'nested') return writeBlob(directory, MEDIA_TYPE.ociIndex, json(index))
  const [first, ...rest] = manifests
  const inner = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: rest }
  const nested = await writeBlob(directory, MEDIA_TYPE.ociIndex, json(inner))
  return writeBlob(directory, MEDIA_TYPE.ociIndex, json({ ...index, manifests: [first, nested] }))
}

async function writeAttestation(directory: string, image: SampleImage): Promise<Descriptor> {
  const statement = json({ _type: 'https://in-toto.io/Statement/v0.1', subject: [{ digest: image.manifest.digest }] })
  const layer = await writeBlob(directory, 'application/vnd.in-toto+json', statement)
  const platform = { os: 'unknown', architecture: 'unknown' }
  const configuration = json({ ...platform, config: {}, rootfs: { type: 'layers', diff_ids: [layer.digest] } })
  const config = await writeBlob(directory, 'application/vnd.oci.image.config.v1+json', configuration)
  const manifest = json({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [layer] })
  const annotations = {
    'vnd.docker.reference.digest': image.manifest.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  }
  return { ...(await writeBlob(directory, MEDIA_TYPE.ociManifest, manifest)), platform, annotations }
}

async function writeBlob(directory: string, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const digest = digestOf(bytes)
  await writeFile(blobPath(directory, digest), bytes)
  return { mediaType, digest, size: bytes.length }
}

/** A layer as a tar; a deleted path is an empty file `.wh.NAME` (OCI image spec, layer.md, "Whiteouts"). */
function layerTar(layer: SampleLayer): Buffer {
  const whiteouts = (layer.deleted ?? []).map((path): [string, string] => [path.replace(/([^/]+)$/, '.wh.$1'), ''])
  return tarOf(Object.fromEntries([...Object.entries(layer.files), ...whiteouts]))
}

/** A tar (ustar) with these files, in the order of their names (`app/` is a folder) and with nothing in it that changes from run to run. */
export function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const blocks: Buffer[] = []
  for (const [path, content] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const bytes = Buffer.from(content)
    blocks.push(tarHeader(path, bytes.length), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512))
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

function tarHeader(path: string, size: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`“${path}” is too long for a sample`)
  const header = Buffer.alloc(512)
  header.write(path, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  // Type 5 is a folder (POSIX.1-2017, pax, "ustar Interchange Format").
  header.write(`        ${path.endsWith('/') ? '5' : '0'}`, 148)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

function platformOf(text: string): Platform {
  const [os = 'linux', architecture = 'amd64', variant] = text.split('/')
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

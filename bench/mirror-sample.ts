import { createHash, randomBytes } from 'node:crypto'
import { MEDIA_TYPE } from '../src/image/media-type.ts'

const KB = 1000

/** How much there is to mirror. */
export type Extent = { readonly repositories: number; readonly tags: number }

export const WHOLE: Extent = { repositories: 20, tags: 10 }
export const TRIAL: Extent = { repositories: 2, tags: 6 }
export const CHANGES = 5

/** `bench/app-07` */
export function repositoryNames({ repositories }: Extent): readonly string[] {
  return Array.from({ length: repositories }, (_, at) => `bench/app-${String(at).padStart(2, '0')}`)
}

export function tagNames({ tags }: Extent): readonly string[] {
  return Array.from({ length: tags }, (_, at) => `1.${at}.0`)
}

/**
 * Fills a registry: in each repository a base of 300 kB that all of its images have, and for each tag two layers of 60 and
 * 20 kB and a configuration of its own. Nothing of it can be compressed.
 * @param host host and port, without a distance in between
 */
export async function fill(host: string, extent: Extent): Promise<void> {
  for (const repository of repositoryNames(extent)) {
    const base = randomBytes(300 * KB)
    await putBlob(host, repository, base)
    await Promise.all(tagNames(extent).map((tag) => putImage(host, `${repository}:${tag}`, base)))
  }
}

/** Moves a tag in as many repositories as there are changes: one new layer, on what was there before. */
export async function change(host: string, extent: Extent): Promise<void> {
  const [tag = ''] = tagNames(extent)
  const names = repositoryNames(extent)
  for (let at = 0; at < CHANGES; at += 1) {
    const repository = names[at % names.length] ?? ''
    const moved = tagNames(extent)[Math.floor(at / names.length)] ?? tag
    await putImage(host, `${repository}:${moved}`, randomBytes(60 * KB))
  }
}

/** @param name `bench/app-07:1.0.0` */
async function putImage(host: string, name: string, base: Uint8Array): Promise<void> {
  const [repository = '', tag = ''] = name.split(':')
  const own = [randomBytes(60 * KB), randomBytes(20 * KB)]
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', name, of: digestOf(randomBytes(8)) }))
  for (const blob of [base, ...own, config]) await putBlob(host, repository, blob)
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: described(config, 'application/vnd.oci.image.config.v1+json'),
    layers: [base, ...own].map((layer) => described(layer, 'application/vnd.oci.image.layer.v1.tar+gzip')),
  })
  const headers = { 'content-type': MEDIA_TYPE.ociManifest }
  await expectStatus(
    `http://${host}/v2/${repository}/manifests/${tag}`,
    { method: 'PUT', headers, body: manifest },
    201,
  )
}

async function putBlob(host: string, repository: string, bytes: Uint8Array): Promise<void> {
  const begun = await expectStatus(`http://${host}/v2/${repository}/blobs/uploads/`, { method: 'POST' }, 202)
  const location = new URL(begun.headers.get('location') ?? '', `http://${host}`)
  location.searchParams.set('digest', digestOf(bytes))
  await expectStatus(location.href, { method: 'PUT', body: Uint8Array.from(bytes) }, 201)
}

async function expectStatus(url: string, options: RequestInit, status: number): Promise<Response> {
  const answer = await fetch(url, options)
  const text = await answer.text()
  if (answer.status !== status) throw new Error(`could not fill ${url}: ${answer.status} ${text}`)
  return answer
}

function described(bytes: Uint8Array, mediaType: string) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length }
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LadingError } from '../../src/error.ts'
import {
  algorithmOf,
  digestOf,
  hasher,
  hexOf,
  parseDigest,
  shortDigest,
  tryParseDigest,
} from '../../src/image/digest.ts'
import { children, isAttestation, parseDescriptor, parseManifest, parsePlatform } from '../../src/image/manifest.ts'
import { isImageManifest, isIndex, isLayer, isManifest, MEDIA_TYPE } from '../../src/image/media-type.ts'
import { formatPlatform, isUnknown } from '../../src/image/platform.ts'

const part = (content: string, mediaType = 'application/vnd.oci.image.layer.v1.tar') => ({
  mediaType,
  digest: digestOf(content),
  size: content.length,
})
const config = part('config', 'application/vnd.oci.image.config.v1+json')
const IMAGE = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [part('one'), part('two')] }
const INDEX = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [part('image', MEDIA_TYPE.ociManifest)] }

function parse(value: unknown, mediaType: string = MEDIA_TYPE.ociManifest) {
  const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  return parseManifest({ mediaType, digest: digestOf(bytes), size: bytes.length }, bytes)
}

describe('parseManifest', () => {
  test('reads an image and keeps its bytes', () => {
    const text = ` ${JSON.stringify({ ...IMAGE, annotations: { one: '1', two: 2 } })}\n`
    const manifest = parse(text)
    expect(manifest).toMatchObject({ kind: 'image', config, layers: IMAGE.layers, annotations: { one: '1' } })
    expect(String(manifest.bytes)).toBe(text)
    expect(children(manifest)).toEqual([config, ...IMAGE.layers])
  })

  test('reads an index, by the type that it is called by when it says none itself', () => {
    expect(parse({ ...INDEX, mediaType: undefined }, MEDIA_TYPE.ociIndex)).toMatchObject({ kind: 'index' })
    expect(children(parse(INDEX, MEDIA_TYPE.ociIndex))).toEqual(INDEX.manifests)
    expect(parse({ ...INDEX, mediaType: MEDIA_TYPE.dockerList }, MEDIA_TYPE.dockerList)).toMatchObject({
      kind: 'index',
    })
  })

  test.each<[string, unknown, string?]>([
    ['no JSON', 'no json'],
    ['no object', '[]'],
    ['null', 'null'],
    ['another type than it is called by', INDEX],
    ['an image and an index at once', { ...IMAGE, manifests: [] }],
    ['an index and an image at once', { ...INDEX, layers: [] }, MEDIA_TYPE.ociIndex],
    ['an index with a configuration', { ...INDEX, config }, MEDIA_TYPE.ociIndex],
    ['a type that is neither', { ...IMAGE, mediaType: 'text/plain' }, 'text/plain'],
    ['no configuration', { ...IMAGE, config: undefined }],
    ['no layers', { ...IMAGE, layers: {} }],
    ['a layer that is no object', { ...IMAGE, layers: ['x'] }],
    ['a negative size', { ...IMAGE, layers: [{ ...part('x'), size: -1 }] }],
    ['half a byte', { ...IMAGE, layers: [{ ...part('x'), size: 0.5 }] }],
    ['a size beyond all numbers', { ...IMAGE, layers: [{ ...part('x'), size: 2 ** 60 }] }],
    ['a path for a digest', { ...IMAGE, layers: [{ ...part('x'), digest: 'sha256:../../etc/passwd' }] }],
    ['an upper-case digest', { ...IMAGE, config: { ...config, digest: digestOf('x').toUpperCase() } }],
    ['another manifest as a layer', { ...IMAGE, layers: [part('hidden', MEDIA_TYPE.ociManifest)] }],
    ['an index as its configuration', { ...IMAGE, config: part('hidden', MEDIA_TYPE.ociIndex) }],
    ['layers twice, in two spellings', { ...IMAGE, Layers: [] }],
    ['layers twice, in letters that only Go takes for the same', { ...IMAGE, layerſ: [] }],
    ['a digest twice, in two spellings', { ...IMAGE, layers: [{ ...part('x'), Digest: digestOf('y') }] }],
  ])('refuses %s', (_name, value, mediaType) => {
    expect(() => parse(value, mediaType)).toThrow(expect.objectContaining({ code: 'CONTENT_INVALID' }))
  })

  test('refuses bytes that are no UTF-8', () => {
    const bytes = Buffer.from([0x7b, 0xff, 0x7d])
    const descriptor = { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf(bytes), size: 3 }
    expect(() => parseManifest(descriptor, bytes)).toThrow(LadingError)
  })

  test('throws nothing but CONTENT_INVALID, whatever a stranger sends', () => {
    const types = fc.constantFrom<string>(...Object.values(MEDIA_TYPE))
    const value = fc.oneof(
      fc.json(),
      fc.record(
        { mediaType: types, config: fc.jsonValue(), layers: fc.jsonValue(), manifests: fc.jsonValue() },
        { requiredKeys: [] },
      ),
    )
    fc.assert(
      fc.property(value, types, (json, mediaType) => {
        try {
          parse(json, mediaType)
        } catch (error) {
          expect(error).toMatchObject({ code: 'CONTENT_INVALID' })
        }
      }),
    )
  })
})

test('a descriptor keeps what is known of it, and nothing else', () => {
  const value = {
    ...part('x'),
    artifactType: 'a/b',
    urls: ['https://evil.example'],
    platform: { os: 'linux', architecture: 'arm', variant: 'v7', 'os.version': '1' },
    annotations: { a: 'b', c: 1 },
  }
  expect(parseDescriptor(value, 'index.json', 'manifests')).toEqual({
    ...part('x'),
    artifactType: 'a/b',
    platform: { os: 'linux', architecture: 'arm', variant: 'v7', osVersion: '1' },
    annotations: { a: 'b' },
    external: true,
  })
  expect(parseDescriptor({ ...value, urls: [] }, 'index.json', 'manifests')).not.toHaveProperty('external')
})

test('only the annotation of BuildKit makes an attestation', () => {
  const descriptor = part('x', MEDIA_TYPE.ociManifest)
  expect(isAttestation(descriptor)).toBe(false)
  expect(isAttestation({ ...descriptor, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } })).toBe(
    true,
  )
})

describe('a digest', () => {
  const hex = 'a'.repeat(64)
  test.each([
    [`sha256:${hex}`, true],
    [`sha512:${hex}${hex}`, true],
    [`sha256:${hex}a`, false],
    [`sha256:${hex.toUpperCase()}`, false],
    [`sha256:${hex}\n`, false],
    [`sha384:${hex}`, false],
    [hex, false],
    ['', false],
  ])('%j: %s', (text, valid) => {
    expect(tryParseDigest(text)).toBe(valid ? text : undefined)
    if (!valid) expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: 'CONTENT_INVALID' }))
  })

  test('of known bytes is the known one, in its parts', () => {
    const digest = digestOf('')
    expect(digest).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect([algorithmOf(digest), shortDigest(digest), hexOf(digest).length]).toEqual(['sha256', 'e3b0c44298fc', 64])
    const long = hasher('sha512').update('a').update('b').digest()
    expect([algorithmOf(long), hexOf(long).length]).toEqual(['sha512', 128])
    expect(hasher('sha512').update('ab').digest()).toBe(long)
  })
})

test('media types are told apart', () => {
  const { ociManifest, ociIndex, dockerManifest, dockerList } = MEDIA_TYPE
  expect([ociManifest, dockerManifest].every(isImageManifest)).toBe(true)
  expect([ociIndex, dockerList].every(isIndex)).toBe(true)
  expect([ociManifest, ociIndex, dockerManifest, dockerList].every(isManifest)).toBe(true)
  expect(isManifest('application/vnd.oci.image.config.v1+json')).toBe(false)
})

test.each([
  ['application/vnd.oci.image.layer.v1.tar', true],
  ['application/vnd.oci.image.layer.v1.tar+zstd', true],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', true],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', true],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', true],
  ['application/vnd.in-toto+json', false],
  ['application/vnd.oci.image.config.v1+json', false],
])('isLayer of %s is %s', (mediaType, wanted) => {
  expect(isLayer(mediaType)).toBe(wanted)
})

test.each([
  [{ os: 'linux', architecture: 'amd64' }, 'linux/amd64'],
  [{ os: 'linux', architecture: 'arm', variant: 'v7' }, 'linux/arm/v7'],
  [{ os: 'linux', architecture: 'amd64', variant: '' }, 'linux/amd64'],
  [{ os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' }, 'windows/amd64'],
])('%o is %s', (value, text) => {
  const platform = parsePlatform(value)
  expect(platform && formatPlatform(platform)).toBe(text)
})

test('a platform that is none is told from one that runs nowhere', () => {
  expect(parsePlatform({ os: 'linux' })).toBeUndefined()
  expect(parsePlatform('linux/amd64')).toBeUndefined()
  expect(isUnknown({ os: 'unknown', architecture: 'unknown' })).toBe(true)
  expect(isUnknown({ os: 'linux', architecture: 'unknown' })).toBe(false)
})

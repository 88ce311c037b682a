import { describe, expect, test } from 'vitest'
import { digestOf, hasher, parseDigest } from '../../src/image/digest.ts'
import { type Manifest, parseManifest } from '../../src/image/manifest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { asReferrer, fallbackTag, isDigestTag, isMeant, mergedReferrers } from '../../src/image/referrer.ts'

const A = parseDigest(`sha256:${'a'.repeat(64)}`)
const B = parseDigest(`sha256:${'b'.repeat(64)}`)

function manifest(json: object, mediaType: string = MEDIA_TYPE.ociManifest): Manifest {
  const bytes = Buffer.from(JSON.stringify(json))
  return parseManifest({ mediaType, digest: digestOf(bytes), size: bytes.length }, bytes)
}

function index(json: object) {
  const made = manifest(json, MEDIA_TYPE.ociIndex)
  if (made.kind !== 'index') throw new Error('it is one')
  return made
}

const entry = (digest: string, more = {}) => ({
  mediaType: MEDIA_TYPE.ociManifest,
  digest: parseDigest(digest),
  size: 1,
  ...more,
})
const config = { mediaType: 'application/vnd.example.config', digest: A, size: 2 }

// The examples of the distribution spec, "Referrers Tag Schema".
test.each([
  [A, `sha256-${'a'.repeat(64)}`],
  [parseDigest(`sha512:${'a'.repeat(128)}`), `sha512-${'a'.repeat(64)}`],
])('the fallback tag of %s', (digest, tag) => {
  expect(fallbackTag(digest)).toBe(tag)
})

test.each([
  [`sha256-${'a'.repeat(64)}.sig`, true],
  [`sha256-${'a'.repeat(64)}.att`, true],
  [`sha256-${'a'.repeat(64)}`, false],
  [`sha256-${'b'.repeat(64)}.sig`, false],
  ['1.0', false],
])('whether %s hangs to the digest: %s', (tag, expected) => {
  expect(isDigestTag(tag, A)).toBe(expected)
})

test.each([
  [[], true],
  [[{}], true],
  [[{ artifactType: 'sbom' }], true],
  [[{ artifactType: '' }], true],
  [[{ artifactType: 'other' }], false],
  [[{ annotations: { format: 'spdx' } }], true],
  [[{ annotations: { format: '' } }], true],
  [[{ annotations: { format: 'other' } }], false],
  [[{ annotations: { absent: '' } }], false],
  [[{ artifactType: 'other' }, { artifactType: 'sbom' }], true],
])('whether the filters %j mean a referrer: %s', (filters, expected) => {
  expect(isMeant(entry(A, { artifactType: 'sbom', annotations: { format: 'spdx' } }), filters)).toBe(expected)
})

describe('a manifest as a referrer', () => {
  const subject = entry(B)

  test('has its own type and annotations', () => {
    const made = manifest({ artifactType: 'sbom', config, layers: [], subject, annotations: { a: 'b' } })
    const { digest, size } = made.descriptor
    expect(asReferrer(made)).toEqual({
      subject: B,
      entry: { mediaType: MEDIA_TYPE.ociManifest, digest, size, artifactType: 'sbom', annotations: { a: 'b' } },
    })
  })

  test('has the type of its config in place of one; an index has none', () => {
    expect(asReferrer(manifest({ config, layers: [], subject })).entry.artifactType).toBe(config.mediaType)
    expect(asReferrer(index({ manifests: [], subject })).entry).not.toHaveProperty('artifactType')
  })

  test('may refer to nothing', () => {
    expect(asReferrer(manifest({ config, layers: [] })).subject).toBeUndefined()
  })

  test('with a broken subject is refused', () => {
    expect(() => asReferrer(manifest({ config, layers: [], subject: 'x' }))).toThrow('subject')
  })
})

describe('a list of referrers', () => {
  const json = (bytes: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(bytes ?? []).toString())

  test('is made where there is none', () => {
    const made = mergedReferrers(undefined, [entry(A)])
    expect(json(made?.bytes)).toEqual({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [entry(A)] })
    expect(made?.descriptor.digest).toBe(digestOf(made?.bytes ?? ''))
  })

  test('keeps what it has, to the letter, and is the same when nothing is new', () => {
    const old = index({
      schemaVersion: 2,
      manifests: [{ ...entry(A), data: 'eA==' }],
      annotations: { a: 'b' },
      other: 1,
    })
    expect(mergedReferrers(old, [entry(A)])).toBeUndefined()
    expect(json(mergedReferrers(old, [entry(A), entry(B)])?.bytes)).toEqual({
      schemaVersion: 2,
      manifests: [{ ...entry(A), data: 'eA==' }, entry(B)],
      annotations: { a: 'b' },
      other: 1,
    })
  })

  test('loses what is gone, and that alone', () => {
    const old = index({ schemaVersion: 2, manifests: [entry(A), entry(B)] })
    expect(json(mergedReferrers(old, [], new Set([A]))?.bytes)).toEqual({ schemaVersion: 2, manifests: [entry(B)] })
    expect(mergedReferrers(index({ manifests: [entry(B)] }), [], new Set([A]))).toBeUndefined()
  })
})

test('a hasher that was copied goes on by itself', () => {
  const one = hasher('sha256').update('a')
  const two = one.copy().update('b')
  expect(one.update('c').digest()).toBe(digestOf('ac'))
  expect(two.digest()).toBe(digestOf('ab'))
})

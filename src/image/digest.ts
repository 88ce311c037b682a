import { createHash, type Hash } from 'node:crypto'
import { LadingError } from '../error.ts'

declare const checked: unique symbol

/** The algorithms of the OCI image spec (descriptor.md, "Registered algorithms") that registries really use. */
export type Algorithm = 'sha256' | 'sha512'

/** A content digest in its checked form: only `parseDigest`, `digestOf` and `hasher` make one. */
export type Digest = `${Algorithm}:${string}` & { readonly [checked]: 'Digest' }

const FORM = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/

/** Reads `sha256:…` or `sha512:…`; `undefined` when the text is no digest. */
export function tryParseDigest(text: string): Digest | undefined {
  return isDigest(text) ? text : undefined
}

/** Reads a digest. Throws `CONTENT_INVALID` when the text is none. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new LadingError('CONTENT_INVALID', `“${text.slice(0, 100)}” is not a sha256 or sha512 digest`)
}

/** The sha256 digest of some bytes. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return hasher('sha256').update(bytes).digest()
}

/** The algorithm part of a digest. */
export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

/** The hexadecimal part of a digest. Checked, so it is safe as a file name. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/** The first twelve hexadecimal characters, for people. */
export function shortDigest(digest: Digest): string {
  return hexOf(digest).slice(0, 12)
}

export type Hasher = {
  update(bytes: Uint8Array | string): Hasher
  digest(): Digest
  /** Another one that has hashed the same so far. */
  copy(): Hasher
}

/** Hashes bytes as they come. */
export function hasher(algorithm: Algorithm): Hasher {
  return hasherOn(createHash(algorithm), algorithm)
}

function hasherOn(hash: Hash, algorithm: Algorithm): Hasher {
  const self: Hasher = {
    update(bytes) {
      hash.update(bytes)
      return self
    },
    digest: () => parseDigest(`${algorithm}:${hash.digest('hex')}`),
    copy: () => hasherOn(hash.copy(), algorithm),
  }
  return self
}

function isDigest(text: string): text is Digest {
  return FORM.test(text)
}

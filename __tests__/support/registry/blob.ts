import { createHash } from 'node:crypto'

/** Bytes as they came off the wire; joining them would copy every upload once more. */
export type StoredBlob = { readonly size: number; readonly chunks: readonly Uint8Array[] }

export type Algorithm = 'sha256' | 'sha512'

export function storedBlob(bytes: Uint8Array): StoredBlob {
  return { size: bytes.byteLength, chunks: [bytes] }
}

export function bytesOf(blob: StoredBlob): Buffer {
  return Buffer.concat(blob.chunks)
}

/** The bytes from `start` up to and including `end`, without copying them. */
export function rangeOf(blob: StoredBlob, start: number, end: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  let offset = 0
  for (const chunk of blob.chunks) {
    const part = chunk.subarray(Math.max(0, start - offset), Math.max(0, end + 1 - offset))
    if (part.byteLength > 0) parts.push(part)
    offset += chunk.byteLength
  }
  return parts
}

export function digestOf(chunks: readonly Uint8Array[], algorithm: Algorithm = 'sha256'): string {
  const hash = createHash(algorithm)
  for (const chunk of chunks) hash.update(chunk)
  return `${algorithm}:${hash.digest('hex')}`
}

/** `undefined` when the text is not a digest that this registry can check. */
export function algorithmOf(digest: string): Algorithm | undefined {
  if (/^sha256:[a-f0-9]{64}$/.test(digest)) return 'sha256'
  if (/^sha512:[a-f0-9]{128}$/.test(digest)) return 'sha512'
  return undefined
}

import { createHmac, type Hash, randomBytes } from 'node:crypto'
import type { Algorithm, StoredBlob } from './blob.ts'
import type { Rules } from './rules.ts'

/** All that the registry holds. */
export type Store = {
  readonly rules: Rules
  readonly repositories: Map<string, Repository>
  readonly uploads: Map<string, Upload>
  /** Signs upload states and storage URLs. */
  readonly secret: Uint8Array
  /** Where the second host listens, such as `http://127.0.0.1:1234`. */
  storage: string
}

/** Open for tests to look into, and to change behind a client's back. */
export type Repository = {
  /** tag → digest */
  readonly tags: Map<string, string>
  readonly manifests: Map<string, StoredManifest>
  readonly blobs: Map<string, StoredBlob>
}

export type StoredManifest = { readonly mediaType: string; readonly bytes: Uint8Array }

export type Upload = {
  readonly id: string
  readonly repository: string
  readonly algorithm: Algorithm
  readonly hash: Hash
  readonly chunks: Uint8Array[]
  size: number
}

export function newStore(rules: Rules): Store {
  return { rules, repositories: new Map(), uploads: new Map(), secret: randomBytes(32), storage: '' }
}

export function repositoryIn(store: Store, name: string): Repository {
  const known = store.repositories.get(name)
  if (known) return known
  const repository = { tags: new Map(), manifests: new Map(), blobs: new Map() }
  store.repositories.set(name, repository)
  return repository
}

export function acceptsPush(store: Store, name: string): boolean {
  return store.rules.createOnPush !== false || store.repositories.has(name)
}

export function sign(store: Store, text: string): string {
  return createHmac('sha256', store.secret).update(text).digest('base64url')
}

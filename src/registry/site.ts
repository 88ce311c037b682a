import type { LadingError } from '../error.ts'
import type { Digest } from '../image/digest.ts'
import type { Response, Send } from '../net/send.ts'
import type { Connection, Meter } from './connection.ts'
import { type Diagnosis, diagnose, refusal } from './diagnosis.ts'
import type { Lenders } from './lenders.ts'
import type { Scope } from './scope.ts'

/** One repository of a registry: where it is and how requests get there. */
export type Site = {
  readonly connection: Connection
  /** `acme/api` */
  readonly path: string
  /** for messages: `ghcr.io/acme/api` */
  readonly name: string
  /** what its tokens are asked for */
  readonly scope: Scope
  readonly send: Send
  readonly meter: Meter
  readonly learnt: Learnt
  /** creates this repository, where the user wants that */
  readonly create?: () => Promise<void>
}

/** What was learnt of a repository while working with it. */
export type Learnt = {
  /** tags that were looked for, and those of them that were there */
  tagsLookedFor: number
  tagsFound: number
  /** answers to `exists`, so that what was asked ahead is not asked again */
  readonly asked: Map<Digest, Promise<boolean>>
  /** whether a blob was found that only an earlier run can have left: then manifests may be there too */
  hasLeftovers: boolean
  /** what we brought there ourselves */
  readonly brought: Set<Digest>
  /** layers whose size was remarked on */
  readonly remarked: Set<Digest>
  readonly lenders: Lenders
  /** whom to ask for what lies on a layer, once it is known */
  readonly lendersAbove: Map<Digest, Promise<readonly string[]>>
  /** manifests that the registry said it lists as referrers */
  readonly listedReferrers: Set<Digest>
  /** whether the repository has the list of referrers; `undefined` while nobody knows */
  referrersApi: boolean | undefined
  /** whether the repository is there, once somebody looked because it would have to be created */
  existence: Promise<Existence> | undefined
  /** requests that mounts from lenders have saved, and no look has spent */
  saved: number
}

export type Existence = 'there' | 'missing' | 'created'

export function nothingLearnt(): Learnt {
  return {
    tagsLookedFor: 0,
    tagsFound: 0,
    hasLeftovers: false,
    asked: new Map(),
    brought: new Set(),
    remarked: new Set(),
    lenders: new Map(),
    lendersAbove: new Map(),
    listedReferrers: new Set(),
    referrersApi: undefined,
    existence: undefined,
    saved: 0,
  }
}

/**
 * Whether a repository looks new: none of the tags that we looked for is there. Then its content is not asked for piece
 * by piece; beginning an upload finds out what an earlier run has left, at no cost of its own.
 */
export function looksNew({ learnt }: Site): boolean {
  return learnt.tagsLookedFor > 0 && learnt.tagsFound === 0
}

export function manifestUrl({ connection, path }: Site, reference: string): URL {
  return new URL(`/v2/${path}/manifests/${reference}`, connection.origin)
}

export function blobUrl({ connection, path }: Site, digest: Digest): URL {
  return new URL(`/v2/${path}/blobs/${digest}`, connection.origin)
}

export function uploadsUrl({ connection, path }: Site): URL {
  return new URL(`/v2/${path}/blobs/uploads/`, connection.origin)
}

/** The list of tags; `size`: how many at a time, as many as the registry likes without it. */
export function tagsUrl({ connection, path }: Site, size?: number): URL {
  return new URL(`/v2/${path}/tags/list${size === undefined ? '' : `?n=${size}`}`, connection.origin)
}

/** The list of what refers to a manifest. */
export function referrersUrl({ connection, path }: Site, subject: Digest): URL {
  return new URL(`/v2/${path}/referrers/${subject}`, connection.origin)
}

/** What was being done when the registry said no. */
export type Attempted = { readonly what: string; readonly writing: boolean }

/** A refusing answer as an error that names what was tried, what the registry says, and the remedy. */
export async function refused(site: Site, attempted: Attempted, response: Response): Promise<LadingError> {
  return explain(site, attempted, await diagnose(response))
}

/** The same for an answer that has been read already. */
export async function explain({ connection }: Site, attempted: Attempted, diagnosis: Diagnosis): Promise<LadingError> {
  const { registry, auth } = connection
  return refusal({ ...attempted, registry, identity: await auth.identity() }, diagnosis)
}

/**
 * Whether something between us and the registry answered, with a page of its own and a good status. The type alone does
 * not tell: Quay gives every answer without a body the default of its framework, `text/html` (quay, `endpoints/v2/blob.py`),
 * but with it the Location and the digest that the spec wants.
 */
export function isWebPage(response: Response): boolean {
  const type = (response.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  const isRegistrys = ['location', 'docker-content-digest'].some((name) => response.header(name) !== undefined)
  return isSuccess(response) && type === 'text/html' && !isRegistrys
}

export function isSuccess({ status }: Response): boolean {
  return status >= 200 && status < 300
}

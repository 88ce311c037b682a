import type { Readable } from 'node:stream'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import type { Manifest } from '../image/manifest.ts'
import type { Repository } from '../image/reference.ts'

/** Somewhere that content comes from: a layout on disk, a registry's repository, a memory store. */
export type Source = {
  /** for people, in messages: `the layout`, `ghcr.io/acme/api` */
  readonly name: string
  /** What a tag or digest names now. `undefined` means "not there"; every other trouble throws. */
  resolve(tagOrDigest: string): Promise<Descriptor | undefined>
  /** The bytes, unchecked; read them through `verified`. Throws `SOURCE_MISSING` when they are not there. */
  fetch(descriptor: Descriptor): Promise<Readable>
}

/** How a piece of content came to be in a target; `present`: it turned out to be there already. */
export type Arrival = 'uploaded' | 'mounted' | 'present'

/** A target refused a manifest because something that it points at is not there, whatever was said before. */
export class MissingContent extends LadingError {}

/** Where a layer may be already, for a target that can take it over from there. */
export type Elsewhere = {
  /** likeliest first; those of other registries are of no use to a target */
  readonly mountFrom: readonly Repository[]
  /** The layer right below. What an image is built on comes first in its list of layers. */
  readonly liesOn: Digest | undefined
}

/** Somewhere that content goes to. */
export type Target = {
  readonly name: string
  /**
   * Whether the content is there already, complete. `false` may also mean that asking would cost as much as finding out
   * while pushing. What was learnt before is believed, unless it is asked `again`.
   */
  exists(descriptor: Descriptor, again?: 'again'): Promise<boolean>
  /**
   * Brings content there by its digest. `open` is called once for each attempt, so that a failed one is repeated
   * from the start. A manifest must come after everything it points at; `MissingContent` says that it did not.
   */
  push(descriptor: Descriptor, open: () => Promise<Readable>, elsewhere?: Elsewhere): Promise<Arrival>
  /** Points a tag at a manifest that is there already. */
  tag(manifest: Manifest, tag: string): Promise<void>
  /**
   * Points several tags at it by one request where the target takes that, and names those that it says it has moved: all,
   * some or none. Does not throw: what it leaves is for `tag`, which also tells why not.
   */
  tagAtOnce(manifest: Manifest, tags: readonly string[]): Promise<readonly string[]>
  /** What a tag points at now, as the target itself says; for the look before a write and the read-back after it. */
  resolve(tagOrDigest: string): Promise<Descriptor | undefined>
}

/** Tags that are there, each once. Those that are not in it may be there nevertheless, unless it `isWhole`. */
export type TagList = { readonly tags: readonly string[]; readonly isWhole: boolean }

/**
 * The manifests that name another one as their `subject`: signatures, SBOMs, attestations. `from` says who tells it: the
 * registry's own list, the tag that stands for one (`fallbackTag`), or nobody, and then there are none.
 */
export type Referrers = { readonly descriptors: readonly Descriptor[]; readonly from: 'api' | 'tag' | 'none' }

/** A store that knows what refers to its content. */
export type Referring = {
  /** With `artifactType` those of this type only. Throws what stands in the way; nothing there is no trouble. */
  referrers(subject: Digest, artifactType?: string): Promise<Referrers>
  /**
   * Whether the store has said of a manifest that was pushed there that it lists it among the referrers of its subject.
   * `false`: it has not said so, or the manifest was not pushed by us.
   */
  listsReferrer(manifest: Digest): boolean
  /**
   * The tags of the repository, at most `limit`, in whatever order the registry has; none when it is not there. Throws
   * `LOGIN_FAILED`, `REGISTRY_UNREACHABLE` and their like, also where only the list is refused.
   */
  listTags(question: { readonly limit: number }): Promise<TagList>
}

/** A source that holds one image: what a build leaves behind. */
export type Layout = Source & {
  /** The folder with `oci-layout`, `index.json` and `blobs`. */
  readonly directory: string
  /** The one image (index or manifest) that the layout is about. */
  root(): Promise<Descriptor>
}

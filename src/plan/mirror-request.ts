import { MEDIA_TYPE } from '../image/media-type.ts'
import type { Platform } from '../image/platform.ts'
import type { Reference, Repository, TagReference } from '../image/reference.ts'
import type { NameTemplate } from '../tags/name-template.ts'
import type { TagPattern, TagSelection } from '../tags/select.ts'
import type { Lock } from './lock.ts'
import type { Gate, RateLimitPolicy } from './request.ts'

/**
 * What a mirror is to do: checked, complete, and without any secret. Where a key of regsync's file is meant, it says so;
 * what such a key does is told in regclient's `cmd/regsync` and nowhere else.
 */
export type MirrorRequest = {
  readonly entries: readonly MirrorEntry[]
  readonly gate: Gate
  readonly check: 'off' | 'report' | 'strict'
  readonly dryRun: boolean
  /** when one image fails: copy the rest, or stop; the step is red either way */
  readonly onError: 'continue' | 'abort'
  /** the file that remembers what was copied, absolute; absent: nothing is remembered */
  readonly lockFile?: string
  /** what that file remembers */
  readonly lock: Lock
  /** images that are copied at a time */
  readonly imagesAtATime: number
  /** after this time nothing new is begun; absent: no end */
  readonly timeBudgetMs?: number
  readonly rateLimit: RateLimitPolicy
  readonly summary: boolean
}

/** One thing that is mirrored. All of it but the names is the same for its three kinds. */
export type MirrorEntry = MirrorNames &
  MirrorWishes & {
    readonly origin: Origin
    /** what templates know of the entry, as it was written (`.Sync.Source` is `Sync.Source`) */
    readonly fields: Readonly<Record<string, string>>
  }

/** Where an entry was written. */
export type Origin = {
  /** the file as the workflow names it, or the input */
  readonly file: string
  /** counted from 1 */
  readonly line: number
}

/** What is copied, and what it is called where it goes. */
export type MirrorNames =
  | { readonly kind: 'image'; readonly source: Reference; readonly targets: readonly TagReference[] }
  | {
      readonly kind: 'repository'
      readonly source: Repository
      readonly targets: readonly Repository[]
      readonly tags: TagSelection
    }
  | {
      readonly kind: 'registry'
      /** host with optional port */
      readonly source: string
      readonly targets: readonly Namespace[]
      /** which of its repositories, by their path; patterns are read as those of tags */
      readonly repositories: { readonly allow: readonly TagPattern[]; readonly deny: readonly TagPattern[] }
      readonly tags: TagSelection
    }

/** A registry and what its names begin with; an empty prefix is all of it. */
export type Namespace = { readonly registry: string; readonly prefix: string }

/** How an entry is copied. */
export type MirrorWishes = {
  readonly platforms: PlatformWish
  /** manifests of other types are passed over, and the summary says so */
  readonly mediaTypes: readonly string[]
  readonly referrers: ReferrerWish
  /** tags such as `sha256-….sig` beside the image (`digestTags`) */
  readonly digestTags: Carried
  /** go through all parts of an image although the target has its digest (`forceRecursive`) */
  readonly allParts: boolean
  /** layers that lie outside of the registry too (`includeExternal`) */
  readonly externalLayers: boolean
  /** names a tag of the target's repository, or a whole reference, that keeps the old image before it is overwritten */
  readonly backup?: NameTemplate
  /** what to do about a target that shows another digest */
  readonly existing: 'follow' | 'add' | 'fail'
  /** take a digest only when it is this old; zero: at once */
  readonly minAge: MinAge
  /** whether new content passes the gate before it enters; the gate itself is the request's */
  readonly scan: Gate['scan']
  /** remove tags that left the source and that the lock file says were written here; `plan` only shows them */
  readonly prune: 'no' | 'plan' | 'yes'
  /** nothing to copy is no failure */
  readonly allowEmpty: boolean
  /** pulls to leave at the source (`ratelimit.min`) */
  readonly rateLimit: { readonly min: number }
}

/** When something that hangs on an image is looked for: never, when its digest is copied, or on unchanged ones too. */
export type Carried = 'no' | 'copied' | 'recheck'

export type PlatformWish =
  | { readonly kind: 'all' }
  /** the one manifest is pushed in the place of the index and has its own digest (`platform`) */
  | { readonly kind: 'one'; readonly platform: Platform }
  /** the index stays byte for byte, and what was not asked for is missing behind it (`platforms` in regsync's file) */
  | { readonly kind: 'holes'; readonly platforms: readonly Platform[]; readonly unnamed: boolean }
  /** a new index of these alone, with its own digest (`platforms=` in a line and the input `platforms`) */
  | { readonly kind: 'subset'; readonly platforms: readonly Platform[] }

export type ReferrerWish = {
  readonly carry: Carried
  /** one of them must fit; none: all are carried */
  readonly filters: readonly ReferrerFilter[]
  /** where referrers are looked for, when not beside the image (`referrerSource`) */
  readonly from?: Repository
  /** where they are put, when not beside the image (`referrerTarget`) */
  readonly to?: Repository
}

export type ReferrerFilter = {
  /** empty: any */
  readonly artifactType: string
  /** an empty value: the key is there, whatever it says */
  readonly annotations: Readonly<Record<string, string>>
}

export type MinAge = {
  readonly milliseconds: number
  /** source references that need not wait, by globs over `registry/path:tag` */
  readonly except: readonly TagPattern[]
}

/** What an entry wants that says nothing else. */
export const USUAL_WISHES: MirrorWishes = {
  platforms: { kind: 'all' },
  mediaTypes: Object.values(MEDIA_TYPE),
  referrers: { carry: 'copied', filters: [] },
  digestTags: 'copied',
  allParts: false,
  externalLayers: false,
  existing: 'follow',
  minAge: { milliseconds: 0, except: [] },
  scan: 'off',
  prune: 'no',
  allowEmpty: false,
  rateLimit: { min: 0 },
}

/** The same for an entry of a file of regsync's, where nothing is carried along that nobody asked for. */
export const REGSYNC_WISHES: MirrorWishes = {
  ...USUAL_WISHES,
  referrers: { carry: 'no', filters: [] },
  digestTags: 'no',
}

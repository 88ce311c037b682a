/** Which tags of a repository are taken: what any of its sets takes, and all of them when there is none. */
export type TagSelection = { readonly sets: readonly TagSet[] }

/** Ranges first, then `allow`, then `deny`, then the newest of what is left: the order of regsync's `filterTagList`. */
export type TagSet = {
  /** semver ranges, one of which must hold; none: any tag, and those that are no version too */
  readonly ranges: readonly string[]
  /** none: all */
  readonly allow: readonly TagPattern[]
  readonly deny: readonly TagPattern[]
  /** this many, and no more */
  readonly newest?: number
}

/** A pattern as it was written; `go`: as regsync reads it, wrapped in `^` and `$`; `glob`: the whole tag. */
export type TagPattern = { readonly text: string; readonly reading: 'go' | 'glob' }

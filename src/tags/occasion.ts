import type { GLOBAL_VALUES, TemplateFacts } from './template.ts'

/** What names are made from: what happened, to which ref and commit, and when. */
export type Occasion = {
  /** as GITHUB_EVENT_NAME */
  readonly event: string
  /** full ref that names tell of: `refs/heads/main`, `refs/tags/v1.2.3`, `refs/pull/12/merge` */
  readonly ref: string
  /** commit that names tell of */
  readonly sha: string
  readonly defaultBranch: string
  /** branch that a pull request goes to, or that a tag was pushed from, as far as the event tells it */
  readonly baseRef: string
  readonly pullRequest?: { readonly number: number }
  /** the input `version`, without `v` */
  readonly version?: string
  /** characters of the commit in `{{sha}}` and `type=sha` */
  readonly shortSha: number
  /** when the run began */
  readonly begun: Date
  /** when the commit was made; `undefined`: nobody knows */
  readonly committed: Date | undefined
}

export function branchOf({ ref }: Occasion): string | undefined {
  return after(ref, 'refs/heads/')
}

export function tagOf({ ref }: Occasion): string | undefined {
  return after(ref, 'refs/tags/')
}

/** `12` for the merge commit of a pull request; `12/head` for its head. */
export function pullOf({ ref }: Occasion): string | undefined {
  return after(ref, 'refs/pull/')?.replace(/\/merge$/, '')
}

/** The commit, shortened. */
export function shortShaOf({ sha, shortSha }: Occasion): string {
  return sha.slice(0, shortSha)
}

/** What the expressions stand for that are known everywhere. A commit whose date nobody knows is dated by the run. */
export function factsOf(occasion: Occasion): TemplateFacts {
  const { begun, committed, baseRef } = occasion
  const isDefault = isDefaultBranch(occasion)
  const values: Readonly<Record<(typeof GLOBAL_VALUES)[number], string>> = {
    branch: branchOf(occasion) ?? '',
    tag: tagOf(occasion) ?? '',
    sha: shortShaOf(occasion),
    base_ref: tagOf(occasion) === undefined && pullOf(occasion) === undefined ? '' : baseRef,
    is_default_branch: `${isDefault}`,
    is_not_default_branch: `${!isDefault}`,
  }
  return { values, date: begun, commitDate: committed ?? begun }
}

// Events whose runs are always of the default branch, as metadata-action sees them: by a word in their names.
const OF_DEFAULT_BRANCH = /create|discussion|issues|schedule/

function isDefaultBranch({ event, ref, defaultBranch }: Occasion): boolean {
  if (ref === '') return false
  return OF_DEFAULT_BRANCH.test(event) || (defaultBranch !== '' && ref.replace(/^refs\/heads\//, '') === defaultBranch)
}

function after(text: string, start: string): string | undefined {
  return text.startsWith(start) ? text.slice(start.length) : undefined
}

import { readFileSync } from 'node:fs'

/** What docker/metadata-action was asked, and what it answered; see README.md beside this. */
export type Book = {
  /** the clock of all cases that say nothing else */
  readonly now: string
  readonly env: Variables
  readonly inputs: Variables
  readonly repo: RepositoryAnswer
  readonly commit: CommitAnswer
  /** commands that make a repository, by name */
  readonly repositories: Readonly<
    Record<string, { readonly commands: readonly string[][]; readonly shallow?: boolean }>
  >
  readonly events: Readonly<
    Record<string, { readonly env: Variables; readonly payload: Readonly<Record<string, unknown>> }>
  >
  readonly cases: readonly RecordedCase[]
}

export type Variables = Readonly<Record<string, string>>
export type RepositoryAnswer = {
  readonly name?: string | null
  readonly description?: string | null
  readonly html_url?: string | null
  readonly default_branch?: string
  readonly license?: { readonly spdx_id?: string | null } | null
}
export type CommitAnswer = { readonly commit: { readonly committer: { readonly date: string } | null } }

export type RecordedCase = {
  readonly name: string
  readonly event: string
  readonly inputs?: Variables
  readonly env?: Variables
  readonly payload?: Readonly<Record<string, unknown>>
  readonly now?: string
  /** name of a repository; without one there is none */
  readonly git?: string
  /** what the API answers otherwise; a number is a status */
  readonly api?: { readonly repo?: RepositoryAnswer; readonly status?: number; readonly commit?: CommitAnswer | number }
  readonly expected: Expected
}

export type Expected = {
  readonly exit: number
  readonly version?: string
  readonly tags?: readonly string[]
  /** when they are not the tags */
  readonly tagNames?: readonly string[]
  readonly labels?: readonly string[]
  readonly annotations?: readonly string[]
  readonly revision?: string
  /** texts by output, where they were kept as they are */
  readonly bakeFiles?: Readonly<Record<string, string>>
  readonly warnings?: readonly string[]
  readonly errors?: readonly string[]
}

export const book: Book = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8'))

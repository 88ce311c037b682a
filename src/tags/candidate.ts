/** What is about to be published, as far as tags are concerned. */
export type Candidate = {
  /** of the repository: only images of the same source are compared by what they tell */
  readonly source: string
  /** the release, `1.2.3` or a pep440 one; `undefined`: a build of a branch, a pull request, a schedule */
  readonly release: string | undefined
  /** what this image calls itself, as its label `version`: the release, else `main`, `pr-12`, `nightly` */
  readonly version: string
  readonly commit: string
  /** when the commit was made; `undefined`: nobody knows */
  readonly committed: Date | undefined
  /** now: a rebuild of the same release made later replaces the earlier one */
  readonly built: Date
  /** whether the commit is the current head of its branch or pull request; `undefined`: not asked, or nobody knows */
  readonly isHead: boolean | undefined
  /** hash of the build request; empty when there is none */
  readonly request: string
}

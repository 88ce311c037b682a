/** What the run tells about itself: facts of GitHub's context, read once, without secrets. */
export type Environment = {
  /** as GITHUB_EVENT_NAME */
  readonly event: string
  /** full ref: `refs/heads/main`, `refs/tags/v1.2.3`, `refs/pull/12/merge` */
  readonly ref: string
  readonly sha: string
  /** `acme/api` */
  readonly repository: string
  /** `https://github.com` */
  readonly serverUrl: string
  readonly defaultBranch: string
  readonly actor: string
  /** 1 for the first attempt of a run, more for its re-runs */
  readonly attempt: number
  /** set for pull requests */
  readonly pullRequest?: { readonly number: number; readonly fromFork: boolean }
  /** from the event, as far as it tells them */
  readonly about: {
    readonly title: string
    readonly description: string
    readonly url: string
    readonly license: string
  }
  /** when the run began, ISO 8601: one time for all that it tells */
  readonly begun: string
  /** what names and labels tell of */
  readonly subject: Subject
  /** when the commit of the subject was made, as the event or the checkout tells it; ISO 8601, empty when it does not */
  readonly committed: string
  /** the platform of this machine, `linux/amd64`: where `$BUILDPLATFORM` runs */
  readonly machine: string
  /** the system that programs of this step run on, `linux/amd64` or `darwin/arm64` */
  readonly system: string
  /** as RUNNER_TOOL_CACHE: where tools are kept between runs; empty when there is no such folder */
  readonly toolCache: string
  readonly workspace: string
  /** the file of this repository that the run comes from, `.github/workflows/release.yml`; empty when nobody tells */
  readonly workflow: string
  /** as the variable PATH: where programs are looked for */
  readonly searchPath: string
  readonly reportDirectory: string
}

/** Ref and commit that names and labels tell of: those of the run, unless a switch or `tag-context` says otherwise. */
export type Subject = {
  readonly ref: string
  readonly sha: string
  /** branch that a pull request goes to, or that a tag was pushed from, as far as the event tells it */
  readonly baseRef: string
}

import type { Layout, Referring, Source, Target } from './content/store.ts'
import type { Descriptor } from './image/descriptor.ts'
import type { Repository } from './image/reference.ts'

/**
 * Everything the core may ask of the world, as one small value. Tests pass another one.
 * More than seven members means that something belongs elsewhere.
 */
export type Edges = {
  readonly reporter: Reporter
  readonly clock: Clock
  readonly exec: Exec
  readonly scratch: Scratch
  readonly stores: Stores
  readonly project: Project
  /**
   * The environment for `docker` and its plugins: a private configuration that is logged in, the user's plugins,
   * contexts and builders. `pulled` are registries that will be pulled from, as far as they are known. Made at the first
   * call; throws `LOGIN_FAILED`.
   */
  docker(pulled: readonly string[]): Promise<Variables>
}

export type Variables = Readonly<Record<string, string>>

/** What people see while the step runs. Text from outside is escaped by whoever implements this. */
export type Reporter = {
  debug(line: string): void
  info(line: string): void
  /** A remark that belongs on the run's page, not an error. */
  notice(message: string): void
  warn(message: string): void
  /** Everything said inside `body` is folded under `title`. */
  group<T>(title: string, body: () => Promise<T>): Promise<T>
}

export type Clock = {
  now(): Date
  /** Aborted when the step is cancelled; whoever waits for the world listens to it. */
  readonly signal: AbortSignal
  /** Waits; rejects with `CANCELLED` when the step is cancelled meanwhile. */
  sleep(milliseconds: number): Promise<void>
}

/** A program to run, as data: it can be printed, compared in a test, and holds no secret in `args`. */
export type Command = {
  readonly program: string
  readonly args: readonly string[]
  /** the whole environment of the program: nothing is inherited */
  readonly env: Variables
  readonly directory?: string
  /** written to standard input, which is then closed */
  readonly input?: string
  readonly timeoutMs?: number
  /** ends this program, beside what ends the step */
  readonly stop?: AbortSignal
  /** each line of either stream as it comes, without its line end */
  readonly onLine?: (line: string) => void
}

/** How a program ended. What it printed is kept up to a bound: the whole of stdout, the end of stderr. */
export type Ended =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'stopped'; readonly why: 'timeout' | 'cancelled'; readonly stderr: string }
  | { readonly kind: 'absent' }

/** Runs a program without a shell. It is ended with its children on timeout and cancel. Does not throw. */
export type Exec = (command: Command) => Promise<Ended>

/** Room for temporary files, and the promise to undo. */
export type Scratch = {
  /** A private folder (0700) in the runner's temp folder; removed in post. */
  readonly directory: string
  /** What post must undo, also after cancel; said before it is done, so that nothing is forgotten. */
  undoLater(undo: Undo): void
  /** Writes a file that outlives the step, into the folder for reports, and says where. Throws `DISK_FULL` or `INPUT_INVALID`. */
  keep(file: KeptFile): Promise<string>
}

/** `lading-sbom-linux-amd64` and `cdx.json` */
export type KeptFile = { readonly name: string; readonly extension: string; readonly text: string }

export type Undo = { readonly kind: 'builder'; readonly name: string; readonly env: Variables }

/** Where images are, and files of the web. */
export type Stores = {
  /**
   * A repository of a registry, for reading or for writing: that decides which login and which rights are asked for.
   * The same value for the same repository: it remembers tokens and what is there.
   */
  remote(repository: Repository, use: 'pull' | 'push'): Remote
  /** A finished OCI layout: a directory or a tar. Throws `SOURCE_MISSING` or `CONTENT_INVALID`. */
  layout(path: string): Promise<Layout>
  /**
   * Fetches a file of the web, with repetitions. Throws `REGISTRY_UNREACHABLE`, `TLS_FAILED`, `CONTENT_INVALID` (too large),
   * `DISK_FULL` or `CANCELLED`. Whether its bytes are the right ones is for the caller to say.
   */
  download(order: Download): Promise<Downloaded>
  readonly cache: Cache
}

/**
 * What the jobs of a repository keep for the next ones: files, each under a key that is written once. It saves time and
 * decides nothing: nothing of it throws, and what cannot be had or kept is said in the debug log.
 */
export type Cache = {
  /**
   * Brings the newest entry whose key begins with one of `prefixes` (the first one that has any) to `path`. `undefined` when
   * there is none, or none that came whole. Whether its bytes are the right ones is for the caller to say.
   */
  restore(wish: CacheWish): Promise<CacheEntry | undefined>
  /** Keeps a file; `false` when it is not kept: it is there already, this run may only read, or there is no cache. */
  save(entry: { readonly key: string; readonly path: string; readonly signal: AbortSignal }): Promise<boolean>
}

export type CacheWish = {
  /** at most ten, likeliest first; a whole key is a prefix too */
  readonly prefixes: readonly string[]
  /** the file that is written; the caller's own, private to us */
  readonly path: string
  /** the most that is taken, in bytes */
  readonly limit: number
  readonly signal: AbortSignal
}

/** `sha256` in hex, of what came. */
export type CacheEntry = { readonly key: string; readonly sha256: string; readonly size: number }

/** A file of the web that is to be fetched. */
export type Download = {
  readonly url: URL
  /** the file that is written; the caller's own, private to us */
  readonly path: string
  /** the most that is taken, in bytes */
  readonly limit: number
  readonly signal: AbortSignal
  /** bytes so far, and of the whole where the server says it */
  readonly onProgress?: (bytes: number, total: number | undefined) => void
}

export type Downloaded = {
  /** in hex */
  readonly sha256: string
  readonly size: number
  /** the host that gave it, after redirects */
  readonly from: string
}

/** The repository that this run is about, and what GitHub, or what stands in for it, does for it. */
export type Project = { readonly history: History; readonly codeScanning: CodeScanning }

/** The place for findings at GitHub. */
export type CodeScanning = {
  /**
   * Whether this run may send findings, asked without sending any; `why` says what stands against it, and `hint` what
   * helps. Throws `CANCELLED`, and nothing else: who cannot be asked has not said no (`unknown`).
   */
  mayUpload(): Promise<UploadRight>
  /**
   * Sends SARIF about a commit. Throws `PUSH_DENIED`, `CONTENT_REFUSED` (also when it could not be read there),
   * `REGISTRY_BUSY`, `REGISTRY_UNREACHABLE`, `TLS_FAILED` or `CANCELLED`.
   */
  upload(findings: Upload): Promise<void>
}

export type UploadRight =
  | { readonly kind: 'granted' }
  | { readonly kind: 'refused'; readonly why: string; readonly hint: string }
  | { readonly kind: 'unknown'; readonly why: string }

export type Upload = {
  /** SARIF 2.1.0 */
  readonly sarif: string
  /** full hash */
  readonly commit: string
  /** `refs/heads/main` */
  readonly ref: string
  /** when the scan began */
  readonly started: Date
}

/**
 * The history of the repository that this run is about. Nothing of it throws: what nobody can tell is unknown, and why
 * stands in the debug log. Commits are full hashes.
 */
export type History = {
  /** How `commit` stands to `other`. */
  compare(commit: string, other: string): Promise<Kinship>
  /**
   * The commit that a branch (`refs/heads/main`) or the head of a pull request (`refs/pull/12/merge`, `…/head`) is now;
   * asked anew each time, for it moves. For a pull request compare it with the head's commit and not with the merge's.
   */
  head(ref: string): Promise<string | undefined>
  /** When a commit was made. */
  committed(commit: string): Promise<Date | undefined>
  /** What GitHub says of the repository, for events that do not tell it. */
  facts(): Promise<RepositoryFacts | undefined>
}

/** How one commit stands to another: `ahead` is newer; `commits` it is away, where that is known. */
export type Kinship =
  | { readonly kind: 'same' | 'ahead' | 'behind' | 'diverged'; readonly commits?: number }
  | { readonly kind: 'unknown' }

/** Texts are empty where the repository has none. */
export type RepositoryFacts = {
  readonly title: string
  readonly description: string
  readonly url: string
  /** as SPDX names it */
  readonly license: string
  readonly defaultBranch: string
}

/** A repository of a registry as a store, what a survey asks of it, and what a mirror takes away. */
export type Remote = Source & Target & Referring & Questions & Removal

export type Questions = {
  /**
   * Whether this login may push here, as its token tells; with `session` an upload is opened and cancelled where no token
   * tells. With `create` a missing repository is created where the user wants that. Throws `REGISTRY_UNREACHABLE`,
   * `TLS_FAILED`, `LOGIN_FAILED`, `REPOSITORY_MISSING` and their like.
   */
  pushRight(question: PushQuestion): Promise<PushRight>
  /** The pull limit that a HEAD of a manifest tells, or `undefined` when the registry sets none for us. */
  pullLimit(): Promise<PullLimit | undefined>
  /**
   * The repositories of the registry that this one is in, at most `limit` of those that `match`: all that this login may
   * see, or fewer where the registry tells fewer. Throws `REGISTRY_UNREACHABLE` where there is no such list.
   */
  catalog(question: CatalogQuestion): Promise<Catalog>
  /** The user name that is sent here; empty for nobody. */
  account(): Promise<string>
  /** Requests so far. */
  traffic(): Traffic
}

export type PushQuestion = { readonly session: boolean; readonly create?: boolean }

export type PushRight =
  | { readonly granted: true; readonly shownBy: 'token' | 'session' | 'nothing' }
  | {
      readonly granted: false
      readonly code: 'PUSH_DENIED' | 'LOGIN_FAILED' | 'REPOSITORY_MISSING'
      readonly why: string
      readonly hint: string
    }

export type CatalogQuestion = {
  readonly limit: number
  /** by the path within the registry; default: all */
  readonly match?: (path: string) => boolean
}

/** Paths of repositories, each once. Those that are not in it may be there nevertheless, unless it `isWhole`. */
export type Catalog = { readonly repositories: readonly string[]; readonly isWhole: boolean }

export type Removal = {
  /**
   * Takes a tag away and nothing else: what it showed stays, under its digest and its other tags. Throws `CONTENT_REFUSED`
   * where the registry lets no tag be deleted, `PUSH_DENIED` and their like.
   */
  deleteTag(tag: string): Promise<'deleted' | 'absent'>
}

/** Pull limit as Docker Hub tells it in `ratelimit-limit`, `ratelimit-remaining`, `docker-ratelimit-source`. */
export type PullLimit = {
  readonly limit: number
  readonly remaining: number
  readonly windowSeconds: number
  /** address or account that is counted, as the registry says */
  readonly source: string
}

export type Traffic = {
  /** by method */
  readonly requests: Readonly<Record<string, number>>
  readonly retries: number
}

/** What a tag showed when it was looked at. */
export type Live = Descriptor | undefined

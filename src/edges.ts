import type { Layout, Source, Target } from './content/store.ts'
import type { Descriptor } from './image/descriptor.ts'
import type { Repository } from './image/reference.ts'

/**
 * Everything the core may ask of the world, as one small value. Tests pass another one.
 * More than seven members means that something belongs elsewhere.
 */
export type Edges = {
  readonly reporter: Reporter
  readonly clock: Clock
  /** Aborted when the step is cancelled; whoever waits for the world listens to it. */
  readonly signal: AbortSignal
  readonly exec: Exec
  readonly scratch: Scratch
  readonly stores: Stores
  /**
   * The environment for `docker` and its plugins: a private configuration that is logged in, the user's plugins,
   * contexts and builders. Made at the first call; throws `LOGIN_FAILED`.
   */
  docker(): Promise<Variables>
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
}

export type Undo = { readonly kind: 'builder'; readonly name: string; readonly env: Variables }

/** Where images are. */
export type Stores = {
  /**
   * A repository of a registry, for reading or for writing: that decides which login and which rights are asked for.
   * The same value for the same repository: it remembers tokens and what is there.
   */
  remote(repository: Repository, use: 'pull' | 'push'): Remote
  /** A finished OCI layout: a directory or a tar. Throws `SOURCE_MISSING` or `CONTENT_INVALID`. */
  layout(path: string): Promise<Layout>
}

/** A repository of a registry as a store, and what a survey asks of it. */
export type Remote = Source & Target & Questions

export type Questions = {
  /**
   * Whether this login may push here, as its token tells; with `session` an upload is opened and cancelled where no token
   * tells. Throws `REGISTRY_UNREACHABLE`, `TLS_FAILED`, `LOGIN_FAILED` and their like.
   */
  pushRight(question: { readonly session: boolean }): Promise<PushRight>
  /** The pull limit that a HEAD of a manifest tells, or `undefined` when the registry sets none for us. */
  pullLimit(): Promise<PullLimit | undefined>
  /** The user name that is sent here; empty for nobody. */
  account(): Promise<string>
  /** Requests so far. */
  traffic(): Traffic
}

export type PushRight =
  | { readonly granted: true; readonly shownBy: 'token' | 'session' | 'nothing' }
  | {
      readonly granted: false
      readonly code: 'PUSH_DENIED' | 'LOGIN_FAILED' | 'REPOSITORY_MISSING'
      readonly why: string
      readonly hint: string
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

/** The history of the repository the image is made from. */
export type History = {
  /** How `commit` stands to `other`: `ahead` is newer. */
  compare(commit: string, other: string): Promise<Kinship>
  /** The commit that a branch or pull request points at now; `undefined` when nobody can tell. */
  head(ref: string): Promise<string | undefined>
  /** When a commit was made. */
  committed(commit: string): Promise<Date | undefined>
}

export type Kinship =
  | { readonly kind: 'same' | 'ahead' | 'behind' | 'diverged'; readonly commits?: number }
  | { readonly kind: 'unknown' }

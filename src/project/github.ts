import type { Kinship, RepositoryFacts } from '../edges.ts'
import { LadingError } from '../error.ts'
import { isLoopback } from '../image/reference.ts'
import { discard, readBytes, readStart } from '../net/read.ts'
import { isSameOrigin, withRedirects } from '../net/redirect.ts'
import { withRetry } from '../net/retry.ts'
import type { Headers, Response, Send } from '../net/send.ts'
import { withTrace } from '../net/trace.ts'
import { plainLine } from '../plain-text.ts'

export type GitHubOptions = {
  /** as GITHUB_API_URL; empty: there is nobody to ask */
  readonly api: string
  /** `acme/api` */
  readonly repository: string
  /** of the job; empty: asked without one, as anybody may for what is public */
  readonly token: string
  readonly wire: Send
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly sleep: (milliseconds: number) => Promise<void>
  readonly random: () => number
  readonly debug: (line: string) => void
}

/** What GitHub's REST API tells of one repository. Nothing throws. */
export type GitHub = {
  compare(commit: string, other: string): Promise<Kinship>
  head(ref: string): Promise<string | undefined>
  committed(commit: string): Promise<Date | undefined>
  facts(): Promise<RepositoryFacts | undefined>
}

type Json = Readonly<Record<string, unknown>>

const KINDS: ReadonlyMap<string, Exclude<Kinship['kind'], 'unknown'>> = new Map([
  ['identical', 'same'],
  ['ahead', 'ahead'],
  ['behind', 'behind'],
  ['diverged', 'diverged'],
])
/** Nothing of it is worth a long wait: without an answer the step goes on. */
const RETRIES = 2
const PATIENCE_MS = 15_000
/** The largest answer that is read, in bytes. A comparison with a commit of 3000 files is far below. */
const ANSWER_LIMIT = 4 * 1024 * 1024
const LONGEST_TEXT = 500

export function openGitHub(options: GitHubOptions): GitHub {
  const { debug, signal, repository } = options
  const base = baseOf(options)
  const send = base === undefined ? undefined : sender(base, options)

  /** An answer, or `undefined` when there is none that helps. */
  async function ask(path: string): Promise<Json | undefined> {
    if (base === undefined || send === undefined) return undefined
    const url = new URL(`${base.href}${path}`)
    try {
      const headers = headersFor(base, options.token)
      const response = await send({ method: 'GET', url, headers, signal, patienceMs: PATIENCE_MS })
      const answer = response.status === 200 ? parse(await readBytes(response, ANSWER_LIMIT)) : undefined
      if (isObject(answer)) return answer
      debug(`GitHub does not tell ${url.pathname}: ${await said(response)}`)
    } catch (error) {
      debug(
        `GitHub does not tell ${url.pathname}: ${plainLine(error instanceof Error ? error.message : String(error))}`,
      )
    }
    return undefined
  }

  return {
    async compare(commit, other) {
      // The files that differ, megabytes of them, stand on the first page alone ("Compare two commits").
      return kinship(await ask(`/compare/${other}...${commit}?per_page=1&page=2`))
    },
    async head(ref) {
      const question = questionFor(ref)
      if (question === undefined) return undefined
      const answer = await ask(question.path)
      return answer === undefined ? undefined : question.commit(answer)
    },
    async committed(commit) {
      // Not `/commits/…`, which has all that the commit changed.
      const date = objectOf((await ask(`/git/commits/${commit}`))?.['committer'])['date']
      const time = typeof date === 'string' ? new Date(date) : undefined
      return time === undefined || Number.isNaN(time.getTime()) ? undefined : time
    },
    async facts() {
      const answer = await ask('')
      return answer === undefined ? undefined : factsIn(answer, repository)
    },
  }
}

/** The address of the repository in the API, if there is one. */
function baseOf({ api, repository }: GitHubOptions): URL | undefined {
  const isName = /^[\w.-]+\/[\w.-]+$/.test(repository) && !repository.split('/').some((part) => /^\.+$/.test(part))
  const url = URL.parse(api)
  if (!isName || url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined
  return new URL(`${url.origin}${url.pathname.replace(/\/+$/, '')}/repos/${repository}`)
}

/** A repository that was renamed redirects within the API; what leads elsewhere is not followed, token or no token. */
function sender(base: URL, options: GitHubOptions): Send {
  const traced = withTrace(options.wire, { count: () => undefined, note: options.debug, now: () => performance.now() })
  const home: Send = async (request) => {
    if (isSameOrigin(request.url, base)) return traced(request)
    throw new LadingError('REGISTRY_UNREACHABLE', `${base.host} redirects to ${request.url.host}; that is not followed`)
  }
  return withRetry(withRedirects(home), {
    retries: RETRIES,
    now: options.now,
    sleep: options.sleep,
    random: options.random,
    // A limit of the API lasts longer than we wait, and who names a time is not asked before it.
    judge: ({ status, header }) => (status === 429 || header('retry-after') !== undefined ? 'final' : undefined),
  })
}

/** The token goes out where nobody can listen. */
function headersFor(base: URL, token: string): Headers {
  const isSafe = base.protocol === 'https:' || isLoopback(base.host)
  return {
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
    ...(token !== '' && isSafe ? { authorization: `Bearer ${token}` } : {}),
  }
}

function kinship(answer: Json | undefined): Kinship {
  const kind = KINDS.get(stringOf(answer?.['status']))
  if (answer === undefined || kind === undefined) return { kind: 'unknown' }
  const commits = kind === 'ahead' ? answer['ahead_by'] : answer['behind_by']
  const isCounted = (kind === 'ahead' || kind === 'behind') && typeof commits === 'number' && commits > 0
  return isCounted ? { kind, commits } : { kind }
}

type Question = { readonly path: string; readonly commit: (answer: Json) => string | undefined }

/** Whom to ask for what a ref is now; only branches and pull requests move. */
function questionFor(ref: string): Question | undefined {
  const pull = /^refs\/pull\/(\d{1,15})\/(?:merge|head)$/.exec(ref)?.[1]
  if (pull !== undefined) return { path: `/pulls/${pull}`, commit: (answer) => commitIn(answer['head']) }
  const parts = /^refs\/heads\/(.+)$/.exec(ref)?.[1]?.split('/') ?? []
  // No branch has such a part, and in an address it would lead up and out.
  if (parts.length === 0 || parts.some((part) => /^\.*$/.test(part))) return undefined
  return {
    path: `/git/ref/heads/${parts.map(encodeURIComponent).join('/')}`,
    commit: (answer) => (answer['ref'] === ref ? commitIn(answer['object']) : undefined),
  }
}

function commitIn(value: unknown): string | undefined {
  const sha = stringOf(objectOf(value)['sha'])
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(sha) ? sha : undefined
}

function factsIn(answer: Json, repository: string): RepositoryFacts {
  const license = textOf(objectOf(answer['license'])['spdx_id'])
  return {
    title: textOf(answer['name']) || (repository.split('/').at(-1) ?? ''),
    description: textOf(answer['description']),
    url: textOf(answer['html_url']),
    // GitHub's word for a licence it does not know.
    license: license === 'NOASSERTION' ? '' : license,
    defaultBranch: textOf(answer['default_branch']),
  }
}

async function said(response: Response): Promise<string> {
  const words = plainLine(stringOf(objectOf(parse(Buffer.from(await readStart(response, 64 * 1024))))['message']))
  await discard(response)
  return words === '' ? `status ${response.status}` : `status ${response.status}, “${words}”`
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string {
  return plainLine(stringOf(value), LONGEST_TEXT)
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

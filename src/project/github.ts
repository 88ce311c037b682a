import type { Kinship, RepositoryFacts } from '../edges.ts'
import type { Response } from '../net/send.ts'
import { plainLine } from '../plain-text.ts'
import { type ApiOptions, type Json, objectOf, openApi, readObject, stringOf, wordsOf } from './api.ts'

/** What GitHub's REST API tells of one repository. Nothing throws. */
export type GitHub = {
  compare(commit: string, other: string): Promise<Kinship>
  head(ref: string): Promise<string | undefined>
  committed(commit: string): Promise<Date | undefined>
  facts(): Promise<RepositoryFacts | undefined>
}

const KINDS: ReadonlyMap<string, Exclude<Kinship['kind'], 'unknown'>> = new Map([
  ['identical', 'same'],
  ['ahead', 'ahead'],
  ['behind', 'behind'],
  ['diverged', 'diverged'],
])
const PATIENCE_MS = 15_000
const LONGEST_TEXT = 500

export function openGitHub(options: ApiOptions): GitHub {
  const { debug, repository } = options
  const api = openApi(options)

  /** An answer, or `undefined` when there is none that helps. */
  async function ask(path: string): Promise<Json | undefined> {
    if (api === undefined) return undefined
    const what = `/repos/${repository}${path.replace(/\?.*$/, '')}`
    try {
      const response = await api.send({ method: 'GET', path, patienceMs: PATIENCE_MS })
      const answer = response.status === 200 ? await readObject(response) : undefined
      if (answer !== undefined) return answer
      debug(`GitHub does not tell ${what}: ${await said(response)}`)
    } catch (error) {
      debug(`GitHub does not tell ${what}: ${plainLine(error instanceof Error ? error.message : String(error))}`)
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
  const words = await wordsOf(response)
  return words === '' ? `status ${response.status}` : `status ${response.status}, “${words}”`
}

function textOf(value: unknown): string {
  return plainLine(stringOf(value), LONGEST_TEXT)
}

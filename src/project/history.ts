import type { Exec, History, Kinship } from '../edges.ts'
import type { ApiOptions } from './api.ts'
import { type Checkout, openCheckout } from './checkout.ts'
import { type GitHub, openGitHub } from './github.ts'

export type HistoryOptions = ApiOptions & {
  /** where the repository may be checked out */
  readonly workspace: string
  /** as the variable PATH: where `git` is looked for */
  readonly searchPath: string
  readonly exec: Exec
}

const UNKNOWN: Kinship = { kind: 'unknown' }

/**
 * The history of a repository: what its checkout tells, and what that cannot tell GitHub is asked for. A commit is named by
 * the hash of all that lies behind it, so whichever repository knows two of them knows how they stand to each other.
 * Commits do not change, so what was found out of them is kept; a branch does.
 */
export function openHistory(options: HistoryOptions): History {
  const checkout = openCheckout(options)
  const github = openGitHub(options)
  const heads = new Map<string, Promise<string | undefined>>()

  /** Those who ask while an answer is under way share it. */
  function head(ref: string): Promise<string | undefined> {
    const running = heads.get(ref) ?? github.head(ref).finally(() => heads.delete(ref))
    heads.set(ref, running)
    return running
  }

  const kinships = remembered((pair) => kinshipOf(pair, checkout, github))
  const dates = remembered(async (commit) => (await checkout.committed(commit)) ?? github.committed(commit))
  const facts = remembered(() => github.facts())
  return {
    async compare(commit, other) {
      if (!isCommit(commit) || !isCommit(other)) return UNKNOWN
      return commit === other ? { kind: 'same' } : kinships(`${commit} ${other}`)
    },
    head,
    committed: async (commit) => (isCommit(commit) ? dates(commit) : undefined),
    facts: () => facts(''),
  }
}

async function kinshipOf(pair: string, checkout: Checkout, github: GitHub): Promise<Kinship> {
  const [commit = '', other = ''] = pair.split(' ')
  const told = await checkout.compare(commit, other)
  return told.kind === 'unknown' ? github.compare(commit, other) : told
}

/** Nothing else becomes an argument of git or part of an address. */
function isCommit(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
}

/** Asks once for each key. */
function remembered<T>(ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const answers = new Map<string, Promise<T>>()
  return (key) => {
    const answer = answers.get(key) ?? ask(key)
    answers.set(key, answer)
    return answer
  }
}

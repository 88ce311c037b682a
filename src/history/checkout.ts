import { join } from 'node:path'
import type { Exec, Kinship, Variables } from '../edges.ts'
import { lastLine } from '../plain-text.ts'

/** What a checkout tells of commits (full hashes). Nothing throws. */
export type Checkout = {
  compare(commit: string, other: string): Promise<Kinship>
  committed(commit: string): Promise<Date | undefined>
}

export type CheckoutOptions = {
  readonly workspace: string
  readonly searchPath: string
  readonly exec: Exec
  readonly debug: (line: string) => void
}

/** As much history as there is, or as much as a shallow clone was given. */
type Depth = 'whole' | 'shallow'

const LONGEST_MS = 30_000

/**
 * What lies in `.git` may come from anywhere: from an earlier step, from a build. So git is told nothing but what to read,
 * and its configuration is not to start a program or reach for the network. The one that could: a repository that says it
 * is a partial clone has missing commits fetched, by whatever program its configuration names (`remote.*.uploadpack`,
 * `core.sshCommand`, `ext::`). `rev-list` itself asks no pager, no `log.showSignature` with its `gpg.program`, no textconv.
 */
const SWITCHES: readonly string[] = [
  '--no-pager',
  // What a replacement says of a commit is not what its hash says, nor is a cache of its parents.
  '--no-replace-objects',
  ...['core.commitGraph=false', 'core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.sshCommand=false'],
  ...['credential.helper=', 'protocol.allow=never'],
].flatMap((word) => (word.startsWith('--') ? [word] : ['-c', word]))

export function openCheckout({ workspace, searchPath, exec, debug }: CheckoutOptions): Checkout {
  let depth: Promise<Depth | undefined> | undefined

  /** What git prints; `undefined` when it says no. */
  async function git(...args: readonly string[]): Promise<string | undefined> {
    // Named outright, `.git` is taken as it is: whoever owns it (git's `safe.directory` is about repositories that it finds).
    const command = [`--git-dir=${join(workspace, '.git')}`, ...SWITCHES, ...args]
    const ended = await exec({ program: 'git', args: command, env: environment(searchPath), timeoutMs: LONGEST_MS })
    if (ended.kind === 'exited' && ended.code === 0) return ended.stdout
    const why = ended.kind === 'absent' ? 'there is no git on PATH' : lastLine(ended.stderr)
    debug(`git ${args.join(' ')}: ${why || 'no answer'}`)
    return undefined
  }

  async function findDepth(): Promise<Depth | undefined> {
    const said = (await git('rev-parse', '--is-shallow-repository'))?.trim()
    if (said === 'true') return 'shallow'
    return said === 'false' ? 'whole' : undefined
  }

  function known(): Promise<Depth | undefined> {
    depth ??= findDepth()
    return depth
  }

  return {
    async compare(commit, other) {
      const reach = await known()
      if (reach === undefined) return { kind: 'unknown' }
      const counts = await git('rev-list', '--left-right', '--count', `${other}...${commit}`, '--')
      return kinship(counts ?? '', reach)
    },
    async committed(commit) {
      if ((await known()) === undefined) return undefined
      const line = await git('rev-list', '--max-count=1', '--timestamp', commit, '--')
      const seconds = /^(\d{1,11}) /.exec(line ?? '')?.[1]
      return seconds === undefined ? undefined : new Date(Number(seconds) * 1000)
    },
  }
}

/**
 * From how many commits only the other one has, and how many only this one. A shallow clone has lost parents: who is
 * behind whom there is so, how far is not known, and two lines that seem apart may meet below.
 */
function kinship(counts: string, depth: Depth): Kinship {
  const [, theirs, ours] = /^(\d+)\t(\d+)\s*$/.exec(counts) ?? []
  if (theirs === undefined || ours === undefined) return { kind: 'unknown' }
  const [behind, ahead] = [Number(theirs), Number(ours)]
  if (behind + ahead === 0) return { kind: 'unknown' }
  if (behind > 0 && ahead > 0) return depth === 'whole' ? { kind: 'diverged' } : { kind: 'unknown' }
  const kind = ahead > 0 ? 'ahead' : 'behind'
  return depth === 'whole' ? { kind, commits: ahead + behind } : { kind }
}

/** All of it: nothing of the step, and nothing of the machine's or the user's configuration. */
function environment(searchPath: string): Variables {
  return {
    PATH: searchPath,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_GRAFT_FILE: '/dev/null',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    // Older versions know no GIT_NO_LAZY_FETCH; no protocol has this name.
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
  }
}

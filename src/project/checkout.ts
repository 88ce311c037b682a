import type { Exec, Kinship } from '../edges.ts'
import { type GitPlace, gitCommand } from '../git.ts'
import { lastLine } from '../plain-text.ts'

/** What a checkout tells of commits (full hashes). Nothing throws. */
export type Checkout = {
  compare(commit: string, other: string): Promise<Kinship>
  committed(commit: string): Promise<Date | undefined>
}

export type CheckoutOptions = GitPlace & {
  readonly exec: Exec
  readonly debug: (line: string) => void
}

/** As much history as there is, or as much as a shallow clone was given. */
type Depth = 'whole' | 'shallow'

/** `rev-list`, by which all is read, asks no pager, no `log.showSignature` with its `gpg.program`, no textconv. */
export function openCheckout({ exec, debug, ...place }: CheckoutOptions): Checkout {
  let depth: Promise<Depth | undefined> | undefined

  /** What git prints; `undefined` when it says no. */
  async function git(...args: readonly string[]): Promise<string | undefined> {
    const ended = await exec(gitCommand(place, args))
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

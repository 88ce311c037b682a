import type { Exec } from '../edges.ts'
import { LadingError } from '../error.ts'
import { gitCommand } from '../git.ts'
import { lastLine } from '../plain-text.ts'
import type { Environment } from '../plan/environment.ts'

/**
 * `tag-context: git`: names and labels tell of what is checked out in the workspace, whatever the event was.
 * Throws `INPUT_INVALID` when git cannot tell.
 */
export async function withCheckout(environment: Environment, exec: Exec): Promise<Environment> {
  const git = gitIn(environment, exec)
  const [, seconds, sha] =
    /^(\d+) ([0-9a-f]+)\s*$/.exec(await git('rev-list', '--max-count=1', '--timestamp', 'HEAD', '--')) ?? []
  if (seconds === undefined || sha === undefined) throw cannot('HEAD is no commit')
  const ref = (await branchOf(git)) ?? (await refAt(git)) ?? (await refAround(git))
  if (ref === undefined) throw cannot(`no branch and no tag leads to ${sha.slice(0, 7)}, which is checked out`)
  const committed = new Date(Number(seconds) * 1000).toISOString()
  return { ...environment, committed, subject: { ...environment.subject, ref, sha } }
}

type Git = (...args: readonly string[]) => Promise<string>

async function branchOf(git: Git): Promise<string | undefined> {
  const name = (await git('rev-parse', '--symbolic-full-name', 'HEAD')).trim()
  return name.startsWith('refs/heads/') ? name : undefined
}

/** What points at the commit itself; a tag goes first, then what a fetch left, as in metadata-action. */
async function refAt(git: Git): Promise<string | undefined> {
  const names = await refs(git, '--points-at=HEAD', '--sort=-refname', 'refs/tags', 'refs/remotes', 'refs/heads')
  return names[0]
}

/** What has the commit somewhere below it: a branch, a branch that was fetched, a tag. */
async function refAround(git: Git): Promise<string | undefined> {
  for (const place of ['refs/heads', 'refs/remotes', 'refs/tags']) {
    const order = place === 'refs/tags' ? '--sort=refname' : '--sort=-committerdate'
    const [name] = await refs(git, '--contains=HEAD', order, place)
    if (name !== undefined) return name
  }
  return undefined
}

async function refs(git: Git, ...args: readonly string[]): Promise<readonly string[]> {
  const text = await git('for-each-ref', '--format=%(refname)', ...args)
  return text.split('\n').flatMap((name) => originalOf(name.trim()) ?? [])
}

/** The ref as the repository calls it: `refs/remotes/origin/main` is a copy of `refs/heads/main`. */
function originalOf(name: string): string | undefined {
  const [, place, rest = ''] = /^refs\/remotes\/([^/]+)\/(.+)$/.exec(name) ?? []
  if (place === undefined) return name === '' ? undefined : name
  if (place === 'pull' && /^\d+\/(?:head|merge)$/.test(rest)) return `refs/pull/${rest}`
  return rest === 'HEAD' ? undefined : `refs/heads/${rest}`
}

function gitIn(environment: Environment, exec: Exec): Git {
  return async (...args) => {
    const ended = await exec(gitCommand(environment, args))
    if (ended.kind === 'absent') throw cannot('there is no git on PATH')
    if (ended.kind === 'exited' && ended.code === 0) return ended.stdout
    throw cannot(lastLine(ended.stderr) || 'git gives no answer')
  }
}

function cannot(why: string): LadingError {
  return new LadingError('INPUT_INVALID', `tag-context: reading the checkout in the workspace: ${why}`, {
    hint: 'Run actions/checkout before this step, or leave tag-context away so that the event tells ref and commit.',
  })
}

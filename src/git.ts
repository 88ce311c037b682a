import { join } from 'node:path'
import type { Command, Variables } from './edges.ts'

/** Where a repository is checked out, and where `git` is looked for (as the variable PATH). */
export type GitPlace = { readonly workspace: string; readonly searchPath: string }

const LONGEST_MS = 30_000

/**
 * What lies in `.git` may come from anywhere: from an earlier step, from a build. So git is told nothing but what to read,
 * and its configuration is not to start a program or reach for the network. The one that could: a repository that says it
 * is a partial clone has missing commits fetched, by whatever program its configuration names (`remote.*.uploadpack`,
 * `core.sshCommand`, `ext::`).
 */
const SWITCHES: readonly string[] = [
  '--no-pager',
  // What a replacement says of a commit is not what its hash says, nor is a cache of its parents.
  '--no-replace-objects',
  ...['core.commitGraph=false', 'core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.sshCommand=false'],
  ...['credential.helper=', 'protocol.allow=never'],
].flatMap((word) => (word.startsWith('--') ? [word] : ['-c', word]))

/** A git command that only reads the checkout in a workspace, whatever its `.git` would have it do. */
export function gitCommand({ workspace, searchPath }: GitPlace, args: readonly string[]): Command {
  return {
    program: 'git',
    // Named outright, `.git` is taken as it is: whoever owns it (git's `safe.directory` is about repositories that it finds).
    args: [`--git-dir=${join(workspace, '.git')}`, ...SWITCHES, ...args],
    env: environment(searchPath),
    timeoutMs: LONGEST_MS,
  }
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

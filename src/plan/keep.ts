import type { Environment } from './environment.ts'

/**
 * Whether this run may write to the cache of the repository's jobs. What it keeps is read by later runs that hold secrets:
 * runs for somebody else's change, and those that act for the base branch with such a change at hand
 * (`pull_request_target`), only read. GitHub's own answer may be stricter, and then it counts.
 */
export function mayKeepInCache({ event, pullRequest }: Pick<Environment, 'event' | 'pullRequest'>): boolean {
  return event !== 'pull_request_target' && pullRequest?.fromFork !== true
}

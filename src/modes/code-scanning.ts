import { asLadingError, LadingError } from '../error.ts'
import type { Environment } from '../plan/environment.ts'
import { reportOf } from '../report/draft.ts'
import { sarifOf } from '../report/sarif.ts'
import type { Run } from './run.ts'

/**
 * Whether this run sends its findings to code scanning; asked before the build, since a missing permission is best told
 * at once. Throws `INPUT_INVALID` when GitHub refuses; runs that never get the right to it go on without.
 */
export async function askCodeScanning({ request, environment, edges }: Run): Promise<boolean> {
  if (!request.gate.uploadSarif) return false
  const { reporter, project } = edges
  const notSent = (why: string): false => {
    reporter.notice(`upload-sarif: findings will not be sent to code scanning, because ${why}`)
    return false
  }
  const reason = request.dryRun ? 'dry-run is true' : speaksForNobody(environment)
  if (reason !== '') return notSent(reason)
  const right = await project.codeScanning.mayUpload()
  switch (right.kind) {
    case 'granted':
      return true
    case 'unknown':
      reporter.notice(
        `upload-sarif: whether findings may be sent to code scanning is not known (${right.why}); it will be tried`,
      )
      return true
    case 'refused': {
      const excuse = hasNoRights(environment)
      if (excuse !== '') return notSent(`${excuse}: ${right.why}`)
      const message = `\`upload-sarif\`: findings cannot be sent to code scanning of ${environment.repository}: ${right.why}`
      throw new LadingError('INPUT_INVALID', message, { hint: right.hint })
    }
  }
}

/**
 * Sends what the scan found, if `isAsked`. Never rejects: trouble is a warning, for it says nothing of the image, and a cancel
 * ends the story by itself.
 */
export async function uploadFindings(run: Run, isAsked: boolean): Promise<void> {
  try {
    if (isAsked) await send(run)
  } catch (thrown) {
    const error = asLadingError(thrown)
    if (error.code !== 'CANCELLED') run.edges.reporter.warn(`upload-sarif: ${error.message}`)
  }
}

async function send(run: Run): Promise<void> {
  const { environment, edges, facts } = run
  const sarif = sarifOf(reportOf(facts))
  if (sarif === undefined) return
  const { sha: commit, ref } = environment
  const lasted = facts.phases.findLast(({ name }) => name === 'scan')?.milliseconds ?? 0
  const started = new Date(edges.clock.now().getTime() - lasted)
  await run.phase('findings', async (say) => {
    await edges.project.codeScanning.upload({ sarif, commit, ref, started })
    say('sent to code scanning')
  })
}

/** Why what is found here would stand under a wrong name; empty when it would not. */
function speaksForNobody({ event, sha, ref }: Environment): string {
  // Such a run has ref and commit of the branch that the pull request goes to, and whatever it builds is not that.
  if (event === 'pull_request_target') return 'a run for pull_request_target speaks for the branch, not for the change'
  const isCommit = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(sha)
  return isCommit && /^refs\/(?:heads|tags|pull)\/./.test(ref) ? '' : 'this run does not say which commit it is about'
}

/** Runs whose token may only read, whatever the workflow asks for (docs.github.com, "GITHUB_TOKEN"). */
function hasNoRights({ pullRequest, actor }: Environment): string {
  if (pullRequest?.fromFork === true) return 'this is a pull request from a fork'
  return actor === 'dependabot[bot]' ? 'the run was started by Dependabot' : ''
}

import { describe, expect, test } from 'vitest'
import { readInputs } from '../../src/action/inputs.ts'
import type { CodeScanning, Upload, UploadRight } from '../../src/edges.ts'
import { LadingError } from '../../src/error.ts'
import { askCodeScanning, uploadFindings } from '../../src/modes/code-scanning.ts'
import { beginRun } from '../../src/modes/run.ts'
import type { Environment } from '../../src/plan/environment.ts'
import { reportOf } from '../../src/report/draft.ts'
import { sarifOf } from '../../src/report/sarif.ts'
import { environment, withInputs } from '../action/given.ts'
import { FAILED_EARLY, REFUSED } from '../report/examples.ts'
import { NOW, runOf } from './given-run.ts'

const REFUSAL: UploadRight = { kind: 'refused', why: 'GitHub says no', hint: 'Ask nicely.' }
const FORK = { event: 'pull_request', ref: 'refs/pull/7/merge', pullRequest: { number: 7, fromFork: true } }

type Given = {
  readonly inputs?: Readonly<Record<string, string>>
  readonly environment?: Partial<Environment>
  readonly right?: UploadRight
  readonly upload?: CodeScanning['upload']
}

/** A run that may have findings to send, and all that was asked of code scanning and told to people. */
async function runWith(given: Given = {}) {
  const around = environment(given.environment)
  const inputs = { images: 'ghcr.io/acme/api', 'upload-sarif': 'true', ...given.inputs }
  const { request } = await readInputs(withInputs(inputs), around)
  const { run: bare, notices } = runOf(request, around)
  const asked: string[] = []
  const warnings: string[] = []
  const sent: Upload[] = []
  const codeScanning: CodeScanning = {
    async mayUpload() {
      asked.push('may upload')
      return given.right ?? { kind: 'granted' }
    },
    async upload(findings) {
      sent.push(findings)
      await given.upload?.(findings)
    },
  }
  const reporter = { ...bare.edges.reporter, warn: (message: string) => void warnings.push(message) }
  const clock = { ...bare.edges.clock, now: () => NOW }
  const project = { ...bare.edges.project, codeScanning }
  const run = beginRun({ request, environment: around, edges: { ...bare.edges, reporter, clock, project } })
  return { run, notices, asked, warnings, sent }
}

describe('before the build', () => {
  test('nobody is asked when nothing is to be sent', async () => {
    const { run, asked, notices } = await runWith({ inputs: { 'upload-sarif': 'false' }, right: REFUSAL })
    expect(await askCodeScanning(run)).toBe(false)
    expect([asked, notices]).toEqual([[], []])
  })

  test('a right that is there is no news', async () => {
    const { run, notices } = await runWith()
    expect(await askCodeScanning(run)).toBe(true)
    expect(notices).toEqual([])
  })

  test('a refusal names the input, the reason and the way out', async () => {
    const { run } = await runWith({ right: REFUSAL })
    await expect(askCodeScanning(run)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: '`upload-sarif`: findings cannot be sent to code scanning of acme/api: GitHub says no',
      hint: 'Ask nicely.',
    })
  })

  test.each<readonly [string, Partial<Environment>, string]>([
    ['from a fork', FORK, 'this is a pull request from a fork: GitHub says no'],
    ['of Dependabot', { actor: 'dependabot[bot]' }, 'the run was started by Dependabot: GitHub says no'],
  ])('a run %s goes on without, and says so; with the right it sends', async (_name, change, why) => {
    const refused = await runWith({ environment: change, right: REFUSAL })
    expect(await askCodeScanning(refused.run)).toBe(false)
    expect(refused.notices).toEqual([expect.stringContaining(why)])
    expect(await askCodeScanning((await runWith({ environment: change })).run)).toBe(true)
  })

  test('what is not known is tried, and said', async () => {
    const { run, notices } = await runWith({ right: { kind: 'unknown', why: 'status 503' } })
    expect(await askCodeScanning(run)).toBe(true)
    expect(notices).toEqual([expect.stringContaining('not known (status 503)')])
  })

  test.each<readonly [string, Given, string]>([
    ['a dry run', { inputs: { 'dry-run': 'true' } }, 'dry-run is true'],
    ['a run for pull_request_target', { environment: { event: 'pull_request_target' } }, 'speaks for the branch'],
    ['a run without a commit', { environment: { sha: '' } }, 'which commit'],
    ['a run without a ref', { environment: { ref: '' } }, 'which commit'],
  ])('%s sends nothing, asks nobody and says why', async (_name, given, why) => {
    const { run, asked, notices } = await runWith(given)
    expect(await askCodeScanning(run)).toBe(false)
    expect(asked).toEqual([])
    expect(notices).toEqual([expect.stringContaining(why)])
  })
})

describe('after the scan', () => {
  test('what was found is sent, about the commit and from the time when the scan began', async () => {
    const { run, sent, warnings } = await runWith()
    run.facts.scan = REFUSED.scan
    run.facts.phases.push({ name: 'scan', milliseconds: 5000 })
    await uploadFindings(run, true)
    const { sha: commit, ref } = run.environment
    const started = new Date(NOW.getTime() - 5000)
    expect(sent).toEqual([{ sarif: sarifOf(reportOf(run.facts)), commit, ref, started }])
    expect(warnings).toEqual([])
    expect(run.facts.phases.map(({ name }) => name)).toEqual(['scan', 'findings'])
  })

  test.each([
    ['not asked for', REFUSED.scan, false],
    ['without a scan', FAILED_EARLY.scan, true],
  ])('nothing is sent when it is %s', async (_name, scan, isAsked) => {
    const { run, sent } = await runWith()
    run.facts.scan = scan
    await uploadFindings(run, isAsked)
    expect(sent).toEqual([])
    expect(run.facts.phases).toEqual([])
  })

  test('trouble is a warning and changes nothing', async () => {
    const { run, warnings } = await runWith({
      upload: () => Promise.reject(new LadingError('REGISTRY_BUSY', 'sending findings to GitHub: status 503')),
    })
    run.facts.scan = REFUSED.scan
    await expect(uploadFindings(run, true)).resolves.toBeUndefined()
    expect(warnings).toEqual(['upload-sarif: sending findings to GitHub: status 503'])
    expect(run.facts).not.toHaveProperty('failure')
    expect(run.facts).not.toHaveProperty('result')
  })

  test('a cancel is no news of it, and what goes on beside the story never rejects', async () => {
    const { run, warnings } = await runWith({ upload: () => Promise.reject(new LadingError('CANCELLED', 'cancelled')) })
    run.facts.scan = REFUSED.scan
    await expect(uploadFindings(run, true)).resolves.toBeUndefined()
    expect(warnings).toEqual([])
  })
})

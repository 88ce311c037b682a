import { readFile } from 'node:fs/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { faultsOf } from '../report/sarif.ts'
import { type CodeScanningOptions, startCodeScanning } from '../support/code-scanning.ts'
import { type Event, SHA } from '../support/runner.ts'
import { fakeTrivy, finding, TRIVY, vulnerability } from './programs.ts'
import { expectGreen, expectRed, layout, messagesOf, registry, runner, tagsOf } from './stage.ts'

const DENIED = { denied: { status: 403, message: 'Resource not accessible by integration' } }
const TOKEN = 'ghs_the-token-of-the-job'

/** A publish of two platforms, the second one vulnerable, before a stand-in for GitHub's API. */
async function published(told: CodeScanningOptions, inputs: Readonly<Record<string, string>> = {}, event: Event = {}) {
  const [on, one, github] = [await runner(), await registry(), await startCodeScanning(told)]
  onTestFinished(() => github[Symbol.asyncDispose]())
  const image = await layout(on)
  await fakeTrivy(on, { scan: finding(vulnerability(), 'arm64') })
  const all = { ...TRIVY, images: `${one.host}/acme/api`, layout: 'layout', scan: 'report', 'upload-sarif': 'true' }
  const workflow = 'acme/api/.github/workflows/release.yml@refs/tags/v1.2.3'
  const env = { GITHUB_API_URL: github.url, GITHUB_WORKFLOW_REF: workflow }
  const end = await on.step({ inputs: { ...all, token: TOKEN, ...inputs }, event, env })
  return { on, one, github, image, end }
}

describe('with `upload-sarif`', () => {
  test('findings are sent once, as the file that the output names, and nothing of the machine with them', async () => {
    const { on, github, one, image, end } = await published({})
    expectGreen(end)
    expect(tagsOf(one, 'acme/api')['latest']).toBe(image.root.digest)
    const sarif: unknown = JSON.parse(await readFile(end.main.outputs['sarif-file'] ?? '', 'utf8'))
    expect(github.received).toMatchObject([{ commit: SHA, ref: 'refs/tags/v1.2.3', tool: 'Trivy', sarif }])
    expect(faultsOf(sarif)).toEqual([])
    expect(sarif).toMatchObject({
      runs: [
        { automationDetails: { id: 'lading/acme/api/linux-amd64/' }, results: [] },
        {
          automationDetails: { id: 'lading/acme/api/linux-arm64/' },
          results: [
            {
              ruleId: 'CVE-2019-14697',
              locations: [{ physicalLocation: { artifactLocation: { uri: '.github/workflows/release.yml' } } }],
            },
          ],
        },
      ],
    })
    for (const folder of [on.workspace, on.temp, on.home, on.bin]) expect(JSON.stringify(sarif)).not.toContain(folder)
    expect(end.main.log.text.replaceAll(`::add-mask::${TOKEN}`, '')).not.toContain(TOKEN)
    expect(github.asked.every(({ authorization }) => authorization === `Bearer ${TOKEN}`)).toBe(true)
  })

  test('findings are sent when the gate refuses the image, too', async () => {
    const { github, one, end } = await published({}, { scan: 'gate' })
    expectRed(end, 'SCAN_FINDINGS')
    expect(github.received).toHaveLength(1)
    expect(one.writes()).toEqual([])
  })

  test('a job without the permission fails before anything runs, and is told which one it lacks', async () => {
    const { on, github, one, end } = await published(DENIED)
    const message = expectRed(end, 'INPUT_INVALID')
    for (const words of ['`upload-sarif`', 'Resource not accessible by integration', '`security-events: write`'])
      expect(message).toContain(words)
    expect(github.asked).toHaveLength(1)
    expect(await on.calls()).toEqual([])
    expect(one.writes()).toEqual([])
  })

  test('a pull request from a fork goes on without it', async () => {
    const fork = { number: 7, head: { repo: { full_name: 'eve/api' } }, base: { repo: { full_name: 'acme/api' } } }
    const payload = { pull_request: fork, repository: { full_name: 'acme/api', default_branch: 'main' } }
    const event = { name: 'pull_request', ref: 'refs/pull/7/merge', payload }
    const { github, end } = await published(DENIED, {}, event)
    expectGreen(end)
    expect(messagesOf(end.main.log, 'notice').join('\n')).toContain('a pull request from a fork')
    expect(github.asked).toHaveLength(1)
  })

  test('trouble with the upload is a warning, and the image is published', async () => {
    const { one, image, end } = await published({ uploads: [{ status: 413, message: 'Payload too large' }] })
    expectGreen(end)
    expect(messagesOf(end.main.log, 'warning')).toEqual([expect.stringContaining('Payload too large')])
    expect(tagsOf(one, 'acme/api')['latest']).toBe(image.root.digest)
  })
})

test('without `upload-sarif` the file is there, and nobody is asked', async () => {
  const { github, end } = await published({}, { 'upload-sarif': 'false' })
  expectGreen(end)
  expect(github.asked.filter(({ what }) => what.includes('code-scanning'))).toEqual([])
  expect(end.main.outputs['sarif-file']).toMatch(/lading-scan\.sarif$/)
})

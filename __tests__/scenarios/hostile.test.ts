import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { recognised } from '../action/runner-rules.ts'
import { structureOf } from '../report/structure.ts'
import { withoutMasks } from '../support/runner/log.ts'
import type { StepEnd } from '../support/runner.ts'
import { fakeDocker, fakeTrivy, finding, TRIVY, vulnerability } from './programs.ts'
import { expectGreen, expectRed, layout, registry, runner, twoPlatforms, unscanned } from './stage.ts'

// What a runner listens to, old forms included.
const USUAL = ['add-mask', 'debug', 'group', 'endgroup']
const COMMANDS = ['error', 'warning', 'notice', 'set-output', 'save-state', 'set-env', 'add-path', 'stop-commands']

const EVIL = [
  '::error::planted by a stranger',
  '::set-output name=published::true',
  '\r::stop-commands::planted',
  ' ##[error]planted',
  '\u001b[31mred\u001b[0m \u202eturned\u2066',
  '</details><img src=x onerror=alert(1)> @octocat [x](javascript:alert(1))',
  '| a | b |',
  '```',
  '# a heading of theirs',
].join('\n')

function commandsOf({ main, post }: StepEnd): readonly string[] {
  const heard = [main.log.text, post.log.text].flatMap((text) => recognised(text, [...USUAL, ...COMMANDS]))
  return heard.filter((name) => !USUAL.includes(name))
}

/** The runner hears what was meant, and the page has no form but its own. */
function expectUnharmed(end: StepEnd, commands: readonly string[]): void {
  expect(commandsOf(end)).toEqual(commands)
  expect(structureOf(end.main.summary)).toMatchObject({ strange: [], live: [] })
  const told = [withoutMasks(end.main.log.text), end.main.summary].join('\n')
  // In a code span it is text (CommonMark, 6.1); anywhere else it would be an image.
  expect(end.main.summary.replace(/`[^`\n]*`/g, '')).not.toContain('<img')
  for (const raw of ['\u001b', '\u202e', '\u2066']) expect(told).not.toContain(raw)
  expect(end.main.outputs['published']).toBe(end.main.exitCode === 0 ? 'true' : 'false')
}

describe('text of strangers stays text', () => {
  test.each([
    ['as plain text', EVIL],
    ['as JSON', JSON.stringify({ errors: [{ code: 'DENIED\n::error::x', message: EVIL }] })],
    ['as a web page', `<html><body>${EVIL}</body></html>`],
  ])("in a registry's refusal %s", async (_name, body) => {
    const on = await runner()
    const effect = { kind: 'status', status: 400, body } as const
    const one = await registry({ faults: [{ step: 'manifest-put', effect }] })
    await layout(on)
    const end = await on.step({ inputs: { ...unscanned(`${one.host}/acme/api`), retries: '0' } })
    expect(end.main.exitCode).toBe(1)
    expectUnharmed(end, ['error'])
  })

  test('in the answer of a token service', async () => {
    const on = await runner()
    const auth = { kind: 'token', users: {} } as const
    const one = await registry({
      auth,
      faults: [{ step: 'token', effect: { kind: 'status', status: 401, body: EVIL } }],
    })
    await layout(on)
    const end = await on.step({ inputs: unscanned(`${one.host}/acme/api`) })
    expectRed(end, 'LOGIN_FAILED')
    expectUnharmed(end, ['error'])
  })

  test('in the progress and the failure of a build', async () => {
    const on = await runner()
    const one = await registry()
    await writeFile(join(on.workspace, 'Dockerfile'), 'FROM scratch\n')
    const build = `console.log(${JSON.stringify(EVIL)}); console.error('#1 ' + ${JSON.stringify(EVIL)}); process.exit(1)`
    await fakeDocker(on, { build })
    await fakeTrivy(on)
    const end = await on.step({ inputs: { ...TRIVY, images: `${one.host}/acme/api` } })
    expectRed(end, 'BUILD_FAILED')
    // The notice: no event of these runs tells when the commit was made.
    expectUnharmed(end, ['notice', 'error'])
  })

  test('in what a scanner finds', async () => {
    const on = await runner()
    const one = await registry()
    await layout(on)
    const words = { VulnerabilityID: `CVE-1 ${EVIL}`, PkgName: `musl ${EVIL}`, Title: EVIL, InstalledVersion: EVIL }
    await fakeTrivy(on, { scan: finding(vulnerability({ ...words, PrimaryURL: `https://evil.example/${EVIL}` })) })
    const inputs = { ...TRIVY, images: `${one.host}/acme/api`, layout: 'layout' }
    const refused = await on.step({ inputs })
    expectRed(refused, 'SCAN_FINDINGS')
    expectUnharmed(refused, ['error'])
    const reported = await on.step({ inputs: { ...inputs, scan: 'report' } })
    expectGreen(reported)
    expectUnharmed(
      reported,
      commandsOf(reported).filter((name) => name === 'warning'),
    )
  })

  test('in what a scanner says when it breaks', async () => {
    const on = await runner()
    const one = await registry()
    await layout(on)
    await fakeTrivy(on, { scan: `console.error(${JSON.stringify(EVIL)}); process.exit(1)` })
    const end = await on.step({ inputs: { ...TRIVY, images: `${one.host}/acme/api`, layout: 'layout' } })
    expectRed(end, 'SCAN_BROKEN')
    expectUnharmed(end, ['error'])
  })

  test('in the event, the labels and the inputs', async () => {
    const on = await runner()
    const one = await registry()
    await layout(on, twoPlatforms())
    await fakeDocker(on)
    await fakeTrivy(on)
    await writeFile(join(on.workspace, 'Dockerfile'), 'FROM scratch\n')
    const repository = { name: EVIL, description: EVIL, html_url: EVIL, license: { spdx_id: EVIL } }
    const line = `"evil=${EVIL.replaceAll('"', '""')}"`
    const inputs = { ...TRIVY, images: `${one.host}/acme/api`, labels: line, annotations: line }
    const end = await on.step({ inputs, event: { payload: { repository } } })
    expectGreen(end)
    expectUnharmed(end, ['notice'])
    expect(end.main.outputs['annotations']?.split('\n').filter((one) => !/^manifest:[a-z.-]+=/.test(one))).toEqual([])
    expect(end.main.outputs['labels']?.split('\n').filter((line) => !/^[a-z.-]+=/.test(line))).toEqual([])
    const wrong = await on.step({ inputs: { ...inputs, images: EVIL, severity: EVIL, 'registry-auth': EVIL } })
    expectRed(wrong, 'INPUT_INVALID')
    expectUnharmed(wrong, ['error'])
  })

  test('in the names and annotations of a layout', async () => {
    const on = await runner()
    const one = await registry()
    const first = twoPlatforms().platforms[0]
    if (first === undefined) throw new Error('no platform')
    await layout(on, { platforms: [{ ...first, platform: `linux/${EVIL.replaceAll('/', '')}` }], index: 'always' })
    const end = await on.step({ inputs: unscanned(`${one.host}/acme/api`) })
    expectUnharmed(end, end.main.exitCode === 0 ? [] : ['error'])
  })
})

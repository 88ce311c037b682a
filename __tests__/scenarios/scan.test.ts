import { describe, expect, test } from 'vitest'
import { FALSE_TOKEN } from '../scan/samples.ts'
import { startCacheServer } from '../support/cache-server.ts'
import type { Effect } from '../support/registry/effect.ts'
import type { InProcessRegistry, RegistryOptions } from '../support/registry/server.ts'
import { writeFiles } from '../support/runner/files.ts'
import { databaseOf, putDatabase } from '../support/trivy-database.ts'
import type { FakeTrivy } from './programs.ts'
import { DATABASE, fakeDocker, fakeTrivy, finding, TRIVY, vulnerability } from './programs.ts'
import { expectGreen, expectRed, layout, messagesOf, registry, runner, tagsOf } from './stage.ts'

async function scanned(
  fake: FakeTrivy | undefined,
  more: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
) {
  const on = await runner()
  await writeFiles(on.workspace, files)
  const [one, other] = [await registry(), await registry()]
  const image = await layout(on)
  if (fake !== undefined) await fakeTrivy(on, fake)
  const images = `${one.host}/acme/api\n${other.host}/acme/api`
  const named = fake === undefined ? DATABASE : TRIVY
  // Nobody's releases are reached from here.
  const env = { HTTPS_PROXY: 'http://127.0.0.1:1' }
  const end = await on.step({ inputs: { ...named, images, layout: 'layout', retries: '0', ...more }, env })
  return { on, end, image, both: [one, other] }
}

describe('findings', () => {
  test('in the second platform only keep the image out of both registries, without a single write', async () => {
    const { end, both, image } = await scanned({ scan: finding(vulnerability(), 'arm64') })
    expect(expectRed(end, 'SCAN_FINDINGS')).toContain('CVE-2019-14697')
    for (const one of both) expect(one.writes()).toEqual([])
    for (const one of both) expect(one.openUploads()).toEqual([])
    expect(end.main.report).toMatchObject({ result: 'refused', scan: { result: 'findings', decision: 'refused' } })
    expect(end.main.report?.scan.platforms).toEqual([
      { platform: 'linux/amd64', counts: { HIGH: 0, CRITICAL: 0 } },
      { platform: 'linux/arm64', counts: { HIGH: 0, CRITICAL: 1 } },
    ])
    expect(end.main.outputs).toMatchObject({ digest: image.root.digest, 'scan-result': 'findings', 'image-refs': '' })
    for (const words of ['CVE-2019-14697', 'musl', '1.1.19-r2', '1.1.22-r3', 'linux/arm64'])
      expect(end.main.summary).toContain(words)
  })

  test('with `scan: report` are told, and the image is published', async () => {
    const { end, both, image } = await scanned({ scan: finding(vulnerability()) }, { scan: 'report' })
    expectGreen(end)
    for (const one of both) expect(tagsOf(one, 'acme/api')['latest']).toBe(image.root.digest)
    expect(end.main.report?.scan).toMatchObject({ result: 'findings', decision: 'reported' })
    expect(JSON.parse(end.main.outputs['vulnerabilities'] ?? '')).toEqual({ HIGH: 0, CRITICAL: 1 })
  })

  test('that nobody has fixed stop the image too, and the hint names the way', async () => {
    const { end } = await scanned({ scan: finding(vulnerability({ FixedVersion: '', Status: 'affected' })) })
    expect(expectRed(end, 'SCAN_FINDINGS')).toContain('ignore-unfixed')
  })

  test('that nobody has fixed pass with `ignore-unfixed`', async () => {
    const scan = finding(vulnerability({ FixedVersion: '', Status: 'affected' }))
    const { end } = await scanned({ scan }, { 'ignore-unfixed': 'true' })
    expectGreen(end)
    expect(end.main.summary).toContain('CVE-2019-14697')
  })

  test('that are secrets are never shown', async () => {
    const secret = { RuleID: 'github-pat', Category: 'GitHub', Severity: 'CRITICAL', Title: 'GitHub token' }
    const where = { StartLine: 1, EndLine: 1, Code: { Lines: [{ Content: FALSE_TOKEN }] }, Match: FALSE_TOKEN }
    const result = { Target: '/app/.env', Class: 'secret', Secrets: [{ ...secret, ...where }] }
    const { end } = await scanned({ scan: finding(result) })
    expect(expectRed(end, 'SCAN_FINDINGS')).toContain('github-pat')
    const told = [end.main.log.text, end.main.summary, ...Object.values(end.main.outputs)].join('\n')
    expect(told).not.toContain(FALSE_TOKEN)
  })
})

describe('exceptions', () => {
  const trivyignores = '.trivyignore'

  test('that have expired are shown with their id, and the finding stops the image', async () => {
    const files = { '.trivyignore': '# until the base is renewed\nCVE-2019-14697 exp:2020-01-31\n' }
    const { end, both } = await scanned({ scan: finding(vulnerability()) }, { trivyignores }, files)
    expectRed(end, 'SCAN_FINDINGS')
    for (const one of both) expect(one.writes()).toEqual([])
    const line = 'CVE-2019-14697 (.trivyignore, line 2) expired on 2020-01-31'
    expect(end.main.log.text).toContain(line)
    expect(end.main.summary).toContain('**1 exception expired**')
    expect(end.main.summary).toMatch(/\| CVE-2019-14697 \| 2020-01-31 \|/)
  })

  test('that hold reach the scanner, and what they hide is listed with the reason', async () => {
    const files = { 'ignore.yaml': 'vulnerabilities:\n  - id: CVE-2019-14697\n    statement: no floats\n' }
    const found = JSON.stringify(vulnerability())
    const scan = `
      const [entry] = JSON.parse(fs.readFileSync(option('--ignorefile'))).vulnerabilities
      const { Vulnerabilities: [Finding], ...result } = ${found}
      if (entry.id !== Finding.VulnerabilityID) answer([${found}], 10)
      else answer([{ ...result, ExperimentalModifiedFindings: [
        { Type: 'vulnerability', Status: 'ignored', Statement: entry.statement, Finding }] }], 0)`
    const { end } = await scanned({ scan }, { trivyignores: 'ignore.yaml' }, files)
    expectGreen(end)
    const reason = 'no floats (ignore.yaml, line 2)'
    expect(end.main.report?.scan.findings).toMatchObject([{ id: 'CVE-2019-14697', ignored: true, reason }])
    expect(end.main.outputs['scan-result']).toBe('clean')
    expect(end.main.summary).toContain('no floats')
  })

  test('that nobody can read are told with file and line before anything runs', async () => {
    const files = { '.trivyignore': 'CVE-2019-14697 until 2030\n' }
    const { on, end, both } = await scanned({}, { trivyignores }, files)
    expect(expectRed(end, 'INPUT_INVALID')).toContain('`trivyignores`: .trivyignore, line 1: “until”')
    expect(await on.calls()).toEqual([])
    for (const one of both) expect(one.requests).toEqual([])
  })
})

test('a database that finds nothing in what everybody knows is no database', async () => {
  const { end, both } = await scanned({ known: 'process.exitCode = 0' })
  expect(expectRed(end, 'SCAN_DATABASE')).toContain('it finds nothing in packages')
  for (const one of both) expect(one.writes()).toEqual([])
})

test('`scan: off` starts no scanner, and the report says that the gate was waived', async () => {
  const { on, end } = await scanned({}, { scan: 'off' })
  expectGreen(end)
  expect(await on.calls()).toEqual([])
  expect(end.main.report?.scan).toMatchObject({ result: 'not-scanned', decision: 'waived' })
  expect(end.main.outputs['scan-result']).toBe('not-scanned')
})

describe('a broken scanner is never clean', () => {
  test.each<[what: string, fake: FakeTrivy | undefined, says: string]>([
    ['cannot be fetched', undefined, 'fetching Trivy 0.74.0: github.com'],
    ['does not know its version', { version: `console.log('trivy')` }, 'version'],
    ['crashes', { scan: `console.error('panic: broken'); process.exit(2)` }, 'panic: broken'],
    ['leaves no report', { scan: '' }, 'left no report'],
    ['writes nonsense', { scan: `fs.writeFileSync(option('--output'), '{"fine":true')` }, 'linux/amd64'],
    ['says findings by its exit code and none in its report', { scan: 'answer([], 10)' }, 'exit code 10'],
    [
      'says clean by its exit code and has findings in its report',
      { scan: `answer([${JSON.stringify(vulnerability())}], 0)` },
      'exit code 0',
    ],
    [
      'reports on another image',
      { scan: `answer([], 0); fs.writeFileSync(option('--output'), JSON.stringify({ SchemaVersion: 2 }))` },
      'linux/amd64',
    ],
    ['is killed', { scan: `process.kill(process.pid, 'SIGKILL')` }, '137'],
  ])('when it %s', async (_what, fake, says) => {
    // With `gate` nobody would let it pass; with `report` somebody might.
    const { end, both } = await scanned(fake, { scan: 'report' })
    expect(expectRed(end, 'SCAN_BROKEN')).toContain(says)
    for (const one of both) expect(one.writes()).toEqual([])
  })

  test('when `trivy-path` names nothing', async () => {
    const { end } = await scanned({}, { 'trivy-path': 'tools/trivy' })
    expect(expectRed(end, 'SCAN_BROKEN')).toContain('trivy-path')
  })
})

describe('the database', () => {
  async function repository(options: RegistryOptions = {}, hours = 0): Promise<InProcessRegistry> {
    const one = await registry(options)
    const updated = new Date(Date.now() - hours * 3_600_000)
    const next = new Date(updated.getTime() + 24 * 3_600_000)
    putDatabase(one, databaseOf({ content: 'advisories', updated, next }))
    return one
  }
  const named = (...all: readonly InProcessRegistry[]) => ({
    'db-repository': all.map(({ host }) => `${host}/trivy-db`).join(),
  })

  test.each<[string, Effect]>([
    ['does not have it', { kind: 'status', status: 404 }],
    ['is broken', { kind: 'status', status: 500 }],
    ['has had enough', { kind: 'status', status: 429 }],
    ['resets', { kind: 'reset' }],
    ['gives other bytes', { kind: 'corrupt' }],
    ['breaks off', { kind: 'cut', after: 10 }],
  ])('comes from the next repository when one %s', async (_what, effect) => {
    const bad = await repository({ faults: [{ step: ['manifest-head', 'manifest-get', 'blob-get'], effect }] })
    const good = await repository()
    const { on, end } = await scanned({}, named(bad, good))
    expectGreen(end)
    expect(end.main.report?.scan.database).toMatchObject({ source: `${good.host}/trivy-db:2`, ageHours: 0 })
    expect(end.main.log.text).toContain(`The vulnerability database could not be had from ${bad.host}/trivy-db:2: `)
    expect(good.requests.map(({ step }) => step)).toEqual(['manifest-head', 'manifest-get', 'blob-get'])
    for (const { args } of await on.calls()) expect(args).not.toContain('--download-db-only')
  })

  test('is SCAN_DATABASE with every reason when no repository gives it, and the build is not waited for', async () => {
    const bad = await repository({ faults: [{ step: 'manifest-head', effect: { kind: 'status', status: 404 } }] })
    const on = await runner()
    const one = await registry()
    await writeFiles(on.workspace, { Dockerfile: 'FROM scratch\n' })
    await fakeDocker(on, { build: 'setInterval(() => {}, 1000)' })
    await fakeTrivy(on)
    const repositories = `127.0.0.1:1/db,${bad.host}/trivy-db`
    const inputs = { ...TRIVY, images: `${one.host}/acme/api`, retries: '0', 'db-repository': repositories }
    const message = expectRed(await on.step({ inputs }), 'SCAN_DATABASE')
    for (const words of ['127.0.0.1:1/db:2: ', 'connection refused', `${bad.host}/trivy-db:2: `]) {
      expect(message).toContain(words)
    }
    expect(one.writes()).toEqual([])
  })

  test('that nobody waits for any more does not hold up the end', async () => {
    const headers = { 'retry-after': '50' }
    const busy = await repository({
      faults: [{ step: 'manifest-head', effect: { kind: 'status', status: 429, headers } }],
    })
    const version = 'setTimeout(() => process.exit(1), 1500)'
    const { end } = await scanned({ version }, { ...named(busy), retries: '3' })
    expectRed(end, 'SCAN_BROKEN')
    expect(busy.requests).toHaveLength(1)
  }, 30_000)

  test('is a warning when it was to be renewed, and closes the gate when it is older than `db-max-age`', async () => {
    const old = await repository({}, 30)
    const { end } = await scanned({}, named(old))
    expectGreen(end)
    expect(messagesOf(end.main.log, 'warning')).toEqual([expect.stringContaining('is 30 h old and was to be renewed')])
    expect(end.main.report?.scan.database).toMatchObject({ ageHours: 30 })

    const { end: closed, both } = await scanned({}, { ...named(old), 'db-max-age': '24h' })
    expect(expectRed(closed, 'SCAN_DATABASE')).toContain('it is 30 h old, and `db-max-age` allows 24 h')
    for (const one of both) expect(one.writes()).toEqual([])
  })

  test('is kept for the next run, which asks no repository for it and says where it has it from', async () => {
    const source = await repository()
    const cache = await startCacheServer({ version: 'v2' })
    const on = await runner()
    const one = await registry()
    await layout(on)
    await fakeTrivy(on)
    const inputs = { ...TRIVY, ...named(source), images: `${one.host}/acme/api`, layout: 'layout' }
    const [first, second] = ['1.2.3', '1.2.4'].map((version) => ({
      inputs: { ...inputs, version },
      env: cache.variables,
    }))
    if (first === undefined || second === undefined) throw new Error('there are two runs')
    expectGreen(await on.step(first))
    expect([...cache.entries.keys()]).toEqual([
      expect.stringMatching(/^lading-trivy-db-2-[0-9a-f]{8}-\d{8}T\d{6}Z-[0-9a-f]{64}$/),
    ])
    source.reset()

    const end = await on.step(second)
    expectGreen(end)
    expect(end.main.report?.scan.database?.source).toBe(`${source.host}/trivy-db:2 (Actions cache)`)
    expect(source.requests).toEqual([])
    expect(cache.entries.size).toBe(1)
  })

  test('is not fetched when nothing is looked for that needs it', async () => {
    const one = await repository()
    const { end } = await scanned({}, { ...named(one), scanners: 'secret' })
    expectGreen(end)
    expect(one.requests).toEqual([])
  })

  test('is not fetched with `scan: off`', async () => {
    const one = await repository()
    const { end } = await scanned({}, { ...named(one), scan: 'off' })
    expectGreen(end)
    expect(one.requests).toEqual([])
  })
})

test('a scanner with a known theft in it is TOOL_UNVERIFIED, and scans nothing', async () => {
  const { on, end } = await scanned({ version: `console.log('{"Version":"0.69.4"}')` })
  expect(expectRed(end, 'TOOL_UNVERIFIED')).toContain('0.69.4')
  expect((await on.calls()).map(({ args }) => args[0])).toEqual(['version'])
})

test('a scanner is started in an empty folder and with an emptied environment', async () => {
  const { on, end } = await scanned({})
  expectGreen(end)
  const calls = await on.calls()
  expect(calls.length).toBeGreaterThan(2)
  for (const { env, directory } of calls) {
    expect(Object.keys(env).filter((name) => !/^(?:HOME|TMPDIR|PWD|_|SHLVL)$/.test(name))).toEqual([])
    expect(directory.startsWith(on.temp)).toBe(true)
  }
  expect(messagesOf(end.main.log, 'warning')).toEqual([])
})

import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Report, ReportedFinding } from '../../src/report/report.ts'
import { sarifOf } from '../../src/report/sarif.ts'
import { EXAMPLES, FAILED_EARLY, PUBLISHED, REFUSED, WITH_EXCEPTIONS } from './examples.ts'
import { hostile } from './hostile-text.ts'
import { faultsOf, type Sarif, sarifIn } from './sarif.ts'

const FINDING: ReportedFinding = {
  id: 'CVE-2026-1234',
  severity: 'CRITICAL',
  kind: 'vulnerability',
  subject: 'openssl',
  installed: '3.0.11',
  fixed: '3.0.13',
  title: 'openssl: out-of-bounds read',
  url: 'https://avd.aquasec.com/nvd/cve-2026-1234',
  platforms: ['linux/amd64'],
  origin: '',
  ignored: false,
  reason: '',
  pass: '',
}

const SECRET: ReportedFinding = { ...FINDING, kind: 'secret', id: 'github-pat', subject: '/app/.env:3', url: '' }

/** A report of a scan of `linux/amd64` that found this. */
function found(findings: readonly Partial<ReportedFinding>[], scan: Partial<Report['scan']> = {}): Report {
  const whole = findings.map((finding) => ({ ...FINDING, ...finding }))
  const platforms = [{ platform: 'linux/amd64', counts: {} }]
  return { ...REFUSED, scan: { ...REFUSED.scan, platforms, findings: whole, ...scan } }
}

const runIn = (report: Report) => {
  const [run] = sarifIn(report).runs
  if (run === undefined) throw new Error('there is no run')
  return run
}
const hashes = (report: Report) =>
  runIn(report).results.map(({ partialFingerprints: { primaryLocationLineHash: hash } }) => hash)

describe('the file', () => {
  test.each(Object.entries(EXAMPLES).filter(([, { scan }]) => scan.result !== 'not-scanned'))(
    'of %s is what SARIF and GitHub ask for',
    (_name, report) => {
      expect(faultsOf(sarifIn(report))).toEqual([])
    },
  )

  test('has a run for each platform, with a category of its own that ends in a slash', () => {
    const { runs } = sarifIn({ ...REFUSED, scan: { ...REFUSED.scan, image: 'acme/api/alpine' } })
    expect(runs.map(({ automationDetails: { id } }) => id)).toEqual([
      'lading/acme/api/alpine/linux-amd64/',
      'lading/acme/api/alpine/linux-arm64/',
    ])
    expect(runs.map(({ results }) => results.length)).toEqual([2, 14])
  })

  test('is there for a clean image too, with no result, so that alerts close', () => {
    const { runs } = sarifIn(PUBLISHED)
    expect(runs.map(({ results, tool }) => [results, tool.driver.rules])).toEqual([
      [[], []],
      [[], []],
    ])
  })

  test('is not there when nothing was scanned', () => {
    expect(sarifOf(FAILED_EARLY)).toBeUndefined()
    expect(sarifOf({ ...PUBLISHED, scan: { ...FAILED_EARLY.scan, decision: 'waived' } })).toBeUndefined()
  })

  test('names the scanner as it names itself, and its version', () => {
    expect(runIn(PUBLISHED).tool.driver).toMatchObject({ name: 'Trivy', version: '0.74.0', semanticVersion: '0.74.0' })
    const odd = runIn(found([], { scanner: 'trivy dev' })).tool.driver
    expect(odd).toMatchObject({ version: 'dev' })
    expect(odd).not.toHaveProperty('semanticVersion')
  })

  test.each<readonly [string, (sarif: Sarif) => unknown, string]>([
    ['a result without a place', (file) => change(file, { locations: undefined }), '/locations: is missing'],
    ['a result without a fingerprint', (file) => change(file, { partialFingerprints: {} }), 'is missing'],
    ['a level that is none', (file) => change(file, { level: 'critical' }), 'is none of the words'],
    ['an empty message', (file) => change(file, { message: { text: ' ' } }), 'has another form'],
    [
      'a path of the machine',
      (file) => change(file, { locations: [place('/srv/job/Dockerfile')] }),
      'has another form',
    ],
    ['what nobody knows', (file) => change(file, { secret: 'x' }), '/secret: is not known'],
    ['another version', (file) => ({ ...file, version: '2.0.0' }), '/version: is not the constant'],
  ])('would be refused with %s', (_name, broken, fault) => {
    expect(faultsOf(JSON.parse(JSON.stringify(broken(sarifIn(REFUSED))))).join('\n')).toContain(fault)
  })
})

function change(file: Sarif, changes: object): unknown {
  return {
    ...file,
    runs: file.runs.map((run) => ({ ...run, results: run.results.map((one) => ({ ...one, ...changes })) })),
  }
}

function place(uri: string): object {
  const region = { startLine: 1, startColumn: 1, endLine: 1, endColumn: 1 }
  return { physicalLocation: { artifactLocation: { uri, uriBaseId: '%SRCROOT%' }, region } }
}

describe('what is in it', () => {
  test('what counts, what is only reported and what the baseline has; not what is accepted or passes unfixed', () => {
    const passes = ['', 'reported', 'baseline', 'accepted', 'unfixed'] as const
    const report = found(passes.map((pass) => ({ pass, ignored: pass !== '', id: `CVE-${pass}` })))
    expect(runIn(report).results.map(({ properties: { pass } }) => pass)).toEqual(['', 'reported', 'baseline'])
    expect(sarifIn(WITH_EXCEPTIONS).runs.flatMap(({ results }) => results)).toEqual([])
  })

  test('a message that says all that one needs, its first sentence alone too', () => {
    const [result] = runIn(found([{ origin: 'base', platforms: ['linux/amd64', 'linux/arm64'] }])).results
    expect(result?.message.text.split('\n')).toEqual([
      'Vulnerability CVE-2026-1234 in openssl 3.0.11.',
      'Package: openssl',
      'Installed version: 3.0.11',
      'Fixed version: 3.0.13',
      'Severity: CRITICAL',
      'Platforms: linux/amd64, linux/arm64',
      'Comes from: the base image',
    ])
    const [unfixed] = runIn(found([{ fixed: '', origin: 'added', reason: 'only reported' }])).results
    expect(unfixed?.message.text).toContain(
      'Fixed version: none yet\nSeverity: CRITICAL\nPlatforms: linux/amd64\nComes from: what this build added\nDoes not count: only reported',
    )
    const [secret] = runIn(found([SECRET])).results
    expect(secret?.message.text).toMatch(
      /^Secret github-pat in \/app\/\.env:3\.\nIn: \/app\/\.env:3\nInstalled version: 3/,
    )
  })

  test.each([
    ['CRITICAL', 'error', '9.5'],
    ['HIGH', 'error', '8.0'],
    ['MEDIUM', 'warning', '5.5'],
    ['LOW', 'note', '2.0'],
    ['UNKNOWN', 'note', undefined],
  ])('%s as %s with the number that GitHub reads as that', (severity, level, score) => {
    const { results, tool } = runIn(found([{ severity }]))
    expect(results[0]?.level).toBe(level)
    expect(tool.driver.rules[0]?.properties['security-severity']).toBe(score)
  })

  test('each rule once, as bad as its worst finding, and results that point at theirs', () => {
    const { results, tool } = runIn(
      found([{ subject: 'a', severity: 'LOW' }, { subject: 'b' }, { id: 'GPL-3.0', kind: 'license', subject: 'c' }]),
    )
    expect(tool.driver.rules.map(({ id, properties }) => [id, properties['security-severity']])).toEqual([
      ['CVE-2026-1234', '9.5'],
      ['c:GPL-3.0', '9.5'],
    ])
    for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex]?.id).toBe(ruleId)
  })

  test('an address that is none of https is no link', () => {
    const [rule] = runIn(found([{ url: 'javascript:alert(1)' }])).tool.driver.rules
    expect(rule?.helpUri).toBeUndefined()
    expect(rule?.help.markdown).not.toContain('](')
  })

  test('the place that the report names, or else the image, which is no file', () => {
    const placeOf = (report: Report) => runIn(report).results[0]?.locations[0]?.physicalLocation
    const named = placeOf(found([{}], { place: { file: 'docker files/api#1.Dockerfile', line: 7 } }))
    expect(named).toEqual({
      artifactLocation: { uri: 'docker%20files/api%231.Dockerfile', uriBaseId: '%SRCROOT%' },
      region: { startLine: 7, startColumn: 1, endLine: 7, endColumn: 1 },
    })
    expect(placeOf(found([{}], { image: 'acme/api' }))).toMatchObject({ artifactLocation: { uri: 'acme/api' } })
  })
})

describe('fingerprints', () => {
  test('stay when versions, platforms, words and lines change', () => {
    const before = hashes(found([{}, SECRET]))
    const changed = { installed: '3.0.12', fixed: '', title: 'x', origin: 'base', url: '' } as const
    const platforms = ['linux/arm64', 'linux/amd64']
    expect(
      hashes(
        found([
          { ...changed, platforms },
          { ...SECRET, subject: '/app/.env:9' },
        ]),
      ),
    ).toEqual(before)
  })

  test('differ where another thing was found, or the same in something else', () => {
    const all = hashes(found([{}, { id: 'CVE-2' }, { subject: 'libssl' }, { kind: 'license' }, SECRET]))
    expect(new Set(all).size).toBe(5)
  })

  test('number those that are otherwise equal', () => {
    const [first, second] = hashes(found([{ installed: '1' }, { installed: '2' }]))
    expect([first?.split(':')[0], first?.split(':')[1], second]).toEqual([
      first?.split(':')[0],
      '1',
      `${first?.split(':')[0]}:2`,
    ])
  })
})

describe('what GitHub takes', () => {
  const PLATFORMS = Array.from({ length: 24 }, (_, index) => `linux/p${index}`)
  const many = (count: number, platforms: readonly string[]): Report => {
    const findings = Array.from({ length: count }, (_, index) => ({
      ...FINDING,
      id: `CVE-2026-${index}`,
      severity: index === count - 1 ? 'CRITICAL' : 'HIGH',
      title: `package-${index}: ${'out-of-bounds read '.repeat(10)}`,
      url: `https://avd.aquasec.com/nvd/cve-2026-${index}`,
      platforms: platforms.slice(0, platforms.length - (index % 2)),
    }))
    return found(findings, { platforms: platforms.map((platform) => ({ platform, counts: {} })) })
  }

  test('is kept, worst first, and what is left out is said', () => {
    const run = runIn(many(6000, ['linux/amd64']))
    expect(run.results).toHaveLength(3000)
    const full = runIn(many(12_000, ['linux/amd64', 'linux/arm64']))
    expect(full.results).toHaveLength(5000)
    expect(full.results.length).toBe(full.tool.driver.rules.length)
    const [notification] = full.invocations[0]?.toolExecutionNotifications ?? []
    expect(notification?.message.text).toBe(
      '7000 more findings of this platform are left out; the report has all of them.',
    )
  })

  test('is kept with many platforms too: those with the worst findings, in a file of less than 10 MB', () => {
    const text = sarifOf(many(1300, PLATFORMS)) ?? ''
    const { runs }: Sarif = JSON.parse(text)
    expect(runs).toHaveLength(20)
    expect(runs.reduce((sum, { results }) => sum + results.length, 0)).toBe(25_000)
    expect(gzipSync(text).length).toBeLessThan(10_000_000)
    const words = runs[0]?.invocations[0]?.toolExecutionNotifications.map(({ message }) => message.text)
    expect(words).toEqual([
      '50 more findings of this platform are left out; the report has all of them.',
      '4 more platforms are left out; the report has all of them.',
    ])
  })

  test('puts the worst before all others, wherever the report has it', () => {
    expect(runIn(many(5999, ['linux/amd64'])).results[0]?.ruleId).toBe('CVE-2026-5998')
  })
})

test('text of strangers stays text: the file keeps its form, and nothing in a message is a link', () => {
  const finding = fc.record({
    id: hostile,
    severity: hostile,
    subject: hostile,
    installed: hostile,
    title: hostile,
    url: hostile,
    reason: hostile,
  })
  fc.assert(
    fc.property(fc.array(finding, { minLength: 1, maxLength: 3 }), hostile, (findings, odd) => {
      const platform = `linux/${odd}`
      const report = found(
        findings.map((one) => ({ ...one, platforms: [platform] })),
        { platforms: [{ platform, counts: {} }], image: odd, scanner: odd },
      )
      const sarif = sarifIn(report)
      expect(faultsOf(sarif)).toEqual([])
      for (const { message } of sarif.runs.flatMap(({ results }) => results)) {
        for (const line of message.text.split('\n')) expect(line).not.toMatch(/\]\(|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        expect(message.text.split('\n').length).toBeLessThan(9)
      }
    }),
    { numRuns: 150 },
  )
})

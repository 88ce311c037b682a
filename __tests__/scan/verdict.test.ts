import { describe, expect, test } from 'vitest'
import { asLadingError } from '../../src/error.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import type { Gate } from '../../src/plan/request.ts'
import type { Finding } from '../../src/scan/findings.ts'
import type { Scan, ScanPlatform } from '../../src/scan/scan.ts'
import { scanReport } from '../../src/scan/scan-report.ts'
import { judge, type Refusal, refusalError } from '../../src/scan/verdict.ts'
import { GATE, SCOPE } from './world.ts'

const ROOT: Descriptor = { mediaType: MEDIA_TYPE.ociIndex, digest: digestOf('root'), size: 1 }
const SCANNER = { program: '/bin/trivy', version: '0.74.0', from: 'trivy-path', sha256: 'a'.repeat(64) }
const DATABASE = { source: 'ghcr.io/acme/db:2', updated: '2026-11-21T08:30:00.000Z', ageHours: 3 }

function cve(id: string, changes: Partial<Finding> = {}): Finding {
  const fixed = { installed: '1', fixed: '2', status: 'fixed', title: 't', url: 'https://x', purl: '' }
  return { kind: 'vulnerability', id, severity: 'HIGH', package: 'p', ...fixed, ...changes } as Finding
}

const UNFIXED = { fixed: '', status: 'affected' }
const SECRET: Finding = { kind: 'secret', id: 'github-pat', severity: 'CRITICAL', title: 't', file: '/a', line: 3 }

function asked(platform: string): ScanPlatform {
  const descriptor = (of: string): Descriptor => ({
    mediaType: MEDIA_TYPE.ociManifest,
    digest: digestOf(`${of} ${platform}`),
    size: 1,
  })
  return { platform, manifest: descriptor('manifest'), config: descriptor('config'), layers: [] }
}

/** A scan of platforms with these findings. */
function scanOf(findings: Readonly<Record<string, readonly Finding[]>>, rule: Partial<Gate> = {}): Scan {
  const platforms = Object.keys(findings).map((platform) => ({
    platform,
    imageId: asked(platform).config.digest,
    os: '',
    endOfLife: false,
    findings: findings[platform] ?? [],
    accepted: [],
  }))
  const { severities, ignoreUnfixed, scope } = { ...GATE, ...rule }
  const [done, kept] = [Object.keys(findings).map(asked), { severities, ignoreUnfixed, scope }]
  return { scanner: SCANNER, database: DATABASE, asked: done, platforms, rule: kept, expired: [] }
}

function refusalOf(scan: Scan, gate: Gate = GATE): Refusal {
  const verdict = judge(ROOT, scan, gate)
  if (verdict.pass) throw new Error('it passed')
  return verdict
}

describe('judge admits', () => {
  const found = { 'linux/amd64': [], 'linux/arm64': [cve('CVE-1')] }
  test.each<[string, Scan | 'off', Partial<Gate>, string]>([
    ['a clean image as passed', scanOf({ 'linux/amd64': [], 'linux/arm64': [] }), {}, 'passed'],
    [
      'a clean image as passed where findings are only reported',
      scanOf({ 'linux/amd64': [] }),
      { scan: 'report' },
      'passed',
    ],
    ['an image with findings as reported', scanOf(found), { scan: 'report' }, 'reported'],
    ['an image that nobody wanted scanned as waived', 'off', { scan: 'off' }, 'waived'],
    [
      'findings below the gate as passed',
      scanOf({ 'linux/amd64': [cve('CVE-1', { severity: 'HIGH' })] }),
      { severities: ['CRITICAL'] },
      'passed',
    ],
    [
      'what has no fix, when it is ignored',
      scanOf({ 'linux/amd64': [cve('CVE-1', UNFIXED)] }),
      { ignoreUnfixed: true },
      'passed',
    ],
  ])('%s', (_name, scan, gate, decision) => {
    expect(judge(ROOT, scan, { ...GATE, ...gate })).toEqual({ pass: true, image: { ...ROOT, decision } })
  })
})

describe('judge refuses', () => {
  test('an image with a finding in its second platform only', () => {
    const verdict = refusalOf(scanOf({ 'linux/amd64': [], 'linux/arm64': [cve('CVE-1')] }))
    expect(verdict.blocking).toMatchObject([{ id: 'CVE-1', platforms: ['linux/arm64'] }])
    expect(verdict).not.toHaveProperty('image')
  })

  test('a secret, also when what has no fix is ignored', () => {
    const verdict = refusalOf(scanOf({ 'linux/amd64': [SECRET] }), { ...GATE, ignoreUnfixed: true })
    expect(verdict).toMatchObject({ blocking: [SECRET], unfixedOnly: false })
  })

  test('what an exception let pass until it expired, and says so', () => {
    const exception = {
      ...{ about: ['vuln' as const], id: 'CVE-1', paths: [], purls: [], statement: '' },
      ...{ expires: '2026-10-01T00:00:00Z', origin: '.trivyignore, line 3' },
    }
    const other = { ...exception, id: 'CVE-9' }
    const scan = { ...scanOf({ 'linux/amd64': [cve('CVE-1', UNFIXED)] }), expired: [other, exception] }
    const refusal = refusalOf(scan)
    expect(refusal.expired).toEqual([exception])
    expect(refusalError(refusal, GATE).hint).toContain('CVE-1 (.trivyignore, line 3) expired on 2026-10-01')
  })

  test('with each finding once, worst first, and all its platforms', () => {
    const both = [cve('CVE-2'), cve('CVE-1'), cve('CVE-2', { package: 'q' }), SECRET]
    const { blocking } = refusalOf(scanOf({ 'linux/amd64': both, 'linux/arm64': [cve('CVE-2'), cve('CVE-2')] }))
    expect(blocking.map(({ id, platforms }) => `${id} ${platforms.join(' ')}`)).toEqual([
      'github-pat linux/amd64',
      'CVE-1 linux/amd64',
      'CVE-2 linux/amd64 linux/arm64',
      'CVE-2 linux/amd64',
    ])
  })
})

describe('judge throws SCAN_BROKEN, with scan: report as well, when', () => {
  const clean = scanOf({ 'linux/amd64': [], 'linux/arm64': [] })
  const [first, second] = clean.platforms
  if (first === undefined || second === undefined) throw new Error('two platforms are needed')
  const single: Descriptor = { ...ROOT, mediaType: MEDIA_TYPE.ociManifest }
  test.each<[string, Descriptor, Scan | 'off', Partial<Gate>]>([
    ['there is no scan', ROOT, 'off', {}],
    ['a platform is missing', ROOT, { ...clean, platforms: [first] }, {}],
    ['the same platform was scanned twice', ROOT, { ...clean, platforms: [first, first] }, {}],
    ['one more was scanned than asked', ROOT, { ...clean, platforms: [first, second, second] }, {}],
    [
      'the scanned configuration is another',
      ROOT,
      { ...clean, platforms: [first, { ...second, imageId: first.imageId }] },
      {},
    ],
    ['no platform was asked', ROOT, { ...clean, asked: [], platforms: [] }, {}],
    ['the scan is about another image', single, scanOf({ 'linux/amd64': [] }), {}],
    ['the scan looked for other levels', ROOT, clean, { severities: ['MEDIUM', 'HIGH'] }],
    ['the gate has no level', ROOT, clean, { severities: [] }],
  ])('%s', (_name, root, scan, gate) => {
    for (const mode of ['gate', 'report'] as const) {
      expect(codeOf(() => judge(root, scan, { ...GATE, ...gate, scan: mode }))).toBe('SCAN_BROKEN')
    }
  })

  test('and says how many of how many were scanned', () => {
    expect(() => judge(ROOT, { ...clean, platforms: [first] }, GATE)).toThrow(
      '1 of 2 platforms were scanned, not linux/arm64',
    )
  })
})

test('judge takes a single manifest that is the scanned one', () => {
  expect(judge(asked('linux/amd64').manifest, scanOf({ 'linux/amd64': [] }), GATE).pass).toBe(true)
})

describe('refusalError', () => {
  test('names the worst findings with package, versions and platforms', () => {
    const scan = scanOf({ 'linux/amd64': [], 'linux/arm64': [cve('CVE-1'), SECRET] })
    const error = refusalError(refusalOf(scan), GATE)
    expect(error.code).toBe('SCAN_FINDINGS')
    expect(error.message.split('\n')).toEqual([
      '2 findings stop this image (1 CRITICAL, 1 HIGH); nothing of it was written to any registry',
      '  CRITICAL github-pat in /a:3 (linux/arm64)',
      '  HIGH CVE-1 p 1 → 2 (linux/arm64)',
    ])
  })

  test('shows ten and counts the rest', () => {
    const many = Array.from({ length: 13 }, (_, at) => cve(`CVE-${at}`))
    const lines = refusalError(refusalOf(scanOf({ 'linux/amd64': many })), GATE).message.split('\n')
    expect([lines.length, lines.at(-1)]).toEqual([12, '  and 3 more'])
  })

  test('hints at ignore-unfixed only when nothing has a fix', () => {
    const hint = (findings: readonly Finding[]): string =>
      refusalError(refusalOf(scanOf({ 'linux/amd64': findings })), GATE).hint
    expect(hint([cve('CVE-1', UNFIXED)])).toContain('ignore-unfixed: true')
    expect(hint([cve('CVE-1', UNFIXED), cve('CVE-2')])).not.toContain('ignore-unfixed')
    expect(hint([cve('CVE-1', UNFIXED), SECRET])).not.toContain('ignore-unfixed')
    expect(hint([SECRET])).toContain('secret')
  })
})

describe('scanReport', () => {
  test('names who signed the scanner, where that was verified', () => {
    const scan = scanOf({ 'linux/amd64': [] })
    expect(scanReport(scan, judge(ROOT, scan, GATE))).not.toHaveProperty('scannerSigned')
    const signed = { ...scan, scanner: { ...SCANNER, signedBy: 'https://example.com/the-makers' } }
    expect(scanReport(signed, judge(ROOT, scan, GATE)).scannerSigned).toBe('https://example.com/the-makers')
  })

  test('counts per platform what Trivy says, and each distinct finding once in total', () => {
    const scan = scanOf({ 'linux/amd64': [cve('CVE-1'), cve('CVE-1'), SECRET], 'linux/arm64': [cve('CVE-1')] })
    expect(scanReport(scan, judge(ROOT, scan, GATE))).toMatchObject({
      result: 'findings',
      decision: 'refused',
      platforms: [
        { platform: 'linux/amd64', counts: { CRITICAL: 1, HIGH: 2 } },
        { platform: 'linux/arm64', counts: { CRITICAL: 0, HIGH: 1 } },
      ],
      total: { CRITICAL: 1, HIGH: 1 },
      findings: [
        { id: 'github-pat', kind: 'secret', subject: '/a:3', platforms: ['linux/amd64'] },
        { id: 'CVE-1', subject: 'p', installed: '1', fixed: '2', platforms: ['linux/amd64', 'linux/arm64'] },
      ],
      database: DATABASE,
      scanner: 'trivy 0.74.0',
    })
  })

  test('keeps listing what ignore-unfixed lets pass, and counts it nowhere', () => {
    const gate: Gate = { ...GATE, ignoreUnfixed: true }
    const scan = scanOf({ 'linux/amd64': [cve('CVE-1', UNFIXED)] }, gate)
    expect(scanReport(scan, judge(ROOT, scan, gate))).toMatchObject({
      result: 'clean',
      decision: 'passed',
      total: { CRITICAL: 0, HIGH: 0 },
      platforms: [{ counts: { CRITICAL: 0, HIGH: 0 } }],
      findings: [{ id: 'CVE-1', fixed: '', pass: 'unfixed', ignored: true, reason: 'no fix yet' }],
    })
  })

  test.each<[Gate['scan'], string, string]>([
    ['report', 'findings', 'reported'],
    ['off', 'not-scanned', 'waived'],
  ])('says with scan: %s that it was %s and %s', (mode, result, decision) => {
    const scan = mode === 'off' ? 'off' : scanOf({ 'linux/amd64': [cve('CVE-1')] })
    expect(scanReport(scan, judge(ROOT, scan, { ...GATE, scan: mode }))).toMatchObject({ result, decision })
  })

  test('is plain data', () => {
    const scan = scanOf({ 'linux/amd64': [cve('CVE-1')] })
    const report = scanReport(scan, judge(ROOT, scan, GATE))
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })
})

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    return asLadingError(error).code
  }
}

test('a scan that did not look for what the gate asks for is no scan', () => {
  const scan = scanOf({ 'linux/amd64': [] }, { scope: { ...SCOPE, scanners: { vuln: 'gate' } } })
  expect(() => judge(ROOT, scan, GATE)).toThrow('other things than the gate')
})

test('what is only reported stops nothing, and its platforms count none of it', () => {
  const gate: Gate = { ...GATE, scope: { ...SCOPE, scanners: { vuln: 'report', secret: 'gate' } } }
  const scan = scanOf({ 'linux/amd64': [cve('CVE-1')] }, gate)
  const verdict = judge(ROOT, scan, gate)
  expect(verdict).toMatchObject({ pass: true, image: { decision: 'passed' } })
  const report = scanReport(scan, verdict)
  expect(report).toMatchObject({ result: 'clean', platforms: [{ counts: { HIGH: 0 } }] })
  expect(report.findings).toMatchObject([{ id: 'CVE-1', ignored: true, pass: 'reported', reason: 'only reported' }])
})

import { expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import { withBaseline } from '../../src/scan/baseline.ts'
import type { Accepted, Finding, PlatformScan } from '../../src/scan/findings.ts'
import type { Scan } from '../../src/scan/scan.ts'
import { GATE } from './world.ts'

const LAYER = digestOf('layer')

function cve(id: string, changes: Partial<Finding> = {}): Finding {
  const fixed = { installed: '1', fixed: '2', status: 'fixed', title: 't', url: '', purl: '' }
  return { kind: 'vulnerability', id, severity: 'HIGH', package: 'p', ...fixed, ...changes } as Finding
}

function secret(changes: Partial<Finding> = {}): Finding {
  const at = { title: 't', file: '/a', line: 3, layer: LAYER }
  return { kind: 'secret', id: 'github-pat', severity: 'CRITICAL', ...at, ...changes } as Finding
}

function platformOf(platform: string, findings: readonly Finding[], accepted: readonly Accepted[] = []): PlatformScan {
  return { platform, imageId: digestOf(platform), os: '', endOfLife: false, findings, accepted }
}

function scanOf(...platforms: readonly PlatformScan[]): Scan {
  const scanner = { program: '/trivy', version: '0.74.0', from: 'trivy-path', sha256: '' }
  return { scanner, asked: [], platforms, rule: GATE, expired: [] }
}

/** The ids of what is known, of an image and of its baseline, each on one platform. */
function known(findings: readonly Finding[], before: readonly Finding[], accepted: readonly Accepted[] = []): string[] {
  const marked = withBaseline(
    scanOf(platformOf('linux/amd64', findings)),
    scanOf(platformOf('linux/amd64', before, accepted)),
  )
  return marked.platforms.flatMap((one) => one.findings.flatMap((finding) => (finding.isKnown ? [finding.id] : [])))
}

test.each<[string, readonly Finding[], readonly Finding[], readonly string[]]>([
  ['what the baseline has too is known', [cve('CVE-1'), cve('CVE-2')], [cve('CVE-1')], ['CVE-1']],
  ['in another version of its package as well', [cve('CVE-1', { installed: '2' })], [cve('CVE-1')], ['CVE-1']],
  ['not in another package', [cve('CVE-1', { package: 'q' })], [cve('CVE-1')], []],
  ['a secret in the same layer is the same one', [secret()], [secret()], ['github-pat']],
  ['one in another layer may be another one', [secret({ layer: digestOf('other') })], [secret()], []],
  ['one of another place is', [secret({ line: 4 } as Partial<Finding>)], [secret()], []],
])('%s', (_name, findings, before, expected) => {
  expect(known(findings, before)).toEqual(expected)
})

test('nobody can tell secrets of the environment apart, so that they count', () => {
  const { layer: _, ...inEnvironment } = secret()
  expect(known([inEnvironment], [inEnvironment])).toEqual([])
})

test('what an exception let pass in the baseline is no news', () => {
  expect(known([cve('CVE-1')], [], [{ ...cve('CVE-1'), reason: 'accepted' }])).toEqual(['CVE-1'])
})

test('each platform is compared with its own, and a new platform with none', () => {
  const both = [platformOf('linux/amd64', [cve('CVE-1')]), platformOf('linux/arm64', [cve('CVE-1')])]
  const marked = withBaseline(scanOf(...both), scanOf(platformOf('linux/arm64', [cve('CVE-1')])))
  expect(marked.platforms.map(({ findings }) => findings.map(({ isKnown }) => isKnown))).toEqual([[undefined], [true]])
})

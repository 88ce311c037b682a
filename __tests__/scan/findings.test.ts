import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asLadingError } from '../../src/error.ts'
import { digestOf, parseDigest } from '../../src/image/digest.ts'
import { SEVERITIES } from '../../src/plan/request.ts'
import { type Expected, parseFindings } from '../../src/scan/findings.ts'
import type { SampleName } from './samples.ts'

function recorded(name: SampleName): { text: string; expected: Expected } {
  const text = readFileSync(join(import.meta.dirname, '../fixtures/trivy', `${name}.json`), 'utf8')
  const { ImageID, DiffIDs }: { ImageID: string; DiffIDs: string[] } = JSON.parse(text).Metadata
  const layers = new Set(DiffIDs.map(parseDigest))
  const image = { platform: 'linux/amd64', config: parseDigest(ImageID), layers }
  return { text, expected: { ...image, input: 'linux-amd64', severities: SEVERITIES } }
}

function parseRecorded(name: SampleName) {
  const { text, expected } = recorded(name)
  return parseFindings(text, expected)
}

/** What Trivy called a layer of a recorded image. */
function layerOf(name: SampleName, at: number): string {
  return JSON.parse(recorded(name).text).Metadata.DiffIDs[at]
}

describe('parseFindings reads what Trivy wrote about', () => {
  test('a clean image', () => {
    expect(parseRecorded('clean')).toMatchObject({ os: 'alpine 3.10.2', endOfLife: true, findings: [] })
  })

  test('an image from scratch, which has no results at all', () => {
    expect(recorded('scratch').text).not.toContain('"Results"')
    expect(parseRecorded('scratch')).toMatchObject({ os: '', endOfLife: false, findings: [] })
  })

  test('a vulnerability with a fix', () => {
    expect(parseRecorded('vulnerable').findings).toEqual([
      {
        kind: 'vulnerability',
        id: 'CVE-2019-14697',
        severity: 'CRITICAL',
        package: 'musl',
        installed: '1.1.19-r2',
        fixed: '1.1.22-r3',
        status: 'fixed',
        title: 'musl: x87 floating-point stack adjustment imbalance',
        url: 'https://avd.aquasec.com/nvd/cve-2019-14697',
        purl: 'pkg:apk/alpine/musl@1.1.19-r2?arch=x86_64&distro=3.10.2',
        layer: layerOf('vulnerable', 0),
      },
    ])
  })

  test('a vulnerability without a fix', () => {
    expect(parseRecorded('unfixed').findings).toMatchObject([{ id: 'CVE-2021-3712', fixed: '', status: 'affected' }])
  })

  test('a secret that a later layer took away, by rule, file and line only', () => {
    const title = 'GitHub Personal Access Token'
    const finding = { kind: 'secret', id: 'github-pat', severity: 'CRITICAL', title, file: '/app/.env', line: 1 }
    expect(parseRecorded('deleted-secret').findings).toEqual([{ ...finding, layer: layerOf('deleted-secret', 0) }])
  })

  test('a secret in the environment, without a word of what it is', () => {
    const scan = parseRecorded('secret-in-env')
    expect(scan.findings).toMatchObject([{ kind: 'secret', id: 'github-pat', file: 'image configuration' }])
    expect(scan.findings[0]).not.toHaveProperty('layer')
    expect(recorded('secret-in-env').text).toContain('THE-SECRET-ITSELF')
    expect(JSON.stringify(scan)).not.toMatch(/THE-SECRET-ITSELF|GH_TOKEN|\*\*\*/)
  })
})

const CONFIG = digestOf('config')
const LAYER = digestOf('layer')
const EXPECTED: Expected = {
  platform: 'linux/arm64',
  config: CONFIG,
  layers: new Set([LAYER]),
  input: 'linux-arm64',
  severities: ['HIGH', 'CRITICAL'],
}
const CVE = { VulnerabilityID: 'CVE-1', PkgName: 'p', InstalledVersion: '1', Severity: 'HIGH' }
const SECRET = { RuleID: 'r', Severity: 'HIGH', StartLine: 3 }

function report(changes: object): string {
  return JSON.stringify({
    SchemaVersion: 2,
    ArtifactType: 'container_image',
    Metadata: { ImageID: CONFIG },
    ...changes,
  })
}

function withResult(result: object): string {
  return report({ Results: [{ Target: 't', ...result }] })
}

describe('the layer of a finding', () => {
  const misconfiguration = { ID: 'DS-0002', Severity: 'HIGH' }
  const found = (layer: unknown) => {
    const results = { Vulnerabilities: [CVE], Secrets: [SECRET], Misconfigurations: [misconfiguration] }
    const located = Object.entries(results).map(([key, [item]]) => [key, [{ ...item, Layer: layer }]])
    return parseFindings(withResult(Object.fromEntries(located)), EXPECTED).findings
  }

  test('is the one that brought it, whatever was found', () => {
    expect(found({ DiffID: LAYER }).map(({ layer }) => layer)).toEqual([LAYER, LAYER, LAYER])
  })

  test.each([
    ['Trivy names none', {}],
    ['an SBOM in the image names one of another image', { DiffID: digestOf('another') }],
    ['an SBOM in the image names what is none', { DiffID: '::error::' }],
  ])('is not known where %s', (_name, layer) => {
    for (const finding of found(layer)) expect(finding).not.toHaveProperty('layer')
  })
})

describe('parseFindings takes for broken', () => {
  test.each([
    ['nothing', ''],
    ['half a report', report({}).slice(0, -20)],
    ['no object', '[]'],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['another schema', report({ SchemaVersion: 3 })],
    ['a report about files', report({ ArtifactType: 'filesystem' })],
    ['no metadata', report({ Metadata: undefined })],
    ['no image id', report({ Metadata: {} })],
    ['the id of another image', report({ Metadata: { ImageID: digestOf('another') } })],
    ['an id that is no digest', report({ Metadata: { ImageID: 'sha256:x' } })],
    ['results that are no list', report({ Results: {} })],
    ['results that are null', report({ Results: null })],
    ['a result that is no object', report({ Results: ['x'] })],
    ['a system that is no object', report({ Metadata: { ImageID: CONFIG, OS: 'alpine' } })],
    ['vulnerabilities that are no list', withResult({ Vulnerabilities: 'none' })],
    ['a vulnerability that is null', withResult({ Vulnerabilities: [null] })],
    ['a vulnerability without id', withResult({ Vulnerabilities: [{ ...CVE, VulnerabilityID: undefined }] })],
    ['a vulnerability without package', withResult({ Vulnerabilities: [{ ...CVE, PkgName: '' }] })],
    ['a version that is a number', withResult({ Vulnerabilities: [{ ...CVE, FixedVersion: 1 }] })],
    ['a severity nobody knows', withResult({ Vulnerabilities: [{ ...CVE, Severity: 'high' }] })],
    ['a severity that was not asked for', withResult({ Vulnerabilities: [{ ...CVE, Severity: 'LOW' }] })],
    ['a package identifier that is no object', withResult({ Vulnerabilities: [{ ...CVE, PkgIdentifier: 'x' }] })],
    ['a layer that is no object', withResult({ Vulnerabilities: [{ ...CVE, Layer: 'x' }] })],
    ['a layer whose name is a number', withResult({ Secrets: [{ ...SECRET, Layer: { DiffID: 1 } }] })],
    ['secrets that are no list', withResult({ Secrets: null })],
    ['a secret without rule', withResult({ Secrets: [{ ...SECRET, RuleID: undefined }] })],
    ['a secret without line', withResult({ Secrets: [{ ...SECRET, StartLine: undefined }] })],
  ])('%s', (_name, text) => {
    const error = failureOf(text)
    expect(error).toMatchObject({ code: 'SCAN_BROKEN', message: expect.stringContaining('linux/arm64') })
  })

  test('no JSON, without repeating any of it: it may hold the environment of the image', () => {
    const error = failureOf('"GH_TOKEN=THE-SECRET-ITSELF" x')
    expect(JSON.stringify([error?.message, String(error?.cause)])).not.toContain('SECRET-ITSELF')
  })

  test('whatever else comes in, unless it is a report: never another error, never a finding out of nothing', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => failureOf(text)?.code === 'SCAN_BROKEN'))
  })

  test('a report with anything in one place of it, or reads it: no other error', () => {
    const { text, expected } = recorded('several')
    const places = placesOf(JSON.parse(text))
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue(), (place, value) => {
        const changed = JSON.parse(text, (key, old) => (key === place ? value : old))
        const code = failureOf(JSON.stringify(changed), expected)?.code
        expect([undefined, 'SCAN_BROKEN']).toContain(code)
      }),
    )
  })
})

test('what a stranger wrote comes out as one plain line, and an odd link not at all', () => {
  const hostile = { ...CVE, Title: 'a\n::error::\u001b[31mb\u202e', PrimaryURL: 'javascript:alert(1)' }
  expect(parseFindings(withResult({ Vulnerabilities: [hostile] }), EXPECTED).findings).toMatchObject([
    { title: 'a ::error::b', url: '' },
  ])
})

function placesOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [key, ...placesOf(inner)])
}

function failureOf(text: string, expected = EXPECTED) {
  try {
    parseFindings(text, expected)
    return undefined
  } catch (error) {
    return asLadingError(error)
  }
}

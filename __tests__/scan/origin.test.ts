import { describe, expect, test } from 'vitest'
import type { BaseLayers } from '../../src/image/base.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { type Digest, digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import type { Accepted, Finding } from '../../src/scan/findings.ts'
import { platformsToSplit, withOrigins } from '../../src/scan/origin.ts'
import type { Scan } from '../../src/scan/scan.ts'
import { scanInWords, scanReport } from '../../src/scan/scan-report.ts'
import { judge, refusalError } from '../../src/scan/verdict.ts'
import { GATE, scannerIn } from './world.ts'

const [LOW, OWN] = [digestOf('a layer of the base'), digestOf('a layer of our own')]
const ROOT: Descriptor = { mediaType: MEDIA_TYPE.ociIndex, digest: digestOf('root'), size: 1 }
const NODE = `node:22@${digestOf('node')}`

function found(id: string, layer?: Digest, changes: { readonly status?: string } = {}): Finding {
  const versions = { installed: '1', fixed: '2', status: 'fixed', ...changes }
  const told = { title: 't', url: '', purl: '', ...(layer === undefined ? {} : { layer }) }
  return { kind: 'vulnerability', id, severity: 'HIGH', package: 'p', ...versions, ...told }
}

const ENVIRONMENT: Finding = {
  kind: 'secret',
  id: 'token',
  severity: 'HIGH',
  title: 't',
  file: 'configuration',
  line: 1,
}
const manifestOf = (platform: string) => digestOf(`manifest of ${platform}`)

/** A scan of platforms with these findings. */
function scanOf(platforms: Readonly<Record<string, readonly Finding[]>>, accepted: readonly Accepted[] = []): Scan {
  const { severities, ignoreUnfixed, scope } = GATE
  const names = Object.keys(platforms)
  const described = (digest: Digest): Descriptor => ({ mediaType: MEDIA_TYPE.ociManifest, digest, size: 1 })
  return {
    scanner: scannerIn('/nowhere'),
    asked: names.map((platform) => ({
      platform,
      manifest: described(manifestOf(platform)),
      config: described(digestOf(platform)),
      layers: [],
    })),
    platforms: Object.entries(platforms).map(([platform, findings]) => {
      return { platform, imageId: digestOf(platform), os: '', endOfLife: false, findings, accepted }
    }),
    rule: { severities, ignoreUnfixed, scope },
    expired: [],
  }
}

/** For each of these platforms a base with the lower layer. */
function based(bases: Readonly<Record<string, string>>): ReadonlyMap<Digest, BaseLayers> {
  return new Map(
    Object.entries(bases).map(([platform, base]) => [manifestOf(platform), { base, layers: new Set([LOW]) }]),
  )
}

describe('withOrigins', () => {
  test.each<[string, Finding, 'base' | 'added' | undefined]>([
    ['of a layer of the base came with it', found('CVE-1', LOW), 'base'],
    ['of another layer was added', found('CVE-1', OWN), 'added'],
    ['of the configuration is neither', ENVIRONMENT, undefined],
    ['of a package without a layer is neither', found('CVE-1'), undefined],
  ])('a finding %s', (_name, finding, origin) => {
    const scan = scanOf({ 'linux/amd64': [finding] }, [{ ...finding, reason: 'known' }])
    const [platform] = withOrigins(scan, based({ 'linux/amd64': NODE })).platforms
    expect(platform?.base).toBe(NODE)
    expect(platform?.findings.map((one) => one.origin)).toEqual([origin])
    expect(platform?.accepted.map((one) => one.origin)).toEqual([origin])
  })

  test('leaves a platform whose base is not known as it is', () => {
    const scan = scanOf({ 'linux/amd64': [found('CVE-1', LOW)], 'linux/arm64': [found('CVE-1', LOW)] })
    const marked = withOrigins(scan, based({ 'linux/arm64': NODE }))
    expect(marked.platforms[0]).toEqual(scan.platforms[0])
    expect(marked.platforms[1]).toMatchObject({ base: NODE, findings: [{ origin: 'base' }] })
    expect(withOrigins(scan, new Map())).toEqual(scan)
  })
})

test('only platforms with something in a layer are split', () => {
  const scan = scanOf({
    'linux/amd64': [],
    'linux/arm64': [ENVIRONMENT],
    'linux/s390x': [ENVIRONMENT, found('CVE-1', OWN)],
  })
  expect([...platformsToSplit(scan)]).toEqual([manifestOf('linux/s390x')])
  const accepted = scanOf({ 'linux/amd64': [] }, [{ ...found('CVE-1', LOW), reason: 'known' }])
  expect([...platformsToSplit(accepted)]).toEqual([manifestOf('linux/amd64')])
})

describe('the report', () => {
  const bases = based({ 'linux/amd64': NODE, 'linux/arm64': NODE })
  const reportOf = (scan: Scan) => scanReport(scan, judge(ROOT, scan, GATE))

  test('marks each finding and names the base of each platform', () => {
    const scan = scanOf({ 'linux/amd64': [found('CVE-1', LOW), found('CVE-2', OWN), ENVIRONMENT], 'linux/arm64': [] })
    const report = reportOf(withOrigins(scan, based({ 'linux/amd64': NODE })))
    expect(report.findings.map(({ id, origin }) => `${id} ${origin}`)).toEqual(['CVE-1 base', 'CVE-2 added', 'token '])
    expect(report.platforms.map(({ base }) => base)).toEqual([NODE, undefined])
    expect(scanInWords(report)).toContain('linux/arm64 clean, 1 of the base image and 1 added here (trivy')
    expect(scanInWords(reportOf(scan))).not.toContain('base')
  })

  test('calls added what was added in any platform', () => {
    for (const layers of [[LOW, OWN] as const, [OWN, LOW] as const]) {
      const [first, second] = layers.map((layer) => [found('CVE-1', layer)])
      const scan = scanOf({ 'linux/amd64': first ?? [], 'linux/arm64': second ?? [] })
      expect(reportOf(withOrigins(scan, bases)).findings).toMatchObject([{ origin: 'added', platforms: { length: 2 } }])
    }
  })

  test('calls of the base what came with it wherever that is known', () => {
    const scan = scanOf({ 'linux/amd64': [found('CVE-1', LOW)], 'linux/arm64': [found('CVE-1', LOW)] })
    expect(reportOf(withOrigins(scan, based({ 'linux/arm64': NODE }))).findings).toMatchObject([{ origin: 'base' }])
  })
})

describe('the hint of a refusal', () => {
  const hintOf = (scan: Scan) => {
    const verdict = judge(ROOT, scan, GATE)
    if (verdict.pass) throw new Error('it passed')
    return refusalError(verdict, GATE).hint
  }
  const both = { 'linux/amd64': [found('CVE-1', LOW)], 'linux/arm64': [found('CVE-1', LOW), found('CVE-2', LOW)] }

  test('names the base when all that stops the image came with it and has a fix', () => {
    const same = withOrigins(scanOf(both), based({ 'linux/amd64': NODE, 'linux/arm64': NODE }))
    expect(hintOf(same)).toBe(`Take a newer base image: all of these came with \`${NODE}\`, and each has a fix.`)
    const several = withOrigins(scanOf(both), based({ 'linux/amd64': 'alpine:3', 'linux/arm64': NODE }))
    expect(hintOf(several)).toContain(`Take newer base images: all of these came with \`alpine:3\`, \`${NODE}\``)
  })

  test.each<[string, Readonly<Record<string, readonly Finding[]>>, Readonly<Record<string, string>>]>([
    ['one was added here', { 'linux/amd64': [found('CVE-1', LOW), found('CVE-2', OWN)] }, { 'linux/amd64': NODE }],
    [
      'one has no fix',
      { 'linux/amd64': [found('CVE-1', LOW), found('CVE-2', LOW, { status: 'affected' })] },
      { 'linux/amd64': NODE },
    ],
    ['one is in the configuration', { 'linux/amd64': [found('CVE-1', LOW), ENVIRONMENT] }, { 'linux/amd64': NODE }],
    [
      'the base of one platform is not known',
      { 'linux/amd64': [found('CVE-1', LOW)], 'linux/arm64': [found('CVE-1', LOW)] },
      { 'linux/amd64': NODE },
    ],
    ['no base is known', both, {}],
  ])('does not when %s', (_name, platforms, bases) => {
    expect(hintOf(withOrigins(scanOf(platforms), based(bases)))).not.toContain('base image')
  })
})

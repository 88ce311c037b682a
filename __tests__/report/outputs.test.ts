import { describe, expect, it } from 'vitest'
import { parseRepository } from '../../src/image/reference.ts'
import { outputRows } from '../../src/report/output-table.ts'
import { isPublished, LONGEST_JSON, outputsOf } from '../../src/report/outputs.ts'
import type { Report } from '../../src/report/report.ts'
import {
  DRY_RUN,
  EXAMPLES,
  FAILED_EARLY,
  HELD,
  KEPT,
  LIVE,
  NOT_PUSHED,
  OLD,
  PARTLY,
  PUBLISHED,
  REFUSED,
  REUSED,
  UNCHANGED,
} from './examples.ts'

const REPOSITORIES = ['ghcr.io/acme/api', 'acme/api'].map(parseRepository)
const outputs = (report: Report) => outputsOf(report, REPOSITORIES)

describe('outputs of a published image', () => {
  it.each([
    ['digest', LIVE],
    ['version', '1.4.2'],
    ['tag-names', '1.4.2\n1.4.2-90dd603\nlatest'],
    ['labels', 'org.opencontainers.image.title=api\norg.opencontainers.image.version=1.4.2'],
    ['annotations', 'manifest:org.opencontainers.image.title=api'],
    ['image-refs', `ghcr.io/acme/api@${LIVE}\ndocker.io/acme/api@${LIVE}`],
    ['published', 'true'],
    ['scan-result', 'clean'],
    ['vulnerabilities', '{"CRITICAL":0,"HIGH":0}'],
    ['rate-limit-limit', '200'],
    ['rate-limit-remaining', '187'],
    ['rate-limit-source', '203.0.113.7'],
    ['rate-limit-reset', '2026-11-21T14:20:00.000Z'],
    ['failure-reason', ''],
    ['json', JSON.stringify(PUBLISHED)],
  ])('%s', (name, value) => {
    expect(outputs(PUBLISHED)[name]).toBe(value)
  })

  it('digests has each platform with its digest', () => {
    expect(JSON.parse(outputs(PUBLISHED)['digests'] ?? '')).toEqual({
      'linux/amd64': PUBLISHED.platforms[0]?.digest,
      'linux/arm64': PUBLISHED.platforms[1]?.digest,
    })
  })

  it('tags and tag-refs have a line for each reference', () => {
    expect(outputs(PUBLISHED)['tags']?.split('\n')).toEqual(PUBLISHED.tags)
    expect(outputs(PUBLISHED)['tag-refs']?.split('\n')).toEqual(PUBLISHED.tags.map((tag) => `${tag}@${LIVE}`))
  })

  it('subjects names Docker Hub as attest steps want it', () => {
    expect(JSON.parse(outputs(PUBLISHED)['subjects'] ?? '')).toEqual([
      { name: 'ghcr.io/acme/api', digest: LIVE },
      { name: 'index.docker.io/acme/api', digest: LIVE },
    ])
  })

  it('pushed lists what was written and nothing else', () => {
    expect(JSON.parse(outputs(PUBLISHED)['pushed'] ?? '')).toEqual(PUBLISHED.tags)
    expect(outputs(UNCHANGED)['pushed']).toBe('[]')
    expect(JSON.parse(outputs(PARTLY)['pushed'] ?? '')).toEqual(PUBLISHED.tags.slice(0, 4))
  })

  it('what is held or kept is neither pushed nor shown', () => {
    expect(outputs(HELD)['tag-refs']).not.toContain('latest')
    expect(JSON.parse(outputs(HELD)['pushed'] ?? '')).toHaveLength(4)
    expect(outputs(KEPT)['tag-refs']?.split('\n')).toEqual(
      ['ghcr.io', 'docker.io'].map((registry) => `${registry}/acme/api:latest@${LIVE}`),
    )
    expect(outputs(KEPT)['image-refs']?.split('\n')).toHaveLength(2)
  })

  it('rate-limit-reset is when the limit has refilled', () => {
    expect(outputs(PUBLISHED)['rate-limit-reset']).toBe('2026-11-21T14:20:00.000Z')
    expect(outputs({ ...PUBLISHED, rateLimits: [] })['rate-limit-reset']).toBe('')
  })

  it('an image without any tag is there by its digest', () => {
    const bare = outputs({ ...PUBLISHED, references: [] })
    expect(bare['image-refs']?.split('\n')).toHaveLength(2)
    expect(bare['tag-refs']).toBe('')
  })
})

describe('published', () => {
  it.each([
    ['published', PUBLISHED, true],
    ['nothing to do', UNCHANGED, true],
    ['reused', REUSED, true],
    ['with a tag held back', HELD, true],
    ['with a fixed tag kept', KEPT, true],
    ['refused', REFUSED, false],
    ['partly published', PARTLY, false],
    ['failed early', FAILED_EARLY, false],
    ['dry run', DRY_RUN, false],
    ['dry run of what is live', { ...UNCHANGED, result: 'dry-run' }, false],
    ['not pushed', NOT_PUSHED, false],
    ['one reference shows another digest', oneShows(OLD), false],
    ['one reference shows nothing', oneShows(null), false],
    ['the digest is not known', { ...PUBLISHED, digest: '', references: [] }, false],
    ['a failure after all', { ...PUBLISHED, failure: { code: 'INTERNAL', message: 'x', hint: 'y' } }, false],
  ] as const)('%s', (_name, report, published) => {
    expect(isPublished(report)).toBe(published)
    expect(outputs(report)['published']).toBe(String(published))
  })
})

describe('outputs of what was not published', () => {
  it.each([
    ['refused', REFUSED],
    ['dry run', DRY_RUN],
    ['not pushed', NOT_PUSHED],
  ])('%s: the digest is told, and no name under which it could be pulled', (_name, report) => {
    const { digest, subjects, pushed, ...others } = outputs(report)
    expect({ digest, subjects, pushed }).toEqual({ digest: LIVE, subjects: '[]', pushed: '[]' })
    expect([others['image-refs'], others['tag-refs']]).toEqual(['', ''])
  })

  it('a failure gives its code', () => {
    expect(outputs(PARTLY)['failure-reason']).toBe('PARTLY_PUBLISHED')
  })

  it('no pull limit leaves its outputs empty', () => {
    const limit = Object.entries(outputs(FAILED_EARLY)).filter(([name]) => name.startsWith('rate-limit'))
    expect(limit.map(([, value]) => value)).toEqual(['', '', '', ''])
  })
})

it('every output is always there, whatever happened', () => {
  const names = Object.keys(outputs(PUBLISHED))
  for (const report of Object.values(EXAMPLES)) expect(Object.keys(outputs(report))).toEqual(names)
})

it('a line break inside a label does not become a label of its own', () => {
  const labels = { description: 'one\nmaintainer=evil\r\nx' }
  expect(outputs({ ...PUBLISHED, labels })['labels']).toBe('description=one maintainer=evil x')
})

it('an annotation that names its level keeps it', () => {
  const annotations = { 'index:a': '1', 'manifest-descriptor[linux/amd64]:b': '2', 'manifest:c': '3' }
  expect(outputs({ ...PUBLISHED, annotations })['annotations']).toBe(
    'index:a=1\nmanifest-descriptor[linux/amd64]:b=2\nmanifest:c=3',
  )
})

it('json is cut at its findings, and nothing but them, when it is too long for an output', () => {
  const [finding] = REFUSED.scan.findings
  const findings = finding === undefined ? [] : Array.from({ length: 5000 }, () => finding)
  const json = outputs({ ...REFUSED, scan: { ...REFUSED.scan, findings } })['json'] ?? ''
  expect(json.length).toBeLessThanOrEqual(LONGEST_JSON)
  const cut: Report = JSON.parse(json)
  expect(cut.scan.findings.length).toBeGreaterThan(500)
  expect({ ...cut, scan: { ...cut.scan, findings: [] } }).toEqual({
    ...REFUSED,
    scan: { ...REFUSED.scan, findings: [] },
  })
})

function oneShows(digest: Report['references'][number]['digest']): Report {
  const [first, ...rest] = PUBLISHED.references
  return first === undefined ? PUBLISHED : { ...PUBLISHED, references: [{ ...first, digest }, ...rest] }
}

it('SBOM files are listed one a line, and none are', () => {
  const sboms = ['amd64', 'arm64'].map((name) => ({ platform: `linux/${name}`, file: `/out/${name}.json` }))
  const report = { ...PUBLISHED, scan: { ...PUBLISHED.scan, sboms } }
  expect(outputs(report)['sbom-file']).toBe('/out/amd64.json\n/out/arm64.json')
  expect(outputs(PUBLISHED)['sbom-file']).toBe('')
})

it('the table of outputs names the same ones', () => {
  expect(
    outputRows('publish')
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual([...Object.keys(outputs(PUBLISHED)), 'report-file', 'bake-file', 'sarif-file'].toSorted())
})

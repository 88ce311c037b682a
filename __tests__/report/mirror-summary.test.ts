import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import type { MirroredImage, MirrorReport } from '../../src/report/mirror-report.ts'
import { mirrorSummaryOf } from '../../src/report/mirror-summary.ts'
import { hostile } from './hostile-text.ts'
import { DRIFTING, HOLDING, image, MIRROR_EXAMPLES, MIRRORED, NOTHING_NEW, PARTLY_COPIED } from './mirror-examples.ts'
import { structureOf } from './structure.ts'

const headings = (report: MirrorReport) => mirrorSummaryOf(report).match(/^### .*/gm)

describe('the first line is the verdict', () => {
  it.each([
    ['mirrored', MIRRORED, '## **Mirrored**'],
    ['unchanged', NOTHING_NEW, '## **Nothing to do**: every target shows what it should'],
    ['drift', DRIFTING, '## **Drift**: targets are behind their sources; nothing was written'],
    ['failed', PARTLY_COPIED, '## **Failed** with `PARTLY_COPIED`'],
  ])('%s', (_name, report, line) => {
    expect(mirrorSummaryOf(report).split('\n')[0]).toBe(line)
  })
})

describe('summary', () => {
  it('begins with what failed, then what was copied, and ends with what it cost', () => {
    expect(headings(MIRRORED)).toEqual(['### Copied', '### Removed', '### Left as they were', '### Cost'])
    expect(headings(PARTLY_COPIED)).toEqual(['### Failed', '### Copied', '### Cost'])
    expect(headings(HOLDING)).toEqual(['### Copied', '### Held for a later run', '### Cost'])
    expect(headings(NOTHING_NEW)).toEqual(['### Cost'])
  })

  it('counts at a glance', () => {
    expect(mirrorSummaryOf(MIRRORED)).toContain('7 targets: 2 copied · 3 unchanged · 1 left as they were · 1 removed\n')
  })

  it('shows of each image the digests, bytes moved, what came along and how long', () => {
    const summary = mirrorSummaryOf(MIRRORED)
    expect(summary).toContain('| Source | Target | Before | Digest | Moved | With it | Time |')
    expect(summary).toMatch(
      /\| `docker\.io\/library\/node:22` \| `ghcr\.io\/acme\/library\/node:22` \| `[0-9a-f]{12}` \| `[0-9a-f]{12}` \| 44 MB \| 2 \| 2\.3 s \|/,
    )
  })

  it('says why something waits, and when it need not any more', () => {
    expect(mirrorSummaryOf(HOLDING)).toContain('Docker Hub has 5 pulls left, and it may need 9; by 2026-11-21T18:')
  })

  it('says of what failed where it was asked for', () => {
    expect(mirrorSummaryOf(PARTLY_COPIED)).toContain('mirror.yml, line 12')
    expect(mirrorSummaryOf(PARTLY_COPIED)).toContain('> - `docker.io/library/nodee: no tag`')
  })

  it('names the bases that the mirror lacks', () => {
    expect(mirrorSummaryOf(MIRRORED)).toContain('<summary>1 base of Dockerfiles not in the mirror</summary>')
    expect(mirrorSummaryOf(MIRRORED)).toContain('| `alpine:3.22` | tools/Dockerfile, line 3 |')
  })

  it('counts pulls spent and saved, requests and time', () => {
    const summary = mirrorSummaryOf(MIRRORED)
    expect(summary).toContain('- Docker Hub: 6 pulls spent, 4 saved; 187 of 200 were left for `robot`')
    expect(summary).toContain('| `ghcr.io` | 18 HEAD, 9 POST, 13 PUT, 1 DELETE | 1 |')
    expect(summary).toContain('- Together **5.7 s**: list 0.2 s · compare 0.4 s · copy 5.1 s')
  })

  it('folds what is long', () => {
    const images = Array.from({ length: 130 }, (_, at) => image(String(at), { outcome: 'copied', bytes: 1 }))
    const summary = mirrorSummaryOf({ ...MIRRORED, images })
    expect(summary).toContain('<details><summary>30 more targets</summary>')
    expect(summary.match(/^\| `docker.io\/library/gm)).toHaveLength(130)
  })
})

describe('hostile text', () => {
  it.each(Object.entries(MIRROR_EXAMPLES))('does not change the structure of the example %s', (_name, report) => {
    const expected = structureOf(mirrorSummaryOf(report))
    expect([expected.strange, expected.live]).toEqual([[], []])
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 5 }), (texts) => {
        expect(structureOf(mirrorSummaryOf(poisoned(report, texts)))).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  test.each(['|', '🚢', '\\`|', '@a', '\u202e'])('is cut, so that the page stays below 900 KiB: %j', (flood) => {
    const outcomes = ['failed', 'copied', 'planned', 'held', 'pruned', 'kept', 'unchanged'] as const
    const images = outcomes.flatMap((outcome) =>
      Array.from({ length: 2000 }, () => image('1', { outcome, bytes: 1, reason: 'x', milliseconds: 1 })),
    )
    const registries = Array.from({ length: 2000 }, () => ({ registry: 'x', requests: { GET: 1 }, retries: 0 }))
    const lacking = Array.from({ length: 2000 }, () => ({ image: 'x', file: 'y', line: 1 }))
    const report = poisoned({ ...PARTLY_COPIED, images, lacking, registries }, [flood.repeat(3000)])
    const summary = mirrorSummaryOf(report)
    expect(Buffer.byteLength(summary)).toBeLessThan(900 * 1024)
    expect(structureOf(summary).live).toEqual([])
    expect(summary).toMatch(/… and \d+ more in the report file\./)
  })
})

/** The same report with every text that comes from outside replaced. */
function poisoned(report: MirrorReport, texts: readonly string[]): MirrorReport {
  let turn = 0
  const poison = (original: string) => (original === '' ? '' : (texts[turn++ % texts.length] ?? original))
  const { failure } = report
  return {
    ...report,
    images: report.images.map(
      (one): MirroredImage => ({
        ...one,
        source: poison(one.source),
        target: poison(one.target),
        origin: poison(one.origin),
        reason: poison(one.reason),
        code: poison(one.code),
      }),
    ),
    lacking: report.lacking.map((one) => ({ ...one, image: poison(one.image), file: poison(one.file) })),
    registries: report.registries.map((one) => ({ ...one, registry: poison(one.registry) })),
    rateLimits: report.rateLimits.map((one) => ({ ...one, identity: poison(one.identity) })),
    phases: report.phases.map((one) => ({ ...one, name: poison(one.name) })),
    ...(failure === undefined
      ? {}
      : { failure: { code: poison(failure.code), message: poison(failure.message), hint: poison(failure.hint) } }),
  }
}

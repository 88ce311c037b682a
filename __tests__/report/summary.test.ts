import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Report, ReportedFinding, ScanScope } from '../../src/report/report.ts'
import { summaryOf } from '../../src/report/summary.ts'
import {
  DRY_RUN,
  EXAMPLES,
  FAILED_EARLY,
  HELD,
  KEPT,
  LIVE,
  NOT_PUSHED,
  PARTLY,
  PROMOTED,
  PUBLISHED,
  REFUSED,
  REUSED,
  UNCHANGED,
  WITH_EXCEPTIONS,
  WITH_KNOWN_FINDINGS,
  WITH_ORIGINS,
} from './examples.ts'
import { hostile } from './hostile-text.ts'
import { structureOf } from './structure.ts'

const firstLine = (report: Report) => summaryOf(report).split('\n')[0]
const headings = (report: Report) => summaryOf(report).match(/^### .*/gm)

describe('the first line is the verdict', () => {
  it.each([
    ['published', PUBLISHED, '## **Published `1.4.2`**'],
    ['published without a version', { ...PUBLISHED, version: '', tagNames: ['main'] }, '## **Published `main`**'],
    ['published without a name', { ...PUBLISHED, version: '', tagNames: [] }, '## **Published `sha256:'],
    ['promoted', PROMOTED, '## **Promoted `1.4.2`**'],
    ['unchanged', UNCHANGED, '## **Nothing to do** for `1.4.2`'],
    ['reused', REUSED, '## **Published `1.4.2`** from the image of an earlier run; nothing was built'],
    ['refused', REFUSED, '## **Refused** `1.4.2`'],
    ['not pushed', NOT_PUSHED, '## **Not pushed**: `1.4.2`'],
    ['dry run', DRY_RUN, '## **Dry run** of `1.4.2`: nothing was written'],
    ['failed', FAILED_EARLY, '## **Failed** with `PUSH_DENIED`'],
  ] as const)('%s', (_name, report, line) => {
    expect(firstLine(report)).toContain(line)
  })
})

describe('summary', () => {
  it('answers in the order of the questions: what can be pulled, why trust it, what did it cost', () => {
    expect(headings(PUBLISHED)).toEqual([
      '### References',
      '### Platforms',
      '### Scan',
      '### Traffic',
      '### Pull limit',
      '### Time',
      '### Pull exactly this image',
    ])
  })

  it('speaks of a build only where there was one', () => {
    expect(summaryOf(PUBLISHED)).toContain('This build may need 2.')
    expect(summaryOf(PROMOTED)).toContain('Reading the image may need 2.')
  })

  it('puts the findings first when they are why nothing was published', () => {
    expect(headings(REFUSED)?.slice(0, 3)).toEqual(['### Scan', '### Findings', '### References'])
    expect(headings(WITH_KNOWN_FINDINGS)?.slice(0, 2)).toEqual(['### References', '### Platforms'])
  })

  it('says of each reference what became of it and what it showed before', () => {
    expect(summaryOf(PUBLISHED)).toContain('| `ghcr.io/acme/api:1.4.2` | new | – |')
    expect(summaryOf(PUBLISHED)).toMatch(/\| `ghcr\.io\/acme\/api:latest` \| moved \| `[0-9a-f]{12}` \|/)
    expect(summaryOf(UNCHANGED)).toContain('| showed it already |')
    expect(summaryOf(HELD)).toMatch(/latest` \| \*\*held back\*\* \| `[0-9a-f]{12}` \| stays at 5f0c2ab/)
    expect(summaryOf(HELD)).toContain('2 tags held back')
    expect(summaryOf(KEPT)).toContain('| kept as it was |')
    expect(summaryOf(DRY_RUN)).toContain('| `docker.io/acme/api:1.4.2` | would be new | – |')
    expect(summaryOf(DRY_RUN)).toMatch(/:latest` \| would move \| `[0-9a-f]{12}` \|/)
  })

  it('says after a failure what each reference shows now, and why', () => {
    const summary = summaryOf(PARTLY)
    expect(summary).toContain('| Reference | Outcome | Before | Now | Why |')
    expect(summary).toContain(
      '| `docker.io/acme/api:1.4.2-90dd603` | **failed** | – | – | docker.io answered 503 five times |',
    )
  })

  it('explains a failure with its message and its hint', () => {
    expect(summaryOf(FAILED_EARLY)).toContain(
      '> **What happened:** ghcr.io/acme/api: this token may pull and not push\n>\n> **What to do:** Add `packages: write` to the permissions of the job.',
    )
  })

  it('says why nothing was pushed', () => {
    expect(summaryOf(NOT_PUSHED)).toContain('Why: pull requests build and scan, and push nothing (`push: auto`)')
  })

  it('does not say of a tag that nobody looked at that it is free', () => {
    expect(summaryOf(NOT_PUSHED)).toContain('| Reference | Outcome |\n')
    expect(summaryOf(NOT_PUSHED)).toContain('| `ghcr.io/acme/api:1.4.2` | not written |\n')
  })

  it('offers commands only for names that show the image', () => {
    expect(summaryOf(PUBLISHED)).toContain(
      `\ndocker pull ghcr.io/acme/api@${LIVE}\ndocker pull docker.io/acme/api@${LIVE}\n`,
    )
    for (const report of [REFUSED, NOT_PUSHED, DRY_RUN, FAILED_EARLY]) {
      expect(summaryOf(report)).not.toContain('docker pull')
    }
  })

  it('puts no name into a command that a shell could read as more than a word', () => {
    const references = PUBLISHED.references.map((one) => ({ ...one, reference: 'ghcr.io/a;reboot:1' }))
    expect(summaryOf({ ...PUBLISHED, references })).not.toContain('docker pull')
  })

  it('does not say published without a word about findings or a missing scan', () => {
    expect(summaryOf(WITH_KNOWN_FINDINGS)).toContain('**published with known findings**')
    const waived: Report = { ...PUBLISHED, scan: { ...FAILED_EARLY.scan, decision: 'waived' } }
    expect(summaryOf(waived)).toContain('**not scanned**')
    expect(summaryOf(waived)).toContain('**Not scanned**: the gate is off (`scan: off`).')
  })

  it('shows the worst ten findings, what can be fixed first, and folds the rest', () => {
    const [worst, rest] = summaryOf(REFUSED).split('<details>')
    const rows = worst?.split('### Findings')[1]?.match(/^\| [A-Z]+ \|.*/gm)
    expect(rows).toHaveLength(10)
    expect(rows?.[0]).toContain(
      '| CRITICAL | [CVE-2026-1234](https://avd.aquasec.com/nvd/cve-2026-2060) | `openssl` | 3.0.11 | 3.0.13 |',
    )
    expect(rows?.[1]).toContain('| secret in `app/config/deploy.env` | – | – |')
    expect(rows?.some((row) => row.includes('no fix yet'))).toBe(false)
    expect(rest?.match(/no fix yet/g)).toHaveLength(4)
  })

  it('says what was not looked at, which exceptions expired, and why a finding does not count', () => {
    const summary = summaryOf(WITH_EXCEPTIONS)
    expect(summary).toContain('not looked for: vuln; only reported: `license`; packages of these kinds only: `os`')
    expect(summary).toContain('not looked at: `opt/vendor`; with 1 VEX document')
    expect(summary).toContain('**1 exception expired** and no longer counts:')
    expect(summary).toMatch(/\| CVE-2026-99 \| 2026-10-31 \| `\.trivyignore, line 2` \|/)
    expect(summary).toMatch(/3\.0\.13, let pass: not reachable .*until 2026-12-31/)
    expect(summaryOf(PUBLISHED)).not.toContain('As it was asked for')
  })

  it('tells findings of the base image from those that were added here, where that is known', () => {
    const summary = summaryOf(WITH_ORIGINS)
    expect(summary).toMatch(
      /^Of these, 10 came with the base image `node:22-alpine@sha256:[0-9a-f]{64}`, 3 were added here, and of 1 it is not known\.$/m,
    )
    expect(summary).toContain('| Platforms | From |')
    expect(summary.match(/\| base \|$/gm)).toHaveLength(10)
    expect(summary.match(/\| here \|$/gm)).toHaveLength(3)
    expect(summary).toMatch(/^\| CRITICAL \| github-pat .*\| – \|$/m)
    expect(summaryOf(REFUSED)).not.toMatch(/From|Of these/)
  })

  it('names a few base images, and how many more there are', () => {
    const bases = ['alpine:3', 'debian:12', 'alpine:3', 'ubuntu:24.04', 'busybox']
    const platforms = bases.map((base) => ({ platform: 'linux/amd64', counts: {}, base }))
    const findings = WITH_ORIGINS.scan.findings.filter(({ origin }) => origin === 'added').slice(0, 1)
    const summary = summaryOf({ ...WITH_ORIGINS, scan: { ...WITH_ORIGINS.scan, platforms, findings } })
    expect(summary).toContain(
      'Of these, 0 came with the base images `alpine:3`, `debian:12`, `ubuntu:24.04` and 1 more, 1 was added here.',
    )
  })

  it('counts findings for each platform, and together each once', () => {
    const summary = summaryOf(REFUSED)
    expect(summary).toContain('| Platform | CRITICAL | HIGH |')
    expect(summary).toContain('| together, each once | **1** | **13** |')
    expect(summary).toContain('| linux/amd64 | 0 | **1** |')
  })

  it('shows what travelled as a bar and in numbers', () => {
    const summary = summaryOf(PUBLISHED)
    expect(summary).toContain(
      '| `█▒░░░░░░░░░░░░░░` | 3 blobs, 4.1 MB | 1 blob, 8.0 MB | 8 blobs, 76 MB | 30, 1 retry | 2.3 s |',
    )
    expect(summary).toContain('| `████████████████` | 12 blobs, 88 MB | – | – |')
    expect(summaryOf(UNCHANGED)).toContain('| `░░░░░░░░░░░░░░░░` |')
  })

  it('shows in the bar even the smallest piece that travelled', () => {
    const registries = PUBLISHED.registries.map((one) => ({ ...one, uploaded: { blobs: 1, bytes: 700 } }))
    expect(summaryOf({ ...PUBLISHED, registries })).toMatch(/\| `█▒*░+` \| 1 blob, 700 B \|/)
  })

  it('says what is left of the pull limit, for whom, and how long it took', () => {
    expect(summaryOf(PUBLISHED)).toContain(
      '- Docker Hub: 187 of 200 pulls were left for `203.0.113.7`, counted over 6 h. This build may need 2.',
    )
    expect(summaryOf(PUBLISHED)).toContain('Together **52.4 s**: survey 0.4 s · build 41.2 s')
  })

  it.each(Object.entries(EXAMPLES))('of the example %s has nothing but its own structure', (_name, report) => {
    const structure = structureOf(summaryOf(report))
    expect(structure.strange).toEqual([])
    expect(structure.live).toEqual([])
    for (const rows of structure.tables) expect(new Set(rows).size).toBe(1)
  })
})

describe('hostile text', () => {
  it.each(Object.entries(EXAMPLES))('does not change the structure of the example %s', (_name, report) => {
    const expected = structureOf(summaryOf(report))
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 5 }), (texts) => {
        expect(structureOf(summaryOf(poisoned(report, texts)))).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  it('is cut, so that the page stays below 900 KiB whatever comes', () => {
    for (const flood of ['|', '🚢', '\\`|', '@a', '\u202e']) {
      const summary = summaryOf(flooded(flood.repeat(3000)))
      expect(Buffer.byteLength(summary)).toBeLessThan(900 * 1024)
      expect(structureOf(summary).live).toEqual([])
    }
  })

  it('leaves a note where a list was cut', () => {
    expect(summaryOf(flooded('x'))).toMatch(/… and \d+ more in the report file\./)
  })
})

/** The same report with every text that comes from outside replaced. */
function poisoned(report: Report, texts: readonly string[]): Report {
  let turn = 0
  const poison = (original: string) => (original === '' ? '' : (texts[turn++ % texts.length] ?? original))
  const findings = report.scan.findings.map(
    (finding): ReportedFinding => ({
      ...finding,
      id: poison(finding.id),
      subject: poison(finding.subject),
      installed: poison(finding.installed),
      fixed: poison(finding.fixed),
      title: poison(finding.title),
      url: poison(finding.url),
      reason: poison(finding.reason),
      platforms: finding.platforms.map(poison),
    }),
  )
  const { scan, failure } = report
  const { database, scope } = scan
  return {
    ...report,
    reason: poison(report.reason),
    version: poison(report.version),
    platforms: report.platforms.map((one) => ({ ...one, platform: poison(one.platform) })),
    references: report.references.map((one) => ({
      ...one,
      reference: poison(one.reference),
      reason: poison(one.reason),
    })),
    registries: report.registries.map((one) => ({
      ...one,
      registry: poison(one.registry),
      repository: poison(one.repository),
    })),
    scan: {
      ...scan,
      platforms: scan.platforms.map(({ base, ...one }) => ({
        ...one,
        platform: poison(one.platform),
        ...(base === undefined ? {} : { base: poison(base) }),
      })),
      findings,
      scanner: poison(scan.scanner),
      ...(database === undefined ? {} : { database: { ...database, source: poison(database.source) } }),
      ...(scope === undefined ? {} : { scope: poisonedScope(scope, poison) }),
    },
    rateLimits: report.rateLimits.map((one) => ({ ...one, identity: poison(one.identity) })),
    phases: report.phases.map((one) => ({ ...one, name: poison(one.name) })),
    ...(failure === undefined
      ? {}
      : { failure: { code: poison(failure.code), message: poison(failure.message), hint: poison(failure.hint) } }),
  }
}

function poisonedScope(scope: ScanScope, poison: (original: string) => string): ScanScope {
  return {
    ...scope,
    packageTypes: scope.packageTypes.map(poison),
    skipped: scope.skipped.map(poison),
    settings: scope.settings.map(poison),
    expired: scope.expired.map((one) => ({ ...one, id: poison(one.id), origin: poison(one.origin) })),
  }
}

/** More of everything than any image has, each piece as long as it may be. */
function flooded(flood: string): Report {
  const many = <T>(items: readonly T[]) => Array.from({ length: 1000 }, (_, index) => items[index % items.length] as T)
  const base = poisoned({ ...PARTLY, scan: { ...REFUSED.scan, decision: 'reported' } }, [flood])
  return {
    ...base,
    platforms: many(base.platforms),
    references: many(base.references),
    registries: many(base.registries),
    rateLimits: many(base.rateLimits),
    phases: many(base.phases),
    scan: {
      ...base.scan,
      platforms: many(base.scan.platforms).map(({ platform }, index) => ({
        platform,
        base: `${index}${flood}`,
        counts: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`${index}${flood}`, 1])),
      })),
      findings: many(base.scan.findings).map((finding) => ({ ...finding, origin: 'base' })),
    },
  }
}

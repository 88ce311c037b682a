import { digestOf } from '../../src/image/digest.ts'
import type { ReferenceReport, Report, ReportedFinding } from '../../src/report/report.ts'

/** Reports as the stories tell them; summary, outputs and schema are tested with the same ones. */

export const LIVE = digestOf('the image of this run')
export const OLD = digestOf('the image of 1.4.1')
const AMD = digestOf('amd64')
const ARM = digestOf('arm64')

const TAGS = ['1.4.2', '1.4.2-90dd603', 'latest']
const REPOSITORIES = ['ghcr.io/acme/api', 'docker.io/acme/api']

export const PUBLISHED: Report = {
  schema: 1,
  mode: 'publish',
  result: 'published',
  reason: '',
  digest: LIVE,
  version: '1.4.2',
  tags: REPOSITORIES.flatMap((repository) => TAGS.map((tag) => `${repository}:${tag}`)),
  tagNames: TAGS,
  labels: { 'org.opencontainers.image.title': 'api', 'org.opencontainers.image.version': '1.4.2' },
  annotations: { 'manifest:org.opencontainers.image.title': 'api' },
  platforms: [
    { platform: 'linux/amd64', digest: AMD, bytes: 44_100_000 },
    { platform: 'linux/arm64', digest: ARM, bytes: 43_900_000 },
  ],
  references: REPOSITORIES.flatMap((repository) => TAGS.map((tag) => reference(repository, tag))),
  registries: [
    {
      registry: 'ghcr.io',
      repository: 'acme/api',
      uploaded: { blobs: 3, bytes: 4_100_000 },
      present: { blobs: 8, bytes: 75_900_000 },
      mounted: { blobs: 1, bytes: 8_000_000 },
      requests: { HEAD: 18, POST: 3, PUT: 9 },
      retries: 1,
      milliseconds: 2300,
    },
    {
      registry: 'docker.io',
      repository: 'acme/api',
      uploaded: { blobs: 12, bytes: 88_000_000 },
      present: { blobs: 0, bytes: 0 },
      mounted: { blobs: 0, bytes: 0 },
      requests: { HEAD: 18, POST: 12, PUT: 18 },
      retries: 0,
      milliseconds: 4100,
    },
  ],
  scan: {
    result: 'clean',
    decision: 'passed',
    platforms: [
      { platform: 'linux/amd64', counts: { CRITICAL: 0, HIGH: 0 } },
      { platform: 'linux/arm64', counts: { CRITICAL: 0, HIGH: 0 } },
    ],
    total: { CRITICAL: 0, HIGH: 0 },
    findings: [],
    database: { source: 'ghcr.io/aquasecurity/trivy-db:2', updated: '2026-11-21T00:10:00Z', ageHours: 3 },
    scanner: 'trivy 0.74.0',
    scannerFrom: 'release-assets.githubusercontent.com',
    scannerSha256: '2ae6fe3ee734b7fdf11335663e18c75ea12dccc76062f09f164a3b0f8be4371a',
    scannerSigned: 'https://github.com/aquasecurity/trivy/.github/workflows/reusable-release.yaml@refs/tags/v0.74.0',
  },
  rateLimits: [
    {
      registry: 'docker.io',
      identity: '203.0.113.7',
      limit: 200,
      remaining: 187,
      needed: 2,
      windowSeconds: 21_600,
      resets: '2026-11-21T14:20:00.000Z',
    },
  ],
  phases: [
    { name: 'survey', milliseconds: 400 },
    { name: 'build', milliseconds: 41_200 },
    { name: 'scan', milliseconds: 6100 },
    { name: 'upload', milliseconds: 4100 },
    { name: 'tags', milliseconds: 600 },
  ],
}

export const UNCHANGED: Report = {
  ...PUBLISHED,
  result: 'unchanged',
  reason: 'all 6 references show this image already',
  references: PUBLISHED.references.map((one) => ({ ...one, before: LIVE, outcome: 'unchanged' })),
  registries: PUBLISHED.registries.map((one) => ({
    ...one,
    uploaded: { blobs: 0, bytes: 0 },
    mounted: { blobs: 0, bytes: 0 },
    present: { blobs: 12, bytes: 88_000_000 },
  })),
}

/** Two merges within a minute: the older build has its own tag, and `latest` stays with the later one. */
export const HELD: Report = {
  ...PUBLISHED,
  references: PUBLISHED.references.map((one) =>
    one.kind === 'fixed'
      ? one
      : { ...one, digest: OLD, outcome: 'held', reason: 'stays at 5f0c2ab, which is 1 commit ahead of 90dd603' },
  ),
}

/** A re-run of a release of which one registry had lost its tags. */
export const REUSED: Report = {
  ...PUBLISHED,
  result: 'reused',
  reason: '1.4.2 was published from this commit 2 h ago',
  references: PUBLISHED.references.map((one, index) =>
    index < 3 ? { ...one, before: LIVE, outcome: 'unchanged' } : one,
  ),
}

/** A nightly build that leaves the release as it was. */
export const KEPT: Report = {
  ...PUBLISHED,
  references: PUBLISHED.references.map((one) =>
    one.kind === 'fixed' ? { ...one, before: OLD, digest: OLD, outcome: 'kept', reason: 'it exists' } : one,
  ),
}

export const PROMOTED: Report = {
  ...PUBLISHED,
  mode: 'promote',
  labels: {},
  annotations: {},
}

export const REFUSED: Report = {
  ...PUBLISHED,
  result: 'refused',
  reason: '',
  references: PUBLISHED.references.map((one) => ({ ...one, digest: one.before, outcome: 'refused' })),
  registries: [],
  scan: {
    ...PUBLISHED.scan,
    result: 'findings',
    decision: 'refused',
    platforms: [
      { platform: 'linux/amd64', counts: { CRITICAL: 0, HIGH: 1 } },
      { platform: 'linux/arm64', counts: { CRITICAL: 1, HIGH: 12 } },
    ],
    total: { CRITICAL: 1, HIGH: 13 },
    findings: [...Array.from({ length: 12 }, (_, index) => finding(index)), critical(), secret()],
  },
  failure: {
    code: 'SCAN_FINDINGS',
    message: '14 findings of HIGH or above stop this publish; nothing was written to any registry',
    hint: 'Update the packages named above, or set `scan: report` to publish with known findings.',
  },
}

export const NOT_PUSHED: Report = {
  ...PUBLISHED,
  result: 'not-pushed',
  reason: 'pull requests build and scan, and push nothing (`push: auto`)',
  references: PUBLISHED.references.map((one) => ({ ...one, outcome: 'planned' })),
  registries: [],
}

export const DRY_RUN: Report = { ...NOT_PUSHED, result: 'dry-run', reason: '' }

export const WITH_KNOWN_FINDINGS: Report = {
  ...PUBLISHED,
  scan: { ...REFUSED.scan, decision: 'reported' },
}

export const PARTLY: Report = {
  ...PUBLISHED,
  result: 'failed',
  references: PUBLISHED.references.map((one, index) =>
    index < 4 ? one : { ...one, digest: one.before, outcome: 'failed', reason: 'docker.io answered 503 five times' },
  ),
  failure: {
    code: 'PARTLY_PUBLISHED',
    message: 'docker.io took 1 of 3 tags of acme/api and then answered 503 five times; ghcr.io is complete',
    hint: 'Run the step again: it finishes what is missing and leaves the rest as it is.',
  },
}

export const FAILED_EARLY: Report = {
  ...PUBLISHED,
  result: 'failed',
  digest: '',
  version: '1.4.2',
  platforms: [],
  references: [],
  registries: [],
  scan: { result: 'not-scanned', decision: '', platforms: [], total: {}, findings: [], scanner: '' },
  rateLimits: [],
  phases: [{ name: 'survey', milliseconds: 350 }],
  failure: {
    code: 'PUSH_DENIED',
    message: 'ghcr.io/acme/api: this token may pull and not push',
    hint: 'Add `packages: write` to the permissions of the job.',
  },
}

/** Accepted findings, folders that were left out, and an exception whose time is over. */
export const WITH_EXCEPTIONS: Report = {
  ...PUBLISHED,
  scan: {
    ...PUBLISHED.scan,
    place: { file: 'docker/api.Dockerfile', line: 12 },
    image: 'acme/api/alpine',
    findings: [
      {
        ...critical(),
        ignored: true,
        pass: 'accepted',
        reason: 'not reachable (.trivyignore.yaml, line 4, until 2026-12-31)',
      },
    ],
    scope: {
      scanners: ['secret', 'license'],
      reportedOnly: ['license'],
      packageTypes: ['os'],
      skipped: ['opt/vendor'],
      vexDocuments: 1,
      settings: ['vulnerability.ignore-status'],
      expired: [{ id: 'CVE-2026-99', origin: '.trivyignore, line 2', expired: '2026-10-31T00:00:00.000Z' }],
    },
  },
}

/** Findings of which most came with the base image, and one is in no layer. */
export const WITH_ORIGINS: Report = {
  ...REFUSED,
  scan: {
    ...REFUSED.scan,
    platforms: REFUSED.scan.platforms.map((one) => ({ ...one, base: `node:22-alpine@${OLD}` })),
    findings: REFUSED.scan.findings.map((one, index) => {
      return one.kind === 'secret' ? one : { ...one, origin: index < 10 ? 'base' : 'added' }
    }),
  },
}

export const EXAMPLES = {
  PROMOTED,
  PUBLISHED,
  UNCHANGED,
  HELD,
  REUSED,
  KEPT,
  REFUSED,
  NOT_PUSHED,
  DRY_RUN,
  WITH_KNOWN_FINDINGS,
  WITH_EXCEPTIONS,
  WITH_ORIGINS,
  PARTLY,
  FAILED_EARLY,
} as const satisfies Record<string, Report>

function reference(repository: string, tag: string): ReferenceReport {
  const moves = tag === 'latest'
  return {
    reference: `${repository}:${tag}`,
    kind: moves ? 'moving' : 'fixed',
    before: moves ? OLD : null,
    digest: LIVE,
    outcome: moves ? 'moved' : 'created',
    reason: '',
  }
}

function finding(index: number): ReportedFinding {
  const id = `CVE-2026-20${index + 10}`
  return {
    id,
    severity: 'HIGH',
    kind: 'vulnerability',
    subject: `libexample${index}`,
    installed: `1.${index}.0-r0`,
    fixed: index % 3 === 0 ? '' : `1.${index}.1-r0`,
    title: `libexample${index}: out-of-bounds read`,
    url: `https://avd.aquasec.com/nvd/${id.toLowerCase()}`,
    platforms: index === 0 ? ['linux/amd64', 'linux/arm64'] : ['linux/arm64'],
    origin: '',
    ignored: false,
    reason: '',
    pass: '',
  }
}

function critical(): ReportedFinding {
  return {
    ...finding(50),
    id: 'CVE-2026-1234',
    severity: 'CRITICAL',
    subject: 'openssl',
    installed: '3.0.11',
    fixed: '3.0.13',
  }
}

function secret(): ReportedFinding {
  return {
    id: 'github-pat',
    severity: 'CRITICAL',
    kind: 'secret',
    subject: 'app/config/deploy.env',
    installed: '',
    fixed: '',
    title: 'GitHub Personal Access Token',
    url: '',
    platforms: ['linux/amd64', 'linux/arm64'],
    origin: '',
    ignored: false,
    reason: '',
    pass: '',
  }
}

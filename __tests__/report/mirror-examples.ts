import { digestOf } from '../../src/image/digest.ts'
import { type MirroredImage, type MirrorReport, mirrorFailure } from '../../src/report/mirror-report.ts'

/** Reports as a mirror tells them; summary, outputs and schema are tested with the same ones. */

const NEW = digestOf('the image of today')
const OLD = digestOf('the image of yesterday')

export function image(tag: string, change: Partial<MirroredImage> = {}): MirroredImage {
  return {
    source: `docker.io/library/node:${tag}`,
    target: `ghcr.io/acme/library/node:${tag}`,
    origin: 'mirror.yml, line 12',
    before: NEW,
    digest: NEW,
    outcome: 'unchanged',
    reason: '',
    code: '',
    bytes: 0,
    referrers: 0,
    milliseconds: 0,
    ...change,
  }
}

const COPIED = image('22', { before: OLD, outcome: 'copied', bytes: 44_100_000, referrers: 2, milliseconds: 2300 })

export const MIRRORED: MirrorReport = {
  schema: 1,
  mode: 'mirror',
  result: 'mirrored',
  reason: '',
  images: [
    COPIED,
    image('23', { before: null, outcome: 'copied', bytes: 51_000_000, milliseconds: 2900 }),
    ...['20', '20.1', '18'].map((tag) => image(tag)),
    image('21', { before: OLD, digest: OLD, outcome: 'kept', reason: 'exists, and only what is missing is added' }),
    image('17', { digest: null, outcome: 'pruned', reason: 'left the source', origin: '' }),
  ],
  lacking: [{ image: 'alpine:3.22', file: 'tools/Dockerfile', line: 3 }],
  registries: [
    { registry: 'docker.io', requests: { HEAD: 7, GET: 14 }, retries: 0 },
    { registry: 'ghcr.io', requests: { HEAD: 18, POST: 9, PUT: 13, DELETE: 1 }, retries: 1 },
  ],
  pulls: { spent: 6, saved: 4 },
  rateLimits: [
    {
      registry: 'docker.io',
      identity: 'robot',
      limit: 200,
      remaining: 187,
      needed: 6,
      windowSeconds: 21_600,
      resets: '2026-11-21T18:00:00.000Z',
    },
  ],
  phases: [
    { name: 'list', milliseconds: 210 },
    { name: 'compare', milliseconds: 420 },
    { name: 'copy', milliseconds: 5100 },
  ],
}

export const NOTHING_NEW: MirrorReport = {
  ...MIRRORED,
  result: 'unchanged',
  images: MIRRORED.images.filter(({ outcome }) => outcome === 'unchanged'),
  pulls: { spent: 0, saved: 3 },
  rateLimits: [],
}

export const HOLDING: MirrorReport = {
  ...MIRRORED,
  images: [
    COPIED,
    image('24', {
      before: null,
      digest: null,
      outcome: 'held',
      reason: 'Docker Hub has 5 pulls left, and it may need 9; by 2026-11-21T18:00:00.000Z there will be more',
    }),
    image('25', { before: null, digest: null, outcome: 'not-reached', reason: 'an image before it failed' }),
  ],
}

export const DRIFTING: MirrorReport = {
  ...MIRRORED,
  result: 'drift',
  images: [image('22', { before: OLD, outcome: 'planned' }), image('20')],
  failure: {
    code: 'DRIFT',
    message: '1 target behind their sources\n  ghcr.io/acme/library/node:22 is behind docker.io/library/node:22',
    hint: 'Run the mirror without `check` to bring the targets up to date.',
  },
}

export const PARTLY_COPIED: MirrorReport = {
  ...MIRRORED,
  result: 'failed',
  images: [
    COPIED,
    image('26', {
      before: null,
      digest: null,
      outcome: 'failed',
      reason: 'reading docker.io/library/node: 403',
      code: 'LOGIN_FAILED',
    }),
    image('', {
      source: 'docker.io/library/nodee',
      target: '',
      before: null,
      digest: null,
      outcome: 'failed',
      reason: 'listing docker.io/library/nodee: no tag of it is to be mirrored',
      code: 'NOTHING_MATCHED',
    }),
  ],
  failure: {
    code: 'PARTLY_COPIED',
    message:
      '2 images could not be mirrored, 1 were\n  docker.io/library/node:26: 403\n  docker.io/library/nodee: no tag',
    hint: 'Run the step again: it finishes what is missing and leaves the rest as it is.',
  },
}

export const MIRROR_EXAMPLES: Readonly<Record<string, MirrorReport>> = {
  MIRRORED,
  NOTHING_NEW,
  HOLDING,
  DRIFTING,
  PARTLY_COPIED,
  CHECKED: { ...NOTHING_NEW, result: 'checked' },
  DRY_RUN: { ...DRIFTING, result: 'dry-run' },
  FAILED_EARLY: mirrorFailure({ code: 'INPUT_INVALID', message: 'reading the inputs: images: x', hint: 'Correct it.' }),
}

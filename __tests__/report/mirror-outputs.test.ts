import { readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { parse } from 'yaml'
import { buildkitdConfigOf } from '../../src/report/buildkitd-config.ts'
import { mirrorOutputsOf } from '../../src/report/mirror-outputs.ts'
import { outputRows } from '../../src/report/output-table.ts'
import { violations } from './json-schema.ts'
import { DRIFTING, HOLDING, image, MIRROR_EXAMPLES, MIRRORED, PARTLY_COPIED } from './mirror-examples.ts'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const schema: Readonly<Record<string, unknown>> = JSON.parse(read('docs/mirror-report.schema.json'))
const check = (value: unknown) => violations(JSON.parse(JSON.stringify(value)), schema)

describe('the outputs of a mirror', () => {
  test('are those of the table, which mirror/action.yml declares with the same words', () => {
    const { outputs } = parse(read('mirror/action.yml'))
    expect(Object.entries(outputs)).toEqual(
      outputRows('mirror').map(({ name, description }) => [name, { description }]),
    )
    const names = outputRows('mirror')
      .map(({ name }) => name)
      .filter((name) => name !== 'report-file')
    expect(Object.keys(mirrorOutputsOf(MIRRORED)).toSorted()).toEqual(names.toSorted())
  })

  test('list the targets by what became of them', () => {
    const outputs = mirrorOutputsOf(MIRRORED)
    const names = (...tags: readonly string[]) => JSON.stringify(tags.map((tag) => `ghcr.io/acme/library/node:${tag}`))
    expect(outputs).toMatchObject({
      copied: names('22', '23'),
      unchanged: names('20', '20.1', '18', '21'),
      held: '[]',
      failed: '[]',
      drift: 'false',
      'rate-limit-limit': '200',
      'rate-limit-remaining': '187',
      'rate-limit-source': 'robot',
      'rate-limit-reset': '2026-11-21T18:00:00.000Z',
      'failure-reason': '',
    })
    expect(JSON.parse(outputs.json)).toEqual(MIRRORED)
    expect(mirrorOutputsOf(HOLDING).held).toBe(names('24', '25'))
  })

  test('name what could not be listed by its source', () => {
    const { failed, 'failure-reason': reason } = mirrorOutputsOf(PARTLY_COPIED)
    expect(JSON.parse(failed)).toEqual(['ghcr.io/acme/library/node:26', 'docker.io/library/nodee'])
    expect(reason).toBe('PARTLY_COPIED')
  })

  test('tell drift on a red step as well', () => {
    expect(mirrorOutputsOf(DRIFTING)).toMatchObject({ drift: 'true', 'failure-reason': 'DRIFT' })
  })

  test('leave out of a report that is too long first what did not change', () => {
    const many = Array.from({ length: 8000 }, (_, at) => image(`tag-${at}`))
    const failed = image('last', { outcome: 'failed', code: 'SOURCE_MISSING', reason: 'gone' })
    const outputs = mirrorOutputsOf({ ...MIRRORED, images: [...many, failed] })
    const report: typeof MIRRORED = JSON.parse(outputs.json)
    expect(report.images[0]).toEqual(failed)
    expect(report.images.length).toBeLessThan(8001)
    expect(outputs.json.length).toBeLessThan(1024 * 1024)
    expect(outputs.unchanged.length).toBeLessThanOrEqual(60_000)
    expect(check(report)).toEqual([])
  })
})

describe('buildkitd-config', () => {
  test.each([
    ['nothing', [], ''],
    ['a mirror of Docker Hub below a prefix', [image('22')], '[registry."docker.io"]\n  mirrors = ["ghcr.io/acme"]\n'],
    ['a target under another name', [image('22', { target: 'ghcr.io/acme/my-node:22' })], ''],
    ['what failed', [image('22', { outcome: 'failed' })], ''],
    ['what will be there', [image('22', { outcome: 'planned', before: null })], ''],
    ['what was removed', [image('22', { outcome: 'pruned', digest: null })], ''],
    [
      'one that is held, with its old image',
      [image('22', { outcome: 'held' })],
      '[registry."docker.io"]\n  mirrors = ["ghcr.io/acme"]\n',
    ],
    [
      'a registry of this machine, without TLS',
      [image('22', { target: 'localhost:5000/library/node:22' })],
      '[registry."docker.io"]\n  mirrors = ["localhost:5000"]\n\n[registry."localhost:5000"]\n  http = true\n',
    ],
  ])('%s', (_name, images, config) => {
    expect(buildkitdConfigOf(images)).toBe(config)
  })
})

describe('the schema of the report of a mirror', () => {
  it.each(Object.entries(MIRROR_EXAMPLES))('takes the example %s', (_name, report) => {
    expect(check(report)).toEqual([])
  })

  const [first = image('1')] = MIRRORED.images
  it.each([
    ['another version', { ...MIRRORED, schema: 2 }, '/schema: is not the constant'],
    ['a report of a publish', { ...MIRRORED, mode: 'publish' }, '/mode: is not the constant'],
    ['an unknown result', { ...MIRRORED, result: 'fine' }, '/result: is none of the words'],
    ['a missing list', { ...MIRRORED, images: undefined }, '/images: is missing'],
    ['a member that nobody knows', { ...MIRRORED, password: 'x' }, '/password: is not known'],
    [
      'an outcome of another version',
      { ...MIRRORED, images: [{ ...first, outcome: 'skipped' }] },
      '/images/0/outcome: is none of the words',
    ],
    [
      'a digest cut short',
      { ...MIRRORED, images: [{ ...first, digest: 'sha256:12' }] },
      '/images/0/digest: none of the choices',
    ],
    ['negative bytes', { ...MIRRORED, images: [{ ...first, bytes: -1 }] }, '/images/0/bytes: is too small'],
    ['a pull in words', { ...MIRRORED, pulls: { spent: 'one', saved: 0 } }, '/pulls/spent: is no integer'],
  ])('refuses %s', (_name, report, violation) => {
    expect(check(report)).toContain(violation)
  })
})

import { describe, expect, test } from 'vitest'
import { formatReference, type Repository, tagged } from '../../src/image/reference.ts'
import { orderBuild } from '../../src/modes/describe.ts'
import { learnOccasion } from '../../src/modes/occasion.ts'
import type { Environment } from '../../src/plan/environment.ts'
import { bakeFileOf } from '../../src/report/bake-file.ts'
import { reportOf } from '../../src/report/draft.ts'
import { outputsOf } from '../../src/report/outputs.ts'
import type { Report } from '../../src/report/report.ts'
import { runOf } from '../modes/given-run.ts'
import { ask } from './metadata-action/ours.ts'
import { book, type RecordedCase, type Variables } from './metadata-action/recorded.ts'

/** Labels and annotations, as lines of the outputs. */
type Written = { readonly labels: readonly string[]; readonly annotations: readonly string[] }

/**
 * Where Lading is not the same on purpose. `refused`: part of what it says instead; `repaired`: the inputs with which it
 * is the same nevertheless; `theirs`: what their lines would have to be.
 */
type Difference = {
  readonly why: string
  readonly of: (one: RecordedCase) => boolean
  readonly refused?: string
  readonly repaired?: Lines
  readonly theirs?: Lines
}

type Lines = (lines: readonly string[]) => readonly string[]

const LEVELS = 'DOCKER_METADATA_ANNOTATIONS_LEVELS'
const SHORT_SHA = 'DOCKER_METADATA_SHORT_SHA_LENGTH'
const KEY = 'org.opencontainers.image.'

const named = (...names: readonly string[]) => ({ of: ({ name }: RecordedCase) => names.includes(name) })
const written = (part: string) => ({
  of: ({ inputs }: RecordedCase) => `${inputs?.['labels'] ?? ''}\n${inputs?.['annotations'] ?? ''}`.includes(part),
})
const without =
  (part: RegExp): Lines =>
  (lines) =>
    lines.filter((line) => !part.test(line))
const each =
  (change: (line: string) => string): Lines =>
  (lines) =>
    lines.map(change)
const first =
  (part: RegExp): Lines =>
  (lines) => [...lines.filter((line) => part.test(line)), ...without(part)(lines)]
const inTurn =
  (...changes: readonly Lines[]): Lines =>
  (lines) =>
    changes.reduce((changed, change) => change(changed), lines)
const unescaped = each((line) =>
  line
    .replace(/&quot;/g, '"')
    .replace(/&#x3D;/g, '=')
    .replace(/&amp;/g, '&'),
)

const DIFFERENCES: readonly Difference[] = [
  {
    why: 'a name that nobody knows is a mistake, and no empty text',
    ...written('none={{version}}|{{nothing}}'),
    refused: '{{version}} means nothing',
    repaired: without(/^none=/),
    theirs: inTurn(without(/^(?:manifest:)?none=/), unescaped),
  },
  {
    why: 'the names of a version are known to rules only',
    ...named('labels: version expression is empty'),
    refused: '{{version}} means nothing',
  },
  {
    why: 'a zone that nobody knows is a mistake, and not UTC',
    ...written("tz='Asia/Vostok'"),
    refused: '“Asia/Vostok” is no time zone',
    repaired: without(/^41=/),
    // Beside it: keys that are numbers come first, as in every object of JavaScript.
    theirs: inTurn(without(/^41=/), first(/^[1-4]\d=/)),
  },
  {
    why: 'a line without a key or without an equals sign is a mistake, and not dropped in silence',
    ...named('labels: no equals', 'labels: empty key', 'expression as the key of a label'),
    refused: 'is not key=value',
    repaired: without(/^(?:foo|plain|=x)$/),
    theirs: without(/^=x$/),
  },
  {
    why: 'spaces before the equals sign are nobody’s',
    ...named('labels: spaces'),
    theirs: each((line) => line.replace('a = b', 'a= b')),
  },
  {
    why: 'a line break in a value does not become a line of the output; the image and the bake file have it',
    ...named('labels: newline in quotes', 'repository: description with newline'),
    theirs: inTurn(
      without(/^two$/),
      each((line) => line.replace(/=one(?:\ntwo)?$/, '=one two')),
    ),
  },
  {
    why: 'labels are no HTML',
    ...named('labels: expression escaping'),
    theirs: unescaped,
  },
  {
    why: 'a level before a key is where the annotation stands, and no part of its key; here there is no index',
    ...named('annotations: level prefix'),
    theirs: inTurn(
      without(/^manifest:index:b=2$/),
      each((line) => line.replace('manifest:manifest:', 'manifest:')),
      first(/^manifest:a=/),
    ),
  },
  {
    why: 'spaces beside a level are nobody’s',
    ...named('levels manifest, index'),
    theirs: each((line) => line.trim()),
  },
  {
    why: 'an empty level is none, and without any they stand at manifest and index',
    ...named('levels ,'),
    theirs: (lines) =>
      lines.some((line) => line.startsWith(':'))
        ? ['manifest', 'index'].flatMap((level) => [...new Set(lines)].map((line) => `${level}${line}`))
        : lines,
  },
  {
    why: 'a level that is named twice is one',
    ...named('levels manifest,manifest'),
    theirs: (lines) => [...new Set(lines)],
  },
  {
    why: 'a level that builders do not know is a mistake before the build',
    ...named('levels foo', 'levels manifest:index'),
    refused: `${LEVELS}: “`,
  },
  {
    why: 'a commit shortened to nothing names every commit, and a word is no length',
    of: ({ env }) => !/^(?:[1-9]\d*)?$/.test((env?.[SHORT_SHA] ?? '').trim()),
    refused: 'is not a whole number from 1',
  },
  {
    why: 'keys that are numbers come first, as in every object of JavaScript',
    ...named('labels: case order'),
    theirs: inTurn(first(/^10=/), first(/^9=/), first(/^0=/)),
  },
  {
    why: 'what GitHub does not say of the repository is known from the run',
    ...named('repository: empty'),
    theirs: each((line) =>
      line.replace(/(source|url)=$/, '$1=https://github.com/acme/app').replace(/title=$/, 'title=app'),
    ),
  },
  {
    why: 'the source is the repository of the run: by that later runs know their images',
    ...named('repository: other url'),
    theirs: each((line) => line.replace('source=https://ghe.example.com/', 'source=https://github.com/')),
  },
]

// Those that were checked out by git tell of another commit, which is told to Lading as part of the run.
const TOLD = book.cases.filter(({ expected, git }) => expected.exit === 0 && git === undefined)

test('nearly all of what was recorded is asked', () => {
  expect(TOLD.length).toBeGreaterThan(700)
})

describe('labels and annotations as docker/metadata-action writes them', () => {
  test.each(TOLD.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const difference = DIFFERENCES.find(({ of }) => of(one))
    if (difference === undefined) return expect(await oursOf(one)).toEqual(theirsOf(one))
    // An entry that makes no difference any more has to go.
    expect(await oursOf(one)).not.toEqual(theirsOf(one))
    const { refused, repaired, theirs } = difference
    if (refused !== undefined) expect(await oursOf(one)).toMatchObject({ refused: expect.stringContaining(refused) })
    if (theirs === undefined) return
    const { labels, annotations } = theirsOf(one)
    const wished = { labels: theirs(labels), annotations: theirs(annotations) }
    expect(await oursOf(one, repaired)).toEqual(wished)
  })
})

test('every difference is one of some case', () => {
  expect(DIFFERENCES.filter(({ of }) => !TOLD.some(of)).map(({ why }) => why)).toEqual([])
})

test('the bake file has what theirs have, in one file', async () => {
  const one = book.cases.find(({ name }) => name === 'everything at once')
  const { bakeFiles } = one?.expected ?? {}
  if (one === undefined || bakeFiles === undefined) throw new Error('its bake files were not recorded')
  const answer = await answered({ ...one, inputs: { ...one.inputs, ...shapeFor(one) } })
  if ('refused' in answer) throw new Error(answer.refused)
  const parts = ['bake-file-tags', 'bake-file-labels', 'bake-file-annotations'].map((name) => targetOf(bakeFiles[name]))
  // Docker Hub's name is written out.
  const text = bakeFileOf(answer.report, answer.images)?.replaceAll('docker.io/', '')
  expect(targetOf(text)).toEqual(Object.assign({}, ...parts))
  expect(Object.keys(JSON.parse(text ?? '').target)).toEqual(['docker-metadata-action'])
})

/** What the one target of a bake file says; its name is an input there. */
function targetOf(text: string | undefined): unknown {
  const { target } = JSON.parse(text ?? '')
  return Object.values(target)[0]
}

function theirsOf({ expected, env, event, api, now }: RecordedCase): Written {
  const repository = { ...book.repo, ...api?.repo }
  const run = { ...book.env, ...book.events[event]?.env, ...env }
  const standard = {
    created: new Date(now ?? book.now).toISOString(),
    description: repository.description ?? '',
    licenses: repository.license?.spdx_id ?? '',
    revision: expected.revision ?? run['GITHUB_SHA'] ?? '',
    source: repository.html_url ?? '',
    title: repository.name ?? '',
    url: repository.html_url ?? '',
    version: expected.version ?? '',
  }
  const lines = Object.entries(standard).map(([key, value]) => `${KEY}${key}=${value}`)
  const levels = (env?.[LEVELS] || 'manifest').split(',')
  const annotations = expected.annotations ?? levels.flatMap((level) => lines.map((line) => `${level}:${line}`))
  return { labels: expected.labels ?? lines, annotations }
}

/** What Lading writes, with names as they were recorded: those have a test of their own. */
async function oursOf(
  one: RecordedCase,
  repaired: Lines = (lines) => lines,
): Promise<Written | { readonly refused: string }> {
  const wanted = ['labels', 'annotations'].flatMap((name): readonly (readonly [string, string])[] => {
    const text = one.inputs?.[name]
    return text === undefined ? [] : [[name, repaired(text.split('\n')).join('\n')]]
  })
  const inputs = { ...Object.fromEntries(wanted), ...shapeFor(one), tags: 'any' }
  const answer = await answered({ ...one, inputs }, one.expected.version)
  if ('refused' in answer) return answer
  const { labels = '', annotations = '' } = outputsOf(answer.report, [])
  return { labels: linesOf(labels), annotations: linesOf(annotations) }
}

// An index results where annotations are to stand at one; otherwise a single manifest, for which the defaults are the same.
function shapeFor({ env }: RecordedCase): Variables {
  const isIndex = /index|^ *,/.test(env?.[LEVELS] ?? '')
  return isIndex ? { platforms: 'linux/amd64,linux/arm64' } : {}
}

type Answered = { readonly report: Report; readonly images: readonly Repository[] }

async function answered(one: RecordedCase, version?: string): Promise<Answered | { readonly refused: string }> {
  const { labels = '', annotations = '' } = one.inputs ?? {}
  const answer = await ask(one, { labels, annotations })
  if ('refusal' in answer) return { refused: answer.refusal }
  const { environment, inputs, names } = answer
  const { request } = inputs
  if (request.origin.kind !== 'build') throw new Error('these inputs name a layout')
  const { run } = runOf(request, { ...environment, about: aboutOf(one, environment) })
  const named = { names: { version: version ?? names.version }, occasion: await learnOccasion(run) }
  await orderBuild(run, request.origin, named)
  const { facts } = run
  const created = environment.committed === '' ? environment.begun : environment.committed
  const report = reportOf({
    ...facts,
    version: version ?? names.version,
    tags: request.images.flatMap((image) => names.tags.map(({ tag }) => formatReference(tagged(image, tag)))),
    labels: datedAs(one, 'labels', { record: facts.labels ?? {}, created }),
    annotations: datedAs(one, 'annotations', { record: facts.annotations ?? {}, created }),
  })
  return { report, images: request.images }
}

/** The recorded events leave to the API what GitHub's own tell. */
function aboutOf({ api }: RecordedCase, { about }: Environment): Environment['about'] {
  const { name, description, html_url: url, license } = { ...book.repo, ...api?.repo }
  return {
    title: name ?? about.title,
    description: description ?? '',
    url: url ?? about.url,
    license: license?.spdx_id ?? '',
  }
}

/** `created` tells the commit's time here and the run's there; everything else has to be equal. */
function datedAs(
  { now, inputs }: RecordedCase,
  input: 'labels' | 'annotations',
  { record, created }: { readonly record: Report['labels']; readonly created: string },
): Report['labels'] {
  const own = inputs?.[input]?.includes(`${KEY}created`) === true
  const same = new Date(created).toISOString()
  const theirs = new Date(now ?? book.now).toISOString()
  const dated = Object.entries(record).map(([key, value]) => {
    const isCreated = key.endsWith(`${KEY}created`)
    if (isCreated && !own) expect(value).toBe(same)
    return [key, isCreated && value === same && !own ? theirs : value]
  })
  return Object.fromEntries(dated)
}

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n')
}

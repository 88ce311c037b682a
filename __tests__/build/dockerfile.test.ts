// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how a Dockerfile writes variables
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { baseImages, pullsNeeded, targetPlace } from '../../src/build/dockerfile.ts'
import { formatReference } from '../../src/image/reference.ts'
import type { BuildRequest } from '../../src/plan/request.ts'
import { buildRequest } from './world.ts'

const BOTH = ['linux/amd64', 'linux/arm64']

async function look(text: string, changes: Partial<BuildRequest> = {}): Promise<string[] | string> {
  const bases = await baseImages(buildRequest(changes), async () => text)
  if (!bases.known) return bases.why
  return bases.images.map((image) => `${formatReference(image.reference)} ×${image.platforms}`)
}

const hub = (name: string, times = 1) => `docker.io/library/${name} ×${times}`

describe('baseImages finds', () => {
  test.each<[string, string, string[], Partial<BuildRequest>?]>([
    ['one base', 'FROM alpine:3.20', [hub('alpine:3.20')]],
    ['a base without a tag', 'FROM alpine', [hub('alpine:latest')]],
    ['nothing in scratch', 'FROM scratch\nCOPY a b', []],
    ['a base of another registry', 'FROM ghcr.io/acme/base:1 AS x', ['ghcr.io/acme/base:1 ×1']],
    ['a base by digest', `FROM alpine:3@sha256:${'a'.repeat(64)}`, [hub(`alpine@sha256:${'a'.repeat(64)}`)]],
    ['keywords in any case', 'from alpine as Base\nFROM base', [hub('alpine:latest')]],
    ['only what the last stage needs', 'FROM golang AS a\nFROM node AS b\nFROM alpine', [hub('alpine:latest')]],
    [
      'only what the target needs',
      'FROM golang AS a\nFROM node AS b\nFROM alpine',
      [hub('node:latest')],
      { target: 'B' },
    ],
    ['the target by its number', 'FROM golang\nFROM node\nFROM alpine', [hub('node:latest')], { target: '1' }],
    [
      'stages that are copied from',
      'FROM golang AS a\nFROM alpine\nCOPY --from=a /x /y',
      [hub('alpine:latest'), hub('golang:latest')],
    ],
    [
      'stages copied from by number',
      'FROM golang\nFROM alpine\nCOPY --from=0 /x /y',
      [hub('alpine:latest'), hub('golang:latest')],
    ],
    ['images that are copied from', 'FROM scratch\nCOPY --chown=1 --from=nginx:1 /x /y', [hub('nginx:1')]],
    ['images that are mounted', 'FROM scratch\nRUN --mount=type=bind,from=node:22,target=/n true', [hub('node:22')]],
    [
      'both of two mounts',
      'FROM scratch\nRUN --mount=from=a,target=/a --mount=type=bind,from=b,target=/b x',
      [hub('a:latest'), hub('b:latest')],
    ],
    ['a variable with a default', 'ARG V=3.20\nFROM alpine:$V', [hub('alpine:3.20')]],
    ['a variable from build-args', 'ARG V=3.20\nFROM alpine:${V}', [hub('alpine:3.21')], { buildArgs: ['V=3.21'] }],
    ['a default inside a default', 'ARG A=al\nARG B="${A}pine" C=1\nFROM ${B}:${C}', [hub('alpine:1')]],
    ['a word for an unset variable', 'ARG V\nFROM alpine:${V:-edge}', [hub('alpine:edge')]],
    ['a word for a set variable', 'ARG V=x\nFROM alpine${V:+:3}', [hub('alpine:3')]],
    [
      'no build argument that the file does not declare',
      'FROM alpine:${V:-edge}',
      [hub('alpine:edge')],
      { buildArgs: ['V=1'] },
    ],
    ['no ARG of a stage', 'FROM alpine AS a\nARG V=2\nFROM a\nFROM node:${V:-9}', [hub('node:9')]],
    ['each platform', 'FROM alpine', [hub('alpine:latest', 2)], { platforms: BOTH }],
    [
      'the same platform in two spellings once',
      'FROM alpine',
      [hub('alpine:latest')],
      { platforms: ['linux/arm64', 'linux/arm64/v8'] },
    ],
    [
      'the builder once',
      'FROM --platform=$BUILDPLATFORM golang AS a\nFROM alpine\nCOPY --from=a x y',
      [hub('alpine:latest', 2), hub('golang:latest')],
      { platforms: BOTH },
    ],
    ['a fixed platform once', 'FROM --platform=linux/s390x alpine', [hub('alpine:latest')], { platforms: BOTH }],
    [
      'the same image for builder and target',
      'FROM --platform=$BUILDPLATFORM node AS a\nFROM node\nCOPY --from=a x y',
      [hub('node:latest', 2)],
      { platforms: BOTH },
    ],
    [
      'another base for each platform',
      'ARG TARGETARCH\nFROM node AS base-amd64\nFROM golang AS base-arm64\nFROM base-$TARGETARCH',
      [hub('node:latest'), hub('golang:latest')],
      { platforms: BOTH },
    ],
    [
      'the syntax image once',
      '# syntax=docker/dockerfile:1\nFROM scratch',
      ['docker.io/docker/dockerfile:1 ×1'],
      { platforms: BOTH },
    ],
    [
      'the syntax image behind another directive',
      '# escape=`\n#Syntax = docker/dockerfile:1 x\nFROM scratch',
      ['docker.io/docker/dockerfile:1 ×1'],
    ],
    ['no syntax image below a comment', '# hello\n# syntax=docker/dockerfile:1\nFROM scratch', []],
    [
      'the syntax image of the build arguments',
      '# syntax=a/b\nFROM scratch',
      ['docker.io/c/d:latest ×1'],
      { buildArgs: ['BUILDKIT_SYNTAX=c/d'] },
    ],
    ['nothing in a here-document', 'FROM scratch\nCOPY <<EOF /x\nFROM evil\nCOPY --from=evil a b\nEOF', []],
    ['continued lines with comments', 'FROM \\\n# why\n  --platform=linux/amd64 \\\n  alpine', [hub('alpine:latest')]],
    ['another escape character', '# escape=`\nFROM `\n alpine', [hub('alpine:latest')]],
    ['a file with a mark of its encoding', '\uFEFF# syntax=a/b\nFROM scratch', ['docker.io/a/b:latest ×1']],
    ['a stage named like an image', 'FROM node AS node\nFROM node', [hub('node:latest')]],
    ['an image named like a later stage', 'FROM node\nFROM alpine AS node', [hub('node:latest')], { target: '0' }],
  ])('%s', async (_name, text, images, changes) => {
    expect(await look(text, changes)).toEqual(images)
  })
})

describe('baseImages says what it cannot know:', () => {
  test.each<[string, string, string, Partial<BuildRequest>?]>([
    ['a remote context', 'FROM a', 'remote', { context: 'https://github.com/acme/api.git' }],
    ['an empty file', '', 'no stage'],
    ['a variable without a value', 'ARG V\nFROM $V', 'not an image reference'],
    ['pattern operators', 'ARG V=1\nFROM a:${V%%.*}', 'cannot be followed'],
    ['a default with pattern operators', 'ARG W=${V#x}\nFROM a', 'cannot be followed'],
    ['an unknown target', 'FROM a AS b', 'no stage of the name', { target: 'c' }],
    ['a name that is none', 'FROM Alpine', 'not an image reference'],
    ['a huge file', `FROM a\n${'#'.repeat(1_000_001)}`, 'too large'],
  ])('%s', async (_name, text, why, changes) => {
    expect(await look(text, changes)).toContain(why)
  })
})

describe('baseImages reads', () => {
  test.each<[string, Partial<BuildRequest>, string[]]>([
    ['the named file', { file: '/else/Other' }, ['/else/Other']],
    ['Dockerfile, then dockerfile, of the context', {}, ['/src/Dockerfile', '/src/dockerfile']],
  ])('%s', async (_name, changes, paths) => {
    const read: string[] = []
    const bases = await baseImages(buildRequest(changes), async (path) => void read.push(path))
    expect(read).toEqual(paths)
    expect(bases).toEqual({ known: false, why: 'the Dockerfile cannot be read' })
  })
})

test('pullsNeeded adds up the platforms of each registry', async () => {
  const text =
    'FROM --platform=$BUILDPLATFORM golang AS a\nFROM ghcr.io/acme/base\nCOPY --from=a x y\nCOPY --from=nginx x y'
  const bases = await baseImages(buildRequest({ platforms: BOTH }), async () => text)
  expect(bases.known && [...pullsNeeded(bases.images)].sort()).toEqual([
    ['docker.io', 3],
    ['ghcr.io', 2],
  ])
})

test('baseImages never throws, whatever the file says', async () => {
  const word = fc.constantFrom(
    'FROM',
    'ARG',
    'COPY',
    'RUN',
    ' ',
    '\n',
    '--from=',
    '--mount=',
    '$',
    '{',
    '}',
    ':-',
    '"',
    "'",
    '\\',
    '<<EOF',
    'EOF',
    'a',
    'AS',
    '#',
    'syntax=',
    ',',
    '=',
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(word, { maxLength: 60 }).map((words) => words.join('')),
  )
  await fc.assert(
    fc.asyncProperty(text, fc.string(), async (file, target) => {
      expect(typeof (await baseImages(buildRequest({ target }), async () => file)).known).toBe('boolean')
    }),
    { numRuns: 500 },
  )
})

test('baseImages bears variables that are nested without end', async () => {
  expect(await look(`FROM ${'${A:-'.repeat(50_000)}`)).toContain('cannot be followed')
})

describe('the place of a target', () => {
  const TEXT =
    '# syntax=docker/dockerfile:1\nFROM golang AS Build\nRUN make\n\nfrom alpine \\\n  AS run\nCOPY --from=build /a /a\n'
  test.each<[string, Partial<BuildRequest>, string, string, number]>([
    ['the last stage', {}, TEXT, '/work/Dockerfile', 5],
    ['the stage of the target', { target: 'build' }, TEXT, '/work/Dockerfile', 2],
    ['the stage of that number', { target: '0' }, TEXT, '/work/Dockerfile', 2],
    ['the first one for a target that is not there', { target: 'x' }, TEXT, '/work/Dockerfile', 2],
    ['the file that is named', { file: '/other/api.Dockerfile' }, TEXT, '/other/api.Dockerfile', 5],
    ['line 1 of what is no Dockerfile', {}, 'hello', '/work/Dockerfile', 1],
    ['line 1 of what is too large', {}, `FROM a\n${' '.repeat(1_000_001)}\nFROM b`, '/work/Dockerfile', 1],
  ])('is %s', async (...given) => {
    const [, changes, text, path, line] = given
    expect(await targetPlace(buildRequest({ context: '/work', ...changes }), async () => text)).toEqual({ path, line })
  })

  test('is that of the lower-case file when there is no other', async () => {
    const read = async (path: string) => (path === '/work/dockerfile' ? TEXT : undefined)
    expect(await targetPlace(buildRequest({ context: '/work' }), read)).toEqual({ path: '/work/dockerfile', line: 5 })
  })

  test('is nowhere in a remote context, or where there is no file', async () => {
    const remote = buildRequest({ context: 'https://github.com/acme/api.git' })
    expect(await targetPlace(remote, async () => TEXT)).toBeUndefined()
    expect(await targetPlace(buildRequest({ context: '/work' }), async () => undefined)).toBeUndefined()
  })
})

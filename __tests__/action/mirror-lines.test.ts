import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Mistake } from '../../src/action/form.ts'
import { readMirrorLines } from '../../src/action/mirror-lines.ts'
import { USUAL_WISHES } from '../../src/plan/mirror-request.ts'
import { selectTags } from '../../src/tags/select.ts'

const DIGEST = `sha256:${'0'.repeat(64)}`

function read(text: string) {
  const form: { mistakes: Mistake[]; notices: string[] } = { mistakes: [], notices: [] }
  const entries = readMirrorLines(form, text, { wishes: USUAL_WISHES, machine: 'linux/amd64' })
  return { entries, mistakes: form.mistakes.map(({ line, text: why }) => `${line}: ${why}`) }
}

describe('a line', () => {
  test.each<[string, unknown, readonly unknown[]]>([
    [
      'node:22 => ghcr.io/acme/node',
      { registry: 'docker.io', path: 'library/node', tag: '22' },
      [{ registry: 'ghcr.io', path: 'acme/node', tag: '22' }],
    ],
    ['a.io/a:1=>b.io/a:2', { registry: 'a.io', path: 'a', tag: '1' }, [{ registry: 'b.io', path: 'a', tag: '2' }]],
    [
      'a.io/a:1 => b.io/a, c.io/a:3',
      { registry: 'a.io', path: 'a', tag: '1' },
      [
        { registry: 'b.io', path: 'a', tag: '1' },
        { registry: 'c.io', path: 'a', tag: '3' },
      ],
    ],
    [
      `a.io/a@${DIGEST} => b.io/a:pinned`,
      { registry: 'a.io', path: 'a', digest: DIGEST },
      [{ registry: 'b.io', path: 'a', tag: 'pinned' }],
    ],
    [
      `a.io/a:1@${DIGEST} => b.io/a`,
      { registry: 'a.io', path: 'a', digest: DIGEST },
      [{ registry: 'b.io', path: 'a', tag: '1' }],
    ],
    [
      'localhost:5000/a:1 => localhost:5001/a',
      { registry: 'localhost:5000', path: 'a', tag: '1' },
      [{ registry: 'localhost:5001', path: 'a', tag: '1' }],
    ],
  ])('names one image: %s', (text, source, targets) => {
    expect(read(text)).toEqual({
      mistakes: [],
      entries: [
        {
          ...USUAL_WISHES,
          kind: 'image',
          source,
          targets,
          origin: { file: 'images', line: 1 },
          fields: expect.anything(),
        },
      ],
    })
  })

  test('names a repository where it chooses tags, by globs over all of the tag', () => {
    const { entries, mistakes } = read(
      '\n# bases\nalpine => b.io/alpine, c.io/alpine ; tags=3.*,latest ; newest=2; allow-empty',
    )
    expect(mistakes).toEqual([])
    expect(entries).toMatchObject([
      {
        kind: 'repository',
        source: { registry: 'docker.io', path: 'library/alpine' },
        targets: [
          { registry: 'b.io', path: 'alpine' },
          { registry: 'c.io', path: 'alpine' },
        ],
        allowEmpty: true,
        origin: { file: 'images', line: 3 },
      },
    ])
    const [entry] = entries
    const tags = entry?.kind === 'repository' ? entry.tags : { sets: [] }
    expect(selectTags(tags, ['3.9', '13.1', '3.21', '3.20', 'latest', '3']).taken).toEqual(['3.21', '3.20'])
  })

  test('says how it is copied', () => {
    const { entries } = read(
      'a:1 => b.io/a; platforms=linux/amd64,arm64; referrers=recheck\na:2 => b.io/a; referrers=false; allow-empty=false',
    )
    expect(entries).toMatchObject([
      {
        platforms: {
          kind: 'subset',
          platforms: [
            { os: 'linux', architecture: 'amd64' },
            { os: 'linux', architecture: 'arm64' },
          ],
        },
        referrers: { carry: 'recheck' },
        digestTags: 'recheck',
      },
      { platforms: { kind: 'all' }, referrers: { carry: 'no' }, digestTags: 'no', allowEmpty: false },
    ])
  })

  test.each<[string, string]>([
    ['node:22', 'does not say where to: write source => target'],
    ['node => b.io/node', '“node” does not say which: add a tag, or ;tags=3.*'],
    ['=> b.io/node', 'a name is missing'],
    ['node:22 =>', 'a name is missing'],
    ['node:22 => b.io/node,', 'a name is missing'],
    ['node:22 => b.io/Node', 'is not an image reference'],
    ['node:-1 => b.io/node', 'is not an image reference'],
    ['oci://a => b.io/a:1', '“oci://a” is a URL'],
    [`node@${DIGEST} => b.io/node`, '“b.io/node” needs a tag'],
    [`node:22 => b.io/node@${DIGEST}`, 'has a digest; a target has a tag'],
    ['node:22 => b.io/node; tags=22.*', '“node:22” has a tag, and `tags=` or `newest=` chooses others'],
    [`node@${DIGEST} => b.io/node; newest=3`, 'has a digest, and `tags='],
    ['node => b.io/node:1; tags=*', '“b.io/node:1” is an image; here belongs a repository'],
    ['node:22 => node:22', 'docker.io/library/node:22 is copied onto itself'],
    ['node:22 => docker.io/library/node', 'is copied onto itself'],
    ['node:22 => b.io/node, b.io/node:22', 'b.io/node:22 is written by two entries'],
    ['node:22 => b.io/node; tag=1', 'unknown attribute “tag”'],
    ['node => b.io/node; tags=1; tags=2', 'the attribute “tags” is there twice'],
    ['node => b.io/node; tags=', 'tags= says nothing'],
    ['node => b.io/node; newest=0', 'newest=“0” is no number from 1'],
    ['node => b.io/node; newest=all', 'newest=“all” is no number'],
    ['node:22 => b.io/node; platforms=plan9', '“plan9” is no platform'],
    ['node:22 => b.io/node; referrers=maybe', 'referrers=“maybe” is none of true, false, recheck'],
    ['node:22 => b.io/node; allow-empty=maybe', 'allow-empty=“maybe” is neither'],
    [`node => b.io/node; tags=${'a'.repeat(1001)}`, 'longer than'],
  ])('%s has its mistake', (text, expected) => {
    const { mistakes } = read(`a:1 => c.io/a\n${text}`)
    expect(mistakes).toEqual([expect.stringMatching(/^2: /)])
    expect(mistakes.join()).toContain(expected)
  })

  test('writes no target that another one writes', () => {
    expect(read('a:1 => c.io/a\n\nb:1 => c.io/a').mistakes).toEqual([
      '3: c.io/a:1 is written by two entries, first in images, line 1, from another source',
    ])
    expect(read('a => c.io/a; tags=1*\nb => c.io/a; tags=2*').mistakes).toEqual([])
  })

  test('of any kind is an entry or a mistake with a line', () => {
    const unit = fc.constantFrom(
      'a',
      'b.io/a',
      ':1',
      '@',
      ' => ',
      ', ',
      '; ',
      'tags=',
      'newest=',
      '3',
      '*',
      'platforms=',
      '\n',
      '#',
      'allow-empty',
      '=',
      'é',
      '"',
    )
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 25 }), (parts) => {
        const text = parts.join('')
        const said = text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#'))
        const { entries, mistakes } = read(text)
        expect(entries.length + mistakes.length).toBeGreaterThanOrEqual(said.length)
        for (const mistake of mistakes) expect(mistake).toMatch(/^[1-9]\d*: ./)
      }),
      { numRuns: 1000 },
    )
  })

  test('is one of a bounded number', () => {
    const { entries, mistakes } = read(Array.from({ length: 10_001 }, (_, at) => `a:${at} => b.io/a`).join('\n'))
    expect([entries.length, mistakes]).toEqual([0, ['10001: there are more than 10000 images']])
  })
})

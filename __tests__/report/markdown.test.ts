import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { code, folded, link, prose, table, text } from '../../src/report/markdown.ts'
import { hostile } from './hostile-text.ts'

describe('text', () => {
  it.each([
    ['openssl', 'openssl'],
    ['libstdc++6', 'libstdc++6'],
    ['a|b', 'a&#124;b'],
    ['<b>&amp;', '&#60;b&#62;&#38;amp;'],
    ['**bold** _x_ ~~y~~', '&#42;&#42;bold&#42;&#42; &#95;x&#95; &#126;&#126;y&#126;&#126;'],
    ['![x](y)', '&#33;&#91;x&#93;(y)'],
    ['$x$', '&#36;x&#36;'],
    ['one\r\n\ttwo\u2028three', 'one two three'],
    ['a\u202eb\u200bc', 'a\uFFFDb\uFFFDc'],
    ['\ud800', '\uFFFD'],
    ['', '–'],
    [' \n ', '–'],
  ])('shows %j as %j', (untrusted, shown) => {
    expect(text(untrusted)).toBe(shown)
  })

  it.each(['@octocat', 'mail me@host.example', 'https://evil.example', 'www.evil.example', ':smile:', '#12', 'GH-12'])(
    'keeps %j from becoming a link, a mention or an emoji',
    (untrusted) => {
      const shown = text(untrusted)
      expect(shown).toContain('\u2060')
      expect(shown.replaceAll('\u2060', '').replaceAll('&#35;', '#')).toBe(untrusted)
    },
  )

  it('leaves an image reference as it is, so that it can be copied', () => {
    const reference = `localhost:5000/acme/api:1.4.2@sha256:${'0'.repeat(64)}`
    expect(text(reference)).toBe(reference)
  })

  it('cuts by characters and never through one', () => {
    expect(text('🚢'.repeat(20), 5)).toBe('🚢🚢🚢🚢…')
    expect(text('x'.repeat(200))).toBe('x'.repeat(200))
    expect(text('x'.repeat(201))).toBe(`${'x'.repeat(199)}…`)
  })
})

describe('code', () => {
  it.each([
    ['1.4.2', '`1.4.2`'],
    ['a_b*c<d>', '`a_b*c<d>`'],
    ['a|b', 'a&#124;b'],
    ['a`b', 'a&#96;b'],
    ['a\\', 'a&#92;'],
    ['x ##[error]y', 'x &#35;&#35;&#91;error&#93;y'],
    ['', '–'],
  ])('shows %j as %j', (untrusted, shown) => {
    expect(code(untrusted)).toBe(shown)
  })
})

describe('prose', () => {
  it.each([
    ['Set `scan: report` or `push: false`.', 'Set `scan: report` or `push: false`.'],
    ['one ` only', 'one &#96; only'],
    ['`a|b` and <c>', 'a&#124;b and &#60;c&#62;'],
    ['', '–'],
    ['``', '–'],
  ])('shows %j as %j', (untrusted, shown) => {
    expect(prose(untrusted)).toBe(shown)
  })
})

describe('link', () => {
  it('links a plain https address', () => {
    expect(link('CVE-2026-1', 'https://avd.aquasec.com/nvd/cve-2026-1')).toBe(
      '[CVE-2026-1](https://avd.aquasec.com/nvd/cve-2026-1)',
    )
  })

  it.each([
    '',
    'http://avd.aquasec.com/x',
    'javascript:alert(1)',
    'https://user@evil.example/',
    'https://evil.example/) [x](https://y.example',
    'https://evil.example/<b>',
    'https://evil.example/a b',
    'https://localhost/x',
    'https://evil.example/x\n',
    `https://evil.example/${'x'.repeat(300)}`,
  ])('shows no link for the address %j', (address) => {
    expect(link('CVE-2026-1', address)).toBe('CVE-2026-1')
  })
})

describe('table', () => {
  const numbers = { head: ['n'], row: (item: number) => [String(item)] }

  it('shows every row that has room', () => {
    expect(table(numbers, [1, 2, 3], { most: 3, bytes: 1000 })).toBe('| n |\n| --- |\n| 1 |\n| 2 |\n| 3 |')
  })

  it('counts the rows that have none', () => {
    expect(table(numbers, [1, 2, 3], { most: 2, bytes: 1000 })).toMatch(/\| 2 \|\n\n… and 1 more in the report file\.$/)
    expect(table(numbers, [1, 2, 3], { most: 3, bytes: 6 })).toMatch(/\| 1 \|\n\n… and 2 more in the report file\.$/)
  })
})

it('folded text has empty lines around it, or its Markdown would stay raw', () => {
  expect(folded('3 more', 'body')).toBe('<details><summary>3 more</summary>\n\nbody\n\n</details>')
})

describe('whatever a stranger writes', () => {
  it.each([
    ['text', text],
    ['code', code],
    ['prose', prose],
  ])('%s stays one line without structure', (_name, show) => {
    fc.assert(
      fc.property(hostile, (untrusted) => {
        const shown = show(untrusted)
        expect(shown).not.toMatch(/[\n\r|\\\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|##\[/u)
        expect(shown.length).toBeLessThan(10_000)
        // Code spans are closed, and outside of them nothing has a meaning.
        expect(shown.replace(/`[^`]*`/g, '')).not.toMatch(/[<>`*_~[\]!$]|&(?!#\d+;)|:\/\/|(?:^|\W)@[a-z\d]/i)
      }),
    )
  })
})

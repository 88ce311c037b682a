import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { logText } from '../../scripts/demo/log-text.ts'
import { promisesTold } from '../../scripts/demo/promises.ts'
import { summaryText } from '../../scripts/demo/summary-text.ts'

const LIMIT = { timeout: 120_000 }
const DEMO = join(import.meta.dirname, '../../scripts/demo.mjs')

describe('the demonstration', LIMIT, () => {
  test('runs to its end with what this machine has', async () => {
    const { code, printed } = await demonstrate(process.env)
    expect(printed).toContain('What you have seen')
    expect(printed).not.toContain('  NO   ')
    expect(code).toBe(0)
  })

  test('runs to its end without an engine and without Trivy, says what is missing and shows no secret', async () => {
    const temporary = await folder()
    const { code, printed } = await demonstrate({ ...(await bareVariables()), TMPDIR: temporary })
    expect(printed).toMatch(/^Engine: .*finished OCI layout/m)
    expect(printed).toMatch(/^Trivy: .*nothing is scanned here\. .+/m)
    expect(printed).toContain('The same again: 0 writes, 0 bytes received.')
    expect(printed).toContain('A vulnerable one: not shown.')
    expect(printed).toContain('password: ***')
    expect(printed).not.toMatch(/^\s*::/m)
    expect(code).toBe(0)
    expect(await readdir(temporary)).toEqual([])
  })
})

describe('the promises', () => {
  test('remember what was not kept', () => {
    const lines: string[] = []
    const promises = promisesTold((line) => lines.push(line))
    promises.look('it is round', true)
    promises.look('it is green', false)
    expect(promises.broken).toEqual(['it is green'])
    expect(lines).toEqual(['  yes  it is round', '  NO   it is green'])
  })
})

describe('the log for a terminal', () => {
  test.each<[string, string, readonly string[]]>([
    ['keeps plain lines', 'one\n  two\n', ['one', '  two']],
    ['leaves out debug lines', 'one\n::debug::two\n', ['one']],
    ['shows a short group', '::group::Scan\nclean\n::endgroup::\nend', ['▾ Scan', '  clean', 'end']],
    ['folds a long group', `::group::Build\n${'line\n'.repeat(7)}::endgroup::`, ['▸ Build (7 lines, folded)']],
    ['shows a group that was never closed', '::group::Build\nline', ['▾ Build', '  line']],
    ['puts annotations into words', '::error title=x::no%0AHint: yes 100%25', ['Error: no', 'Hint: yes 100%']],
    ['masks what was masked', '::add-mask::abc\n::add-mask::abcdef\nx abcdef y abc', ['x *** y ***']],
  ])('%s', (_, log, expected) => {
    expect(logText(log)).toEqual(expected)
  })
})

describe('the summary for a terminal', () => {
  test.each<[string, string, readonly string[]]>([
    ['marks headings', '## **Published `1.0`**\n', ['[ Published 1.0 ]']],
    ['puts tables into columns', '| A | Long |\n| --- | --- |\n| `abc` | 1 |\n', ['  A    Long', '  abc  1']],
    ['keeps commands as they are', '```sh\ndocker pull a`b\n```\n', ['  docker pull a`b']],
    ['shows what was escaped', 'a &#42;b&#42; @\u2060c [d](https://e)\n', ['a *b* @c d']],
    ['unfolds', '<details><summary>More</summary>\n\nb\n\n</details>\n', ['More', '', 'b', '']],
  ])('%s', (_, markdown, expected) => {
    expect(summaryText(markdown)).toEqual(expected)
  })
})

type Variables = Readonly<Record<string, string | undefined>>

async function demonstrate(env: Variables) {
  const child = spawn(process.execPath, [DEMO], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const printed = await text(child.stdout)
  return { code: await ended, printed }
}

async function bareVariables(): Promise<Variables> {
  return {
    HOME: await folder(),
    PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
    // An engine that runs on this machine is not looked for at its usual place.
    DOCKER_HOST: 'unix:///nonexistent/docker.sock',
  }
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'demo-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Finished, mustRun, run } from '../../scripts/part/command.ts'
import { need, requirePart } from '../../scripts/part/index.ts'
import { writeFiles } from '../support/runner/files.ts'
import { sha256Of } from '../support/trivy-archive.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const STEP = pathToFileURL(join(ROOT, '__tests__/support/cache-step.ts')).href
/** Of more than one part. */
const FILE = Buffer.from(Array.from({ length: 250_000 }, (_, index) => index % 253))
const ready = await need(['act'])

/** act's own server, of version 1: the one of two that runs here. */
describe.skipIf(!ready)('the cache server of act', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-cache-'))
    await Promise.all([mkdir(at('repository'), { recursive: true }), mkdir(at('notes'), { recursive: true })])
    await writeFile(at('kept'), FILE)
    await writeFiles(at('repository'), {
      'action.yml': ACTION,
      'index.mjs': `await import(${JSON.stringify(STEP)})\n`,
      '.github/workflows/cache.yml': workflow(),
    })
    const git = (...args: string[]) => mustRun(`git ${args[0]}`, 'git', args, { folder: at('repository') })
    await git('init', '--quiet', '--initial-branch=main')
    await git('add', '.')
    const author = ['-c', 'user.name=A. Author', '-c', 'user.email=author@example.com']
    await git(...author, 'commit', '--quiet', '--message=First')
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  const at = (name: string) => join(folder, name)

  function workflow(): string {
    const job = (name: string, inputs: Readonly<Record<string, string>>) => `
  ${name}:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - uses: ./
        with: ${JSON.stringify({ ...inputs, note: at(`notes/${name}`) })}`
    return `
name: Cache
on: push
jobs:${[
      job('keep', { keep: at('kept'), key: 'Lading-Test-1' }),
      job('bring', { bring: at('brought'), key: 'lading-test-' }),
      job('miss', { bring: at('missed'), key: 'another-' }),
    ].join('')}
`
  }

  /** A run of its own: a process of act, with a server of its own over the same files. */
  async function act(job: string): Promise<Finished> {
    const server = ['--cache-server-addr', '127.0.0.1', '--cache-server-path', at('server')]
    const args = ['push', '--job', job, '-P', 'ubuntu-latest=-self-hosted', ...server]
    const environment = {
      HOME: at('home'),
      XDG_CACHE_HOME: at('cache'),
      PATH: `${join(ROOT, 'node_modules/.bin')}:/usr/bin:/bin`,
    }
    return run(await requirePart('act'), args, { folder: at('repository'), environment })
  }

  async function outcomeOf(job: string): Promise<{ outcome: unknown; debug: readonly string[] }> {
    const { code, stdout } = await act(job)
    expect(code, stdout).toBe(0)
    return JSON.parse(await readFile(at(`notes/${job}`), 'utf8'))
  }

  test('keeps a file that a later run brings back by the beginning of its key', async () => {
    const kept = await outcomeOf('keep')
    expect(kept.outcome, kept.debug.join('\n')).toBe(true)
    const brought = await outcomeOf('bring')
    // To act, keys have no upper case.
    const entry = { key: 'lading-test-1', sha256: sha256Of(FILE), size: FILE.length }
    expect(brought.outcome, brought.debug.join('\n')).toEqual(entry)
    expect(FILE.equals(await readFile(at('brought')))).toBe(true)
    const missed = await outcomeOf('miss')
    expect(missed.outcome).toBeNull()
    expect(missed.debug.at(-1)).toBe('The Actions cache has no another-')
  })
})

const ACTION = `
name: Cache
description: Keeps a file or brings it
inputs:
  keep: { description: file to keep, required: false }
  bring: { description: file to write, required: false }
  key: { description: key, required: true }
  note: { description: where to say what came of it, required: true }
runs:
  using: node24
  main: index.mjs
`

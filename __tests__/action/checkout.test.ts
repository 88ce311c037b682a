import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { withCheckout } from '../../src/action/checkout.ts'
import { makeExec } from '../../src/action/exec.ts'
import { environment, folderWith } from './given.ts'

const never = new AbortController().signal
const PATH = process.env['PATH'] ?? ''
const WHO = ['-c', 'user.name=A', '-c', 'user.email=a@example.com']
const DATES = { GIT_AUTHOR_DATE: '2026-01-20T21:22:23Z', GIT_COMMITTER_DATE: '2026-01-21T22:23:24+05:30' }

function gitIn(directory: string, ...args: readonly string[]): string {
  const env = { PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', ...DATES }
  return execFileSync('git', [...WHO, ...args], { cwd: directory, env, encoding: 'utf8' }).trim()
}

/** A repository with one commit on main, after these commands. */
function repository(...commands: readonly string[]): string {
  const directory = folderWith()
  for (const line of ['init -q -b main', 'commit -q --allow-empty -m one', ...commands])
    gitIn(directory, ...line.split(' '))
  return directory
}

async function subjectOf(workspace: string, searchPath = PATH) {
  return await withCheckout(environment({ workspace, searchPath }), makeExec(never))
}

describe('with tag-context: git names tell of', () => {
  // What metadata-action makes of each is compared in metadata-action.test.ts.
  test.each([
    ['the branch', [], 'refs/heads/main'],
    ['a branch with a tag', ['tag v1'], 'refs/heads/main'],
    ['a tag', ['tag v1', 'checkout -q v1'], 'refs/tags/v1'],
    ['a branch by its commit', ['checkout -q --detach'], 'refs/heads/main'],
    [
      'a branch that was fetched',
      ['update-ref refs/remotes/origin/a/b HEAD', 'checkout -q --detach', 'branch -q -D main'],
      'refs/heads/a/b',
    ],
    ['a pull request', ['update-ref refs/remotes/pull/7/merge HEAD', 'checkout -q --detach'], 'refs/pull/7/merge'],
    ['the branch above an old commit', ['commit -q --allow-empty -m two', 'checkout -q HEAD~1'], 'refs/heads/main'],
  ])('%s', async (_name, commands, ref) => {
    const workspace = repository(...commands)
    const { subject, committed, ref: own } = await subjectOf(workspace)
    expect(subject).toEqual({ ref, sha: gitIn(workspace, 'rev-parse', 'HEAD'), baseRef: '' })
    expect(committed).toBe('2026-01-21T16:53:24.000Z')
    expect(own).toBe('refs/heads/main')
  })
})

describe('git that cannot tell is a mistake', () => {
  test.each([
    ['without a repository', folderWith, 'not a git repository'],
    ['without a commit', () => folderOf('init -q'), "bad revision 'HEAD'"],
    [
      'without a branch',
      () => repository('checkout -q --detach', 'branch -q -D main'),
      'no branch and no tag leads to',
    ],
  ])('%s', async (_name, make, why) => {
    await expect(subjectOf(make())).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining(why),
    })
  })

  test('without git', async () => {
    await expect(subjectOf(repository(), '/nowhere')).rejects.toThrow('there is no git on PATH')
  })
})

test('a checkout that has git fetch what is missing starts no program', async () => {
  const workspace = repository('checkout -q --detach', 'branch -q -D main')
  const witness = join(workspace, 'witness')
  writeFileSync(join(workspace, 'program'), `#!/bin/sh\ntouch ${witness}\n`, { mode: 0o755 })
  const settings = {
    'core.repositoryformatversion': '1',
    'extensions.partialClone': 'origin',
    'remote.origin.promisor': 'true',
    'remote.origin.url': workspace,
    'remote.origin.uploadpack': join(workspace, 'program'),
  }
  for (const [key, value] of Object.entries(settings)) gitIn(workspace, 'config', key, value)
  writeFileSync(join(workspace, '.git/refs/heads/gone'), `${'1'.repeat(40)}\n`)
  await subjectOf(workspace).catch(() => undefined)
  expect(existsSync(witness)).toBe(false)
  // Which it would, were it not told otherwise.
  expect(() => gitIn(workspace, 'for-each-ref', '--contains=HEAD', 'refs/heads')).not.toThrow()
  expect(existsSync(witness)).toBe(true)
})

function folderOf(command: string): string {
  const directory = folderWith()
  gitIn(directory, ...command.split(' '))
  return directory
}

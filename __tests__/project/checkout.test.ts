import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Commits, git, makeRepository, startApi, temporary, world } from './world.ts'

const UNKNOWN = { kind: 'unknown' }
const NOBODY = '0'.repeat(40)

type Name = Exclude<keyof Commits, 'folder'>

describe('a whole checkout', () => {
  test.each<readonly [Name, Name, object]>([
    ['two', 'two', { kind: 'same' }],
    ['two', 'base', { kind: 'ahead', commits: 2 }],
    ['base', 'two', { kind: 'behind', commits: 2 }],
    ['one', 'base', { kind: 'ahead', commits: 1 }],
    ['two', 'side', { kind: 'diverged' }],
    ['side', 'two', { kind: 'diverged' }],
  ])('tells how %s stands to %s, and nobody else is asked', async (commit, other, kinship) => {
    const commits = makeRepository()
    const api = await startApi()
    const { history } = world({ workspace: commits.folder, api: api.url })
    expect(await history.compare(commits[commit], commits[other])).toEqual(kinship)
    expect(api.asked).toEqual([])
  })

  test('tells when a commit was made, in whatever zone it was', async () => {
    const { folder, one } = makeRepository()
    const { history } = world({ workspace: folder })
    expect(await history.committed(one)).toEqual(new Date('2026-01-02T10:00:00Z'))
  })

  test('is asked once for each question', async () => {
    const { folder, base, two } = makeRepository()
    const { history, commands } = world({ workspace: folder })
    const answers = await Promise.all([history.compare(two, base), history.compare(two, base), history.committed(two)])
    expect(await history.compare(two, base)).toEqual(answers[1])
    expect(await history.committed(two)).toEqual(answers[2])
    expect(commands.map(({ args }) => args.find((word) => word.startsWith('rev-')))).toHaveLength(3)
  })

  test('is a work tree of another folder as well', async () => {
    const { folder, base, two } = makeRepository()
    const tree = join(temporary(), 'tree')
    git(folder, ['worktree', 'add', '-q', '--detach', tree, two])
    const { history } = world({ workspace: tree })
    expect(await history.compare(two, base)).toEqual({ kind: 'ahead', commits: 2 })
  })

  test('may belong to another user', async () => {
    const { folder, base, two } = makeRepository()
    const foreign = { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' }
    expect(() => git(folder, ['rev-list', '-1', two], foreign)).toThrow('dubious ownership')
    const { history } = world({
      workspace: folder,
      around: (exec) => (command) => exec({ ...command, env: { ...command.env, ...foreign } }),
    })
    expect(await history.compare(two, base)).toEqual({ kind: 'ahead', commits: 2 })
  })
})

describe('a checkout that cannot tell', () => {
  test('is no reason to fail, with nobody else to ask', async () => {
    const { folder, two } = makeRepository()
    const { history, debug } = world({ workspace: folder })
    expect(await history.compare(two, NOBODY)).toEqual(UNKNOWN)
    expect(await history.committed(NOBODY)).toBeUndefined()
    expect(debug.join('\n')).toContain(NOBODY)
  })

  test.each<readonly [string, (folder: string) => Parameters<typeof world>[0]]>([
    ['there is no repository', () => ({ workspace: temporary() })],
    ['there is no git', (folder) => ({ workspace: folder, searchPath: temporary() })],
    [
      'git hangs',
      (folder) => ({ workspace: folder, exec: async () => ({ kind: 'stopped', why: 'timeout', stderr: '' }) }),
    ],
    [
      'git is too old for the question',
      (folder) => ({
        workspace: folder,
        exec: async () => ({ kind: 'exited', code: 0, stdout: '--is-shallow-repository\n', stderr: '' }),
      }),
    ],
  ])('since %s leaves it to GitHub', async (_name, options) => {
    const { folder, base, two } = makeRepository()
    const api = await startApi({
      [`/repos/acme/api/compare/${base}...${two}?per_page=1&page=2`]: { body: { status: 'ahead', ahead_by: 2 } },
      [`/repos/acme/api/git/commits/${two}`]: { body: { committer: { date: '2026-01-03T10:00:00Z' } } },
    })
    const { history } = world({ api: api.url, ...options(folder) })
    expect(await history.compare(two, base)).toEqual({ kind: 'ahead', commits: 2 })
    expect(await history.committed(two)).toEqual(new Date('2026-01-03T10:00:00Z'))
    expect(api.asked).toHaveLength(2)
  })

  test('since its repository lies further up is not a checkout of this one', async () => {
    const { folder, base, two } = makeRepository()
    mkdirSync(join(folder, 'below'))
    const { history } = world({ workspace: join(folder, 'below') })
    expect(await history.compare(two, base)).toEqual(UNKNOWN)
  })
})

describe('a shallow checkout', () => {
  function shallow(depth: number): Commits {
    const commits = makeRepository()
    const folder = join(temporary(), 'shallow')
    git(commits.folder, [
      'clone',
      '-q',
      '--no-single-branch',
      '--depth',
      `${depth}`,
      `file://${commits.folder}`,
      folder,
    ])
    return { ...commits, folder }
  }

  test('tells who is ahead as far as it reaches, and not by how much', async () => {
    const { folder, one, two } = shallow(2)
    const { history } = world({ workspace: folder })
    expect(await history.compare(two, one)).toEqual({ kind: 'ahead' })
    expect(await history.compare(one, two)).toEqual({ kind: 'behind' })
    expect(await history.committed(two)).toEqual(new Date('2026-01-03T10:00:00Z'))
  })

  test('does not take two lines for apart that meet below', async () => {
    const { folder, two, side } = shallow(1)
    const path = `/repos/acme/api/compare/${side}...${two}?per_page=1&page=2`
    const api = await startApi({ [path]: { body: { status: 'diverged', ahead_by: 2, behind_by: 1 } } })
    const { history } = world({ workspace: folder, api: api.url })
    expect(await history.compare(two, side)).toEqual({ kind: 'diverged' })
    expect(api.asked.map((one) => one.path)).toEqual([path])
  })

  test('leaves commits that it does not have to GitHub', async () => {
    const { folder, two, base } = shallow(1)
    const path = `/repos/acme/api/compare/${base}...${two}?per_page=1&page=2`
    const api = await startApi({ [path]: { body: { status: 'ahead', ahead_by: 2 } } })
    const { history } = world({ workspace: folder, api: api.url })
    expect(await history.compare(two, base)).toEqual({ kind: 'ahead', commits: 2 })
  })
})

describe('a hostile checkout', () => {
  /** Programs that a configuration may name, each leaving a mark. */
  function traps() {
    const folder = temporary()
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    const program = (name: string) => {
      const path = join(bin, name)
      writeFileSync(path, `#!/bin/sh\ntouch '${join(folder, name)}'\nexit 1\n`)
      chmodSync(path, 0o755)
      return path
    }
    const sprung = () => readdirSync(folder).filter((name) => name !== 'bin')
    const reset = () => {
      for (const name of sprung()) rmSync(join(folder, name))
    }
    return { program, sprung, reset }
  }

  /** Takes a commit away, as if a partial clone had not been given it. */
  function lose({ folder }: Commits, commit: string): void {
    rmSync(join(folder, '.git/objects', commit.slice(0, 2), commit.slice(2)))
  }

  function partialClone(url: string, more: string): string {
    return `[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = evil\n[remote "evil"]\n\turl = ${url}\n\tpromisor = true\n${more}`
  }

  test.each<readonly [string, (program: (name: string) => string, folder: string) => string]>([
    ['the program at a remote', (program, folder) => partialClone(folder, `\tuploadpack = ${program('uploadpack')}\n`)],
    [
      'ssh',
      (program) => `${partialClone('ssh://git@example.invalid/a', '')}[core]\n\tsshCommand = ${program('ssh')}\n`,
    ],
    [
      'any program as a remote',
      (program) => `${partialClone(`ext::${program('ext')}`, '')}[protocol "ext"]\n\tallow = always\n`,
    ],
    [
      'a helper for logins and a proxy',
      (program) =>
        `${partialClone('git://example.invalid/a', '')}[core]\n\tgitProxy = ${program('proxy')}\n[credential]\n\thelper = ${program('helper')}\n`,
    ],
  ])('starts no program for a commit that is missing: %s', async (_name, config) => {
    const commits = makeRepository()
    const { folder, base, two } = commits
    const { program, sprung, reset } = traps()
    lose(commits, base)
    appendFileSync(join(folder, '.git/config'), config(program, makeRepository().folder))
    expect(() => git(folder, ['rev-list', '--count', `${base}...${two}`], { GIT_NO_LAZY_FETCH: '' })).toThrow()
    expect(sprung(), 'the trap works').not.toEqual([])
    reset()
    const old: Parameters<typeof world>[0] = {
      // Git before 2.45 knows nothing of this one.
      around: (exec) => (command) => exec({ ...command, env: { ...command.env, GIT_NO_LAZY_FETCH: '' } }),
    }
    for (const options of [{}, old]) {
      const { history } = world({ workspace: folder, ...options })
      expect(await history.compare(two, base)).toEqual(UNKNOWN)
      expect(await history.committed(base)).toBeUndefined()
    }
    expect(sprung()).toEqual([])
  })

  test('starts no pager, hook, monitor, signature check or filter', async () => {
    const { folder, base, two } = makeRepository()
    const { program, sprung } = traps()
    const lines = [
      `[core]\n\tpager = ${program('pager')}\n\tfsmonitor = ${program('monitor')}\n\thooksPath = ${program('hooks')}`,
      `\teditor = ${program('editor')}\n\taskPass = ${program('askpass')}\n\talternateRefsCommand = ${program('refs')}`,
      `[pager]\n\trev-list = ${program('pager-too')}\n\trev-parse = ${program('pager-three')}`,
      `[log]\n\tshowSignature = true\n[gpg]\n\tprogram = ${program('gpg')}`,
      `[diff]\n\texternal = ${program('diff')}\n[alias]\n\trev-list = !${program('alias')}`,
      `[uploadpack]\n\tpackObjectsHook = ${program('pack')}`,
    ]
    appendFileSync(join(folder, '.git/config'), `${lines.join('\n')}\n`)
    const { history } = world({ workspace: folder })
    expect(await history.compare(two, base)).toEqual({ kind: 'ahead', commits: 2 })
    expect(await history.committed(two)).toEqual(new Date('2026-01-03T10:00:00Z'))
    expect(sprung()).toEqual([])
  })

  test('cannot put another commit in place of one, or give one other parents', async () => {
    const { folder, base, two, side } = makeRepository()
    git(folder, ['replace', '--graft', two, side])
    expect(git(folder, ['merge-base', two, side]), 'the replacement works').toBe(side)
    const { history } = world({ workspace: folder })
    expect(await history.compare(two, side)).toEqual({ kind: 'diverged' })
    mkdirSync(join(folder, '.git/info'), { recursive: true })
    writeFileSync(join(folder, '.git/info/grafts'), `${base} ${side}\n`)
    expect(await world({ workspace: folder }).history.compare(two, base)).toEqual({ kind: 'ahead', commits: 2 })
  })

  test('that cannot be read tells nothing', async () => {
    const { folder, base, two } = makeRepository()
    appendFileSync(join(folder, '.git/config'), '[core\nnonsense')
    const { history } = world({ workspace: folder })
    expect(await history.compare(two, base)).toEqual(UNKNOWN)
  })

  test('learns nothing of the step', async () => {
    const { folder, base, two } = makeRepository()
    const { history, commands } = world({ workspace: folder })
    await history.compare(two, base)
    expect(commands.length).toBeGreaterThan(0)
    for (const { env, args, program } of commands) {
      expect(program).toBe('git')
      expect(Object.keys(env).filter((name) => !/^(?:PATH|LC_ALL|GIT_[A-Z_]+)$/.test(name))).toEqual([])
      expect(JSON.stringify([env, args])).not.toContain('ghs_')
    }
  })

  test.each(['HEAD', 'main', '', '--all', `--output=${NOBODY}`, 'A'.repeat(40), `${NOBODY} `, `${NOBODY}\n`])(
    'is not asked about “%s”, which is no commit',
    async (name) => {
      const { folder, two } = makeRepository()
      const api = await startApi()
      const { history, commands } = world({ workspace: folder, api: api.url })
      expect(await history.compare(name, two)).toEqual(UNKNOWN)
      expect(await history.compare(two, name)).toEqual(UNKNOWN)
      expect(await history.committed(name)).toBeUndefined()
      expect(commands).toEqual([])
      expect(api.asked).toEqual([])
      expect(existsSync(join(folder, NOBODY))).toBe(false)
    },
  )
})

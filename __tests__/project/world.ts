import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { makeExec } from '../../src/action/exec.ts'
import type { Command, Exec, History } from '../../src/edges.ts'
import { openWire } from '../../src/net/wire.ts'
import { type HistoryOptions, openHistory } from '../../src/project/history.ts'

export const TOKEN = 'ghs_the-token-of-the-job'
/** An environment in which git does as it likes, but for the configuration of whoever runs the tests. */
export const PLAIN = {
  PATH: process.env['PATH'] ?? '',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
}

export function temporary(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'history-test-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs git in a folder, as a user would. Throws when it fails. */
export function git(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  return execFileSync('git', args, { cwd: folder, env: { ...PLAIN, ...env }, encoding: 'utf8', stdio: 'pipe' }).trim()
}

export type Commits = {
  readonly folder: string
  readonly base: string
  readonly one: string
  readonly two: string
  readonly side: string
}

/** `base ← one ← two` on the branch main, and `base ← side` on the branch side. */
export function makeRepository(): Commits {
  const folder = temporary()
  git(folder, ['init', '-q', '-b', 'main'])
  let at = 0
  const commit = () => {
    at += 1
    const date = `2026-01-0${at}T12:00:00+02:00`
    git(folder, ['commit', '-q', '--allow-empty', '-m', `${at}`], { GIT_COMMITTER_DATE: date, GIT_AUTHOR_DATE: date })
    return git(folder, ['rev-parse', 'HEAD'])
  }
  const [base, one, two] = [commit(), commit(), commit()]
  git(folder, ['checkout', '-q', '-b', 'side', base])
  const side = commit()
  git(folder, ['checkout', '-q', 'main'])
  return { folder, base, one, two, side }
}

type Told = { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
export type Asked = { readonly path: string; readonly authorization: string | undefined }

/** A stand-in for GitHub's API: what it says to which path, and what it was asked. */
export async function startApi(told: Readonly<Record<string, Told | readonly Told[]>> = {}) {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const before = asked.filter((one) => one.path === path).length
    asked.push({ path, authorization: request.headers.authorization })
    const answers = [told[path] ?? { status: 404, body: { message: 'Not Found' } }].flat()
    const { status = 200, headers = {}, body = {} } = answers[Math.min(before, answers.length - 1)] ?? {}
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the API has no port')
  return { url: `http://127.0.0.1:${address.port}`, asked }
}

export type World = {
  readonly history: History
  readonly debug: string[]
  readonly commands: Command[]
  readonly waits: number[]
}

/** The edge as the action wires it, over the real git and a real wire. */
export function world(options: Partial<HistoryOptions> & { readonly around?: (exec: Exec) => Exec } = {}): World {
  const debug: string[] = []
  const commands: Command[] = []
  const waits: number[] = []
  const { signal = new AbortController().signal, around = (exec) => exec, ...more } = options
  const wire = openWire({
    userAgent: 'lading/test',
    signal,
    proxy: { except: '' },
    settings: () => ({}),
    connections: 4,
  })
  onTestFinished(wire.close)
  const run = around(makeExec(signal))
  const history = openHistory({
    workspace: '/nowhere',
    searchPath: PLAIN.PATH,
    exec(command) {
      commands.push(command)
      return run(command)
    },
    api: '',
    repository: 'acme/api',
    token: TOKEN,
    wire: wire.send,
    signal,
    now: () => new Date(),
    sleep: async (milliseconds) => void waits.push(milliseconds),
    random: () => 0.5,
    debug: (line) => void debug.push(line),
    ...more,
  })
  return { history, debug, commands, waits }
}

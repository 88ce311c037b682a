import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock, Command, Ended, Reporter, Scratch, Undo, Variables } from '../../src/edges.ts'
import type { BuildRequest } from '../../src/plan/request.ts'

/** A folder of its own for one test, with little programs on `PATH` that write down how they were called. */
export type World = AsyncDisposable & {
  readonly directory: string
  readonly env: Variables
  /** Puts a program on `PATH`; each call adds a line with its name and arguments to what `calls` gives. */
  program(name: string, script: string): Promise<void>
  calls(): Promise<readonly string[]>
}

export async function makeWorld(): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'build-test-'))
  const bin = join(directory, 'bin')
  await mkdir(bin)
  const record = join(directory, 'calls')
  return {
    directory,
    env: { PATH: `${bin}:/usr/bin:/bin`, HOME: directory },
    async program(name, script) {
      await writeFile(join(bin, name), `#!/bin/sh\necho "${name} $*" >> '${record}'\n${script}\n`)
      await chmod(join(bin, name), 0o755)
    },
    calls: async () => (await readFile(record, 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

/** Runs real programs, as the action's own edge does, as far as these tests need it. */
export function runProgram(command: Command & { readonly stop?: AbortSignal }): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command.program, command.args, { env: command.env, detached: true })
    const out = { stdout: '', stderr: '' }
    let why: 'timeout' | 'cancelled' | undefined
    const end = (reason: 'timeout' | 'cancelled') => {
      why = reason
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }
    const timer = command.timeoutMs === undefined ? undefined : setTimeout(() => end('timeout'), command.timeoutMs)
    command.stop?.addEventListener('abort', () => end('cancelled'))
    for (const stream of ['stdout', 'stderr'] as const) {
      let open = ''
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        out[stream] += text
        const lines = (open + text).split('\n')
        open = lines.pop() ?? ''
        for (const line of lines) command.onLine?.(line)
      })
    }
    child.stdin.on('error', () => undefined)
    child.stdin.end(command.input ?? '')
    child.on('error', () => resolve({ kind: 'absent' }))
    child.on('close', (code) => {
      clearTimeout(timer)
      if (why !== undefined) resolve({ kind: 'stopped', why, stderr: out.stderr })
      else resolve({ kind: 'exited', code: code ?? 1, ...out })
    })
  })
}

/** A clock whose waits take a moment only, and are written down. */
export function quickClock(): Clock & { readonly waits: number[] } {
  const waits: number[] = []
  return {
    waits,
    now: () => new Date(0),
    signal: new AbortController().signal,
    async sleep(milliseconds) {
      waits.push(milliseconds)
      await new Promise((resolve) => setTimeout(resolve, 10))
    },
  }
}

export function listeningReporter(): Reporter & { readonly lines: string[] } {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  return {
    lines,
    debug: (line) => say(`debug: ${line}`),
    info: say,
    notice: say,
    warn: say,
    group: async (title, body) => {
      say(`group: ${title}`)
      return await body()
    },
  }
}

export function rememberingScratch(directory: string): Scratch & { readonly undone: Undo[] } {
  const undone: Undo[] = []
  return { directory, undone, undoLater: (undo) => void undone.push(undo), keep: async () => '' }
}

export function buildRequest(changes: Partial<BuildRequest> = {}): BuildRequest {
  return {
    context: '/src',
    file: '',
    target: '',
    platforms: [],
    buildArgs: [],
    secrets: [],
    builder: '',
    buildkitImage: 'moby/buildkit:buildx-stable-1',
    provenance: '',
    ...changes,
  }
}

/** What a promise is rejected with, as plain data. */
export async function rejection(promise: Promise<unknown>): Promise<{ code: unknown; message: string; hint: unknown }> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof Error)) throw error
  return {
    code: 'code' in error ? error.code : undefined,
    message: error.message,
    hint: 'hint' in error ? error.hint : undefined,
  }
}

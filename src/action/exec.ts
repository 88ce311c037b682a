import type { ChildProcessByStdio } from 'node:child_process'
import { statSync } from 'node:fs'
import { constants } from 'node:os'
import { getBuiltinModule, kill } from 'node:process'
import type { Readable, Writable } from 'node:stream'
import type { Command, Ended, Exec } from '../edges.ts'
import { keepEnd, keepStart } from './kept-output.ts'
import { splitIntoLines } from './line-splitter.ts'

const STDOUT_KEPT = 64 * 1024 * 1024
const STDERR_KEPT = 64 * 1024
const GRACE_MS = 2000
const LOOK_MS = 50
// A shell's number for "found, and could not be started".
const NOT_STARTED = 126

/**
 * Runs programs without a shell, each in a process group of its own, which ends as a whole on timeout and cancel.
 * Not @actions/exec: it can neither be stopped nor end the children of what it started.
 */
export function makeExec(signal: AbortSignal): Exec {
  return (command) => {
    const ending = command.stop === undefined ? signal : AbortSignal.any([signal, command.stop])
    if (ending.aborted) return Promise.resolve({ kind: 'stopped', why: 'cancelled', stderr: '' })
    const child = start(command)
    if (child instanceof Error) return Promise.resolve(notStarted(command, child))
    return follow(child, command, ending)
  }
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>

function start(command: Command): Child | Error {
  // Loaded with the first program: the first line of the log does not wait for it.
  const { spawn } = getBuiltinModule('node:child_process')
  try {
    return spawn(command.program, command.args, {
      env: command.env,
      ...(command.directory === undefined ? {} : { cwd: command.directory }),
      shell: false,
      // A group of its own, whose number is the child's.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
  } catch (thrown) {
    // A zero byte in an argument, an argument list that is too long.
    return thrown instanceof Error ? thrown : new Error(String(thrown))
  }
}

function notStarted(command: Command, error: Error): Ended {
  const absent = 'code' in error && error.code === 'ENOENT' && isFolder(command.directory)
  if (absent) return { kind: 'absent' }
  return {
    kind: 'exited',
    code: NOT_STARTED,
    stdout: '',
    stderr: `${command.program} could not be started: ${error.message}`,
  }
}

// The system says ENOENT for a missing working directory as well.
function isFolder(directory: string | undefined): boolean {
  if (directory === undefined) return true
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true
}

function follow(child: Child, command: Command, signal: AbortSignal): Promise<Ended> {
  const stdout = keepStart(STDOUT_KEPT)
  const stderr = keepEnd(STDERR_KEPT)
  listen(child.stdout, stdout.add, command.onLine)
  listen(child.stderr, stderr.add, command.onLine)
  // A program that ends before it has read everything is no fault of ours.
  child.stdin.on('error', () => undefined)
  child.stdin.end(command.input ?? '')
  return new Promise((resolve) => {
    let why: 'timeout' | 'cancelled' | undefined
    let stopping: Promise<void> | undefined
    const stop = (reason: 'timeout' | 'cancelled') => {
      if (stopping !== undefined) return
      why = reason
      stopping = endGroup(child)
    }
    const onAbort = () => stop('cancelled')
    const timer = command.timeoutMs === undefined ? undefined : setTimeout(() => stop('timeout'), command.timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    const settle = async (ended: () => Ended) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      await stopping
      resolve(why === undefined ? ended() : { kind: 'stopped', why, stderr: stderr.text() })
    }
    child.once('error', (error) => settle(() => notStarted(command, error)))
    // A child that lives on may hold the pipes for ever: what came until a moment after the end is all.
    // Not in the timer itself: after it the loop reads once more what is waiting in the pipes.
    child.once('exit', () => setTimeout(() => setImmediate(() => closePipes(child)), GRACE_MS).unref())
    child.once('close', (code, name) =>
      settle(() => ({ kind: 'exited', code: exitCode(code, name), stdout: stdout.text(), stderr: stderr.text() })),
    )
  })
}

function listen(stream: Readable, keep: (chunk: Buffer) => void, onLine: Command['onLine']): void {
  const lines = onLine === undefined ? undefined : splitIntoLines(onLine)
  stream.on('data', (chunk: Buffer) => {
    keep(chunk)
    lines?.feed(chunk)
  })
  stream.once('close', () => lines?.end())
}

function closePipes(child: Child): void {
  child.stdout.destroy()
  child.stderr.destroy()
}

/** Asks the whole group to end, and ends it after two seconds. */
async function endGroup(child: Child): Promise<void> {
  const group = child.pid
  if (group === undefined) return
  signalGroup(group, 'SIGTERM')
  for (let waited = 0; waited < GRACE_MS; waited += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    if (!signalGroup(group, 0)) return
  }
  signalGroup(group, 'SIGKILL')
}

/** Whether there was anybody to hear it. */
function signalGroup(group: number, name: NodeJS.Signals | 0): boolean {
  try {
    return kill(-group, name)
  } catch {
    return false
  }
}

// As shells count: 128 and the number of the signal.
function exitCode(code: number | null, name: NodeJS.Signals | null): number {
  if (code !== null) return code
  return 128 + (name === null ? 0 : constants.signals[name])
}

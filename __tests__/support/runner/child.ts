import { spawn } from 'node:child_process'

/** A process that is started as a runner starts one. */
export type Start = {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly directory: string
  /** Asked again and again with what was printed so far; the step is cancelled as soon as it says yes. */
  readonly cancelWhen?: (log: string) => boolean
  /** Asked again and again; the process is killed without a warning as soon as it says yes. */
  readonly killWhen?: () => boolean
}

export type ChildEnd = {
  /** `null` when a signal ended it */
  readonly exitCode: number | null
  readonly log: string
  /** what a cancelling runner had to send until it ended */
  readonly signals: readonly NodeJS.Signals[]
}

// actions/runner, `ProcessInvoker.cs`: how long it waits after each signal.
const AFTER_SIGINT_MS = 7500
const AFTER_SIGTERM_MS = 2500
const LOOK_MS = 5

/** Runs a process to its end, or cancels it on the way. */
export function runChild({ program, args, env, directory, cancelWhen, killWhen }: Start): Promise<ChildEnd> {
  const child = spawn(program, args, { env, cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
  const signals: NodeJS.Signals[] = []
  const timers: NodeJS.Timeout[] = []
  let log = ''
  const send = (signal: NodeJS.Signals) => {
    signals.push(signal)
    child.kill(signal)
  }
  const cancel = () => {
    send('SIGINT')
    timers.push(setTimeout(() => send('SIGTERM'), AFTER_SIGINT_MS))
    timers.push(setTimeout(() => send('SIGKILL'), AFTER_SIGINT_MS + AFTER_SIGTERM_MS))
  }
  const watch = setInterval(() => {
    if (signals.length > 0) return
    if (killWhen?.() === true) send('SIGKILL')
    else if (cancelWhen?.(log) === true) cancel()
  }, LOOK_MS)
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode) => {
      clearInterval(watch)
      for (const timer of timers) clearTimeout(timer)
      resolve({ exitCode, log, signals })
    })
  })
}

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A program whose start is measured. */
export type Launch = {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly directory: string
  /** What ends the measurement: the first line for a person, the first byte of any kind, or the end of the program. */
  readonly until: 'line' | 'byte' | 'end'
}

/** Milliseconds, and the most memory that was held until then; no memory where the system does not tell it. */
export type Measured = { readonly milliseconds: number; readonly bytes?: number }

/** Starts node with these arguments and measures; whatever still runs then is killed. Throws when there was no line. */
export async function launch({ args, env, directory, until }: Launch): Promise<Measured> {
  const begun = performance.now()
  const child = spawn(process.execPath, args, { env, cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] })
  let printed = ''
  let reached: Measured | undefined
  const reach = () => {
    const milliseconds = performance.now() - begun
    reached ??= withMemory(milliseconds, peakMemory(child.pid))
    child.kill('SIGKILL')
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    if (until === 'byte' || (until === 'line' && hasLine(printed))) reach()
  })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve())
  })
  if (until === 'end') return { milliseconds: performance.now() - begun }
  if (reached === undefined) throw new Error(`node ${args.join(' ')} ended without a line for a person`)
  return reached
}

/** Whether there is a whole line that is no workflow command. */
export function hasLine(printed: string): boolean {
  return printed
    .split('\n')
    .slice(0, -1)
    .some((line) => line.trim() !== '' && !/^\s*::[a-z-]+[ :]/i.test(line))
}

function withMemory(milliseconds: number, bytes: number | undefined): Measured {
  return bytes === undefined ? { milliseconds } : { milliseconds, bytes }
}

/** VmHWM of proc_pid_status(5), which Linux alone has. */
function peakMemory(pid: number | undefined): number | undefined {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch {
    return undefined
  }
}

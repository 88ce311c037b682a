import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'

export type Finished = { readonly code: number; readonly stdout: string; readonly stderr: string }

export type Setting = {
  readonly folder?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly milliseconds?: number
  /** Keeps standard input open until the end, for a command that is watched. */
  readonly input?: 'open'
}

/** Runs a command to its end; one that cannot be started counts as ended with 127. */
export async function run(command: string, args: readonly string[], setting: Setting = {}): Promise<Finished> {
  const child = spawn(command, args, {
    stdio: [setting.input === 'open' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...setting.environment },
    ...(setting.folder === undefined ? {} : { cwd: setting.folder }),
    ...(setting.milliseconds === undefined ? {} : { timeout: setting.milliseconds, killSignal: 'SIGKILL' }),
  })
  const ended = new Promise<{ code: number; failure: string }>((resolve) => {
    child.once('error', (error) => resolve({ code: 127, failure: error.message }))
    // What watches the command holds its pipes until standard input ends.
    child.once('exit', () => child.stdin?.destroy())
    child.once('close', (code) => resolve({ code: code ?? 137, failure: '' }))
  })
  const printed = [child.stdout, child.stderr].map((stream) => (stream === null ? '' : text(stream)))
  const [{ code, failure }, stdout = '', stderr = ''] = await Promise.all([ended, ...printed])
  return { code, stdout, stderr: stderr + failure }
}

/** Runs a command that has to succeed, and returns what it printed. */
export async function mustRun(
  doing: string,
  command: string,
  args: readonly string[],
  setting: Setting = {},
): Promise<string> {
  const finished = await run(command, args, setting)
  if (finished.code !== 0) {
    throw new Error(
      `Could not ${doing}: ${path.basename(command)} ended with ${finished.code}.\n${lastLines(finished)}\n` +
        `To see all of it, run: ${[command, ...args].join(' ')}`,
    )
  }
  return finished.stdout
}

/** The first file of that name on PATH that may be executed. */
export async function onPath(command: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const candidate = path.join(folder, command)
    if (folder !== '' && (await executable(candidate))) {
      return candidate
    }
  }
  return undefined
}

export async function executable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}

export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

function lastLines(finished: Finished): string {
  const printed = `${finished.stdout}\n${finished.stderr}`
  return printed.trim().split('\n').slice(-12).join('\n')
}

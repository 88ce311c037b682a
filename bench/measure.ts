import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onPath } from '../scripts/part/command.ts'
import type { Peer, Push } from './peers.ts'

/** A program with its arguments. */
export type Command = readonly string[]

/** What one push cost. */
export type Cost = Used & {
  /** by method, over all registries */
  readonly requests: Readonly<Record<string, number>>
}

export type Used = {
  readonly seconds: number
  /** User and system time of all its processes, in seconds; not there where GNU time is not. */
  readonly cpu?: number
  /** of the largest of its processes, in bytes */
  readonly memory?: number
}

/** Runs all commands of a push and adds up what they cost. Throws when one of them fails. */
export function measurePush(peer: Peer, push: Push): Promise<Used> {
  const env = peer.env?.(push)
  return measure({
    commands: peer.commands(push),
    ...(env === undefined ? {} : { env }),
    ...(peer.atOnce === undefined ? {} : { atOnce: peer.atOnce }),
  })
}

/** Commands of which each starts when the one before it has ended, unless they are started at once. */
export type Work = {
  readonly commands: readonly Command[]
  readonly env?: Readonly<Record<string, string>>
  readonly atOnce?: boolean
}

/** Runs commands in an empty folder, which is their home too, and adds up what they cost. Throws when one of them fails. */
export async function measure({ commands, env: own, atOnce }: Work): Promise<Used> {
  const folder = await mkdtemp(join(tmpdir(), 'measure-'))
  try {
    // A home of its own: what a program remembers from an earlier run would be an advantage that a job does not have.
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, RUNNER_TEMP: folder, ...own }
    const time = await onPath('time')
    const reports = commands.map((_, index) => join(folder, `time-${index}`))
    const start = (index: number) => run(timed(time, reports[index] ?? '', commands[index] ?? []), env, folder)
    const begin = performance.now()
    if (atOnce === true) await Promise.all(commands.keys().map(start))
    else for (const index of commands.keys()) await start(index)
    return { seconds: (performance.now() - begin) / 1000, ...(time === undefined ? {} : await sumOf(reports)) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** GNU time, because node can tell what itself used, but not what its children did. */
function timed(time: string | undefined, report: string, command: Command): Command {
  return time === undefined ? command : [time, '-f', '%U %S %M', '-o', report, ...command]
}

async function sumOf(reports: readonly string[]): Promise<Pick<Used, 'cpu' | 'memory'>> {
  const lines = await Promise.all(reports.map((report) => readFile(report, 'utf8')))
  const numbers = lines.map((line) => line.trim().split(' ').map(Number))
  const cpu = numbers.reduce((sum, [user = 0, system = 0]) => sum + user + system, 0)
  return { cpu, memory: Math.max(0, ...numbers.map(([, , kilobytes = 0]) => kilobytes)) * 1024 }
}

const LAST_WORDS = 2000

function run([program = '', ...args]: Command, env: Readonly<Record<string, string>>, cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    const hear = (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-LAST_WORDS)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`ended with ${code}: ${said.trim().split('\n').slice(-3).join(' ')}`))
    })
  })
}

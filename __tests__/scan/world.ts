import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Command, Ended, Exec } from '../../src/edges.ts'
import { asLadingError, type LadingError } from '../../src/error.ts'
import type { Gate, Scope } from '../../src/plan/request.ts'
import type { ScanEdges } from '../../src/scan/scan.ts'
import type { Scanner } from '../../src/scan/scanner.ts'

export const SCOPE: Scope = {
  scanners: { vuln: 'gate', secret: 'gate' },
  packageTypes: [],
  skipDirectories: [],
  skipFiles: [],
  exceptions: [],
  vex: [],
}

export const GATE: Gate = {
  scan: 'gate',
  severities: ['HIGH', 'CRITICAL'],
  ignoreUnfixed: false,
  scope: SCOPE,
  trivy: { kind: 'program', path: '/not/there' },
  databases: ['127.0.0.1:1/db'],
  javaDatabases: ['127.0.0.1:1/java-db'],
  databaseMaxAgeHours: 48,
  timeoutMs: 60_000,
  useCache: false,
  uploadSarif: false,
}

/** The scanner in a folder, as if somebody had named it. */
export function scannerIn(directory: string): Scanner {
  return { program: join(directory, 'trivy'), version: '0.74.0', from: 'trivy-path', sha256: 'a'.repeat(64) }
}

/** A folder of the test alone. */
export async function temporary(prefix = 'scan-test-'): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), prefix))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export type World = ScanEdges & { readonly said: string[]; readonly commands: Command[] }

/** Edges over the real system; what was said and what was started is kept. */
export async function world(options: { signal?: AbortSignal; directory?: string } = {}): Promise<World> {
  const said: string[] = []
  const commands: Command[] = []
  const signal = options.signal ?? new AbortController().signal
  const say = (text: string): void => void said.push(text)
  return {
    said,
    commands,
    clock: { now: () => new Date('2026-11-21T12:00:00Z'), signal, sleep: async () => undefined },
    reporter: { debug: say, info: say, notice: say, warn: say, group: (_title, body) => body() },
    scratch: { directory: options.directory ?? (await temporary()), undoLater: () => undefined, keep: async () => '' },
    exec: (command) => {
      commands.push(command)
      return execute(signal)(command)
    },
  }
}

/** Runs a program for real, ended on timeout and cancel. */
function execute(signal: AbortSignal): Exec {
  return ({ program, args, env, directory, timeoutMs }) =>
    new Promise<Ended>((resolve) => {
      const child = spawn(program, args, { env, cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
      let stopped: 'timeout' | 'cancelled' | undefined
      const stop = (why: 'timeout' | 'cancelled') => (): void => {
        stopped = why
        child.kill('SIGKILL')
      }
      const timer = setTimeout(stop('timeout'), timeoutMs ?? 60_000)
      signal.addEventListener('abort', stop('cancelled'), { once: true })
      let stdout = ''
      let stderr = ''
      child.stdout.on('data', (chunk) => (stdout += chunk))
      child.stderr.on('data', (chunk) => (stderr += chunk))
      child.on('error', () => {
        clearTimeout(timer)
        resolve({ kind: 'absent' })
      })
      child.on('close', (code) => {
        clearTimeout(timer)
        resolve(
          stopped ? { kind: 'stopped', why: stopped, stderr } : { kind: 'exited', code: code ?? -1, stdout, stderr },
        )
      })
    })
}

/** What a fake scanner does in each of its roles: bodies of JavaScript functions; `args` and `fs` are at hand. */
export type FakeTrivy = {
  readonly version?: string
  /** what it says of the packages that everybody knows to be vulnerable */
  readonly known?: string
  readonly scan?: string
}

/** The end of a fake scan that reports on what it was really given, with these results. */
export function answers(results: readonly object[], code: number): string {
  return `
    const input = option('--input')
    const read = (digest) => JSON.parse(fs.readFileSync(input + '/blobs/' + digest.replace(':', '/')))
    const manifest = read(JSON.parse(fs.readFileSync(input + '/index.json')).manifests[0].digest)
    const report = { SchemaVersion: 2, ArtifactName: input, ArtifactType: 'container_image',
      Metadata: { ImageID: manifest.config.digest }, Results: ${JSON.stringify(results)} }
    fs.writeFileSync(option('--output'), JSON.stringify(report))
    process.exit(${code})`
}

/** Writes a program called `trivy` into a new folder, and returns the folder. */
export async function fakeTrivy(fake: FakeTrivy = {}): Promise<string> {
  const directory = await temporary()
  const program = join(directory, 'trivy')
  await writeFile(
    program,
    `#!${process.execPath}
const fs = require('node:fs')
const args = process.argv.slice(2)
const option = (name) => args[args.indexOf(name) + 1]
if (args[0] === 'version') { ${fake.version ?? `console.log('{"Version":"0.74.0"}')`} }
else if (args[0] === 'rootfs') { ${fake.known ?? 'process.exit(10)'} }
else { ${fake.scan ?? answers([], 0)} }
`,
  )
  await chmod(program, 0o755)
  return directory
}

/** The error that this ends with. */
export async function failure(work: Promise<unknown>): Promise<LadingError> {
  try {
    await work
  } catch (error) {
    return asLadingError(error)
  }
  throw new Error('it did not fail')
}

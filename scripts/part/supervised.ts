import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { exists, run } from './command.ts'
import { partsFolder, randomName } from './folder.ts'
import { alive, type Identity, identityOf } from './identity.ts'

/** One started part: a folder for all that it writes, and a shell that clears up after it however its starter ends. */
export type Running = {
  readonly folder: string
  readonly output: string
  readonly errors: string
  ended(): Promise<boolean>
  stop(): Promise<void>
}

export type Start = {
  readonly folder: string
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** Makes the folder of a part about to be started. The script that `clean` gives undoes what the part leaves outside of it. */
export async function openFolder(kind: string, clean = (_id: string) => ''): Promise<{ folder: string; id: string }> {
  await clearLeftovers()
  const id = randomName()
  const folder = path.join(runFolder(), `${kind}-${id}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(path.join(folder, CLEAN), clean(id))
  return { folder, id }
}

/** Starts a command that lives until it is stopped or this process is gone, whichever is first. */
export async function supervise(start: Start): Promise<Running> {
  const { folder } = start
  const child = spawn('sh', ['-c', SUPERVISOR, 'sh', folder, ...start.command], {
    // A group of its own: a Ctrl-C at the terminal reaches the starter first, and the end of its pipe reaches the part.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: folder,
    env: { ...process.env, ...start.environment },
  })
  const pid = await started(child)
  await writeFile(path.join(folder, OWNER), JSON.stringify({ ...identityOf(pid), group: true } satisfies Owner))
  child.unref()
  if (child.stdin instanceof Socket) {
    child.stdin.unref()
  }
  return {
    folder,
    output: path.join(folder, 'output'),
    errors: path.join(folder, 'errors'),
    ended: () => exists(path.join(folder, ENDED)),
    stop: () => stop(child, folder),
  }
}

/** Marks a folder without a process of its own as belonging to this process. */
export async function ownFolder(folder: string): Promise<void> {
  await writeFile(
    path.join(folder, OWNER),
    JSON.stringify({ ...identityOf(process.pid), group: false } satisfies Owner),
  )
}

/** Waits until `ready` says so; a part that ends first, or is not ready in time, is stopped and its last words are told. */
export async function untilReady(running: Running, what: string, ready: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await ready())) {
    const ended = await running.ended()
    if (ended || Date.now() > deadline) {
      const words = (await lastWords(running.errors)) || (await lastWords(running.output))
      await running.stop()
      throw new Error(`Could not start ${what}: it ${ended ? 'ended at once' : 'was not ready after 30 s'}.\n${words}`)
    }
    await pause(20)
  }
}

/** Clears up after parts whose starter was killed together with its supervisor. */
async function clearLeftovers(): Promise<void> {
  for (const folder of await startedFolders()) {
    const owner = await ownerOf(folder)
    if (owner === undefined ? await isOld(folder) : !alive(owner)) {
      await clear(folder)
    }
  }
}

/** Ends everything that any process of this user started from here. Returns what it was. */
export async function stopEverything(): Promise<readonly string[]> {
  const stopped: string[] = []
  for (const folder of await startedFolders()) {
    const owner = await ownerOf(folder)
    if (owner?.group === true && alive(owner)) {
      stopped.push(path.basename(folder))
      await killGroup(owner)
      await clear(folder)
    }
  }
  await clearLeftovers()
  return stopped
}

type Owner = Identity & { readonly group: boolean }

const CLEAN = 'clean.sh'
const OWNER = 'owner.json'
const ENDED = 'ended'

/**
 * Runs the part, waits for the end of standard input, and removes the folder. The part itself watches the same standard
 * input; should it end before, its folder stays until its starter has read why.
 */
const SUPERVISOR = `
folder=$1; shift
"$@" >"$folder/output" 2>"$folder/errors"
echo $? >"$folder/${ENDED}"
cat >/dev/null
cd /
sh "$folder/${CLEAN}"
rm -rf "$folder"
`

function runFolder(): string {
  return path.join(partsFolder(), 'run')
}

async function started(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('spawn', () => resolve(child.pid ?? 0))
  })
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve()
    }
    child.once('exit', () => resolve())
  })
  child.ref()
  child.stdin?.end()
  const late = new AbortController()
  await Promise.race([gone, pause(10_000, undefined, { signal: late.signal }).catch(() => undefined)])
  late.abort()
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
  }
  if (await exists(folder)) {
    await clear(folder)
  }
}

async function lastWords(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trim().split('\n').slice(-8).join('\n')
}

async function startedFolders(): Promise<readonly string[]> {
  const names = await readdir(runFolder()).catch(() => [])
  return names.map((name) => path.join(runFolder(), name))
}

async function ownerOf(folder: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(path.join(folder, OWNER), 'utf8'))
  } catch {
    return undefined
  }
}

/** A folder without an owner is one whose part is being started right now, unless it has been so for long. */
async function isOld(folder: string): Promise<boolean> {
  const made = await stat(folder).catch(() => undefined)
  return made !== undefined && Date.now() - made.mtimeMs > 60_000
}

async function killGroup(owner: Owner): Promise<void> {
  process.kill(-owner.pid, 'SIGKILL')
  for (let waited = 0; alive(owner) && waited < 5000; waited += 50) {
    await pause(50)
  }
}

async function clear(folder: string): Promise<void> {
  await run('sh', [path.join(folder, CLEAN)])
  // What an engine held open may take a moment to be let go.
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}

import { randomBytes } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { exists } from './command.ts'
import { alive, type Identity, identityOf } from './identity.ts'

export type Say = (line: string) => void

/** Where parts are kept between runs; never in the checkout. */
export function partsFolder(): string {
  const named = process.env['LADING_PARTS']
  if (named !== undefined && named !== '') {
    return path.resolve(named)
  }
  const cache = process.env['XDG_CACHE_HOME']
  const base = cache === undefined || cache === '' ? path.join(homedir(), '.cache') : cache
  return path.join(base, 'lading', 'parts')
}

export function randomName(): string {
  return randomBytes(4).toString('hex')
}

/** Makes a file or folder under another name and renames it when it is whole: there is never half a part. */
export async function place(target: string, make: (unfinished: string) => Promise<void>): Promise<void> {
  await removeUnfinished(target)
  const unfinished = `${target}.${randomName()}${UNFINISHED}`
  try {
    await make(unfinished)
    await rename(unfinished, target)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** Lets one process at a time do the work of that name; the others wait and then find it done. */
export async function oneAtATime(name: string, say: Say, work: () => Promise<void>): Promise<void> {
  const file = path.join(partsFolder(), 'locks', name)
  await mkdir(path.dirname(file), { recursive: true })
  await take(file, name, say)
  try {
    await work()
  } finally {
    await unlink(file)
  }
}

const UNFINISHED = '.unfinished'

async function removeUnfinished(target: string): Promise<void> {
  const folder = path.dirname(target)
  await mkdir(folder, { recursive: true })
  const prefix = `${path.basename(target)}.`
  for (const entry of await readdir(folder)) {
    if (entry.startsWith(prefix) && entry.endsWith(UNFINISHED)) {
      await rm(path.join(folder, entry), { recursive: true, force: true })
    }
  }
}

async function take(file: string, name: string, say: Say): Promise<void> {
  const mine = `${file}.${randomName()}`
  await writeFile(mine, JSON.stringify(identityOf(process.pid)))
  try {
    let told = false
    // Linking either creates the lock with its content or fails, so a lock without an owner cannot be seen.
    while (!(await linked(mine, file))) {
      const owner = await readOwner(file)
      if (owner !== undefined && !alive(owner)) {
        await dropStale(file, owner)
      } else {
        if (!told) {
          say(`${name}: another process (${owner?.pid ?? 'just ending'}) is at it; waiting for it`)
          told = true
        }
        await pause(300)
      }
    }
  } finally {
    await unlink(mine)
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (await exists(to)) {
      return false
    }
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      return false
    }
    throw error
  }
}

async function readOwner(file: string): Promise<Identity | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Two processes may find the same dead owner: whoever renames first looks again at what it took, and gives it back if it lives. */
async function dropStale(file: string, dead: Identity): Promise<void> {
  const aside = `${file}.${randomName()}`
  try {
    await rename(file, aside)
  } catch {
    return
  }
  const taken = await readOwner(aside)
  if (taken !== undefined && taken.pid !== dead.pid) {
    await linked(aside, file)
  }
  await unlink(aside)
}

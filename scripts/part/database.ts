import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { mustRun } from './command.ts'
import { partsFolder, place, randomName, type Say } from './folder.ts'
import { requireGo } from './go-build.ts'

/** A folder as Trivy's --cache-dir: in `db` a few advisories. Named after them, so that changed ones make another. */
export async function databaseFolder(): Promise<string> {
  return path.join(partsFolder(), `trivy-db-${await digestOf(SOURCE)}`)
}

export async function makeDatabase(say: Say): Promise<void> {
  const go = await requireGo()
  say('  turning the advisories into a database with Go; takes a few seconds')
  await place(await databaseFolder(), async (unfinished) => {
    await mkdir(path.join(unfinished, 'db'), { recursive: true })
    const args = ['run', '-mod=readonly', '.', path.join(unfinished, 'db', 'trivy.db'), ...(await advisories())]
    await mustRun('make the vulnerability database', go, args, { folder: SOURCE, environment: { CGO_ENABLED: '0' } })
    await writeMetadata(unfinished)
  })
}

/** Says that the database is of now, so that Trivy does not look for a newer one. */
export async function refreshMetadata(folder: string): Promise<void> {
  const known: { UpdatedAt?: string } = JSON.parse(await readFile(metadataFile(folder), 'utf8'))
  if (Date.now() - Date.parse(known.UpdatedAt ?? '') > HOUR || known.UpdatedAt === undefined) {
    await writeMetadata(folder)
  }
}

export async function copyDatabase(from: string, to: string): Promise<void> {
  await cp(path.join(from, 'db'), path.join(to, 'db'), { recursive: true })
}

const SOURCE = path.join(import.meta.dirname, 'trivy-db')
const HOUR = 60 * 60 * 1000

function metadataFile(folder: string): string {
  return path.join(folder, 'db', 'metadata.json')
}

async function writeMetadata(folder: string): Promise<void> {
  const now = Date.now()
  const metadata = {
    Version: 2,
    NextUpdate: new Date(now + 24 * HOUR).toISOString(),
    UpdatedAt: new Date(now).toISOString(),
    DownloadedAt: new Date(now).toISOString(),
  }
  // Renamed into place: a Trivy of another test may be reading it.
  const fresh = `${metadataFile(folder)}.${randomName()}`
  await writeFile(fresh, JSON.stringify(metadata))
  await rename(fresh, metadataFile(folder))
}

async function advisories(): Promise<readonly string[]> {
  const names = await readdir(SOURCE)
  return names.filter((name) => name.endsWith('.yaml')).sort()
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).sort()) {
    hash.update(name).update(await readFile(path.join(folder, name)))
  }
  return hash.digest('hex').slice(0, 12)
}

import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Scratch, Variables } from '../edges.ts'

/**
 * Where the scanner works. It reads `trivy.yaml`, `.trivyignore` and `trivy-secret.yaml` of its working directory by
 * itself, so that one must never be the workspace: whoever wrote the change under test would configure the gate.
 */
export type Workroom = {
  /** the parent of all folders below; ours alone */
  readonly directory: string
  /** working directory: holds the platforms' layouts and nothing else */
  readonly images: string
  /** what the layouts hold, each piece once */
  readonly blobs: string
  /** where the scanner keeps its database */
  readonly cache: string
  /** where it keeps what it learned of layers, when it does; the databases are there too, by links */
  readonly shared: string
  /** the file with the exceptions that hold, and that with the settings: written by us, and not where the scanner looks by itself */
  readonly exceptions: string
  readonly settings: string
  /** holds packages that the database is tried on */
  readonly known: string
  /** the scanner's whole environment */
  readonly env: Variables
  /** folders that are cut out of what people read */
  readonly paths: readonly string[]
}

/** Makes a private room below `scratch`. `cacheDirectory` (absolute) is used as it is, and kept. */
export async function openWorkroom(scratch: Scratch, cacheDirectory?: string): Promise<Workroom> {
  const made = await mkdtemp(join(scratch.directory, 'scan-'))
  const directory = await realpath(made)
  const within = (name: string): string => join(directory, name)
  const cache = cacheDirectory ?? within('cache')
  for (const folder of [within('images'), within('blobs'), within('home'), within('tmp'), cache]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
  return {
    directory,
    images: within('images'),
    blobs: within('blobs'),
    cache,
    shared: within('shared'),
    exceptions: within('exceptions.yaml'),
    settings: within('settings.yaml'),
    known: within('known'),
    // Without HOME the scanner asks the system for the home folder, and finds logins and modules there.
    env: { HOME: within('home'), TMPDIR: within('tmp') },
    paths: [directory, made, scratch.directory, cache],
  }
}

/**
 * Makes the folder in which the scanner keeps what it learned of layers. It goes with the room, whatever becomes of the
 * databases: the next scan may have other options, and there are pieces of the image in it.
 */
export async function shareLayers(room: Workroom): Promise<void> {
  await mkdir(room.shared, { mode: 0o700 })
  for (const database of ['db', 'java-db']) {
    // The scanner makes it where it is missing, but not behind a link.
    await mkdir(join(room.cache, database), { recursive: true, mode: 0o700 })
    await symlink(join(room.cache, database), join(room.shared, database), 'junction')
  }
}

/** Removes the room. Links in it go, what they point at stays. */
export async function closeWorkroom(room: Workroom): Promise<void> {
  await rm(room.directory, { recursive: true, force: true })
}

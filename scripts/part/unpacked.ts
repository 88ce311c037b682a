import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { isRoot, mustRun, onPath, run } from './command.ts'
import { partsFolder, place, type Say } from './folder.ts'
import type { FromUnpacked } from './table.ts'

/** Where the packages of the machine's own Debian lie unpacked: beside the system, which never hears of them. */
export function inUnpacked({ packages, file }: FromUnpacked): string {
  return path.join(unpackedFolder(packages), file)
}

export function unpackedFolder(packages: readonly string[]): string {
  return path.join(partsFolder(), `unpacked-${packages.join('+')}`)
}

/** Fetching and unpacking need no rights, so anybody may do it where Debian's tools are. */
export async function canUnpack(): Promise<boolean> {
  const tools = await Promise.all(['apt-get', 'dpkg-deb'].map((tool) => onPath(tool)))
  return tools.every((tool) => tool !== undefined)
}

export async function unpack({ packages }: FromUnpacked, say: Say): Promise<void> {
  say(`  fetching and unpacking ${packages.join(', ')}`)
  const folder = await mkdtemp(path.join(tmpdir(), 'lading-packages-'))
  try {
    await download(packages, folder)
    const files = (await readdir(folder)).filter((name) => name.endsWith('.deb'))
    await place(unpackedFolder(packages), async (unfinished) => {
      for (const file of files) {
        await mustRun(`unpack ${file}`, 'dpkg-deb', ['--extract', path.join(folder, file), unfinished])
      }
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function download(packages: readonly string[], folder: string): Promise<void> {
  const fetching = ['download', ...packages]
  const first = await run('apt-get', fetching, { folder })
  if (first.code === 0) {
    return
  }
  // The list of packages may be missing or old; only root may make a new one.
  if (isRoot()) {
    await mustRun('refresh the list of packages', 'apt-get', ['update'])
  }
  await mustRun(`fetch ${packages.join(', ')}`, 'apt-get', fetching, { folder })
}

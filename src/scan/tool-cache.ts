import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Where a release's archive lies between runs; `undefined` when nothing is kept. The archive is kept and not the program:
 * whoever may write to this folder, an earlier job of the same machine for one, could change the program together with
 * any hash that lies beside it. The archive's hash is in the bundle, or in the workflow.
 * @param folder as RUNNER_TOOL_CACHE; empty: there is none
 * @param sha256 in the name, so that archives of two hashes do not push each other out
 */
export function cachePath(folder: string, archive: string, sha256: string): string | undefined {
  if (folder === '') return undefined
  return join(folder, 'lading', `${sha256.slice(0, 16)}-${archive}`)
}

/** Puts an archive into the cache: whole or not at all. Throws what the system says. */
export async function keep(archive: string, path: string): Promise<void> {
  const unfinished = `${path}.${randomBytes(6).toString('hex')}`
  await mkdir(dirname(path), { recursive: true })
  try {
    await copyFile(archive, unfinished)
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

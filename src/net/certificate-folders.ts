import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RegistrySettings } from '../access.ts'

/** Certificates larger than this are none. */
const LARGEST_FILE = 1024 * 1024

/** The folders of Docker and Podman, nearest first (containers-certs.d(5); docs.docker.com, "Verify repository client"). */
export function certificateFolders(home: string): readonly string[] {
  return [join(home, '.config/containers/certs.d'), '/etc/containers/certs.d', '/etc/docker/certs.d']
}

/**
 * What lies in `certs.d` folders: below the name of a host with its port, `*.crt` are authorities, `*.cert` with the `*.key`
 * beside it is our certificate. The first folder that has the host counts. What cannot be read is told when somebody
 * wants to go to that very host, not before.
 */
export async function readCertificateFolders(folders: readonly string[]): Promise<readonly RegistrySettings[]> {
  const found = new Map<string, RegistrySettings>()
  for (const folder of folders) {
    for (const registry of await namesIn(folder)) {
      if (!found.has(registry)) found.set(registry, await readHost(registry, join(folder, registry)))
    }
  }
  return [...found.values()]
}

async function readHost(registry: string, folder: string): Promise<RegistrySettings> {
  const entry = { registry, insecure: false }
  try {
    // Sorted, so that the same folder always means the same.
    const names = (await readdir(folder)).toSorted()
    const authorities = names.filter((name) => name.endsWith('.crt')).map((name) => readSmall(join(folder, name)))
    const ca = (await Promise.all(authorities)).join('\n')
    const client = await readClient(folder, names)
    return { ...entry, ...(ca === '' ? {} : { ca }), ...(client === undefined ? {} : { client }) }
  } catch (error) {
    return { ...entry, trouble: error instanceof Error ? error.message : String(error) }
  }
}

async function readClient(folder: string, names: readonly string[]): Promise<RegistrySettings['client']> {
  const name = names.find((candidate) => candidate.endsWith('.cert'))
  const lonely = names.find((key) => key.endsWith('.key') && !names.includes(key.replace(/key$/, 'cert')))
  if (lonely !== undefined) throw new Error(`${join(folder, lonely)} has no certificate (.cert) beside it`)
  if (name === undefined) return undefined
  const key = name.replace(/cert$/, 'key')
  if (!names.includes(key)) throw new Error(`${join(folder, name)} has no key (.key) beside it`)
  return { cert: await readSmall(join(folder, name)), key: await readSmall(join(folder, key)) }
}

async function readSmall(path: string): Promise<string> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > LARGEST_FILE) throw new Error(`${path} is too large for a certificate`)
  return readFile(path, 'utf8').catch(() => {
    throw new Error(`${path} cannot be read`)
  })
}

/** Folders that are not there, or not for us to see, say nothing (as for Podman). */
async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => [])
}

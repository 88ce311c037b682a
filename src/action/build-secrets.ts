import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDiskFull, LadingError } from '../error.ts'
import type { BuildSecret, PublishRequest } from '../plan/request.ts'
import type { SecretValue } from './pairs.ts'

/**
 * Writes the build's secrets to files that only this user can read, for `--secret id=…,src=…`.
 * `directory` is private and goes in post. Throws `DISK_FULL` or `INTERNAL`.
 */
export async function writeSecrets(
  directory: string,
  secrets: readonly SecretValue[],
): Promise<readonly BuildSecret[]> {
  const written: BuildSecret[] = []
  for (const [index, { id, value }] of secrets.entries()) {
    // The id is not used as a name: it may hold slashes.
    const file = join(directory, `secret-${index}`)
    await writeSecret(file, id, value)
    written.push({ id, file })
  }
  return written
}

/** The request with the files of its build's secrets in it. */
export function withSecrets(request: PublishRequest, secrets: readonly BuildSecret[]): PublishRequest {
  if (request.origin.kind !== 'build') return request
  return { ...request, origin: { ...request.origin, secrets } }
}

async function writeSecret(file: string, id: string, value: string): Promise<void> {
  try {
    // `wx`: never through a link that somebody else put there.
    await writeFile(file, value, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    throw new LadingError(
      isDiskFull(cause) ? 'DISK_FULL' : 'INTERNAL',
      `keeping the build secret ${id} in a private file failed`,
      {
        cause,
      },
    )
  }
}

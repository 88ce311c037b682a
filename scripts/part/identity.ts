import { readFileSync } from 'node:fs'

/** A process, told from a later one that was given the same number by when it began. */
export type Identity = { readonly pid: number; readonly began: string }

export function identityOf(pid: number): Identity {
  return { pid, began: beginningOf(pid) ?? '' }
}

export function alive(identity: Identity): boolean {
  try {
    process.kill(identity.pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  const began = beginningOf(identity.pid)
  return began === undefined || began === identity.began
}

/** Clock ticks since the machine started; unknown on systems without /proc. A process that only waits to be collected has none. */
function beginningOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'ended' : fields[19]
  } catch {
    return undefined
  }
}

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Edges } from '../edges.ts'
import { exited } from './ended.ts'
import type { Scanner } from './scanner.ts'
import { EXIT, knownPackagesCommand } from './trivy.ts'
import type { Workroom } from './workroom.ts'

/**
 * A system with packages that have been known to be vulnerable for years: musl of Alpine (CVE-2019-14697, Alpine's own
 * list) and lodash (CVE-2019-10744, GitHub's). Two sources, because a database of one's own may lack one of them.
 */
const SYSTEM: Readonly<Record<string, string>> = {
  'etc/os-release': 'ID=alpine\nVERSION_ID=3.10.2\n',
  'etc/alpine-release': '3.10.2\n',
  'lib/apk/db/installed': 'P:musl\nV:1.1.19-r2\nA:x86_64\nL:MIT\no:musl\n\n',
  'app/node_modules/lodash/package.json': '{"name":"lodash","version":"4.17.4"}',
}

/**
 * Lets the scanner look at packages that are known to be vulnerable, and returns why its database cannot be trusted;
 * `undefined` when it found one. A database that is valid and empty has a date, ends with exit code 0, and calls every
 * image clean: neither its size nor what it says about itself tells, but what it finds does. Throws `CANCELLED`, or
 * `SCAN_BROKEN` when the scanner cannot even be started.
 */
export async function distrustOf(
  scanner: Pick<Scanner, 'program'>,
  room: Workroom,
  { exec, ...limits }: Pick<Edges, 'exec'> & { readonly timeoutMs: number; readonly stop: AbortSignal },
): Promise<string | undefined> {
  for (const [name, text] of Object.entries(SYSTEM)) {
    const path = join(room.known, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
  const ended = await exec({ ...knownPackagesCommand(scanner.program, room), ...limits })
  if (ended.kind === 'stopped' && ended.why === 'timeout') return 'the scanner takes too long with it'
  const { code } = exited(ended, 'trying the vulnerability database', room)
  if (code === EXIT.findings) return undefined
  if (code === EXIT.clean) return 'it finds nothing in packages that have been known to be vulnerable for years'
  return `the scanner cannot use it (exit code ${code})`
}

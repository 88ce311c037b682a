import { readFile } from 'node:fs/promises'
import { run } from '../scripts/part/command.ts'
import { locate, type PartName } from '../scripts/part/index.ts'

const ASKED: readonly { readonly name: string; readonly part: PartName; readonly ask: string }[] = [
  { name: 'oras', part: 'oras', ask: 'version' },
  { name: 'Buildx', part: 'imagetools', ask: 'version' },
  { name: 'regsync', part: 'regsync', ask: 'version' },
  { name: 'regctl', part: 'regctl', ask: 'version' },
  { name: 'crane', part: 'crane', ask: 'version' },
  { name: 'skopeo', part: 'skopeo', ask: '--version' },
  { name: 'Docker', part: 'engine', ask: '--version' },
]

/** The system and the programs that are measured beside, as they call themselves: `oras 1.3.3`. */
export async function versions(): Promise<readonly string[]> {
  const programs = await Promise.all(
    ASKED.map(async ({ name, part, ask }) => {
      const located = await locate(part)
      if (!located.found) return []
      const { stdout, stderr } = await run(located.path, [ask])
      const [version] = /\d+\.\d+\.\d+/.exec(stdout + stderr) ?? []
      return [version === undefined ? `${name} (does not tell its version)` : `${name} ${version}`]
    }),
  )
  return [await system(), ...programs.flat()]
}

/** os-release(5), which not every system has. */
async function system(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^PRETTY_NAME="?([^"\n]+)/m.exec(text)?.[1] ?? process.platform
}

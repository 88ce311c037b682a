import { chmod } from 'node:fs/promises'
import path from 'node:path'
import { executable, mustRun, onPath, run } from './command.ts'
import { partsFolder, place, type Say } from './folder.ts'
import type { GoProgram } from './table.ts'
import { watched } from './watched.ts'

/** Where a program that Go built is kept. */
export function builtPath(program: GoProgram): string {
  return path.join(partsFolder(), 'bin', `${commandOf(program)}-${program.version.replace(/^v/, '')}`)
}

export async function buildProgram(program: GoProgram, say: Say): Promise<void> {
  const target = builtPath(program)
  const go = await requireGo()
  say(
    `  building ${commandOf(program)} ${program.version} with ${go}; Trivy takes about five minutes, others one or two`,
  )
  const source = await sourceOf(go, program)
  await place(target, async (unfinished) => {
    const [shell = 'sh', ...compiling] = watched(['nice', '-n', '5', go, ...building(program, unfinished)])
    await mustRun(`build ${program.module} ${program.version}`, shell, compiling, {
      folder: source,
      input: 'open',
      environment: { ...program.environment, CGO_ENABLED: '0' },
    })
    await chmod(unfinished, 0o755)
  })
}

export async function findGo(): Promise<string | undefined> {
  const usual = '/usr/local/go/bin/go'
  return (await onPath('go')) ?? ((await executable(usual)) ? usual : undefined)
}

export async function requireGo(): Promise<string> {
  const go = await findGo()
  if (go === undefined) {
    throw new Error('No Go on PATH and none in /usr/local/go, so nothing can be built. Install Go 1.26 or newer.')
  }
  return go
}

function building(program: GoProgram, target: string): readonly string[] {
  const linker = program.linked === undefined ? '-s -w' : `-s -w -X ${program.linked}`
  // Read-only keeps the modules as their author pinned them, and makes Go overlook half a vendor folder.
  return ['build', '-mod=readonly', '-trimpath', '-ldflags', linker, '-o', target, program.folder]
}

function commandOf(program: GoProgram): string {
  return path.basename(program.folder === '.' ? program.module : program.folder)
}

/** The unpacked module. Building inside it honours its exclude and replace lines, which installing it by name does not. */
async function sourceOf(go: string, program: GoProgram): Promise<string> {
  const wanted = `${program.module}@${program.version}`
  const { code, stdout, stderr } = await run(go, ['mod', 'download', '-json', wanted], { folder: partsFolder() })
  const answer: { Dir?: string; Error?: string } = stdout.trim() === '' ? {} : JSON.parse(stdout)
  if (code !== 0 || answer.Dir === undefined) {
    throw new Error(
      `Could not fetch the Go module ${wanted}: ${answer.Error ?? stderr.trim()}. Is GOPROXY set to what this machine can reach?`,
    )
  }
  return answer.Dir
}

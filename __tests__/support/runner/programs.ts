import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** How a program on PATH was started. */
export type ProgramCall = {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly directory: string
  readonly input: string
}

/**
 * Puts a program into a folder. `body` is JavaScript that finds `args`, `input`, `fs` and `option('--name')`; each start
 * is written down first.
 */
export async function writeProgram(folder: string, record: string, name: string, body: string): Promise<void> {
  const path = join(folder, name)
  await writeFile(
    path,
    `#!${process.execPath}
const fs = require('node:fs')
const args = process.argv.slice(2)
const option = (name) => args[args.indexOf(name) + 1]
const input = fs.readFileSync(0, 'utf8')
const call = { program: ${JSON.stringify(name)}, args, env: process.env, directory: process.cwd(), input }
fs.appendFileSync(${JSON.stringify(record)}, JSON.stringify(call) + '\\n')
${body}
`,
  )
  await chmod(path, 0o755)
}

/** All starts so far, in order. */
export async function readCalls(record: string): Promise<readonly ProgramCall[]> {
  const text = await readFile(record, 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseCall)
}

function parseCall(line: string): ProgramCall {
  const call: ProgramCall = JSON.parse(line)
  return call
}

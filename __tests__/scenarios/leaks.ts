import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { InProcessRegistry } from '../support/registry/server.ts'
import { withoutMasks } from '../support/runner/log.ts'
import type { Runner, StepEnd } from '../support/runner.ts'

/** A Basic credential. */
export const basic = (user: string, password: string) => Buffer.from(`${user}:${password}`).toString('base64')

/** All that a step told people and later steps, but for what it told the runner to mask. */
export function told({ main, post }: StepEnd): string {
  const outputs = Object.values(main.outputs)
  const logs = [withoutMasks(main.log.text), withoutMasks(post.log.text)]
  return [...logs, ...outputs, main.summary, JSON.stringify(main.report)].join('\n')
}

/** All files that a step left, but for what the user himself wrote down and what the programs were given on stdin. */
export async function filesOf(on: Runner): Promise<string> {
  const root = join(on.temp, '..')
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const own = paths.filter((path) => !path.startsWith(on.bin) && !/\.docker\/config\.json$|calls\.jsonl$/.test(path))
  return (await Promise.all(own.map((path) => readFile(path, 'latin1')))).join('\n')
}

/** How many tokens a registry handed out. */
export function tokensOf(one: InProcessRegistry): number {
  return one.requests.filter(({ step, status }) => step === 'token' && status === 200).length
}

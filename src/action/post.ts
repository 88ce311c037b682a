import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Exec, Reporter, Undo } from '../edges.ts'
import { readBounded } from './files.ts'
import type { ProcessVariables } from './form.ts'
import { isScratch, UNDO_FILE } from './scratch.ts'
import { readState } from './state.ts'

const LARGEST_UNDO = 4 * 1024 * 1024
const PATIENCE_MS = 60_000

/**
 * Undoes what main left: removes the builders that were made for it, then the private folder with the logins.
 * Runs after success, failure and cancel alike, so it never throws; what stays behind is a warning.
 */
export async function cleanUp(variables: ProcessVariables, exec: Exec, reporter: Reporter): Promise<void> {
  const directory = readState(variables, 'scratch')
  if (directory !== undefined) await cleanUpFolder(variables, directory, { exec, reporter })
}

type Hands = { readonly exec: Exec; readonly reporter: Reporter }

/** The same for a folder that is known: a run without a runner has no post step and calls this at its end. */
export async function cleanUpFolder(variables: ProcessVariables, directory: string, hands: Hands): Promise<void> {
  if (!isScratch(variables, directory)) {
    hands.reporter.warn(`${directory} is not a folder of ours and is left as it is`)
    return
  }
  const list = (await readBounded(join(directory, UNDO_FILE), LARGEST_UNDO)) ?? ''
  // Newest first; and before the folder goes, because docker's configuration is in it.
  for (const undo of list.split('\n').flatMap(parseUndo).reverse()) await removeBuilder(undo, hands)
  await removeFolder(directory, hands.reporter)
}

async function removeBuilder({ name, env }: Undo, { exec, reporter }: Hands): Promise<void> {
  try {
    const ended = await exec({ program: 'docker', args: ['buildx', 'rm', name], env, timeoutMs: PATIENCE_MS })
    if (ended.kind === 'exited' && (ended.code === 0 || isGone(ended.stderr))) return
    const why = ended.kind === 'exited' ? lastLine(ended.stderr) : ended.kind
    reporter.warn(`the builder ${name} is still there (${why}); remove it with: docker buildx rm ${name}`)
  } catch (thrown) {
    reporter.warn(`the builder ${name} is still there: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
}

// It was written down before it was made, and perhaps never was.
function isGone(stderr: string): boolean {
  return /no builder .* found/.test(stderr)
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}

async function removeFolder(directory: string, reporter: Reporter): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  } catch (thrown) {
    reporter.warn(
      `the private folder ${directory} could not be removed: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    )
  }
}

function parseUndo(line: string): readonly Undo[] {
  const value = parseJson(line)
  if (!isObject(value) || value['kind'] !== 'builder') return []
  const { name, env } = value
  if (typeof name !== 'string' || name.startsWith('-') || !isObject(env)) return []
  const texts = Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return [{ kind: 'builder', name, env: Object.fromEntries(texts) }]
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // The last line may be half written when we were killed.
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

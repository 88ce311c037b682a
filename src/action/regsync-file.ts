import { resolve } from 'node:path'
import type { RegistrySettings } from '../access.ts'
import type { Environment } from '../plan/environment.ts'
import type { MirrorEntry, MirrorWishes } from '../plan/mirror-request.ts'
import {
  countAt,
  type FileReading,
  flagAt,
  lineAt,
  openReading,
  openSection,
  type Section,
  sectionAt,
  sectionsAt,
} from './file-section.ts'
import { readBounded } from './files.ts'
import type { Form, ProcessVariables } from './form.ts'
import { type NamedLogin, secretsWithheld } from './logins.ts'
import { clashesOf } from './mirror-names.ts'
import { quoted } from './quoted.ts'
import { readCreds } from './regsync-creds.ts'
import { DEFAULT_KEYS, type EntryContext, readEntry, retryLine, SYNC_KEYS } from './regsync-entry.ts'
import { readYamlTree, type YamlTree } from './yaml-tree.ts'

const INPUT = 'config'
/** The longest file that is read, in bytes: some ten thousand entries. */
const LONGEST_FILE = 1024 * 1024
const MOST_STEPS = 1000

/** What a file of regsync's says. Logins and settings hold secrets and never enter a plan. */
export type MirrorFile = {
  readonly entries: readonly MirrorEntry[]
  readonly logins: readonly NamedLogin[]
  readonly settings: readonly RegistrySettings[]
  /** whether logins that docker keeps on this machine count too (`skipDockerConfig` is its opposite) */
  readonly machineLogins: boolean
  /** images that are copied at a time (`parallel`); absent: it is not said */
  readonly parallel?: number
}

export type MirrorSurroundings = {
  readonly environment: Pick<Environment, 'workspace' | 'machine' | 'actor' | 'pullRequest'>
  /** where `{{env "X"}}` looks */
  readonly variables: ProcessVariables
  /** what inputs say, for entries that say nothing; a wish that the user did not write is not in it */
  readonly wishes: Partial<MirrorWishes>
}

/**
 * `config`: a file in the format of regsync (regclient's `cmd/regsync/config.go`), so that an existing one works as it
 * is. Regsync passes over keys that it does not know and takes the last of two; here each is a mistake with its line, all
 * of them told together. Own keys: `tags.newest`, `tags.minAge`, `scan`, `prune`, `allowEmpty`.
 */
export async function readMirrorFile(
  form: Pick<Form, 'mistakes' | 'notices'>,
  path: string,
  surroundings: MirrorSurroundings,
): Promise<MirrorFile> {
  const text = await readBounded(resolve(surroundings.environment.workspace, path), LONGEST_FILE)
  const reading = openReading(form, INPUT, path)
  if (text === undefined) {
    form.mistakes.push({ input: INPUT, text: `the file ${quoted(path)} cannot be read, or is larger than 1 MiB` })
    return NOTHING
  }
  const { tree, faults, remarks } = await readYamlTree(text)
  for (const { line, text: why } of faults) reading.fault(line, why)
  for (const { line, text: why } of remarks) reading.remark(line, why)
  if (tree === undefined && faults.length === 0) reading.fault(1, 'the file is empty')
  return tree === undefined ? NOTHING : readRoot(reading, path, tree, surroundings)
}

const NOTHING: MirrorFile = { entries: [], logins: [], settings: [], machineLogins: true }

async function readRoot(
  reading: FileReading,
  file: string,
  tree: YamlTree,
  surroundings: MirrorSurroundings,
): Promise<MirrorFile> {
  const { environment, variables } = surroundings
  const root = openSection(reading, tree, ['version', 'creds', 'defaults', 'sync'])
  if (root === undefined) return NOTHING
  // Regsync knows one version, and none means that one.
  countAt(root, 'version', { least: 0, most: 1 })
  const around = { variables, workspace: environment.workspace }
  const { logins, settings } = await readCreds(root, { ...around, withheld: secretsWithheld(environment) })
  const defaults = sectionAt(root, 'defaults', DEFAULT_KEYS)
  const steps = sectionsAt(root, 'sync', SYNC_KEYS) ?? []
  if (lineAt(root, 'sync') === undefined) reading.fault(root.line, 'there is no `sync`, and so nothing to copy')
  const { machine } = environment
  const entries = await readEntries(steps, { defaults, around, machine, file, wishes: surroundings.wishes })
  tellClashes(reading, entries)
  tellWithoutMeaning(reading, defaults, steps)
  return { entries, logins, settings, ...readDefaults(defaults) }
}

async function readEntries(steps: readonly Section[], context: EntryContext): Promise<readonly MirrorEntry[]> {
  const entries: MirrorEntry[] = []
  for (const step of steps) {
    const entry = await readEntry(step, context)
    if (entry !== undefined) entries.push(entry)
  }
  return entries
}

function tellClashes(reading: FileReading, entries: readonly MirrorEntry[]): void {
  for (const { entry, text, harmless } of clashesOf(entries)) {
    if (harmless) reading.remark(entry.origin.line, text)
    else reading.fault(entry.origin.line, text)
  }
}

// Zero is what regsync does without being told.
function readDefaults(defaults: Section | undefined): Pick<MirrorFile, 'machineLogins' | 'parallel'> {
  if (defaults === undefined) return { machineLogins: true }
  const parallel = countAt(defaults, 'parallel', { least: 0, most: MOST_STEPS })
  const machineLogins = flagAt(defaults, 'skipDockerConfig') !== true
  return { machineLogins, ...(parallel === undefined || parallel === 0 ? {} : { parallel }) }
}

const TUNING = ['blobLimit', 'cacheCount', 'cacheTime', 'userAgent']

/** Keys that are right in this place and change nothing here. */
function tellWithoutMeaning(reading: FileReading, defaults: Section | undefined, steps: readonly Section[]): void {
  const sections = [...(defaults === undefined ? [] : [defaults]), ...steps]
  const first = (key: string) => sections.map((section) => lineAt(section, key)).find((line) => line !== undefined)
  const timed = first('schedule') ?? first('interval')
  if (timed !== undefined) {
    reading.remark(timed, 'when images are copied is decided by the `schedule` of the workflow, and not by this file')
  }
  const retry = sections.map(retryLine).find((line) => line !== undefined)
  // Regsync waits in the middle of its work, for hours if need be; the job of a workflow would be paid for all the while.
  if (retry !== undefined)
    reading.remark(retry, '`retry` is passed over: what the limit holds back is for the next run')
  const hooks = first('hooks')
  if (hooks !== undefined) reading.remark(hooks, '`hooks` are never run, as regsync never runs them')
  for (const key of TUNING) {
    const line = first(key)
    if (line !== undefined) reading.remark(line, `\`${key}\` is passed over: this action has its own ways there`)
  }
}

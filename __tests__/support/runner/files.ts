import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

/** Path to digest of everything below some folders. */
export type Snapshot = ReadonlyMap<string, string>

/** Looks at everything below these folders; paths are relative to `root`. Empty folders count too. */
export async function snapshot(root: string, folders: readonly string[]): Promise<Snapshot> {
  const lists = await Promise.all(folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })))
  const entries = await Promise.all(
    lists.flat().map(async (entry): Promise<[string, string]> => {
      const path = join(entry.parentPath, entry.name)
      if (entry.isSymbolicLink()) return [relative(root, path), `link ${await readlink(path)}`]
      return [relative(root, path), entry.isFile() ? await digestOf(path) : 'folder']
    }),
  )
  return new Map(entries)
}

/** What was added, changed or removed between two looks. */
export function changes(before: Snapshot, after: Snapshot): readonly string[] {
  const changed = [...after].filter(([path, digest]) => before.get(path) !== digest).map(([path]) => path)
  const removed = [...before.keys()].filter((path) => !after.has(path)).map((path) => `${path} (removed)`)
  return [...changed, ...removed].sort()
}

/** Writes files below a folder, each with its folders. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}

/** The values in GITHUB_OUTPUT or GITHUB_STATE: `name<<delimiter`, the value, the delimiter, or `name=value`. */
export function parseRecords(text: string): Record<string, string> {
  const lines = text.split('\n')
  const records: Record<string, string> = {}
  while (lines.length > 0) {
    const line = lines.shift() ?? ''
    if (line === '') continue
    const [name, value] = parseRecord(line, lines)
    records[name] = value
  }
  return records
}

/** One value; `rest` are the lines after it, from which a long one takes its own. */
function parseRecord(line: string, rest: string[]): readonly [string, string] {
  const [, name, delimiter = ''] = /^([^=]+?)<<(.+)$/.exec(line) ?? []
  if (name === undefined) {
    const equals = line.indexOf('=')
    if (equals < 1) throw new Error(`a runner cannot read the line “${line}”`)
    return [line.slice(0, equals), line.slice(equals + 1)]
  }
  const end = rest.indexOf(delimiter)
  if (end < 0) throw new Error(`the value of ${name} has no end`)
  const lines = rest.splice(0, end + 1)
  return [name, lines.slice(0, -1).join('\n')]
}

async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

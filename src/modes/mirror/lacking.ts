import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type NamedImage, namedImages } from '../../build/named-images.ts'
import { formatReference, formatRepository, parseReference, type Repository } from '../../image/reference.ts'
import { plainLine } from '../../plain-text.ts'
import { count } from '../../plan/print.ts'
import type { LackingBase, MirroredImage } from '../../report/mirror-report.ts'
import { type MirrorRun, remoteOf } from './ledger.ts'

/**
 * Lists the bases that Dockerfiles of the workspace take from registries that are mirrored and that are not in the mirror:
 * a builder that is led to the mirror gets those elsewhere. A remark, and never a failure.
 */
export async function noteLacking(run: MirrorRun): Promise<void> {
  const mirrored = mirroredOf(run.ledger.images())
  if (mirrored.registries.size === 0 || run.edges.clock.signal.aborted) return
  try {
    run.facts.lacking = await findLacking(run, mirrored)
    tell(run)
  } catch (thrown) {
    run.edges.reporter.debug(`the Dockerfiles of the workspace could not be looked at: ${plainLine(String(thrown))}`)
  }
}

const MOST_TOLD = 10

function tell({ facts, edges }: MirrorRun): void {
  const { lacking } = facts
  if (lacking.length === 0) return
  const named = lacking.slice(0, MOST_TOLD).map(({ image, file, line }) => `${image} (${file}, line ${line})`)
  const more = lacking.length > MOST_TOLD ? `, and ${lacking.length - MOST_TOLD} more` : ''
  const text = `${count(lacking.length, 'base')} of Dockerfiles not in the mirror: ${named.join(', ')}${more}`
  edges.reporter.notice(plainLine(text, 2000))
}

type Mirrored = {
  readonly registries: ReadonlySet<string>
  /** sources by their reference */
  readonly sources: ReadonlySet<string>
  /** repositories of which nobody knows what is mirrored: they could not be listed */
  readonly unknown: ReadonlySet<string>
  /** repositories of the mirror itself; a Dockerfile that names them uses it already */
  readonly own: ReadonlySet<string>
  /** where the images of a source's repository are, by its name */
  readonly places: ReadonlyMap<string, readonly Repository[]>
}

function mirroredOf(images: readonly MirroredImage[]): Mirrored {
  const listed = images.filter(({ target }) => target !== '')
  const pairs = listed.map(({ source, target }) => [parseReference(source), parseReference(target)] as const)
  const bySource = Map.groupBy(pairs, ([source]) => formatRepository(source))
  return {
    registries: new Set(pairs.map(([{ registry }]) => registry)),
    sources: new Set(pairs.map(([source]) => formatReference(source))),
    unknown: new Set(images.filter(({ target }) => target === '').map(({ source }) => source)),
    own: new Set(pairs.map(([, target]) => formatRepository(target))),
    places: new Map([...bySource].map(([name, own]) => [name, own.map(([, target]) => target)])),
  }
}

async function findLacking(run: MirrorRun, mirrored: Mirrored): Promise<readonly LackingBase[]> {
  const { workspace, machine } = run.environment
  const lacking = new Map<string, LackingBase>()
  for (const path of await findDockerfiles(workspace)) {
    for (const base of await namedImages(await readShort(path), machine)) {
      const name = formatReference(base.reference)
      if (lacking.has(name) || (await isServed(run, base, mirrored))) continue
      lacking.set(name, { image: base.text, file: relative(workspace, path), line: base.line })
    }
  }
  return [...lacking.values()]
}

async function isServed(run: MirrorRun, { reference }: NamedImage, mirrored: Mirrored): Promise<boolean> {
  const name = formatRepository(reference)
  const { registries, sources, unknown, own, places } = mirrored
  if (!registries.has(reference.registry) || own.has(name)) return true
  if (unknown.has(name) || unknown.has(reference.registry) || sources.has(formatReference(reference))) return true
  return 'digest' in reference && isThere(run, reference.digest, places.get(name)?.[0])
}

/**
 * A base that is pinned may be an older image of a tag, which is there without a name. One HEAD tells; what it does not
 * tell is not called lacking.
 */
async function isThere(run: MirrorRun, digest: string, place: Repository | undefined): Promise<boolean> {
  if (place === undefined) return false
  const remote = remoteOf(run, place, 'push')
  return remote.resolve(digest).then(
    (shown) => shown !== undefined,
    () => true,
  )
}

const NAMES = /^(?:[Dd]ockerfile(?:\..+)?|.+\.[Dd]ockerfile)$/
const PASSED_OVER = new Set(['.git', 'node_modules'])
const DEEPEST = 8
const MOST_FOLDERS = 5000
const MOST_FILES = 200
const LONGEST_BYTES = 64 * 1024

/** Dockerfiles below a folder, those at the top first; links are not followed. */
async function findDockerfiles(workspace: string): Promise<readonly string[]> {
  const found: string[] = []
  const open = [{ folder: workspace, depth: 0 }]
  for (const { folder, depth } of open) {
    const { files, folders } = await lookInto(folder)
    found.push(...files.filter((name) => NAMES.test(name)).map((name) => join(folder, name)))
    if (found.length >= MOST_FILES) break
    if (depth < DEEPEST) open.push(...folders.map((name) => ({ folder: join(folder, name), depth: depth + 1 })))
    open.splice(MOST_FOLDERS)
  }
  return found.slice(0, MOST_FILES)
}

async function lookInto(folder: string) {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  const folders = entries.filter((entry) => entry.isDirectory() && !PASSED_OVER.has(entry.name)).map(({ name }) => name)
  return { files: files.toSorted(), folders: folders.toSorted() }
}

/** A text; empty when it is longer than Dockerfiles are, or cannot be read. */
async function readShort(path: string): Promise<string> {
  const size = await stat(path).then(
    (found) => found.size,
    () => Number.POSITIVE_INFINITY,
  )
  return size > LONGEST_BYTES ? '' : readFile(path, 'utf8').catch(() => '')
}

import { readFile, realpath } from 'node:fs/promises'
import { isAbsolute, relative, sep } from 'node:path'
import { targetPlace } from '../build/dockerfile.ts'
import type { Environment } from '../plan/environment.ts'
import type { PublishRequest } from '../plan/request.ts'
import type { ScanReport } from '../report/report.ts'
import type { Run } from './run.ts'

/** Which image was scanned, and where the repository says what is in it. */
export async function whereabouts({ request, environment }: Run): Promise<Pick<ScanReport, 'image' | 'place'>> {
  const place = (await dockerfilePlace(request, environment)) ?? workflowPlace(environment)
  return { image: imageOf(request, environment), ...(place === undefined ? {} : { place }) }
}

type Place = NonNullable<ScanReport['place']>

/** What begins the image that is published: that is the line to change. */
async function dockerfilePlace({ origin }: PublishRequest, { workspace }: Environment): Promise<Place | undefined> {
  if (origin.kind !== 'build') return undefined
  const found = await targetPlace(origin, (path) => readFile(path, 'utf8').catch(() => undefined))
  if (found === undefined) return undefined
  // GitHub shows nothing for a link; what it leads to is the file ("SARIF support", Symlink resolution).
  const [path, root] = await Promise.all([found.path, workspace].map((one) => realpath(one).catch(() => one)))
  const file = pathWithin(root ?? workspace, path ?? found.path)
  return file === undefined ? undefined : { file, line: found.line }
}

/** What was built elsewhere, or from another repository, this repository names in its workflow. */
function workflowPlace({ workflow }: Environment): Place | undefined {
  return workflow === '' ? undefined : { file: workflow, line: 1 }
}

/**
 * The repository, and what tells the images apart that are published there under names of their own. As it is written, so
 * that it stays the same whatever the expressions in it stand for.
 */
function imageOf({ images, origin, flavor }: PublishRequest, { repository, workspace }: Environment): string {
  const variant = origin.kind === 'build' ? [fileOf(origin.file, workspace), origin.target] : []
  const affixes = [flavor.prefix?.text.text, flavor.suffix?.text.text]
  const parts = [images[0]?.path ?? repository, ...variant, ...affixes]
  return parts.flatMap((part) => part?.replace(/^[-_.]+|[-_.]+$/g, '') || []).join('/')
}

/** A Dockerfile of another name than the usual one. */
function fileOf(file: string, workspace: string): string {
  const path = isAbsolute(file) ? (pathWithin(workspace, file) ?? '') : ''
  return path.toLowerCase() === 'dockerfile' ? '' : path
}

/** With slashes, as a repository names its files; `undefined` when it is not below `folder`. */
function pathWithin(folder: string, path: string): string | undefined {
  const way = relative(folder, path)
  return way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)
    ? undefined
    : way.split(sep).join('/')
}

import { isAbsolute, join } from 'node:path'
import { LadingError } from '../error.ts'
import { formatReference, parseReference, type Reference } from '../image/reference.ts'
import type { BuildRequest } from '../plan/request.ts'
import { type Demand, demandedImages } from './demand.ts'
import { type Dockerfile, findStage, parseDockerfile } from './stages.ts'

/** An image that a build takes from a registry. */
export type BaseImage = {
  readonly reference: Reference
  /** as the Dockerfile names it, variables replaced */
  readonly text: string
  /** for how many platforms it is pulled */
  readonly platforms: number
}

/** What a build takes from registries, as far as it can be known before it runs. */
export type Bases =
  | { readonly known: true; readonly images: readonly BaseImage[] }
  | { readonly known: false; readonly why: string }

/** The text of a file; `undefined` when there is none. */
export type ReadText = (path: string) => Promise<string | undefined>

// The parser takes more than linear time; no Dockerfile that people write comes near.
const LONGEST = 1_000_000

/**
 * Which images the build will take from registries: `FROM`, `COPY --from`, `RUN --mount=from`, `# syntax=`, for the
 * stages that its target needs. `host` is the builder's own platform, where `$BUILDPLATFORM` and the syntax image run.
 * What cannot be known (a remote context, a file that nobody can follow) is said, not guessed.
 */
export async function baseImages(build: BuildRequest, readText: ReadText, host = 'linux/amd64'): Promise<Bases> {
  if (!isAbsolute(build.context)) return unknown('the context is remote')
  const text = (await readDockerfile(build, readText))?.text
  if (text === undefined) return unknown('the Dockerfile cannot be read')
  if (text.length > LONGEST) return unknown('the Dockerfile is too large')
  const file = await parseDockerfile(text).catch(() => undefined)
  if (file === undefined || file.stages.length === 0) return unknown('the Dockerfile has no stage')
  return demandedBases(file, build, host)
}

/**
 * Where a local build's Dockerfile says what its target begins with: the `FROM` of that stage, or line 1 where nobody can
 * follow the file. `undefined` for a remote context, or when there is no such file.
 */
export async function targetPlace(
  build: Pick<BuildRequest, 'context' | 'file' | 'target'>,
  readText: ReadText,
): Promise<{ readonly path: string; readonly line: number } | undefined> {
  const found = isAbsolute(build.context) ? await readDockerfile(build, readText) : undefined
  if (found === undefined) return undefined
  const { path, text } = found
  const stages = text.length > LONGEST ? [] : ((await parseDockerfile(text).catch(() => undefined))?.stages ?? [])
  const stage = build.target === '' ? stages.at(-1) : stages[findStage(stages, build.target) ?? 0]
  return { path, line: stage?.line ?? 1 }
}

/**
 * How many pulls a build costs at each registry at most. Docker Hub counts a multi-platform image once for each
 * architecture that is really pulled (docs.docker.com/docker-hub/usage/pulls).
 */
export function pullsNeeded(images: readonly BaseImage[]): ReadonlyMap<string, number> {
  const pulls = new Map<string, number>()
  for (const { reference, platforms } of images) {
    pulls.set(reference.registry, (pulls.get(reference.registry) ?? 0) + platforms)
  }
  return pulls
}

function unknown(why: string): Bases {
  return { known: false, why }
}

type Found = { readonly path: string; readonly text: string }

async function readDockerfile(
  build: Pick<BuildRequest, 'context' | 'file'>,
  readText: ReadText,
): Promise<Found | undefined> {
  const { context, file } = build
  // BuildKit looks for the lower-case name when the usual one is not there (`dockerui/config.go`).
  const paths = file === '' ? [join(context, 'Dockerfile'), join(context, 'dockerfile')] : [file]
  for (const path of paths) {
    const text = await readText(path)
    if (text !== undefined) return { path, text }
  }
  return undefined
}

function demandedBases(file: Dockerfile, build: BuildRequest, host: string): Bases {
  const demands = demandedImages(file, build, host)
  if ('why' in demands) return unknown(demands.why)
  try {
    return { known: true, images: mergeDemands(demands) }
  } catch (error) {
    if (error instanceof LadingError) return unknown(error.message)
    throw error
  }
}

function mergeDemands(demands: readonly Demand[]): readonly BaseImage[] {
  const images = new Map<string, { reference: Reference; text: string; platforms: Set<string> }>()
  for (const { text, platform } of demands) {
    const reference = parseReference(text)
    const key = formatReference(reference)
    const image = images.get(key) ?? { reference, text, platforms: new Set() }
    image.platforms.add(platform)
    images.set(key, image)
  }
  return [...images.values()].map((image) => ({ ...image, platforms: image.platforms.size }))
}

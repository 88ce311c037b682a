import { LadingError } from '../error.ts'
import { formatReference, parseReference, type Reference } from '../image/reference.ts'
import { demandedImages } from './demand.ts'
import { type Dockerfile, parseDockerfile } from './stages.ts'

/** An image of a registry that a Dockerfile names. */
export type NamedImage = {
  readonly reference: Reference
  /** as the Dockerfile names it, variables replaced */
  readonly text: string
  /** of the `FROM` of the stage that needs it, from 1; that of `# syntax=` is 1 */
  readonly line: number
}

/** Bounds for files that nobody asked to be built: the parser and the way through the stages take more than linear time. */
const LONGEST = 64 * 1024
const MOST_STAGES = 100

/**
 * The images that a Dockerfile takes from registries, whichever of its stages is built, each once. What only a build
 * argument tells is left out, and so is a file that nobody can follow. `host` is the platform that is asked for.
 */
export async function namedImages(text: string, host: string): Promise<readonly NamedImage[]> {
  if (text.length > LONGEST) return []
  const file = await parseDockerfile(text).catch(() => undefined)
  if (file === undefined || file.stages.length > MOST_STAGES) return []
  const found = new Map<string, NamedImage>()
  // A stage needs what those above it need, so that the first one that needs an image is the one that names it.
  for (const image of file.stages.flatMap((_, index) => imagesOf(file, index, host))) {
    const name = formatReference(image.reference)
    if (!found.has(name)) found.set(name, image)
  }
  return [...found.values()]
}

/** What a build of this stage takes from registries. */
function imagesOf(file: Dockerfile, index: number, host: string): readonly NamedImage[] {
  const demands = demandedImages(file, { target: String(index), platforms: [], buildArgs: [] }, host)
  if ('why' in demands) return []
  const line = file.stages[index]?.line ?? 1
  return demands.flatMap(({ text }) => {
    const reference = tryReference(text)
    return reference === undefined ? [] : [{ reference, text, line: text === file.syntax ? 1 : line }]
  })
}

function tryReference(text: string): Reference | undefined {
  try {
    return parseReference(text)
  } catch (error) {
    if (error instanceof LadingError) return undefined
    throw error
  }
}

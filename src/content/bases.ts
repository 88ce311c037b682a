import { annotatedBase, type BaseImage, provenBases, provenMaterials } from '../image/base.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { isAttestation, type Manifest } from '../image/manifest.ts'
import { formatReference, formatRepository, type Repository } from '../image/reference.ts'
import type { Source } from './store.ts'
import { readVerified } from './verify.ts'

/** The largest statement that is read, in bytes. With `mode=max` it holds the whole build, which is seldom 1 MB. */
const STATEMENT_LIMIT = 4 * 1024 * 1024
/** More statements than an image has platforms, and more bases than a build has. */
const MOST_STATEMENTS = 32
const MOST_BASES = 16

/**
 * Where the images live that this one is built on, likeliest first: what annotations name as the base, then what the
 * provenance lists. A hint and no more: what is missing, broken or too large gives none, and never fails. Whoever wrote
 * it gains nothing: registries are only asked for content whose bytes are in the source.
 */
export async function readBases(source: Source, manifests: readonly Manifest[]): Promise<readonly Repository[]> {
  const annotated = manifests.flatMap((manifest) => annotatedIn(manifest) ?? [])
  const proven: Repository[] = []
  for (const statement of manifests.flatMap(provenancesIn).slice(0, MOST_STATEMENTS)) {
    proven.push(...provenBases(await readStatement(source, statement)))
  }
  const distinct = new Map([...annotated, ...proven].map((base) => [formatRepository(base), base]))
  return [...distinct.values()].slice(0, MOST_BASES)
}

/** What is said of the base of one platform. */
export type Clues = {
  /** likeliest first */
  readonly annotated: readonly BaseImage[]
  /** all images that its build took for this platform, in no order: one of them may be the base */
  readonly proven: readonly BaseImage[]
  /** whether those are all */
  readonly isWhole: boolean
}

/**
 * What annotations and provenance of an image say of the base of one platform, named by the digest of its manifest. An
 * attestation tells by `vnd.docker.reference.digest` which platform it is about (BuildKit docs, "Image attestation
 * storage").
 */
export async function readClues(source: Source, manifests: readonly Manifest[], platform: Digest): Promise<Clues> {
  const [own, about] = [manifests.filter(isIt), manifests.filter(isAbout)]
  const indexes = manifests.filter(({ kind }) => kind === 'index')
  const annotated = [...own, ...indexes].flatMap((manifest) => annotatedIn(manifest) ?? [])
  const statements = about.flatMap(provenancesIn)
  const materials = []
  for (const statement of statements.slice(0, MOST_STATEMENTS)) {
    materials.push(provenMaterials(await readStatement(source, statement)))
  }
  return {
    annotated: distinct(annotated),
    proven: distinct(materials.flatMap(({ images }) => images)),
    isWhole: statements.length <= MOST_STATEMENTS && materials.every(({ isWhole }) => isWhole),
  }

  function isIt({ descriptor }: Manifest): boolean {
    return descriptor.digest === platform
  }
  function isAbout({ descriptor }: Manifest): boolean {
    return descriptor.annotations?.['vnd.docker.reference.digest'] === platform
  }
}

function annotatedIn({ descriptor, annotations }: Manifest): BaseImage | undefined {
  return annotatedBase({ ...descriptor.annotations, ...annotations })
}

function distinct(images: readonly BaseImage[]): readonly BaseImage[] {
  return [...new Map(images.map((image) => [`${formatReference(image)} ${image.platform ?? ''}`, image])).values()]
}

/** The provenance in an attestation manifest (BuildKit docs, "Image attestation storage"); its SBOMs are passed over. */
function provenancesIn(manifest: Manifest): readonly Descriptor[] {
  if (manifest.kind !== 'image' || !isAttestation(manifest.descriptor)) return []
  return manifest.layers.filter(({ mediaType, annotations }) => {
    const predicate = annotations?.['in-toto.io/predicate-type'] ?? 'https://slsa.dev/provenance/'
    return mediaType === 'application/vnd.in-toto+json' && predicate.startsWith('https://slsa.dev/provenance/')
  })
}

async function readStatement(source: Source, descriptor: Descriptor): Promise<unknown> {
  if (descriptor.size > STATEMENT_LIMIT) return undefined
  try {
    const bytes = await readVerified(descriptor, await source.fetch(descriptor), STATEMENT_LIMIT, source.name)
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

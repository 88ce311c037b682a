import { annotatedBase, provenBases } from '../image/base.ts'
import type { Descriptor } from '../image/descriptor.ts'
import { isAttestation, type Manifest } from '../image/manifest.ts'
import { formatRepository, type Repository } from '../image/reference.ts'
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
  const annotated = manifests.flatMap(({ descriptor, annotations }) => {
    return annotatedBase({ ...descriptor.annotations, ...annotations }) ?? []
  })
  const proven: Repository[] = []
  for (const statement of manifests.flatMap(provenancesIn).slice(0, MOST_STATEMENTS)) {
    proven.push(...provenBases(await readStatement(source, statement)))
  }
  const distinct = new Map([...annotated, ...proven].map((base) => [formatRepository(base), base]))
  return [...distinct.values()].slice(0, MOST_BASES)
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

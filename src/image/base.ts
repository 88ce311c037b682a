import { type Digest, tryParseDigest } from './digest.ts'
import { DOCKER_HUB, isTag, parseReference, parseRepository, type Reference, type Repository } from './reference.ts'

/** An image that another one says it is built on, or took something from. */
export type BaseImage = Reference & {
  /** as it was written, for people: `node:22@sha256:…` */
  readonly name: string
  /** the platform it was taken for, `linux/arm64`; absent when nothing is said */
  readonly platform?: string
}

/** What an image has from its base. */
export type BaseLayers = {
  /** for people: `node:22@sha256:…` */
  readonly base: string
  /** those of its layers that are the base's, as they lie in its manifest */
  readonly layers: ReadonlySet<Digest>
}

/** The images that a build took. */
export type Materials = {
  readonly images: readonly BaseImage[]
  /** whether these are all; not so when some lie where nobody can ask for them, as a layout on the builder's disk */
  readonly isWhole: boolean
}

/** No build takes more; what comes after them is not looked at. */
const MOST_MATERIALS = 1000

/** What BuildKit runs to build and to write an SBOM. It stands in the provenance and leaves no layer in the image. */
const TOOLS: ReadonlySet<string> = new Set([
  'docker/dockerfile',
  'docker/dockerfile-upstream',
  'docker/buildkit-syft-scanner',
])

/**
 * The base of an image, as the annotations `org.opencontainers.image.base.name` and `.digest` say (OCI image spec,
 * annotations.md): the image that the lowest layers are from. `undefined` when nothing usable is said.
 */
export function annotatedBase(annotations: Readonly<Record<string, string>>): BaseImage | undefined {
  const name = annotations['org.opencontainers.image.base.name']
  const reference = name === undefined ? undefined : orNothing(() => parseReference(name))
  if (name === undefined || reference === undefined) return undefined
  const digest = tryParseDigest(annotations['org.opencontainers.image.base.digest'] ?? '')
  if (digest === undefined || 'digest' in reference) return { ...reference, name }
  const { registry, path } = reference
  return { registry, path, digest, name: `${name}@${digest}` }
}

/**
 * Where the images live that a build took, as its provenance says: `resolvedDependencies` of SLSA v1, `materials` of v0.2
 * (BuildKit docs, "SLSA definitions"). They are sorted by name, and those of earlier stages are among them.
 * What cannot be read is passed over.
 */
export function provenBases(statement: unknown): readonly BaseImage[] {
  return provenMaterials(statement).images
}

/** The same images, and whether they are all that the build took. */
export function provenMaterials(statement: unknown): Materials {
  const predicate = member(statement, 'predicate')
  const lists = [member(member(predicate, 'buildDefinition'), 'resolvedDependencies'), member(predicate, 'materials')]
  const materials: readonly unknown[] = lists.flatMap((list: unknown) => (Array.isArray(list) ? list : []))
  const read = materials.slice(0, MOST_MATERIALS).map((material) => imageOf(material))
  return {
    images: read.flatMap((image) => (typeof image === 'object' ? image : [])),
    isWhole: materials.length <= MOST_MATERIALS && !read.includes('out of reach'),
  }
}

/** What a material is to us: an image, an image that cannot be asked for, or something else. */
function imageOf(material: unknown): BaseImage | 'out of reach' | 'other' {
  const uri = member(material, 'uri')
  if (typeof uri !== 'string') return 'other'
  // A layout on the builder's disk (BuildKit, `provenance/predicate.go`, local images).
  if (uri.startsWith('pkg:oci/')) return 'out of reach'
  if (!uri.startsWith('pkg:docker/')) return 'other'
  const image = imageOfPurl(uri, member(member(material, 'digest'), 'sha256'))
  if (image === undefined) return uri.includes('ref_type=') ? 'other' : 'out of reach'
  return isTool(image) ? 'other' : image
}

/**
 * The image of a package URL as BuildKit writes it (`util/purl`): `pkg:docker/node@22?platform=linux%2Famd64`,
 * `pkg:docker/localhost%3A5000/base?digest=sha256:…`. With `ref_type` it is a blob or a bundle, and with
 * `repository_url` (purl-spec, "docker") it lives elsewhere.
 *
 * @param sha256 what the build found there, in hex
 */
function imageOfPurl(uri: string, sha256: unknown): BaseImage | undefined {
  const [, path, version, query] = /^pkg:docker\/([^@?#]+)(?:@([^?#]*))?(?:\?([^#]*))?(?:#.*)?$/.exec(uri) ?? []
  const qualifiers = new URLSearchParams(query)
  if (path === undefined || qualifiers.has('ref_type') || qualifiers.has('repository_url')) return undefined
  return orNothing(() => {
    const [name, tag] = [decodeURIComponent(path), decodeURIComponent(version ?? '')]
    const repository = parseRepository(name)
    const platform = qualifiers.get('platform')
    const taken = platform === null ? {} : { platform }
    const digests = [`sha256:${String(sha256)}`, qualifiers.get('digest') ?? '', tag]
    const digest = digests.map(tryParseDigest).find((known) => known !== undefined)
    const written = isTag(tag) ? `${name}:${tag}` : name
    if (digest !== undefined) return { ...repository, digest, name: `${written}@${digest}`, ...taken }
    return { ...repository, tag: isTag(tag) ? tag : 'latest', name: written, ...taken }
  })
}

function isTool({ registry, path }: Repository): boolean {
  return registry === DOCKER_HUB && TOOLS.has(path)
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined
}

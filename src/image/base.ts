import { DOCKER_HUB, parseReference, parseRepository, type Repository } from './reference.ts'

/** No build takes more; what comes after them is not looked at. */
const MOST_MATERIALS = 1000

/** What BuildKit runs to build and to write an SBOM. It stands in the provenance and leaves no layer in the image. */
const TOOLS: ReadonlySet<string> = new Set([
  'docker/dockerfile',
  'docker/dockerfile-upstream',
  'docker/buildkit-syft-scanner',
])

/**
 * Where the base of an image lives, as the annotation `org.opencontainers.image.base.name` says (OCI image spec,
 * annotations.md): the image that the lowest layers are from. `undefined` when nothing usable is said.
 */
export function annotatedBase(annotations: Readonly<Record<string, string>>): Repository | undefined {
  const name = annotations['org.opencontainers.image.base.name']
  return name === undefined ? undefined : orNothing(() => withoutTag(parseReference(name)))
}

/**
 * Where the images live that a build took, as its provenance says: `resolvedDependencies` of SLSA v1, `materials` of v0.2
 * (BuildKit docs, "SLSA definitions"). They are sorted by name, and those of earlier stages are among them.
 * What cannot be read is passed over.
 */
export function provenBases(statement: unknown): readonly Repository[] {
  const predicate = member(statement, 'predicate')
  const lists = [member(member(predicate, 'buildDefinition'), 'resolvedDependencies'), member(predicate, 'materials')]
  const materials: readonly unknown[] = lists.flatMap((list: unknown) => (Array.isArray(list) ? list : []))
  const bases = materials
    .slice(0, MOST_MATERIALS)
    .flatMap((material) => repositoryOfPurl(member(material, 'uri')) ?? [])
  return bases.filter((base) => !isTool(base))
}

/**
 * The repository of a package URL as BuildKit writes it (`util/purl`): `pkg:docker/node@22?platform=linux%2Famd64`,
 * `pkg:docker/localhost%3A5000/base?digest=sha256:…`. With `ref_type` it is a blob or a bundle, and with
 * `repository_url` (purl-spec, "docker") it lives elsewhere.
 */
function repositoryOfPurl(uri: unknown): Repository | undefined {
  if (typeof uri !== 'string') return undefined
  const [, name, query] = /^pkg:docker\/([^@?#]+)(?:@[^?#]*)?(?:\?([^#]*))?(?:#.*)?$/.exec(uri) ?? []
  const qualifiers = new URLSearchParams(query)
  if (name === undefined || qualifiers.has('ref_type') || qualifiers.has('repository_url')) return undefined
  return orNothing(() => parseRepository(decodeURIComponent(name)))
}

function isTool({ registry, path }: Repository): boolean {
  return registry === DOCKER_HUB && TOOLS.has(path)
}

function withoutTag({ registry, path }: Repository): Repository {
  return { registry, path }
}

function orNothing(read: () => Repository): Repository | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined
}

/** What tells one of the scanner's databases from another one. */
export type DatabaseKind = {
  /** for people */
  readonly name: string
  /** the input that names its repositories */
  readonly input: string
  /** repositories to ask when none is named, in this order */
  readonly ownList: readonly string[]
  /** the version that the scanner reads, and the tag that it lies under */
  readonly schema: number
  readonly mediaType: string
  /** below the scanner's cache folder */
  readonly folder: string
  readonly file: string
  /** the most that is taken, in bytes: on the way, and unpacked */
  readonly limits: { readonly archive: number; readonly content: number }
  /** whether an old one misses what people must know */
  readonly ages: boolean
}

const GB = 1024 ** 3

/** Advisories (Trivy 0.74, pkg/db/db.go). Some hundred MB on the way in 2026. */
export const VULNERABILITIES: DatabaseKind = {
  name: 'vulnerability database',
  input: 'db-repository',
  ownList: ['mirror.gcr.io/aquasec/trivy-db', 'ghcr.io/aquasecurity/trivy-db'],
  schema: 2,
  mediaType: 'application/vnd.aquasec.trivy.db.layer.v1.tar+gzip',
  folder: 'db',
  file: 'trivy.db',
  limits: { archive: GB, content: 8 * GB },
  ages: true,
}

/**
 * Names of jars by their hashes (Trivy 0.74, pkg/javadb/client.go). It holds no advisories, and its makers write it when
 * they like, for years once a week (trivy-java-db, README.md): what makes advisories useless says nothing about it.
 */
export const JARS: DatabaseKind = {
  name: 'Java database',
  input: 'java-db-repository',
  ownList: ['mirror.gcr.io/aquasec/trivy-java-db', 'ghcr.io/aquasecurity/trivy-java-db'],
  schema: 1,
  mediaType: 'application/vnd.aquasec.trivy.javadb.layer.v1.tar+gzip',
  folder: 'java-db',
  file: 'trivy-java.db',
  limits: { archive: 4 * GB, content: 16 * GB },
  ages: false,
}

/** The repositories to ask, each with its tag: without one the schema is meant, as for Trivy (pkg/flag/db_flags.go). */
export function referencesOf({ ownList, schema }: DatabaseKind, repositories: readonly string[]): readonly string[] {
  return (repositories.length === 0 ? ownList : repositories).map((repository) => {
    const name = repository.slice(repository.lastIndexOf('/') + 1)
    return /[:@]/.test(name) ? repository : `${repository}:${schema}`
  })
}
